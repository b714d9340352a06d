import json
from dataclasses import replace
from pathlib import Path

import pytest

from qd_pipeline.errors import BadSetting, TrainingDiverged
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.studies.data_study import DataStudy, Trained, study, write
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.learning.shapes import SHAPES, draw_shape, write_category

CONFIG = TrainingConfig("dense_baseline", epochs=1, batch_size=32, units=8)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    """Return drawings of which every fourth was not recognised."""
    folder = tmp_path_factory.mktemp("shapes")
    recognized = [row % 4 > 0 for row in range(120)]
    return ClassSetData.split(
        [
            write_category(folder, shape, draw_shape(shape, 120), recognized=recognized)
            for shape in SHAPES
        ]
    )


@pytest.fixture(scope="module")
def done(shapes: ClassSetData) -> tuple[DataStudy, list[tuple[int, int]]]:
    progress: list[tuple[int, int]] = []
    result = study(
        shapes,
        CONFIG,
        shares=(30, 100),
        on_progress=lambda done, total: progress.append((done, total)),
    )
    return result, progress


def test_each_training_has_its_share_of_drawings_and_the_whole_test_split(
    shapes: ClassSetData, done: tuple[DataStudy, list[tuple[int, int]]]
) -> None:
    result, progress = done
    reported = result.trainings
    assert [trained.name for trained in reported] == ["30 %", "all", "recognised only"]
    part, everything, recognized = (trained.drawings for trained in reported)
    assert everything == len(shapes.train)
    assert part == pytest.approx(0.3 * everything, rel=0.4)
    assert recognized == shapes.train.column("recognized").sum()
    for trained in reported:
        assert trained.accuracy.count == len(shapes.test)
        assert trained.recognized.count + trained.unrecognized.count == len(shapes.test)
        assert trained.recognized.hits + trained.unrecognized.hits == trained.accuracy.hits
    total = part + everything + recognized
    assert progress[-1] == (total, total)


def test_a_study_is_written_as_a_page_and_as_figures(
    done: tuple[DataStudy, list[Trained], list[tuple[int, int]]], tmp_path: Path
) -> None:
    result, *_ = done
    write(tmp_path, result, source="synthetic sample", synthetic=True)
    page = (tmp_path / "data_study.html").read_text()
    assert "Synthetic sample" in page
    assert "http" not in page
    assert page.count('class="slice"') == 2
    facts = json.loads((tmp_path / "data_study.json").read_text())
    assert DataStudy.from_json(facts) == result
    assert facts["synthetic"] is True
    assert [each["drawings"] for each in facts["curve"]] == [
        trained.drawings for trained in result.curve
    ]


def test_unequal_categories_have_their_balanced_figures_on_the_page(
    done: tuple[DataStudy, list[tuple[int, int]]], tmp_path: Path
) -> None:
    result, _ = done
    for chance, is_said in ((1 / 3, False), (0.9, True)):
        last = replace(result.only_recognized, chance=chance)
        shown = replace(result, only_recognized=last)
        write(tmp_path, shown, source="synthetic sample", synthetic=True)
        assert ("macro F1" in (tmp_path / "data_study.html").read_text()) == is_said


@pytest.mark.parametrize("shares", [(30, 10), (10, 10), (0, 50), (50, 101)])
def test_shares_that_do_not_rise_within_100_are_refused(
    shapes: ClassSetData, shares: tuple[int, ...]
) -> None:
    with pytest.raises(BadSetting, match="give rising percentages"):
        study(shapes, CONFIG, shares=shares)


def test_a_training_that_diverges_ends_the_study(shapes: ClassSetData) -> None:
    with pytest.raises(TrainingDiverged, match="give a learning rate below"):
        study(shapes, CONFIG.with_settings(learning_rate=1e30, epochs=20), shares=(100,))
