import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from qd_pipeline.learning import backend, networks
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.recipe import Recipe
from qd_pipeline.learning.training import train
from qd_pipeline_tests.learning.shapes import (
    SHAPES,
    draw_shape,
    keys_by_side,
    write_category,
    write_shapes,
)

RECIPE = Recipe(epochs=2, batch_size=32, learning_rate=0.003)


@pytest.fixture(scope="module")
def shapes(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write_shapes(tmp_path_factory.mktemp("shapes"))


def test_shapes_are_learned(shapes: ClassSetData) -> None:
    classifier = train(shapes, RECIPE.with_settings(epochs=6))
    probabilities = classifier.predict(shapes.test.bitmaps(slice(None)))
    assert classifier.class_set == SHAPES
    assert (probabilities.argmax(axis=1) == shapes.test.labels).mean() > 0.9


def test_the_same_seed_gives_the_same_weights_and_metrics(shapes: ClassSetData) -> None:
    first, again, other = (train(shapes, RECIPE.with_settings(seed=seed)) for seed in (1, 1, 2))
    assert first.fingerprint() == again.fingerprint()
    assert first.training.history == again.training.history
    assert first.fingerprint() != other.fingerprint()


def test_each_epoch_and_the_progress_are_told(
    shapes: ClassSetData, capfd: pytest.CaptureFixture[str]
) -> None:
    epochs: list[tuple[int, Any]] = []
    progress: list[tuple[int, int]] = []
    classifier = train(
        shapes,
        RECIPE,
        on_epoch=lambda epoch, metrics: epochs.append((epoch, metrics)),
        on_progress=lambda done, total: progress.append((done, total)),
    )
    training = classifier.training
    assert [epoch for epoch, _ in epochs] == [0, 1]
    assert tuple(metrics for _, metrics in epochs) == training.history
    assert set(training.history[0]) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    count = len(shapes.training)
    assert (training.training_drawings, training.validation_drawings) == (
        count,
        len(shapes.validation),
    )
    assert progress[0] == (32, 2 * count)
    assert progress[-1] == (2 * count, 2 * count)
    assert [done for done, _ in progress] == sorted({done for done, _ in progress})
    assert training.seconds > 0
    assert capfd.readouterr() == ("", "")


def test_validation_metrics_are_of_the_final_weights(shapes: ClassSetData) -> None:
    classifier = train(shapes, RECIPE)
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
    classifier = train(data, RECIPE)
    assert set(classifier.training.history[0]) == {"loss", "accuracy"}


def test_the_training_set_is_not_copied_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(networks, "NETWORKS", dict(networks.NETWORKS))

    @networks.network
    def smallest(class_count: int, side: int) -> Any:
        layers = backend.keras.layers
        return backend.keras.Sequential(
            [
                backend.keras.Input((side, side, 1)),
                layers.Flatten(),
                layers.Dense(class_count, activation="softmax"),
            ]
        )

    bitmaps = np.zeros((12_000, 28, 28), np.uint8)
    data = ClassSetData.split(
        [write_category(tmp_path, shape, bitmaps) for shape in ("circle", "line")]
    )
    recipe = Recipe(network="smallest", epochs=1)
    train(data, recipe)  # what libraries load on first use is no concern of this test
    tracemalloc.start()
    try:
        train(data, recipe)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < bitmaps.nbytes
