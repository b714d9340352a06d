"""From an evaluation to the registry: is the new classifier the champion?"""

from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from qd_pipeline.errors import MissingPartition
from qd_pipeline.learning.evaluation import promotion
from qd_pipeline.learning.evaluation.comparison import Comparison, mcnemar
from qd_pipeline.learning.evaluation.promotion import Champion, PromotionDecision
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.workshop import Workshop
from qd_pipeline.tracking.registry import Registry, Version

PREDICTIONS = "predictions.parquet"

_ALREADY = "it is the champion already; when it was judged: "


def model_of(class_set: str) -> str:
    """Give the name of a class set's registered model."""
    return f"quickdraw-{class_set}"


def judge(workshop: Workshop, stage: Stage, predictions: pa.Table) -> PromotionDecision:
    """Compare the classifier of a stage's MLflow run with the present champion.

    Raises:
        TrackingFailed: MLflow cannot be reached.
    """
    registry, model = workshop.tracker.registry, model_of(stage.draft.key)
    champion = registry.champion(model)
    significance = workshop.promotion_significance
    if champion is not None and champion.run == stage.run.id:
        return _of_before(champion, significance)
    return promotion.judge(
        _champion(registry, champion) if champion else None,
        predictions,
        synthetic=stage.origin.synthetic,
        significance=significance,
    )


def register(workshop: Workshop, stage: Stage, verdict: PromotionDecision) -> Version:
    """Register the classifier of a stage's MLflow run as the verdict says.

    Raises:
        TrackingFailed: MLflow cannot be reached.
    """
    registry = workshop.tracker.registry
    version = registry.register(
        model_of(stage.draft.key),
        stage.run.id,
        {
            "decision": "champion" if verdict.promoted else "challenger",
            "reason": verdict.reason,
            "significance": f"{verdict.significance:g}",
            **stage.origin.tags(),
            **_figures(verdict),
        },
    )
    if verdict.promoted:
        registry.appoint(version)
    else:
        registry.challenge(version)
    return version


def _champion(registry: Registry, version: Version) -> Champion:
    try:
        with registry.file_of(version, PREDICTIONS) as path:
            predictions = pq.read_table(path)
    except MissingPartition:
        predictions = None
    return Champion(str(version), predictions, version.tags.get("synthetic") == "true")


def _of_before(champion: Version, significance: float) -> PromotionDecision:
    """Give what the registry says of how the present champion was judged."""
    tags = champion.tags
    # Each evaluation writes its reason there; and who registers by hand in MLflow gives none.
    reason = tags.get("reason", "nobody asked").removeprefix(_ALREADY)
    return PromotionDecision(
        promoted=True,
        reason=f"{_ALREADY}{reason}",
        significance=float(tags.get("significance", significance)),
        champion=tags.get("compared_with"),
        comparison=_comparison(tags),
    )


def _comparison(tags: Mapping[str, str]) -> Comparison | None:
    """Give the figures that `_figures` gave."""
    if "compared_drawings" not in tags:
        return None
    return Comparison(
        int(tags["compared_drawings"]),
        int(tags["champion_correct"]),
        int(tags["own_correct"]),
        mcnemar(int(tags["champion_alone_correct"]), int(tags["own_alone_correct"])),
    )


def _figures(verdict: PromotionDecision) -> dict[str, str]:
    if verdict.comparison is None:
        return {}
    compared = verdict.comparison
    return {
        "compared_with": verdict.champion or "",
        "compared_drawings": str(compared.drawings),
        "champion_correct": str(compared.first_correct),
        "own_correct": str(compared.second_correct),
        "champion_alone_correct": str(compared.test.only_first),
        "own_alone_correct": str(compared.test.only_second),
        "p_value": f"{compared.test.first_better:.6g}",
    }
