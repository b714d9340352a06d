"""`qd run` as one types it: what it shows, and what it leaves alone the second time."""

import logging
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest

from qd_pipeline.orchestration import instance
from qd_pipeline.quickdraw.sample import write_ndjson
from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.commands import qd

SMALL = ("--class-set", "2", "--epochs", "1")
CHOSEN = (*SMALL, "--drawings", "60")
HEADINGS = "class set categories accuracy (95 % interval) training MLflow run"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "home"


@pytest.fixture(scope="module")
def first(home: Path) -> Sequence[str]:
    """Return the lines that the first run prints.

    Its process imports its libraries itself: a fork of `commands.py` has them already, and
    their noise would have gone elsewhere.
    """
    command = [sys.executable, "-c", "from qd_pipeline.cli import main; main()", "run"]
    ended = subprocess.run(
        [*command, *CHOSEN, "--home", str(home)],
        # The address that a test before this one may have left behind.
        env={name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout.splitlines()


@pytest.fixture(scope="module")
def second(home: Path, first: Sequence[str]) -> Sequence[str]:
    """Return the lines that the second run prints."""
    assert first
    with qd(home.parent / "output.txt", "run", *CHOSEN, "--home", str(home)) as again:
        assert again.end() == 0, again.printed
    return again.printed.splitlines()


def cells(lines: Sequence[str]) -> list[str]:
    """Return the one row of the table, cell by cell, put together again where they were folded."""
    rows = [line.strip("│").split("│") for line in lines if line.startswith("│")]
    return ["".join(cell.strip() for cell in column) for column in zip(*rows, strict=True)]


def sentences(lines: Sequence[str]) -> str:
    """Return all that stands outside the table."""
    return " ".join(" ".join(line for line in lines if line and line[0] not in "┏┃┡│└").split())


def test_the_table_shows_the_classifier_with_its_figures_report_and_run(
    home: Path, first: Sequence[str]
) -> None:
    (heading,) = [line for line in first if line.startswith("┃")]
    assert " ".join(heading.replace("┃", " ").split()) == HEADINGS
    class_set, categories, accuracy, training, mlflow_run = cells(first)
    assert (class_set, categories) == ("2", "cow, panda")
    assert re.match(r"[\d.]+ ?% ?\([\d.]+–[\d.]+\)", accuracy)
    assert re.fullmatch(r"[\d.]+ s", training)
    (report,) = [line for line in first if line.startswith("Report of 2: ")]
    assert Path(report.removeprefix("Report of 2: ")).is_file()
    evaluated = PartitionStore((home / "store").as_uri()).read("evaluations", "2")
    assert evaluated.metadata["mlflow_run"][:8] == mlflow_run


def test_beside_the_table_stands_nothing_but_our_own_sentences(first: Sequence[str]) -> None:
    assert re.fullmatch(
        r"1 of 3: cow 2 of 3: panda 3 of 3: class set 2 "
        r"Classifiers on the synthetic sample \(seed 0\) Report of 2: \S+report\.html "
        r"(! [a-z]+ \w+ failed its check [^!]+ )*"
        r"8 partitions materialized, 0 already up to date; \d+ s\. "
        r"Next: `make ui` shows .* lists the rest\. "
        r"These figures are of a synthetic sample; .* takes people's drawings\.",
        sentences(first),
    )


def test_the_second_run_finds_everything_up_to_date_and_shows_the_same_table(
    first: Sequence[str], second: Sequence[str]
) -> None:
    assert "Everything is up to date." in sentences(second)
    assert "materialized" not in sentences(second)
    assert cells(second) == cells(first)


def test_a_category_with_fewer_drawings_than_asked_for_says_so_materialized_or_up_to_date(
    tmp_path: Path,
) -> None:
    mirror = tmp_path / "mirror" / "full" / "simplified"
    mirror.mkdir(parents=True)
    for category in ("cow", "panda"):
        write_ndjson(mirror / f"{category}.ndjson", category, 10, 0)
    home, source = tmp_path / "home", (tmp_path / "mirror").as_uri()
    chosen = (*SMALL, "--source", source, "--drawings", "25", "--home", str(home))
    for state in ("8 partitions materialized", "Everything is up to date"):
        with qd(tmp_path / "output.txt", "run", *chosen) as command:
            assert command.end() == 0, command.printed
        assert state in command.said
        for category in ("cow", "panda"):
            assert f"{category}: the source has 10 of the 25 drawings asked for." in command.said
    wanted = dg.AssetRecordsFilter(dg.AssetKey("raw_drawings"), asset_partitions=["cow"])
    with instance.of(home) as dagster:
        (record,) = dagster.fetch_materializations(wanted, limit=1).records
        logged = [(entry.level, entry.user_message) for entry in dagster.all_logs(record.run_id)]
    assert record.asset_materialization is not None
    shortage = "The source has 10 of the 25 drawings asked for."
    assert record.asset_materialization.metadata["asked for"].value == 25
    assert (logging.WARNING, f"{shortage} (cow, panda)") in logged
