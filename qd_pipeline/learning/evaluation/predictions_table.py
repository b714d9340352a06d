"""The table of predictions: one row for each test drawing."""

from __future__ import annotations

import json
from math import isqrt
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from qd_pipeline.learning.data import LabelledDrawings

FEW: Final = 30
"""Up to so many categories, everything about each pair of them is kept and shown."""

KEPT: Final = 10
"""Beyond those, so many probabilities of each drawing are kept."""

_CATEGORIES: Final = b"categories"
_OTHERS: Final = {"key_id", "true", "predicted", "top", "probability_of_true", "bitmap"}


def table_of(
    class_set: Sequence[str],
    drawings: LabelledDrawings,
    probabilities: NDArray[np.float32],
    side: int,
) -> pa.Table:
    """Return the predictions as `Evaluation.predictions`.

    Args:
        class_set: Categories, in the order of the probabilities.
        drawings: The n test drawings.
        probabilities: `(n, classes)`.
        side: Height and width of the bitmaps that the classifier saw, in pixels.
    """
    names = pa.array(list(class_set))

    def named(places: NDArray[np.integer]) -> pa.DictionaryArray:
        return pa.DictionaryArray.from_arrays(places.astype(np.int16), names)

    predicted = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(predicted != drawings.labels)
    bitmaps = np.full(len(predicted), None, dtype=np.object_)
    bitmaps[wrong] = [bitmap.tobytes() for bitmap in drawings.bitmaps(wrong, side)]
    if len(class_set) <= FEW:
        kept = {name: pa.array(probabilities[:, i]) for i, name in enumerate(class_set)}
    else:
        # The order of equal probabilities is that of the class set, as argmax has it.
        order = np.argsort(-probabilities, axis=1, kind="stable")[:, :KEPT]
        chances = np.take_along_axis(probabilities, order, axis=1)
        fields = [named(order.ravel()), pa.array(chances.ravel())]
        flat = pa.StructArray.from_arrays(fields, ["category", "probability"])
        own = probabilities[np.arange(len(predicted)), drawings.labels]
        kept = {
            "top": pa.FixedSizeListArray.from_arrays(flat, KEPT),
            "probability_of_true": pa.array(own),
        }
    columns = {
        "key_id": pa.array(drawings.column("key_ids"), pa.uint64()),
        "true": named(drawings.labels),
        "predicted": named(predicted),
        **kept,
        "bitmap": pa.array(bitmaps, pa.binary()),
    }
    return pa.table(columns).replace_schema_metadata({_CATEGORIES: json.dumps(list(class_set))})


def class_set_of(predictions: pa.Table) -> tuple[str, ...]:
    """Return the categories that a table of predictions tells apart, in its order."""
    told = (predictions.schema.metadata or {}).get(_CATEGORIES)
    if told is not None:
        return tuple(json.loads(told))
    return tuple(name for name in predictions.column_names if name not in _OTHERS)


def bitmap_of(content: bytes) -> NDArray[np.uint8]:
    """Return the bitmap of a row, `uint8 (side, side)`."""
    side = isqrt(len(content))
    return np.frombuffer(content, np.uint8).reshape(side, side)


def probabilities_of(predictions: pa.Table, class_set: Sequence[str]) -> NDArray[np.float32]:
    """Return the probability of each category, `(n, classes)`, of a table of predictions.

    Where only the highest were kept, the others share what is left alike.
    """
    if "top" not in predictions.column_names:
        return np.column_stack([predictions[name].to_numpy() for name in class_set])
    top = predictions["top"].combine_chunks().flatten()
    places, true = (
        pc.index_in(names.cast(pa.string()), pa.array(class_set)).to_numpy()
        for names in (top.field("category"), predictions["true"])
    )
    places = places.reshape(-1, KEPT)
    kept = top.field("probability").to_numpy().reshape(-1, KEPT)
    own = predictions["probability_of_true"].to_numpy()
    apart = (places != true[:, np.newaxis]).all(axis=1)
    left = (1 - kept.sum(axis=1) - own * apart) / (len(class_set) - KEPT - apart)
    shares = np.maximum(left, 0).astype(np.float32)
    probabilities = np.repeat(shares[:, np.newaxis], len(class_set), axis=1)
    np.put_along_axis(probabilities, places, kept, axis=1)
    probabilities[np.arange(len(true)), true] = own
    return probabilities
