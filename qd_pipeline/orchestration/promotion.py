"""From an evaluation to the registry: is the new classifier the champion?"""

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from qd_pipeline.errors import MissingPartition
from qd_pipeline.learning.evaluation import promotion
from qd_pipeline.learning.evaluation.comparison import Comparison, mcnemar
from qd_pipeline.learning.evaluation.predictions_table import class_set_of
from qd_pipeline.learning.evaluation.promotion import Champion, Outcome, PromotionDecision
from qd_pipeline.learning.reports.evaluation_report import PREDICTIONS
from qd_pipeline.tracking.registry import Registry
from qd_pipeline.tracking.versions import DecidedBy, Version, model_of


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An evaluated classifier; all from one read of its partition, which may be replaced.

    Attributes:
        class_set: Partition key of its class set.
        run: The MLflow run that trained it.
        version: Data version of its partition.
        predictions: As `Evaluation.predictions`.
        source: Where its drawings are from.
        synthetic: Whether they were generated rather than drawn by people.
        description: Of it, in Markdown.
    """

    class_set: str
    run: str
    version: str
    predictions: pa.Table
    source: str
    synthetic: bool
    description: str = ""


def decide(registry: Registry, candidate: Candidate, margin: float) -> PromotionDecision:
    """Decide whether a classifier becomes champion, or return what was decided about it before.

    Args:
        registry: The model registry.
        candidate: The classifier.
        margin: Loss of accuracy that is put up with, above 0 and below 1.

    Raises:
        TrackingFailed: MLflow cannot be reached.
    """
    registered = _find(registry, candidate)
    if registered is not None:
        return _decided_before(registered, margin)
    champion = registry.champion(model_of(candidate.class_set))
    return promotion.decide(
        _champion(registry, champion) if champion else None,
        candidate.predictions,
        synthetic=candidate.synthetic,
        margin=margin,
    )


def register(registry: Registry, candidate: Candidate, decision: PromotionDecision) -> Version:
    """Register a classifier and carry the decision out, once.

    A classifier that is registered already stays as people have left it since.

    Raises:
        TrackingFailed: MLflow cannot be reached.
    """
    version = _find(registry, candidate)
    if version is None:
        version = registry.register(
            model_of(candidate.class_set),
            run=candidate.run,
            classifier=candidate.version,
            categories=class_set_of(candidate.predictions),
            tags={
                "source": candidate.source,
                "synthetic": str(candidate.synthetic).lower(),
                **_tags(decision),
            },
            description=candidate.description,
        )
    elif version.was_champion or not _is_as_it_was(registry, version):
        return version
    # Also after a process was killed between the registration and this.
    if decision.promoted:
        registry.set_champion(version, DecidedBy.EVALUATION)
    else:
        registry.set_challenger(version)
    return version


def _find(registry: Registry, candidate: Candidate) -> Version | None:
    return registry.find(
        model_of(candidate.class_set), run=candidate.run, classifier=candidate.version
    )


def _is_as_it_was(registry: Registry, version: Version) -> bool:
    """Return whether the champion is still the one that the version was decided against."""
    champion = registry.champion(version.model)
    return version.tags.get("compared_with", "") == (str(champion) if champion else "")


def _champion(registry: Registry, version: Version) -> Champion:
    try:
        with registry.file_of(version, PREDICTIONS) as path:
            predictions = pq.read_table(path)
    except MissingPartition:
        predictions = None
    return Champion(str(version), predictions, version.synthetic)


def _decided_before(version: Version, margin: float) -> PromotionDecision:
    """Return the decision that a version's tags tell."""
    tags = version.tags
    # A version that was registered by hand has none of them.
    return PromotionDecision(
        outcome=Outcome(tags.get("decision", Outcome.KEPT)),
        reason=tags.get("reason", "it was registered by hand"),
        margin=float(tags.get("margin", margin)),
        champion=tags.get("compared_with") or None,
        comparison=_comparison(tags),
        repeated=True,
    )


def _comparison(tags: Mapping[str, str]) -> Comparison | None:
    """Return the comparison whose figures `_tags` wrote."""
    if "compared_drawings" not in tags:
        return None
    return Comparison(
        int(tags["compared_drawings"]),
        int(tags["champion_correct"]),
        int(tags["own_correct"]),
        mcnemar(int(tags["champion_alone_correct"]), int(tags["own_alone_correct"])),
    )


def _tags(decision: PromotionDecision) -> dict[str, str]:
    tags = {
        "decision": decision.outcome.value,
        "reason": decision.reason,
        "margin": f"{decision.margin:g}",
        "compared_with": decision.champion or "",
        "decided_by": DecidedBy.EVALUATION.value,
    }
    compared = decision.comparison
    if compared is None:
        return tags
    low, high = compared.gain()
    return tags | {
        "compared_drawings": str(compared.drawings),
        "champion_correct": str(compared.first_correct),
        "own_correct": str(compared.second_correct),
        "champion_alone_correct": str(compared.test.only_first),
        "own_alone_correct": str(compared.test.only_second),
        "difference_low": f"{low:.6g}",
        "difference_high": f"{high:.6g}",
    }
