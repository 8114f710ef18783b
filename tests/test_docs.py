"""README and docs/: links resolve, commands and keys exist, the reference is complete, the pages build."""

import copy
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from conftest import ROOT

import setup_env
from darkroom.__main__ import build_parser
from darkroom.common.files import read_yaml
from darkroom.configuration import configure

PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
CHINESE = sorted((ROOT / "docs" / "zh").glob("*.md"))
PARAMS = read_yaml(ROOT / "params.yaml")
FREE = ("loss", "transforms", "colours")  # what is beneath them has no key of its own in the reference


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_reference", ROOT / "docs" / "generate_reference.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["generate_reference"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def commands_in(page: Path) -> list[str]:
    """The commands of a page's code blocks, without comments, a continued line as one."""
    text = re.sub(r"```yaml\n.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL).replace("\\\n", " ")
    blocks = [line.strip() for line in text.splitlines() if line.startswith("    ")]
    lines = [re.sub(r"\s+#\s.*", "", line) for line in blocks]
    known = ("make", "python", "python3", "dvc", "git", "pip", "source", "sbatch", "tar")
    return [" ".join(line.split()) for line in lines if line.split(" ")[0] in known]


def all_commands(start: str) -> list[str]:
    found = [command for page in PAGES for line in commands_in(page) for command in line.split(" && ")]
    return sorted({command for command in found if command.startswith(start)})


def keys_of(values: dict, prefix: str = "") -> list[str]:
    """The full names of all keys with a value, `TASK` for the names of tasks."""
    keys = []
    for name, value in values.items():
        key = f"{prefix}{name}"
        if prefix == "" and name == "tasks":
            keys += [one for task in value.values() for one in keys_of(task, "tasks.TASK.")]
        elif isinstance(value, dict) and name not in FREE:
            keys += keys_of(value, f"{key}.")
        else:
            keys.append(key)
    return keys


def test_readme_is_short() -> None:
    for name in ("README.md", "README.zh.md"):
        assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 150, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        generated = "reference/" in target
        assert target.startswith("http") or generated or (page.parent / target).exists(), target


def test_key_of_params_is_in_the_reference() -> None:
    page = load_generator().parameters_page()
    for key in keys_of(PARAMS):
        key = re.sub(r"^tasks\.TASK\.train\.", "train.", key)
        assert f"### `{key}` " in page, key


def test_every_parameter_has_a_description() -> None:
    fields = [field for section in load_generator().sections() for field in section.fields]
    assert len(fields) > 80
    missing = {f"{one.described_by}: {one.key}" for one in fields if not one.description}
    assert not missing


def test_every_command_is_in_the_reference() -> None:
    page = load_generator().commands_page()
    for command in all_commands("python -m darkroom"):
        assert f"\n## {command.split()[3]}\n" in page


def test_pages_build_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_COLOR": "1"})
    assert built.returncode == 0, built.stderr
    for page in (tmp_path / "site").rglob("*.html"):  # nothing is loaded from the network
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"<(script|img)[^>]*src=\"?https?:|<link[^>]*stylesheet[^>]*https?:|fonts\.g", text), page
    assert 'lang="zh' in (tmp_path / "site" / "zh" / "get-started.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", CHINESE, ids=lambda page: page.name)
def test_chinese_pages_have_the_english_pages_commands(page: Path) -> None:
    english = page.parent.parent / page.name
    assert commands_in(page) == commands_in(english)
    examples = [re.findall(r"```yaml\n(.*?)```", one.read_text(encoding="utf-8"), re.DOTALL) for one in (page, english)]
    assert [yaml.safe_load(text) for text in examples[0]] == [yaml.safe_load(text) for text in examples[1]]


def test_rooms_import_what_contributing_says() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| .* \| ([^|]+) \|$", text, re.MULTILINE))
    folders = {path.parent.name for path in (ROOT / "darkroom").glob("*/__init__.py")}
    assert table.keys() == folders
    for room, allowed in table.items():
        if allowed != "all rooms":
            code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "darkroom" / room).rglob("*.py"))
            imported = set(re.findall(r"(?:from|import) darkroom\.(\w+)", code)) & folders - {room}
            assert imported <= set(allowed.split(", ")), room


def test_files_that_extending_names_exist() -> None:
    text = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
    for name in re.findall(r"`((?:darkroom|stages|tests)/[\w/.]+)`", text):
        path = ROOT / name
        assert (path.parent if path.stem == "NAME" else path).exists(), name


def test_commands_of_darkroom_parse() -> None:
    commands = all_commands("python -m darkroom")
    assert len(commands) > 10
    for command in commands:
        build_parser().parse_args(shlex.split(command)[3:])


def test_commands_of_the_set_up_parse() -> None:
    commands = all_commands("python setup_env.py")
    assert len(commands) > 5
    for command in commands:
        setup_env.build_parser().parse_args(shlex.split(command)[2:])


def test_make_targets_and_modules_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for command in all_commands("make "):
        assert re.search(rf"^{command.split()[1]}:", makefile, re.MULTILINE), command
    for command in all_commands("python -m "):
        module = command.split()[2]
        if module.startswith(("bench.", "stages.")):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), command


def test_stages_in_commands_exist() -> None:
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    tasks = {*PARAMS["tasks"], "flowers", "yard"}
    for command in all_commands("dvc "):
        for stage, task in re.findall(r" (\w+)@(\w+)$", command):
            assert stage in stages, command
            assert task in tasks, command


def test_changes_in_commands_are_valid(tmp_path: Path) -> None:
    """Each `dvc exp run -S …` of the pages passes the stage `configure`."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    commands = all_commands("dvc exp run")
    assert len(commands) > 10
    for command in commands:
        words = shlex.split(command)
        changes = [words[place + 1] for place, word in enumerate(words) if word == "-S"]
        params = copy.deepcopy(PARAMS)
        for change in changes:
            override = OverridesParser.create().parse_override(change.replace("…", "archive.zip"))
            *parents, last = override.key_or_group.split(".")
            section = params
            for name in parents:
                section = section[name]
            if override.is_delete():
                del section[last]
            else:
                assert override.is_add() or last in section, change
                section[last] = override.value()
        changed = tmp_path / "params.yaml"
        changed.write_text(json.dumps(params), encoding="utf-8")  # which is YAML too
        configure(changed, tmp_path / "config")
