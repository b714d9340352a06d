"""Label quality: drawings whose label their out-of-fold predictions contradict.

Confident learning (C. Northcutt, L. Jiang and I. Chuang, "Confident Learning: Estimating
Uncertainty in Dataset Labels", Journal of Artificial Intelligence Research 70, 2021) as cleanlab
does it. A label issue is no proof: a drawing that is hard to recognise looks like one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from qd_pipeline.learning.evaluation.examples import Prediction
from qd_pipeline.learning.evaluation.intervals import Proportion
from qd_pipeline.learning.evaluation.predictions_table import bitmap_of, probabilities_of
from qd_pipeline.learning.figures import as_json
from qd_pipeline.learning.reports import page as pages

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PAGE: Final = "label_quality.html"
TABLE: Final = "label_quality.parquet"

_SHOWN: Final = 240


@dataclass(frozen=True)
class LabelQuality:
    """Label quality of the drawings of a class set.

    Args:
        class_set: The categories.
        table: A row for each drawing, that of the lowest quality first: `key_id` (uint64),
            `category` and `predicted` (text), `label_quality` (float32, 0–1: the out-of-fold
            probability of the category), `is_label_issue` and `recognized` (bool).
        shown: The label issues of the lowest quality, with their bitmaps.
    """

    class_set: tuple[str, ...]
    table: pa.Table
    shown: tuple[Prediction, ...]

    @property
    def issues(self) -> Proportion:
        """Label issues among all drawings."""
        return _issues(self.table)

    @property
    def unrecognized(self) -> Proportion:
        """Label issues among the drawings that the game did not recognise."""
        return _issues(self.table.filter(pc.invert(self.table["recognized"])))

    @property
    def categories(self) -> dict[str, Proportion]:
        """Label issues among the drawings of each category."""
        return {
            name: _issues(self.table.filter(pc.equal(self.table["category"], name)))
            for name in self.class_set
        }

    def to_json(self) -> dict[str, Any]:
        """Return the figures by name."""
        names = ("class_set", "issues", "unrecognized", "categories")
        return {name: as_json(getattr(self, name)) for name in names}


def label_quality(predictions: pa.Table, class_set: Sequence[str]) -> LabelQuality:
    """Find label issues by confident learning.

    Args:
        predictions: Out-of-fold predictions, as `CrossValidation.predictions`.
        class_set: The categories, in the order of the network's outputs.
    """
    # It imports all of scikit-learn, and loading the definitions should not.
    from cleanlab.filter import find_label_issues  # noqa: PLC0415
    from cleanlab.rank import get_label_quality_scores  # noqa: PLC0415

    category, predicted = (predictions[name].cast(pa.string()) for name in ("true", "predicted"))
    labels = pc.index_in(category, pa.array(class_set)).to_numpy()
    probabilities = probabilities_of(predictions, class_set)
    quality = get_label_quality_scores(labels, probabilities)
    # With more jobs it forks, which is not safe beside TensorFlow's threads.
    is_issue = find_label_issues(labels, probabilities, n_jobs=1)
    order = np.argsort(quality, kind="stable")
    table = pa.table(
        {
            "key_id": predictions["key_id"],
            "category": category,
            "predicted": predicted,
            "label_quality": pa.array(quality, pa.float32()),
            "is_label_issue": pa.array(is_issue),
            "recognized": predictions["recognized"],
        }
    ).take(order)
    seen = order[is_issue[order]][:_SHOWN]
    shown = zip(
        *(each.take(seen).to_pylist() for each in (predictions["key_id"], category, predicted)),
        probabilities[seen].max(axis=1).tolist(),
        map(bitmap_of, predictions["bitmap"].take(seen).to_pylist()),
        strict=True,
    )
    return LabelQuality(tuple(class_set), table, tuple(Prediction(*each) for each in shown))


def write(folder: Path, found: LabelQuality, *, source: str, synthetic: bool) -> None:
    """Write `label_quality.html` and `label_quality.parquet` into a folder that exists.

    Args:
        folder: The folder.
        found: The label quality.
        source: Where the drawings are from.
        synthetic: Whether they were generated rather than drawn by people.
    """
    page = pages.render("label_quality.html.j2", found=found, source=source, synthetic=synthetic)
    (folder / PAGE).write_text(page, encoding="utf-8")
    pq.write_table(found.table, folder / TABLE, compression="zstd")


def _issues(table: pa.Table) -> Proportion:
    return Proportion(pc.sum(table["is_label_issue"]).as_py() or 0, len(table))
