"""What the documentation says: its figures, its links, its commands, its settings."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from benchmarks import readme
from qd_pipeline.cli import app
from qd_pipeline.settings import Settings
from qd_pipeline.settings.messages import variable_of

ROOT = Path(__file__).parents[1]
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
README = readme.README.read_text(encoding="utf-8")


def test_the_readme_is_short_and_its_figures_are_those_that_were_published() -> None:
    assert len(README.splitlines()) <= 150
    published = json.loads(readme.FIGURES.read_text(encoding="utf-8"))
    assert all(f"`{name}`" in README for name in published["presets"])
    assert readme.updated(README, published) == README, "run python -m benchmarks.readme"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_commands_and_targets_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [link for link in links if not (page.parent / link).exists()] == []
    commands = {command.name for command in app.registered_commands}
    told = re.findall(r"(?<![\w/-])qd (?!qd)([a-z][a-z-]+)", "\n".join(code_of(text)))
    assert set(told) <= commands
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    made = re.findall(r"(?<![\w-])(?<!qd )make (?:PYTHON=\S+ )?([a-z-]+)", "\n".join(code_of(text)))
    assert set(made) <= set(targets)


def test_every_command_is_documented() -> None:
    code = "\n".join(line for page in PAGES for line in code_of(page.read_text(encoding="utf-8")))
    commands = {str(command.name) for command in app.registered_commands}
    assert {name for name in commands if not re.search(rf"(qd|make) {name}\b", code)} == set()


def code_of(text: str) -> list[str]:
    """Return what a page gives as code, in lines and blocks."""
    return [*re.findall(r"```[a-z]*\n(.*?)```", text, re.DOTALL), *re.findall(r"`([^`\n]+)`", text)]


def test_every_setting_is_documented() -> None:
    told = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    names = {variable_of(name) for name in Settings.model_fields} - {"QD_HTTP", "QD_SCHEDULE"}
    schedule = {variable_of(f"schedule.{name}") for name in Settings.load().schedule.model_dump()}
    assert {name for name in names | schedule if f"`{name}`" not in told} == set()


def test_the_citation_names_the_version_and_the_licence_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (citation["version"], citation["license"]) == (project["version"], project["license"])
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")
