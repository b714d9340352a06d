"""The learning benchmark set: trainings on the same drawings, each tested once."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import fmean
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.corpus import REAL_DRAWINGS
from qd_pipeline.learning import backend
from qd_pipeline.learning.calibration import calibration
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.data import CategoryData, ClassSetData, LabelledDrawings, load_category
from qd_pipeline.learning.inputs import prepare
from qd_pipeline.learning.training.presets import PRESETS
from qd_pipeline.learning.training.train import train
from qd_pipeline.quickdraw import bitmaps, sample
from qd_pipeline.quickdraw.strokes import convert

CATEGORIES: Final = (
    "airplane",
    "bicycle",
    "calculator",
    "camera",
    "cat",
    "computer",
    "crayon",
    "dragon",
    "eye",
    "guitar",
    "headphones",
    "map",
    "paint can",
    "paintbrush",
    "television",
)
"""Categories with enough real drawings."""

CLASSIFIED: Final = 3_000
_ROUNDS: Final = 5

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Trained:
    """Figures of one training.

    Attributes:
        preset: Its name.
        seed: Of the training.
        accuracy: On the test split.
        calibration_error: Expected calibration error on the test split.
        calibration_floor: That of a perfectly calibrated classifier of the same confidences.
        seconds: Wall time of the training.
        drawings_per_second: Classification speed from strokes to probabilities, `CLASSIFIED`
            drawings at once.
        drawings: Training drawings a category; None: all.
    """

    preset: str
    seed: int
    accuracy: float
    calibration_error: float
    calibration_floor: float
    seconds: float
    drawings_per_second: float
    drawings: int | None = None

    @property
    def error(self) -> float:
        """Share of the test split that was classified wrongly."""
        return 1 - self.accuracy

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        return asdict(self)


def real_drawings(folder: Path, count: int) -> ClassSetData:
    """Prepare the first real drawings of each of `CATEGORIES` by the pipeline's stages."""
    parts = [
        _loaded(folder, category, REAL_DRAWINGS / f"{category}.ndjson", count)
        for category in CATEGORIES
    ]
    return ClassSetData.split(parts)


def synthetic_drawings(folder: Path, count: int, on_progress: OnProgress) -> ClassSetData:
    """Prepare so many synthetic drawings of each of the eight animals in the same way."""
    parts = []
    for place, animal in enumerate(sample.ANIMALS):
        ndjson = folder / f"{animal}.ndjson"
        ndjson.write_bytes(b"".join(sample.ndjson_lines(animal, count, 0)))
        parts.append(_loaded(folder, animal, ndjson, count))
        on_progress(place + 1, len(sample.ANIMALS))
    return ClassSetData.split(parts)


def _loaded(folder: Path, category: str, ndjson: Path, count: int) -> CategoryData:
    table, drawn = folder / f"{category}.parquet", folder / f"{category}.npy"
    first = folder / f"{category}.first.ndjson"
    first.write_bytes(b"".join(ndjson.read_bytes().splitlines(keepends=True)[:count]))
    convert(first, category, table, folder / "rejects.ndjson")
    bitmaps.draw(table, drawn)
    return load_category(category, table, drawn)


def warm_up(data: ClassSetData) -> None:
    """Run what libraries and kernels do on first use, which is no part of a training's time."""
    for name in ("notebook", "default", "fast"):
        train(data, PRESETS[name](len(data.class_set)).with_settings(epochs=1))


def measure(
    data: ClassSetData,
    name: str,
    seed: int,
    on_progress: OnProgress,
    *,
    drawings: int | None = None,
    epochs: int | None = None,
) -> Trained:
    """Train a preset and evaluate it on the test split.

    Args:
        data: The drawings.
        name: The preset.
        seed: Of the training.
        on_progress: Called with the drawings processed so far and altogether.
        drawings: Training drawings a category, the first of each; None: all.
        epochs: None: the preset's.
    """
    given = data if drawings is None else _first(data, drawings)
    config = PRESETS[name](len(data.class_set)).with_settings(seed=seed, epochs=epochs)
    classifier = train(given, config, on_progress=on_progress)
    probabilities = classifier.predict(data.test.inputs(slice(None), classifier.spec))
    speed = _speed(classifier, data)
    backend.keras.utils.clear_session()
    return Trained(
        name,
        seed,
        float((probabilities.argmax(axis=1) == data.test.labels).mean()),
        calibration(probabilities, data.test.labels).error,
        calibration_floor(probabilities),
        classifier.training.seconds,
        speed,
        drawings,
    )


def calibration_floor(probabilities: NDArray[np.floating], draws: int = 500) -> float:
    """Return the expected calibration error of a perfectly calibrated classifier.

    It is above 0, because the share of a bin's drawings that is correct varies by chance. The
    mean over simulations in which each drawing is correct with the probability of its
    confidence, always with the same random numbers.

    Args:
        probabilities: `(n, classes)`, n from 1, of which the confidences are taken.
        draws: Number of simulations.
    """
    confidence, predicted = probabilities.max(axis=1), probabilities.argmax(axis=1)
    random = np.random.default_rng(0)
    return fmean(
        calibration(
            probabilities, np.where(random.random(len(confidence)) < confidence, predicted, -1)
        ).error
        for _ in range(draws)
    )


def _first(data: ClassSetData, count: int) -> ClassSetData:
    """Return the first training drawings of each category, and the other splits whole."""
    labels, rows = data.train.labels, data.train.rows
    kept = np.concatenate(
        [np.flatnonzero(labels == place)[:count] for place in range(len(data.class_set))]
    )
    train = LabelledDrawings(data.train.categories, labels[kept], rows[kept])
    return replace(data, train=train)


def _speed(classifier: Classifier, data: ClassSetData) -> float:
    """Measure from strokes to probabilities, bitmaps and sequences included."""
    drawings = data.test.drawings(np.arange(CLASSIFIED) % len(data.test))
    seconds = []
    for _ in range(_ROUNDS):
        began = time.perf_counter()
        classifier.predict(prepare(drawings, classifier.spec))
        seconds.append(time.perf_counter() - began)
    return CLASSIFIED / min(seconds)
