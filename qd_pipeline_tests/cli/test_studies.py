"""What is only made when asked for, asked for on the command line."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.cli.in_process import Ended, qd

TINY = ("--network", "dense_baseline", "--epochs", "1", "--units", "8")
TINIER = (*TINY[:-1], "4")

Ask = Callable[..., Ended]


@pytest.fixture(scope="module")
def home(two: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return shutil.copytree(two, tmp_path_factory.mktemp("studies") / "home")


@pytest.fixture
def ask(home: Path) -> Ask:
    return lambda *arguments: qd(*arguments, "--home", home)


def test_a_cross_validation_shows_each_fold_and_their_mean(ask: Ask) -> None:
    said = ask("cross-validate", "2", "--folds", "2", *TINY)
    assert said.code == 0, said.printed
    assert "standard deviation of 2 folds" in said.said


def test_label_quality_uses_a_cross_validation_again_and_a_training_leaves_its_drawings_out(
    ask: Ask, home: Path
) -> None:
    # Of other settings than the test above, so that it cross-validates first.
    first = ask("label-quality", "2", "--folds", "2", *TINIER)
    assert first.code == 0, first.printed
    assert "2 of 2: label_quality 2" in first.printed
    again = ask("label-quality", "2", "--folds", "2", *TINIER)
    assert again.code == 0, again.printed
    assert "1 of 1: label_quality 2" in again.printed
    store = PartitionStore((home / "store").as_uri())
    table = store.open_local(store.read("label_quality", "2"), "label_quality.parquet")
    assert f"qd run --class-set 2 --exclude {table}" in again.printed
    trained = ask("run", "--class-set", "2", *TINY, "--exclude", str(table))
    assert trained.code == 0, trained.printed
    # The copy in the data directory is what later commands train without.
    table.unlink()
    later = ask("run", "--class-set", "2")
    assert later.code == 0, later.printed
    assert "Everything is up to date" in later.said


def test_a_search_names_the_best_settings_and_how_to_train_with_them(
    ask: Ask, tmp_path: Path
) -> None:
    space = tmp_path / "space.toml"
    space.write_text("learning_rate = [0.002, 0.000000001]\n")
    said = ask("search", "2", "--folds", "2", "--space", str(space), *TINY)
    assert said.code == 0, said.printed
    assert said.printed.index("learning_rate 0.002") < said.printed.index("learning_rate 1e-09")
    assert "qd run --class-set 2 --settings-from-search" in said.said


def test_a_study_is_told_of_and_stands_in_the_report(ask: Ask, home: Path) -> None:
    said = ask("study", "2", "--shares", "100", *TINY)
    assert said.code == 0, said.printed
    assert "recognised only" in said.printed
    store = PartitionStore((home / "store").as_uri())
    figures = store.open_local(store.read("evaluations", "2"), "evaluation.json")
    assert "data_study" in json.loads(figures.read_text())


def test_a_comparison_writes_its_page(ask: Ask) -> None:
    said = ask("compare")
    assert said.code == 0, said.printed
    assert "comparison.html" in "".join(said.printed.split())


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("search", "2", "--trials", "0"), "trials is 0: give a whole number from 1."),
        (("study", "2", "--shares", "30,x"), "give rising percentages, as 10,30,100."),
        (("cross-validate", "2", "--folds", "1"), "folds"),
        (("cross-validate", "3"), "class set '3' is not known"),
        (("cross-validate", "2", "--exclude", "no.txt"), "exclude no.txt cannot be read"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_in_a_sentence(
    ask: Ask, arguments: tuple[str, ...], complaint: str
) -> None:
    said = ask(*arguments)
    assert said.code != 0
    assert complaint in said.said
    assert "Traceback" not in said.printed
