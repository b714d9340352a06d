"""What each partition is made from: the code, the settings and the versions of its inputs.

A partition is fresh while the recipe that it was made by is still the one that would make
it now. The assets write these recipes; the driver asks whether they still hold.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.quickdraw.source import Source
from qd_pipeline.store import Partition

CODE_VERSIONS: Final = {
    "raw_drawings": "1",
    "strokes": "1",
    "bitmaps": "2",
    "classifiers": "1",
    "evaluations": "1",
    "cross_validations": "1",
    "searches": "1",
    "data_studies": "1",
    "comparisons": "1",
}
"""Raised when a stage's code begins to write something else from the same inputs."""


def raw_drawings(source: Source, drawings: int | None) -> dict[str, Any]:
    """Say what a download of so many drawings (None: all) is made from."""
    return _recipe("raw_drawings", {"source": source.name, "drawings": drawings or "all"})


def strokes(raw: Partition) -> dict[str, Any]:
    """Say what a stroke table is made from."""
    return _recipe("strokes", {}, [raw])


def bitmaps(table: Partition) -> dict[str, Any]:
    """Say what bitmaps are made from."""
    return _recipe("bitmaps", {}, [table])


def classifiers(
    recipe: TrainingConfig, class_set: Sequence[str], inputs: Sequence[Partition]
) -> dict[str, Any]:
    """Say what a classifier is made from."""
    settings = {**recipe.to_json(), "class_set": list(class_set)}
    return _recipe("classifiers", settings, inputs)


def evaluations(classifier: Partition, inputs: Sequence[Partition]) -> dict[str, Any]:
    """Say what an evaluation is made from."""
    return _recipe("evaluations", {}, [classifier, *inputs])


def studies(
    stage: str,
    recipe: TrainingConfig,
    class_set: Sequence[str],
    inputs: Sequence[Partition],
    **settings: Any,
) -> dict[str, Any]:
    """Say what a study of a recipe is made from, besides the settings of its own."""
    return _recipe(stage, {**recipe.to_json(), "class_set": list(class_set), **settings}, inputs)


def comparisons(runs: int) -> dict[str, Any]:
    """Say what a comparison of so many last runs is made from."""
    return _recipe("comparisons", {"runs": runs})


def _recipe(
    stage: str, settings: Mapping[str, Any], inputs: Sequence[Partition] = ()
) -> dict[str, Any]:
    return {
        "code": CODE_VERSIONS[stage],
        "settings": dict(settings),
        "inputs": {f"{made.stage}/{made.key}": made.version for made in inputs},
    }
