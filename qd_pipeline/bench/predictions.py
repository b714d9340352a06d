"""How a home's classifier does on its test drawings as people would hand them in.

The drawings of the test side are rendered as by a paint program and as photographed, found
again in those pictures, and predicted; beside it, the same drawings' own bitmaps.

    python -m qd_pipeline.bench.predictions [class set] [drawings]
"""

import sys
import time
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from qd_pipeline.bench.renderings import Drawing, paint_program, phone_photo
from qd_pipeline.catalog import partition_key
from qd_pipeline.errors import BadDrawing, MissingPartition
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.data import CategoryData, ClassSetData, LabelledDrawings, load_category
from qd_pipeline.learning.intervals import Proportion
from qd_pipeline.learning.prediction import Predictor
from qd_pipeline.quickdraw.pictures import strokes_of_picture, to_column
from qd_pipeline.settings import Settings
from qd_pipeline.store import Store

DRAWINGS: Final = 300
"""Test drawings rendered, unless told otherwise."""

WANTED: Final = 0.93
"""Share of the bitmaps' accuracy that pictures should reach."""


def main() -> None:
    """Print a row for the bitmaps, and one for each way of handing drawings in."""
    settings = Settings.from_environment()
    store = Store(settings.home / "store")
    keys = sys.argv[1:2] or [key for key in settings.class_sets if store.find("classifiers", key)]
    if not keys:
        raise MissingPartition(str(settings.home), "holds no classifier yet", "run `qd run`")
    key = max(keys, key=lambda key: len(settings.class_sets.get(key, ())))
    count = int(sys.argv[2]) if sys.argv[2:] else DRAWINGS
    predictor = Predictor(Classifier.load(store.read("classifiers", key).verified()))
    test = _test_side(store, predictor.classifier.class_set)
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(len(test))[:count])
    labels = test.labels[chosen]
    guesses = predictor.classifier.predict(test.bitmaps(chosen)).argmax(axis=1)
    from_bitmaps = Proportion(int((guesses == labels).sum()), len(labels))
    table = Table(title=f"Class set {key}, top-1 on {len(labels):,} test drawings")
    for heading in ("handed in as", "top-1 (95 % interval)", "ratio", "wanted", "ms a picture"):
        table.add_column(heading, justify="left" if heading == "handed in as" else "right")
    table.add_row("the dataset's bitmaps", str(from_bitmaps), "1", "", "")
    drawings = list(_drawings(test, chosen))
    for render in (paint_program, phone_photo):
        found, seconds = _top_1(predictor, drawings, labels, render, random)
        ratio = found.hits / max(from_bitmaps.hits, 1)
        name = render.__name__.replace("_", " ")
        milliseconds = f"{1000 * seconds / len(labels):.0f}"
        table.add_row(name, str(found), f"{ratio:.3f}", f"{WANTED}", milliseconds)
    Console().print(table)


def _test_side(store: Store, class_set: tuple[str, ...]) -> LabelledDrawings:
    def data(category: str) -> CategoryData:
        key = partition_key(category)
        table = store.read("strokes", key).path("table.parquet")
        return load_category(category, table, store.read("bitmaps", key).path("bitmaps.npy"))

    return ClassSetData.split([data(category) for category in class_set]).test


def _drawings(test: LabelledDrawings, chosen: NDArray[np.integer]) -> Iterator[Drawing]:
    """Give the strokes of some drawings, in their order."""
    columns = [
        pq.read_table(category.table, columns=["drawing"])["drawing"]
        for category in test.categories
    ]
    for label, row in zip(test.labels[chosen], test.rows[chosen], strict=True):
        yield [(stroke["x"], stroke["y"]) for stroke in columns[label][int(row)].as_py()]


def _top_1(
    predictor: Predictor,
    drawings: list[Drawing],
    labels: NDArray[np.integer],
    render: Callable[[Drawing, np.random.Generator], bytes],
    random: np.random.Generator,
) -> tuple[Proportion, float]:
    """Predict renderings; a picture in which no drawing is found counts as a mistake.

    Returns:
        The share that is right, and the seconds that finding and predicting took.
    """
    class_set = predictor.classifier.class_set
    hits, seconds = 0, 0.0
    for drawing, label in zip(drawings, labels, strict=True):
        picture = render(drawing, random)
        began = time.perf_counter()
        try:
            (ranking,) = predictor.predict(to_column([strokes_of_picture(picture)]))
        except BadDrawing:
            continue
        finally:
            seconds += time.perf_counter() - began
        hits += ranking.categories[0] == class_set[label]
    return Proportion(hits, len(labels)), seconds


if __name__ == "__main__":
    main()
