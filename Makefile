# `make repro` and `make test` set up what they need in .venv; a second call installs nothing.

PYTHON ?= python3
BIN := .venv/bin
TASKS := cifar10 tiny_imagenet segmentation
# Stages are started by `dvc`, which takes `python` from PATH.
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: repro test test-all gpu docs clean

repro: .venv/installed
	$(RUN) dvc repro $(TASKS:%=plot@%)

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
gpu: .venv/installed-for-tests
	$(RUN) pytest tests/test_cuda.py
	$(RUN) dvc repro prepare@cifar10
	$(RUN) python -m bench.exact cifar10
	$(RUN) python -m bench.training
	$(RUN) python -m bench.recipes

docs: .venv/installed-for-tests
	NO_MKDOCS_2_WARNING=1 $(RUN) mkdocs build --strict

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Darkroom needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	$(BIN)/python -m darkroom plots-page
	touch $@

.venv/installed-for-tests: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	touch $@

clean:
	rm -rf .venv runs site .dvc/cache .dvc/tmp
	git clean -dfqX data models plots reports
