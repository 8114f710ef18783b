# `make repro` and `make test` set up what they need in .venv by setup_env.py; a second call installs nothing.

PYTHON ?= python3
BIN := .venv/bin
# Stages are started by `dvc`, which takes `python` from PATH.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: repro test test-all gpu docs clean

repro: .venv/installed
	$(BIN)/python setup_env.py repro

# On all cores: a file's tests run in one process, which makes the fixtures that they share once.
PYTEST := pytest --numprocesses auto --dist loadscope --no-loadscope-reorder --cov

# The checks before every commit, in some minutes.
test: .venv/installed-for-tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) $(PYTEST) -m "not slow"

# All tests, and coverage of the stages that they start too.
test-all: .venv/installed-for-tests
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(RUN) mypy
	$(RUN) COVERAGE_PATCH=subprocess $(PYTEST)

# On a machine with a CUDA GPU: the tests that need one, then speed, exactness, and accuracy of whole recipes.
# All results are rows of one table, runs/gpu.md.
gpu: .venv/installed-for-tests
	$(RUN) dvc repro prepare@cifar10
	$(RUN) python -m bench.gpu

docs: .venv/installed-for-tests
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) setup_env.py

.venv/installed-for-tests: .venv/installed
	$(PYTHON) setup_env.py --tests

clean:
	rm -rf .venv runs site .dvc/cache .dvc/tmp
	git clean -dfqX data models plots reports
