"""Small data to train on in a second: circles, lines and squares, and marks to predict."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from qd_pipeline.learning import backend
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.data import CategoryData, ClassSetData, load_category
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.quickdraw import bitmaps as drawn
from qd_pipeline.quickdraw import sample
from qd_pipeline.quickdraw import strokes as stroke_tables
from qd_pipeline.quickdraw.split import TEST, TRAIN, VALIDATION, split_of

SHAPES = ("circle", "line", "square")

_DRAWING = pa.list_(pa.struct([("x", pa.list_(pa.uint8())), ("y", pa.list_(pa.uint8()))]))


def write_category(
    folder: Path,
    category: str,
    bitmaps: NDArray[np.uint8],
    *,
    key_ids: NDArray[np.uint64] | None = None,
    recognized: Sequence[bool] | None = None,
    countries: Sequence[str] | None = None,
    strokes: Sequence[int] | None = None,
) -> CategoryData:
    """Write a category's bitmaps and a stroke table with the given columns, and open them."""
    count = len(bitmaps)
    stroke = {"x": [0, 255], "y": [0, 255]}
    table = pa.table(
        {
            "key_id": pa.array(keys(category, count) if key_ids is None else key_ids, pa.uint64()),
            "countrycode": pa.array(countries or ["US"] * count).dictionary_encode(),
            "timestamp": pa.array([0] * count, pa.timestamp("us", "UTC")),
            "recognized": pa.array(recognized or [True] * count),
            "drawing": pa.array([[stroke] * number for number in strokes or [1] * count], _DRAWING),
        }
    )
    pq.write_table(table, folder / f"{category}.parquet")
    np.save(folder / f"{category}.npy", bitmaps)
    return load_category(category, folder / f"{category}.parquet", folder / f"{category}.npy")


def keys(category: str, count: int) -> NDArray[np.uint64]:
    """Return keys that no other category has."""
    seed = sum(map(ord, category))
    return np.random.default_rng(seed).integers(1 << 62, size=count, dtype=np.uint64)


def keys_by_side(training: int, validation: int, test: int, *, seed: int = 0) -> NDArray[np.uint64]:
    """Return keys of which so many lie in each split: training first, then validation, test."""
    pool = keys(f"pool {seed}", 100 * (training + validation + test + 1))
    splits = split_of(pool)
    wanted = ((TRAIN, training), (VALIDATION, validation), (TEST, test))
    return np.concatenate([pool[splits == split][:count] for split, count in wanted])


def draw_shape(category: str, count: int) -> NDArray[np.uint8]:
    """Draw a shape in many places and sizes."""
    random = np.random.default_rng(len(category))
    rows, columns = np.mgrid[:28, :28]
    y, x = random.uniform(9, 19, (2, count, 1, 1))
    radius = random.uniform(4, 8, (count, 1, 1))
    down, across = rows - y, columns - x
    distance = {
        "circle": np.hypot(down, across) - radius,
        "square": np.maximum(abs(down), abs(across)) - radius,
        "line": np.maximum(abs(down), abs(across) - radius),
    }[category]
    ink: NDArray[np.float64] = np.clip(255 * (1.5 - abs(distance)), 0, 255)
    return ink.astype(np.uint8)


def write_shapes(folder: Path, count: int = 120) -> ClassSetData:
    """Write so many drawings of each of `SHAPES`, and split them."""
    return ClassSetData.split(
        [write_category(folder, shape, draw_shape(shape, count)) for shape in SHAPES]
    )


def write_animals(folder: Path, animals: Sequence[str], count: int) -> ClassSetData:
    """Prepare drawings of the synthetic sample by the pipeline's stages."""
    loaded = []
    for animal in animals:
        ndjson, table, bitmaps = (
            folder / f"{animal}.{kind}" for kind in ("ndjson", "parquet", "npy")
        )
        ndjson.write_bytes(b"".join(sample.ndjson_lines(animal, count, seed=0)))
        stroke_tables.convert(ndjson, animal, table, folder / "rejects.ndjson")
        drawn.draw(table, bitmaps)
        loaded.append(load_category(animal, table, bitmaps))
    return ClassSetData.split(loaded)


def same(first: NDArray[Any] | None, second: NDArray[Any] | None) -> bool:
    """Compare two arrays, neither of which may be missing."""
    return first is not None and second is not None and np.array_equal(first, second)


def marks(places: Sequence[int]) -> NDArray[np.uint8]:
    """Draw bitmaps of which only one pixel of the first row is inked, the one given."""
    bitmaps = np.zeros((len(places), 28, 28), np.uint8)
    bitmaps[np.arange(len(places)), 0, places] = 255
    return bitmaps


def reader_of_marks(class_set: tuple[str, ...], logits: Sequence[Sequence[float]]) -> Classifier:
    """Make a classifier that gives a mark in place i the softmax of the logits' row i."""
    layers = backend.keras.layers
    network = backend.keras.Sequential(
        [
            backend.keras.Input((28, 28, 1)),
            layers.Flatten(),
            layers.Dense(len(class_set), activation="softmax", use_bias=False),
        ]
    )
    weights = np.zeros((28 * 28, len(class_set)), np.float32)
    weights[: len(logits)] = logits
    network.set_weights([weights])
    epoch = {"accuracy": 0.5, "loss": 0.7, "val_accuracy": 0.4, "val_loss": 0.8}
    return Classifier(network, class_set, Training(TrainingConfig(epochs=1), (epoch,), 1.5, 10, 2))


def small_network(class_count: int, side: int = 28, length: int = 32) -> Any:
    """Build a network of all inputs that is made in a moment."""
    keras = backend.keras
    layers = keras.layers
    bitmap = keras.Input((side, side, 1), name="bitmap")
    sequence = keras.Input((length, 6), name="sequence")
    both = layers.Concatenate()([layers.Flatten()(bitmap), layers.Flatten()(sequence)])
    hidden = layers.BatchNormalization()(layers.Dense(8)(layers.Dropout(0.5)(both)))
    last = layers.Dense(class_count, activation="softmax")
    inputs = {"bitmap": bitmap, "sequence": sequence}
    return keras.Model(inputs, last(hidden), name="small")
