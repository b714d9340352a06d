"""Commands with all 345 categories say in a few lines what all have in common."""

import io
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from qd_pipeline import catalog
from qd_pipeline.cli import app
from qd_pipeline.cli.screen import Screen
from qd_pipeline.cli.terminal import Terminal
from qd_pipeline_tests.orchestration.chain import runner


def test_the_status_has_a_row_for_each_state_and_a_line_for_each_reason_not_for_each_category(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_sets = {"all": tuple(catalog.CATEGORIES), "2": ("cow", "panda")}
    monkeypatch.setenv("QD_CLASS_SETS", json.dumps(class_sets))
    animals = runner(tmp_path, settings={"class_sets": {"2": class_sets["2"]}})
    animals.run_categories(class_sets["2"], lambda *_: None)
    shown = CliRunner().invoke(app, ["status", "--home", str(tmp_path)]).output
    rows = [[cell.strip() for cell in line.split("│")] for line in shown.splitlines()]
    (made,) = [row for row in rows if "2 categories" in row]
    (others,) = [row for row in rows if "343 categories" in row]
    assert made[2] == "40"
    assert made[4] == "up to date"
    assert others[2:5] == ["–", "–", "–"]
    assert len(rows) < 20
    fewer = runner(tmp_path, settings={"class_sets": {"2": class_sets["2"]}}, drawings=30)
    for key in class_sets["2"]:
        fewer.materialize(key, [fewer.pipeline.stages["raw_drawings"]])
    shown = CliRunner().invoke(app, ["status", "--home", str(tmp_path)]).output
    assert "\nstrokes cow, strokes panda: raw_drawings changed.\n" in shown
    assert "\nbitmaps cow, bitmaps panda: its input strokes is stale.\n" in shown


def test_where_no_bar_can_be_shown_many_partitions_are_some_lines() -> None:
    output = io.StringIO()
    with Screen(Terminal(file=output)) as screen:
        for done in range(0, 1035, 3):
            screen.partition("cow", done, 1037)
    lines = output.getvalue().splitlines()
    assert lines[0] == "1 of 1037: cow"
    assert 40 < len(lines) < 60
