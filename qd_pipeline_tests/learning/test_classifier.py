import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from qd_pipeline.errors import BadDrawing, DamagedPartition, MissingPartition
from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.inputs import Inputs
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.learning.shapes import draw_shape, marks, reader_of_marks

CLASS_SET = ("paint can", "The Eiffel Tower", "line")
HISTORY = ({"loss": 1.0, "accuracy": 0.3}, {"loss": 0.5, "accuracy": 0.7})


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    training = Training(TrainingConfig(epochs=2), HISTORY, 1.25, 30, 0)
    return Classifier(networks.build("seed_cnn", 3), CLASS_SET, training)


@pytest.fixture(scope="module")
def saved(classifier: Classifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classifier")
    classifier.save(folder)
    return folder


def test_a_saved_classifier_is_read_back_equal(classifier: Classifier, saved: Path) -> None:
    back = Classifier.load(saved)
    assert (back.class_set, back.training) == (classifier.class_set, classifier.training)
    assert back.fingerprint() == classifier.fingerprint()
    bitmaps = draw_shape("circle", 5)
    assert (back.predict(bitmaps) == classifier.predict(bitmaps)).all()


def test_its_metadata_can_be_read_without_keras(classifier: Classifier, saved: Path) -> None:
    metadata = json.loads((saved / "classifier.json").read_text(encoding="utf-8"))
    assert metadata["class_set"] == list(CLASS_SET)
    assert metadata["fingerprint"] == classifier.fingerprint()
    assert metadata["training"]["config"]["network"] == "seed_cnn"
    assert set(metadata["libraries"]) == {"keras", "tensorflow", "numpy"}


def test_the_fingerprint_is_of_weights_and_class_set_not_of_names(classifier: Classifier) -> None:
    twin = networks.build("seed_cnn", 3)
    twin.set_weights(classifier.network.get_weights())
    training = classifier.training
    assert Classifier(twin, CLASS_SET, training).fingerprint() == classifier.fingerprint()
    turned = Classifier(twin, CLASS_SET[::-1], training)
    assert turned.fingerprint() != classifier.fingerprint()
    twin.layers[-1].bias.assign([0.0, 0.0, 1e-6])
    assert Classifier(twin, CLASS_SET, training).fingerprint() != classifier.fingerprint()


def test_the_fingerprint_is_of_the_architecture_too() -> None:
    fingerprints = {
        Classifier(
            backend.keras.Sequential([backend.keras.Input((28, 28, 1)), layer]),
            CLASS_SET,
            Training(TrainingConfig(), (), 0, 0, 0),
        ).fingerprint()
        for layer in (
            backend.keras.layers.MaxPooling2D(2),
            backend.keras.layers.AveragePooling2D(2),
        )
    }
    assert len(fingerprints) == 2


def test_ink_is_scaled_to_1_before_the_network_sees_it() -> None:
    reader = reader_of_marks(("circle", "line"), [[0, 0], [np.log(3), 0]])
    assert reader.predict(marks([0, 1])) == pytest.approx(np.array([[0.5, 0.5], [0.75, 0.25]]))


@pytest.mark.parametrize("count", [0, 1, 2345])
def test_any_number_of_bitmaps_is_taken(count: int) -> None:
    reader = reader_of_marks(("circle", "line"), [[2, 0], [0, 2], [1, 0]])
    places = np.arange(count) % 3
    probabilities = reader.predict(marks(places.tolist()))
    assert probabilities.shape == (count, 2)
    assert probabilities.dtype == np.float32
    assert (probabilities.argmax(axis=1) == (places == 1)).all()


@pytest.mark.parametrize(
    ("bitmaps", "found"),
    [
        (np.zeros((2, 28, 28), np.float32), "float32"),
        (np.zeros((2, 56, 56), np.uint8), "56"),
        (np.zeros((28, 28), np.uint8), r"\(28, 28\)"),
    ],
)
def test_other_bitmaps_are_refused(
    classifier: Classifier, bitmaps: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], found: str
) -> None:
    with pytest.raises(BadDrawing, match=rf"{found}.*give uint8 \(n, 28, 28\)"):
        classifier.predict(bitmaps)


def test_inputs_that_are_missing_or_not_taken_are_refused() -> None:
    training = Training(TrainingConfig(), (), 0, 0, 0)
    strokes = Classifier(networks.build("stroke_cnn", 3), CLASS_SET, training)
    both = Classifier(networks.build("picture_and_strokes", 3), CLASS_SET, training)
    bitmaps, sequences = np.zeros((2, 28, 28), np.uint8), np.zeros((2, 96, 6), np.float32)
    with pytest.raises(BadDrawing, match=r"sequences are missing: give float32 \(n, 96, 6\)"):
        both.predict(bitmaps)
    with pytest.raises(BadDrawing, match=r"bitmaps are uint8 .*: give no bitmaps"):
        strokes.predict(bitmaps)
    with pytest.raises(BadDrawing, match=r"sequences are float32 \(2, 90, 6\)"):
        both.predict(Inputs(bitmaps, sequences[:, :90]))
    assert both.predict(Inputs(bitmaps, sequences)).shape == (2, 3)
    assert strokes.predict(Inputs(None, sequences)).shape == (2, 3)


@pytest.mark.parametrize("name", ["network.keras", "classifier.json"])
def test_a_missing_or_damaged_file_is_named(saved: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(saved, tmp_path / "copy")
    (folder / name).write_bytes(b"{}")
    with pytest.raises(DamagedPartition, match="train it again"):
        Classifier.load(folder)
    (folder / name).unlink()
    with pytest.raises(MissingPartition, match=name):
        Classifier.load(folder)


def test_a_setting_that_is_not_known_is_named(saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "copy")
    text = (folder / "classifier.json").read_text(encoding="utf-8")
    text = text.replace('"augmentation"', '"wobble"')
    (folder / "classifier.json").write_text(text, encoding="utf-8")
    with pytest.raises(DamagedPartition, match=r"'wobble' is not known.*: train it again"):
        Classifier.load(folder)


def test_a_network_that_carries_code_is_not_loaded(saved: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(saved, tmp_path / "copy")
    layers = backend.keras.layers
    backend.keras.Sequential(
        [backend.keras.Input((28, 28, 1)), layers.Lambda(lambda pixels: pixels * 2)]
    ).save(folder / "network.keras")
    with pytest.raises(DamagedPartition):
        Classifier.load(folder)
