"""`qd run` as one types it: what it shows, and what it leaves alone the second time."""

import contextlib
import json
import logging
import os
import pty
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd
import pytest

import qd_pipeline
from qd_pipeline.cli import listing
from qd_pipeline.cli.report import report
from qd_pipeline.errors import BadSetting, DamagedPartition, MissingPartition
from qd_pipeline.orchestration import instance
from qd_pipeline.quickdraw.raster import rasterize
from qd_pipeline.quickdraw.sample import ndjson_lines
from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.cli import in_process
from qd_pipeline_tests.commands import ROOT, qd
from qd_pipeline_tests.homes import prepare

SMALL = ("--class-set", "2", "--epochs", "1")
CHOSEN = (*SMALL, "--drawings", "60")
DENSE = ("--network", "dense_baseline", "--units", "8")
HEADINGS = "class set categories accuracy (95 % interval) training MLflow run"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("run") / "home"


IMPORTED = """
import sys
from qd_pipeline.cli import main
try:
    main()
finally:
    print("imported:", *(name for name in sys.modules if "." not in name))
"""


def own_process(*arguments: str) -> tuple[list[str], set[str]]:
    """Run `qd` in a process that imports its libraries itself.

    A fork of `commands.py` has them already, and their noise would have gone elsewhere.

    Returns:
        The lines that it prints, and the packages that it imported.
    """
    ended = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        # The address that a test before this one may have left behind.
        env={name: value for name, value in os.environ.items() if name != "MLFLOW_TRACKING_URI"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    *lines, imported = ended.stdout.splitlines()
    return lines, set(imported.split())


@pytest.fixture(scope="module")
def first(home: Path) -> Sequence[str]:
    """Return the lines that the first run prints."""
    lines, _ = own_process("run", *CHOSEN, "--home", str(home))
    return lines


@pytest.fixture(scope="module")
def second(home: Path, first: Sequence[str]) -> Sequence[str]:
    """Return the lines that the second run prints."""
    assert first
    lines, imported = own_process("run", *CHOSEN, "--home", str(home))
    # They take 1 to 6 seconds of processor time each, and there is nothing to do.
    assert not imported & {"mlflow", "keras", "tensorflow", "numba", "pandas", "matplotlib"}
    return lines


def test_help_imports_next_to_nothing() -> None:
    lines, imported = own_process("--help")
    assert any(line.startswith("Exit codes:") for line in map(str.strip, lines))
    assert not imported & {"numpy", "pyarrow", "pydantic", "pydantic_settings", "dagster"}


def test_status_tells_what_there_is_how_good_and_of_which_source(
    home: Path, first: Sequence[str]
) -> None:
    assert first
    lines, imported = own_process("status", "--home", str(home))
    assert not imported & {"mlflow", "keras", "tensorflow", "numba", "pandas", "matplotlib"}
    (cow,) = [line for line in lines if line.startswith("│ cow ")]
    assert re.search(r"│ 60 +│ \d{4}-\d\d-\d\d \d\d:\d\d +│ up to date +│", cow)
    (two,) = [line for line in lines if line.startswith("│ 2 ")]
    assert re.search(r"│ 1 \(no champion\) +│ [\d.]+ % \([\d.]+–[\d.]+\).* │ up to date +│", two)
    assert "Categories of the synthetic sample (seed 0): cow, panda." in lines
    assert "Class sets of the synthetic sample (seed 0): 2." in lines


@pytest.mark.parametrize(
    ("scheme", "damaged", "sentence"),
    [
        ("sqlite", True, "file is not a database: restore it"),
        ("sqlite", False, "database is locked: wait until"),
        ("mysql+nodriver", True, "driver"),
    ],
)
def test_where_mlflow_does_not_tell_the_champions_it_is_said_why(
    scheme: str,
    damaged: bool,  # noqa: FBT001 (a parameter of the test)
    sentence: str,
    home: Path,
    first: Sequence[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert first
    path = tmp_path / "mlflow.db"
    path.write_bytes(b"no database at all" * 100 if damaged else b"")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}:///{path}")
    said_first = []
    monkeypatch.setattr(webbrowser, "open", lambda _: said_first.append(capsys.readouterr()))
    with contextlib.closing(sqlite3.connect(path)) as other:
        if not damaged:
            other.execute("BEGIN EXCLUSIVE")
        listing.status(home=str(home))
        status = capsys.readouterr()
        report(home=str(home))
        then = capsys.readouterr()
    assert sentence in status.err
    assert "not known" in status.out
    assert (said_first[0].err, then.out) == ("", "")
    assert sentence in then.err


@pytest.fixture(scope="module")
def newer(home: Path, first: Sequence[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the data directory whose MLflow database a newer MLflow has written."""
    assert first
    copy = tmp_path_factory.mktemp("newer") / "home"
    shutil.copytree(home, copy)
    with contextlib.closing(sqlite3.connect(copy / "mlflow.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = 'ffffffffffff'")
    (copy / "mine.ndjson").write_text("[[[0, 120, 255, 90], [0, 10, 20, 200]]]\n")
    return copy


@pytest.mark.parametrize(
    "command",
    [
        ("run", *SMALL, "--drawings", "61"),
        ("make", "strokes", "cow"),
        ("cross-validate", "2"),
        ("label-quality", "2"),
        ("search", "2"),
        ("study", "2"),
        ("compare", "2"),
        ("promote", "2", "1"),
        ("rollback", "2"),
        ("predict", "mine.ndjson"),
        ("doctor",),
        ("send",),
        ("clean",),
        ("ui",),
    ],
    ids=lambda command: command[0],
)
def test_a_database_of_a_newer_mlflow_is_one_sentence_from_every_command(
    command: Sequence[str], newer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(newer)
    ended = in_process.qd(*command, "--home", newer)
    assert ended.code == 1
    assert re.search(r"newer MLflow than [0-9.]+: install that version", ended.said), ended.printed
    assert "Traceback" not in ended.printed


def test_a_copied_data_directory_is_run_without_a_change_to_the_original(
    home: Path, first: Sequence[str], tmp_path: Path
) -> None:
    assert first
    copy = tmp_path / "copy"
    shutil.copytree(home, copy)

    def content() -> dict[Path, tuple[int, int]]:
        files = [path for path in home.rglob("*") if path.is_file()]
        return {path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files}

    before = content()
    assert "Everything is up to date." in in_process.qd("run", *CHOSEN, "--home", copy).said
    trained = in_process.qd("run", *CHOSEN, *DENSE, "--home", copy)
    assert "2 partitions materialized, 6 already up to date" in trained.said
    assert content() == before


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
        r"1 of 8: cow 4 of 8: panda 7 of 8: training class set 2 "
        r"Classifiers on the synthetic sample \(seed 0\) Report of 2: \S+report\.html "
        r"(! [a-z]+ \w+ failed its check [^!]+ )*"
        r"8 partitions materialized, 0 already up to date; \d+ s\. "
        r"Next: `qd report[^`]*` opens .* lists the rest\. "
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
        lines = b"".join(ndjson_lines(category, 10, 0))
        (mirror / f"{category}.ndjson").write_bytes(lines)
    home, source = prepare(tmp_path / "home"), (tmp_path / "mirror").as_uri()
    small = (*SMALL, "--network", "dense_baseline")
    chosen = (*small, "--source", source, "--drawings", "25", "--home", home)
    for state in ("8 partitions materialized", "Everything is up to date"):
        command = in_process.qd("run", *chosen)
        assert command.code == 0, command.printed
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


def test_a_report_is_opened_in_the_browser_and_its_path_is_printed(
    home: Path, first: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first
    opened = home.parent / "opened"
    browser = home.parent / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {opened}\n')
    browser.chmod(0o755)
    monkeypatch.setenv("BROWSER", f"{browser} %s")
    (printed, champion), imported = own_process("report", "--home", str(home))
    assert not imported & {"dagster", "mlflow", "keras"}
    assert champion.startswith("Version 1 is not the champion, there is none; `qd promote 2 1")
    report = Path(printed.removeprefix("Report of 2, version 1: "))
    assert report.is_file()
    assert opened.read_text().strip() == report.absolute().as_uri()


def test_python_reads_the_same_tables_arrays_and_classifier(
    home: Path, first: Sequence[str]
) -> None:
    assert first
    data = qd_pipeline.open(home)
    strokes, bitmaps = data.strokes("cow"), data.bitmaps("cow")
    assert strokes.num_rows == len(bitmaps) == 60
    np.testing.assert_array_equal(rasterize(strokes["drawing"]), bitmaps)
    splits = data.class_set("2")
    assert sum(map(len, (splits.train, splits.validation, splits.test))) == 120
    classifier = data.classifier("2")
    assert classifier.synthetic
    of_table = classifier.predict(strokes)
    for same in (strokes["drawing"], strokes.to_pandas(), strokes["drawing"].to_pylist()):
        pd.testing.assert_frame_equal(classifier.predict(same), of_table)
    assert len(classifier.predict(bitmaps[:3])) == 3
    with pytest.raises(MissingPartition, match="class set 2 has no champion"):
        data.champion("2")
    with pytest.raises(BadSetting, match="class set '9' is not known: give one of 2, 4, 8"):
        data.evaluation("9")
    damaged = Path(data.evaluation("2").report).parent / "predictions.parquet"
    content = damaged.read_bytes()
    damaged.chmod(0o644)
    damaged.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(DamagedPartition):
        data.evaluation("2")
    damaged.write_bytes(content)


def test_the_example_notebook_runs(
    home: Path, first: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert first
    monkeypatch.setenv("QD_HOME", str(home))
    monkeypatch.setenv("MPLBACKEND", "agg")
    notebook = json.loads((ROOT / "docs" / "example.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    names: dict[str, Any] = {}
    for cell in cells:
        exec("".join(cell["source"]), names)  # noqa: S102 (as a notebook does)
    assert list(names["trained"]["params.epochs"]) == [1.0]
    assert not any(cell["outputs"] for cell in cells)


def test_a_terminal_shows_the_epochs_while_they_pass_and_80_columns_are_enough(
    home: Path, second: Sequence[str]
) -> None:
    assert second
    chosen = ("--class-set", "2", "--epochs", "15", "--home", str(home))
    ours, theirs = pty.openpty()
    terminal, seen = Path(os.ttyname(theirs)), bytearray()

    def watch() -> None:
        with contextlib.suppress(OSError):  # the end of a pseudo-terminal
            while chunk := os.read(ours, 65536):
                seen.extend(chunk)

    size = {"COLUMNS": "80", "LINES": "40", "TERM": "xterm"}
    with qd(terminal, "run", *chosen, environment=size) as command:
        watcher = threading.Thread(target=watch)
        watcher.start()
        code = command.end()
    os.close(theirs)
    watcher.join()
    os.close(ours)
    shown = seen.decode()
    assert code == 0, shown
    frames = [frame for frame in shown.split("\x1b[2K") if "epoch" in frame]
    epochs = [re.search(r"epoch (\d+) of 15, loss [\d.]+, validation accuracy", f) for f in frames]
    assert len({found[1] for found in epochs if found}) > 5, shown
    last = shown.rpartition("\x1b[2K")[2]
    plain = re.sub(r"\x1b(\[[\d;?]*[a-zA-Z]|\]8;[^\x1b]*\x1b\\)", "", last).splitlines()
    (report,) = [line for line in plain if line.startswith("Report of 2: ")]
    assert Path(report.removeprefix("Report of 2: ")).is_file()
    assert all(len(line) <= 80 for line in plain if line[:1] in set("┏┃┡│└"))
    assert re.search(r"\x1b\]8;[^;]*;file:///\S+report\.html\x1b", last)
