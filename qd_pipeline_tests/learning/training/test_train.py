import dataclasses
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from qd_pipeline.errors import BadSetting, TrainingDiverged
from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.evaluation.evaluate import evaluate
from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.learning.training.batches import batch_count, training_batches
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.presets import PRESETS, from_preset
from qd_pipeline.learning.training.selection import training_drawings
from qd_pipeline.learning.training.train import train
from qd_pipeline_tests.learning.shapes import (
    SHAPES,
    draw_shape,
    keys_by_side,
    write_animals,
    write_category,
    write_shapes,
)

BITMAP = InputSpec(side=28)
CONFIG = TrainingConfig(epochs=2, batch_size=32, learning_rate=0.003)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write_shapes(tmp_path_factory.mktemp("shapes"))


def test_shapes_are_learned(shapes: ClassSetData) -> None:
    classifier = train(shapes, CONFIG.with_settings(epochs=6))
    probabilities = classifier.predict(shapes.test.bitmaps(slice(None)))
    assert classifier.class_set == SHAPES
    assert (probabilities.argmax(axis=1) == shapes.test.labels).mean() > 0.9


def test_each_epoch_and_the_progress_are_reported(
    shapes: ClassSetData, capfd: pytest.CaptureFixture[str]
) -> None:
    epochs: list[tuple[int, Any]] = []
    progress: list[tuple[int, int]] = []
    classifier = train(
        shapes,
        CONFIG,
        on_epoch=lambda epoch, metrics: epochs.append((epoch, metrics)),
        on_progress=lambda done, total: progress.append((done, total)),
    )
    training = classifier.training
    assert [epoch for epoch, _ in epochs] == [0, 1]
    assert tuple(metrics for _, metrics in epochs) == training.history
    assert set(training.history[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    count = len(shapes.train)
    assert (training.training_drawings, training.validation_drawings) == (
        count,
        len(shapes.validation),
    )
    assert progress[0] == (32, 2 * count)
    assert progress[-1] == (2 * count, 2 * count)
    assert [done for done, _ in progress] == sorted({done for done, _ in progress})
    assert training.seconds > 0
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("network", ["seed_cnn", "compact_cnn"])
def test_a_training_that_diverges_ends_at_once_in_one_sentence(
    shapes: ClassSetData, network: str
) -> None:
    epochs: list[int] = []
    config = from_preset(2, network=network, learning_rate=1e30, epochs=500)
    sentence = (
        rf"the training of {network} diverged in epoch \d+ .*: give a learning rate below 1e\+30"
    )
    with pytest.raises(TrainingDiverged, match=sentence):
        train(shapes, config, on_epoch=lambda epoch, _: epochs.append(epoch))
    assert len(epochs) < 3


def test_validation_metrics_are_of_the_final_weights(shapes: ClassSetData) -> None:
    classifier = train(shapes, CONFIG)
    probabilities = classifier.predict(shapes.validation.bitmaps(slice(None)))
    accuracy = (probabilities.argmax(axis=1) == shapes.validation.labels).mean()
    assert classifier.training.history[-1]["val_accuracy"] == pytest.approx(accuracy)


def test_a_training_without_validation_drawings_lacks_their_metrics(tmp_path: Path) -> None:
    data = ClassSetData.split(
        [
            write_category(
                tmp_path, shape, draw_shape(shape, 4), key_ids=keys_by_side(3, 0, 1, seed=place)
            )
            for place, shape in enumerate(SHAPES)
        ]
    )
    classifier = train(data, CONFIG)
    assert set(classifier.training.history[0]) == {"loss", "accuracy"}


def write_two(folder: Path, bitmaps: NDArray[np.uint8]) -> ClassSetData:
    """Write the same bitmaps as two categories, and split them."""
    folder.mkdir()
    return ClassSetData.split(
        [write_category(folder, shape, bitmaps) for shape in ("circle", "line")]
    )


@pytest.mark.parametrize("augmentation", [0.0, 1.0], ids=["as drawn", "augmented"])
def test_the_training_set_is_not_copied_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, augmentation: float
) -> None:
    def smallest(class_count: int, side: int = 28) -> Any:
        layers = backend.keras.layers
        return backend.keras.Sequential(
            [
                backend.keras.Input((side, side, 1)),
                layers.Flatten(),
                layers.Dense(class_count, activation="softmax"),
            ]
        )

    monkeypatch.setitem(networks.NETWORKS, "smallest", smallest)
    bitmaps = np.zeros((12_000, 28, 28), np.uint8)
    few, many = write_two(tmp_path / "few", bitmaps[:64]), write_two(tmp_path / "many", bitmaps)
    config = TrainingConfig(network="smallest", epochs=1, augmentation=augmentation)
    train(few, config)  # what libraries load on first use is not measured
    tracemalloc.start()
    try:
        train(many, config)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < bitmaps.nbytes


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write_animals(tmp_path_factory.mktemp("animals"), ("duck", "cow"), 150)


AUGMENTED = PRESETS["default"](2).with_settings(network="compact_cnn", epochs=6, batch_size=32)


@pytest.fixture(scope="module")
def augmented(animals: ClassSetData) -> Classifier:
    return train(animals, AUGMENTED)


def test_augmented_drawings_are_learned_from(animals: ClassSetData, augmented: Classifier) -> None:
    probabilities = augmented.predict(animals.test.bitmaps(slice(None)))
    assert (probabilities.argmax(axis=1) == animals.test.labels).mean() > 0.85


def test_each_epoch_has_other_bitmaps(animals: ClassSetData) -> None:
    config = AUGMENTED.with_settings(epochs=2)
    batches = training_batches(animals.train, config, BITMAP)
    steps = batch_count(animals.train, config)
    seen = [pictures for pictures, _ in batches.as_numpy_iterator()]
    assert len(seen) == 2 * steps
    first, second = (
        {picture.tobytes() for pictures in seen[start : start + steps] for picture in pictures}
        for start in (0, steps)
    )
    assert len(first) == len(second) == len(animals.train)
    assert not first & second


def test_traced_drawings_have_other_sequences_and_their_own_bitmaps(animals: ClassSetData) -> None:
    config, spec = CONFIG.with_settings(epochs=1), InputSpec(side=28, length=32)
    plain, traced = (
        next(training_batches(animals.train, each, spec).as_numpy_iterator())[0]
        for each in (config.with_settings(traced=1e-9), config.with_settings(traced=0.5))
    )
    assert (plain["bitmap"] == traced["bitmap"]).all()
    changed = (plain["sequence"] != traced["sequence"]).any(axis=(1, 2))
    assert 0.2 < changed.mean() < 0.8


def test_an_augmented_batch_keeps_its_labels(animals: ClassSetData) -> None:
    config = AUGMENTED.with_settings(epochs=1)
    weak = dataclasses.replace(config, augmentation=1e-9)
    batches = training_batches(animals.train, weak, BITMAP)
    own = {
        picture.tobytes(): label
        for picture, label in zip(
            animals.train.bitmaps(slice(None)), animals.train.labels, strict=True
        )
    }
    known = [
        own[bitmap.tobytes()] == label
        for pictures, labels in batches.as_numpy_iterator()
        for bitmap, label in zip(
            (pictures[..., 0] * 255).round().astype(np.uint8), labels, strict=True
        )
        if bitmap.tobytes() in own
    ]
    assert all(known)
    assert len(known) > 0.3 * len(animals.train)


def test_calibration_divides_the_logits_and_keeps_the_ranking(
    animals: ClassSetData, augmented: Classifier
) -> None:
    raw = train(animals, AUGMENTED.with_settings(calibrated=False))
    temperature = augmented.training.temperature
    assert temperature != 1.0
    assert raw.training.temperature == 1.0
    bitmaps = animals.test.bitmaps(slice(None))
    powers = raw.predict(bitmaps).astype(np.float64) ** (1 / temperature)
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert augmented.predict(bitmaps) == pytest.approx(expected, abs=1e-4)


def test_bitmaps_are_rasterized_for_a_network_of_another_side(animals: ClassSetData) -> None:
    config = TrainingConfig(
        network="dense_baseline", epochs=8, optimizer="rmsprop", learning_rate=0.0003
    )
    classifier = train(animals, config)
    assert classifier.side == 56
    assert evaluate(classifier, animals).accuracy.share > 0.8  # type: ignore[operator]


TAKE_STROKES = ("stroke_cnn", "picture_and_strokes")


@pytest.fixture(scope="module")
def of_strokes(animals: ClassSetData) -> dict[str, Classifier]:
    """Train each network that takes strokes once, by its name."""
    config = AUGMENTED.with_settings(warp=1.0)
    return {name: train(animals, config.with_settings(network=name)) for name in TAKE_STROKES}


@pytest.mark.parametrize("network", TAKE_STROKES)
def test_strokes_are_learned_from_in_their_order(
    animals: ClassSetData, of_strokes: dict[str, Classifier], tmp_path: Path, network: str
) -> None:
    classifier = of_strokes[network]
    evaluation = evaluate(classifier, animals)
    assert evaluation.accuracy.share > 0.85  # type: ignore[operator]
    assert classifier.training.temperature != 1.0
    classifier.save(tmp_path)
    back = Classifier.load(tmp_path)
    inputs = animals.test.inputs(slice(None), back.spec)
    assert back.predict(inputs) == pytest.approx(classifier.predict(inputs), abs=1e-6)
    assert back.fingerprint() == classifier.fingerprint()


def test_the_same_seed_gives_the_same_network_of_both_inputs_augmented(
    animals: ClassSetData, of_strokes: dict[str, Classifier]
) -> None:
    first = of_strokes["picture_and_strokes"]
    config = first.training.config
    again, other = (train(animals, config.with_settings(seed=seed)) for seed in (config.seed, 1))
    assert first.fingerprint() == again.fingerprint()
    assert first.training.history == again.training.history
    assert first.training.temperature == again.training.temperature
    assert first.training.history != other.training.history
    assert first.fingerprint() != other.fingerprint()


def test_unrecognised_and_chosen_drawings_can_be_left_out(tmp_path: Path) -> None:
    recognized = [row % 3 > 0 for row in range(60)]
    data = ClassSetData.split(
        [
            write_category(tmp_path, shape, draw_shape(shape, 60), recognized=recognized)
            for shape in SHAPES
        ]
    )
    excluded = tmp_path / "keys.txt"
    excluded.write_text("\n".join(map(str, data.validation.column("key_ids")[:2])))
    config = CONFIG.with_settings(only_recognized=True, exclude=str(excluded))
    drawings = training_drawings(data, config)
    assert drawings.column("recognized").all()
    assert len(drawings) == data.train.column("recognized").sum() < len(data.train)
    progress: list[tuple[int, int]] = []
    classifier = train(data, config, on_progress=lambda *at: progress.append(at))
    training = classifier.training
    assert training.training_drawings == len(drawings)
    assert training.validation_drawings == len(data.validation) - 2
    assert progress[-1] == (2 * len(drawings), 2 * len(drawings))
    assert evaluate(classifier, data).accuracy.count == len(data.test)


def test_a_category_that_was_never_recognised_is_named(tmp_path: Path) -> None:
    data = ClassSetData.split(
        [
            write_category(
                tmp_path, shape, draw_shape(shape, 20), recognized=[shape != "line"] * 20
            )
            for shape in SHAPES
        ]
    )
    with pytest.raises(
        BadSetting, match="category line has no training drawing left with only rec"
    ):
        train(data, CONFIG.with_settings(only_recognized=True))
