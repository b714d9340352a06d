"""`qd predict` on files of every kind, over a home with a classifier."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from qd_pipeline.cli import main
from qd_pipeline.cli.terminal import short
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.quickdraw.sketches.files import read_sketches
from qd_pipeline.serving.prediction import Predictor
from qd_pipeline_tests.serving.serving import store_untrained

FOUR = ("frog", "rabbit", "elephant", "duck")
LINE = {"word": "cow", "drawing": [[[0, 255, 90, 8], [0, 20, 200, 30]]]}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home to this process, and its environment back afterwards."""
    monkeypatch.setenv("QD_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def classifier(home: Path) -> Classifier:
    store_untrained(home, "2", ("cow", "panda"))
    return store_untrained(home, "4", FOUR)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    drawn = Image.new("L", (300, 200), 250)
    ImageDraw.Draw(drawn).line([(40, 30), (250, 60), (120, 180)], fill=20, width=7)
    drawn.save(tmp_path / "mine.png")
    return tmp_path / "mine.png"


@pytest.fixture
def strokes(tmp_path: Path) -> Path:
    path = tmp_path / "mine.ndjson"
    path.write_text(f"{json.dumps(LINE)}\n{json.dumps(LINE['drawing'])}\n", encoding="utf-8")
    return path


def qd(monkeypatch: pytest.MonkeyPatch, *arguments: str | Path) -> int:
    """Run a command in this process, and give its exit code."""
    monkeypatch.setattr(sys, "argv", ["qd", *map(str, arguments)])
    try:
        main()
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


def test_pictures_and_strokes_are_answered_as_json(
    classifier: Classifier,
    picture: Path,
    strokes: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert qd(monkeypatch, "predict", picture, strokes, "--json", "--top", "2", "--show") == 0
    answers: list[dict[str, Any]] = json.loads(capfd.readouterr().out)
    assert [(each["file"], each["drawing"]) for each in answers] == [
        (str(picture), 1),
        (str(strokes), 1),
        (str(strokes), 2),
    ]
    rankings = [
        ranking
        for file in (picture, strokes)
        for sketch in read_sketches(file).sketches
        for ranking in Predictor(classifier).predict([sketch])
    ]
    for answer, ranking in zip(answers, rankings, strict=True):
        assert answer["class_set"] == "4"
        assert answer["classifier"] == "the newest in the store"
        assert [each["category"] for each in answer["categories"]] == list(ranking.categories[:2])
        chances = [each["probability"] for each in answer["categories"]]
        assert chances == pytest.approx(ranking.probabilities[:2], abs=1e-6)
        assert np.array_equal(answer["bitmap"], ranking.bitmap)


@pytest.mark.usefixtures("classifier")
def test_a_table_shows_the_top_categories_and_what_the_network_saw(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("predict", picture, "--class-set", "2", "--top", "1", "--show")
    assert qd(monkeypatch, *arguments) == 0
    said = capfd.readouterr().out
    assert ("cow" in said) != ("panda" in said)
    assert re.search(r"\d\s*%", said)
    assert said.count("▀") + said.count("▄") + said.count("█") > 20


@pytest.mark.usefixtures("classifier")
def test_a_bad_file_is_named_and_the_others_are_answered(
    picture: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    bad = tmp_path / "notes.txt"
    bad.write_text("a cow")
    assert qd(monkeypatch, "predict", bad, picture, "--json") == 1
    said = capfd.readouterr()
    assert [each["file"] for each in json.loads(said.out)] == [str(picture)]
    assert "is no PNG, JPEG, WebP, GIF or SVG" in " ".join(said.err.split())


@pytest.mark.usefixtures("classifier")
def test_a_bad_line_is_named_by_its_number_and_the_others_are_answered(
    strokes: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    text = strokes.read_text(encoding="utf-8").replace("\n", '\n{"drawing":\n', 1)
    strokes.write_text(text, encoding="utf-16")
    assert qd(monkeypatch, "predict", strokes, "--json") == 1
    said = capfd.readouterr()
    assert [each["drawing"] for each in json.loads(said.out)] == [1, 3]
    assert f"{strokes.name}, line 2, is no JSON" in " ".join(said.err.split())


@pytest.mark.usefixtures("classifier")
def test_strokes_that_can_be_read_either_way_need_the_layout(
    strokes: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    strokes.write_text("[[[10, 200], [50, 60]], [[200, 210], [60, 200]]]")
    assert qd(monkeypatch, "predict", strokes) == 1
    assert "choose the layout" in " ".join(capfd.readouterr().err.split())
    bitmaps = []
    for layout in ("columns", "points"):
        assert qd(monkeypatch, "predict", strokes, "--json", "--show", "--layout", layout) == 0
        bitmaps.append(json.loads(capfd.readouterr().out)[0]["bitmap"])
    assert bitmaps[0] != bitmaps[1]


@pytest.mark.usefixtures("classifier")
def test_in_doubt_the_bitmap_is_shown_with_a_warning(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    ImageOps.expand(Image.open(picture), 3, 0).save(picture)
    assert qd(monkeypatch, "predict", picture) == 0
    said = capfd.readouterr()
    assert "a border or a dark edge of the picture was left out" in " ".join(said.err.split())
    assert said.out.count("▀") + said.out.count("▄") + said.out.count("█") > 20
    assert qd(monkeypatch, "predict", picture, "--json") == 0
    (answer,) = json.loads(capfd.readouterr().out)
    assert answer["warnings"] == ["a border or a dark edge of the picture was left out"]
    assert len(answer["bitmap"]) == 28


@pytest.mark.usefixtures("classifier")
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--class-set", "8"], "class set 8 has no classifier yet: train one with `qd run`"),
        (["--class-set", "3"], "class set '3' is not known: give one of 2, 4, 8"),
    ],
)
def test_a_class_set_without_a_classifier_is_refused(
    picture: Path,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert qd(monkeypatch, "predict", picture, *arguments) == 1
    assert sentence in " ".join(capfd.readouterr().err.split())


@pytest.mark.parametrize(
    "file", ["manifests/classifiers/4/00000001.json", "content/classifiers/4-*/network.keras"]
)
@pytest.mark.usefixtures("classifier")
def test_a_damaged_classifier_is_told_of(
    home: Path,
    picture: Path,
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    (damaged,) = (home / "store").glob(file)
    damaged.write_bytes(b"rust")
    assert qd(monkeypatch, "predict", picture) == 1
    assert "classifiers 4" in " ".join(capfd.readouterr().err.split())


@pytest.mark.usefixtures("home")
def test_what_is_no_file_is_told_before_a_classifier_is_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    assert qd(monkeypatch, "predict", "cow.png", "folder", "--json") == 1
    out, err = capfd.readouterr()
    assert json.loads(out) == []
    said = " ".join(err.split())
    assert (
        f"cow.png is not there: check its name; relative names are looked up in {tmp_path}." in said
    )
    assert "folder is a folder: name its files, as folder/*.png." in said
    assert qd(monkeypatch, "evaluate-own") == 1
    said = " ".join(capfd.readouterr().err.split())
    assert re.search(r"own holds no drawings yet: draw some with `qd draw`", said)


@pytest.mark.usefixtures("home")
def test_in_a_folder_that_was_removed_nothing_ends_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path / "folder")
    (tmp_path / "folder").rmdir()
    assert qd(monkeypatch, "predict", "cow.png") == 1
    assert "cow.png is not there: check its name." in capfd.readouterr().err
    assert qd(monkeypatch, "predict", "cow.png", "--home", "data") == 1
    assert "the current folder is gone: change to another one." in capfd.readouterr().err
    assert short(tmp_path) == str(tmp_path)


@pytest.mark.usefixtures("home")
def test_without_any_classifier_it_says_how_to_make_one(
    picture: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert qd(monkeypatch, "predict", picture) == 1
    said = " ".join(capfd.readouterr().err.split())
    assert "holds no classifier yet: train one with `qd run`." in said
