"""Measure a data directory's champion on test drawings as people would hand them in.

The drawings of the test split are rendered as painted, photographed, bordered, framed in a page
and scanned with dark edges, found again in those pictures, and predicted; the reference is the
same drawings with the strokes that they were drawn with. Strokes are sent to the drawing page as
well.

    python -m benchmarks.predictions [class set] [drawings]
"""

import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks import page, rows
from benchmarks.renderings import Drawing, bordered, framed_page, paint_program, phone_photo, scan
from benchmarks.rows import Row
from qd_pipeline.catalog import partition_key
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.errors import BadDrawing
from qd_pipeline.learning.data import CategoryData, ClassSetData, LabelledDrawings, load_category
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.quickdraw.sketches.pictures import sketch_of_picture
from qd_pipeline.quickdraw.threads import core_count
from qd_pipeline.serving.model_cache import ModelCache
from qd_pipeline.serving.prediction import Predictor
from qd_pipeline.settings import Settings
from qd_pipeline.storage import PartitionStore

DRAWINGS: Final = 300
"""Test drawings rendered, unless told otherwise."""

ON_THE_PAGE: Final = 200
"""Of these, how many are handed in on the drawing page at most."""

SHARES: Final[Mapping[Callable[[Drawing, np.random.Generator], bytes], float]] = {
    paint_program: 0.97,
    phone_photo: 0.97,
    bordered: 0.93,
    framed_page: 0.93,
    scan: 0.93,
}
"""Of the drawings' own accuracy, what their renderings should reach."""

AIM: Final = 0.99

MILLISECONDS: Final = 50
"""In which the page should answer."""


def main() -> None:
    """Measure, print the table, and write `bench/predictions.json` into the home."""
    settings = Settings.load()
    models, store = ModelCache(settings), PartitionStore(settings.store_url)
    loaded = models.get(sys.argv[1]) if sys.argv[1:] else models.largest()
    class_set = loaded.predictor.classifier.class_set
    test = _test_side(store, class_set)
    random = np.random.default_rng(0)
    count = int(sys.argv[2]) if sys.argv[2:] else DRAWINGS
    chosen = np.sort(random.permutation(len(test))[:count])
    labels, drawings = test.labels[chosen], list(_drawings(test, chosen))
    classifier = loaded.predictor.classifier
    predicted = classifier.predict(test.inputs(chosen, classifier.spec)).argmax(axis=1)
    own = Proportion(int((predicted == labels).sum()), len(labels))
    measured = [Row("top-1, drawings", (own.share or 0.0,), note=str(own))]
    for render, share in SHARES.items():
        found, seconds = _top_1(loaded.predictor, drawings, labels, render, random)
        what = f"top-1, {render.__name__.replace('_', ' ')} / drawings"
        note = f"{found}; {1000 * seconds / len(labels):.0f} ms a picture"
        measured.append(Row(what, (found.hits / max(own.hits, 1),), share, AIM, note=note))
    answered = page.milliseconds(models, loaded.key, drawings[:ON_THE_PAGE])
    note = f"median of {len(answered)} drawings"
    measured.append(Row("ms to the page's answer", answered, MILLISECONDS, at_most=True, note=note))
    synthetic = _is_synthetic(store, class_set)
    kind = "synthetic sample" if synthetic else "people's"
    title = f"Class set {loaded.key} ({loaded.origin}), {len(labels):,} test drawings ({kind})"
    console = terminal()
    console.print(rows.table(measured, title))
    facts = {
        "synthetic": synthetic,
        "cores": core_count(),
        "class_set": list(class_set),
        "classifier": loaded.origin,
        "drawings": len(labels),
    }
    console.print(f"Written to {rows.write('predictions', measured, facts)}", highlight=False)


def _is_synthetic(store: PartitionStore, class_set: tuple[str, ...]) -> bool:
    """Return whether the drawings of any category are synthetic."""
    made = (store.read("raw_drawings", partition_key(category)) for category in class_set)
    return any(each.metadata["provenance"]["synthetic"] for each in made)


def _test_side(store: PartitionStore, class_set: tuple[str, ...]) -> LabelledDrawings:
    def data(category: str) -> CategoryData:
        key = partition_key(category)
        table = store.open_local(store.read("strokes", key), "table.parquet")
        drawn = store.open_local(store.read("bitmaps", key), "bitmaps.npy")
        return load_category(category, table, drawn)

    return ClassSetData.split([data(category) for category in class_set]).test


def _drawings(test: LabelledDrawings, chosen: NDArray[np.integer]) -> Iterator[Drawing]:
    """Yield the strokes of the chosen drawings, in their order."""
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
            (ranking,) = predictor.predict([sketch_of_picture(picture)])
        except BadDrawing:
            continue
        finally:
            seconds += time.perf_counter() - began
        hits += ranking.categories[0] == class_set[label]
    return Proportion(hits, len(labels)), seconds


if __name__ == "__main__":
    main()
