"""Stage 5: evaluation reports, one partition per class set."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import dagster as dg
import numpy as np
from pydantic import Field

from qd_pipeline.class_sets import listed
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.evaluation.evaluate import Evaluation, evaluate
from qd_pipeline.learning.evaluation.metrics import metrics_of
from qd_pipeline.learning.evaluation.predictions_table import FEW
from qd_pipeline.learning.evaluation.promotion import PromotionDecision
from qd_pipeline.learning.reports import charts
from qd_pipeline.learning.reports import evaluation_report as report
from qd_pipeline.learning.reports.many_categories import similar_first
from qd_pipeline.learning.studies.data_study import DataStudy
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.embedded import png
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Check, CheckResult, Input, Result, Stage, StageConfig
from qd_pipeline.orchestration.stages.drawings import DRAWINGS, log_split, read_drawings

if TYPE_CHECKING:
    from qd_pipeline.tracking.versions import Version


class EvaluationConfig(StageConfig):
    """How to decide about promotion; this is not part of what an evaluation is made from."""

    promotion_margin: float = Field(
        default=0.01,
        gt=0,
        lt=1,
        description="Loss of accuracy, as a share, with which a classifier still becomes champion.",
    )


def materialize(context: MaterializationContext, config: EvaluationConfig) -> Result:
    """Evaluate a classifier on drawings that it never saw, and decide about its promotion."""
    # MLflow takes seconds to import, and loading the definitions should not.
    from qd_pipeline import tracking  # noqa: PLC0415
    from qd_pipeline.orchestration import promotion  # noqa: PLC0415

    trained, registry = context.input("classifiers"), context.tracker.registry
    data = read_drawings(context)
    classifier = Classifier.load(context.store.open_all(trained))
    evaluation = evaluate(classifier, data)
    candidate = promotion.Candidate(
        class_set=context.key,
        run=context.run.id,
        version=trained.version,
        predictions=evaluation.predictions,
        source=context.provenance.source,
        synthetic=context.provenance.synthetic,
        description=_description(context, evaluation),
    )
    decision = promotion.decide(registry, candidate, config.promotion_margin)
    checks = _checks(len(data.test), evaluation)
    context.require(checks)
    metrics = metrics_of(evaluation, classifier.training)
    context.run.describe(candidate.description)
    version = promotion.register(registry, candidate, decision)
    checks.append(_promotion_check(decision, version))
    matrix = _confusion_matrix(evaluation)
    context.run.log_content(matrix, "confusion_matrix.png")
    _write(context, classifier, evaluation, decision, model=str(version))
    return Result(
        metadata={"figures": metrics, "model": version.model, "version": version.number},
        metrics=metrics,
        shown={
            **_shown(evaluation),
            "confusion matrix": png(matrix, "confusion matrix"),
            "report": dg.MetadataValue.url(context.run.link_to(report.PAGE)),
            "all runs": dg.MetadataValue.url(context.tracker.run_list(tracking.CLASSIFIERS)),
            "registered": f"{version}, {decision.outcome}",
        },
        checks=checks,
        dataset=log_split(context, data.test, "test"),
    )


def _description(context: MaterializationContext, evaluation: Evaluation) -> str:
    """Return what the pages of the run and of the registered version say, in Markdown."""
    told = (
        f"Tells {listed(evaluation.class_set)} apart: accuracy {evaluation.accuracy} on "
        f"{evaluation.accuracy.count:,} test drawings of the {context.provenance.source}.\n\n"
        f"Its [run]({context.run.link}) has settings, figures and datasets, and the "
        f"[report]({context.run.link_to(report.PAGE)})."
    )
    synthetic = "**Trained on synthetic drawings.**\n\n" if context.provenance.synthetic else ""
    return synthetic + told


def _write(
    context: MaterializationContext,
    classifier: Classifier,
    evaluation: Evaluation,
    decision: PromotionDecision,
    *,
    model: str,
) -> None:
    shown = report.EvaluationReport(
        evaluation, classifier.training, _header(context, model), decision, _study(context)
    )
    shown.write(context.staged.folder)
    context.log_files(report.PAGE, report.FIGURES, report.PREDICTIONS)
    curves = charts.png(charts.learning_curves(classifier.training.history))
    context.run.log_content(curves, "learning_curves.png")


def _header(context: MaterializationContext, model: str) -> report.Header:
    from qd_pipeline.tracking.run_tags import run_tags  # noqa: PLC0415 (as above)

    tags = run_tags()
    return report.Header(
        made=datetime.now(UTC),
        class_set=context.key,
        source=context.provenance.source,
        synthetic=context.provenance.synthetic,
        model=model,
        run_link=context.run.link,
        commit=tags.get("mlflow.source.git.commit", ""),
        versions={
            name.removeprefix("version."): text
            for name, text in tags.items()
            if name.startswith("version.")
        },
    )


def _study(context: MaterializationContext) -> DataStudy | None:
    """Return the data study of the class set, if it was made from these very drawings."""
    made = context.inputs["data_studies"].get(context.key)
    read = context.fingerprint["inputs"].items()
    now = {name: of for name, of in read if name.startswith(("strokes/", "bitmaps/"))}
    same = made is not None and made.fingerprint["inputs"] == now
    return DataStudy.from_json(made.metadata) if made and same else None


def _confusion_matrix(evaluation: Evaluation) -> bytes:
    names, counts = evaluation.class_set, np.array(evaluation.confusion)
    if len(names) > FEW:
        order = similar_first(counts)
        names, counts = tuple(names[i] for i in order), counts[np.ix_(order, order)]
    return charts.png(charts.confusion_matrix(names, counts.tolist()))


def _shown(evaluation: Evaluation) -> Mapping[str, Any]:
    loss = evaluation.log_loss
    return {
        "accuracy": evaluation.accuracy.share,
        "accuracy, 95 % interval": str(evaluation.accuracy),
        "chance": evaluation.chance,
        "balanced accuracy": evaluation.balanced_accuracy,
        "macro F1": evaluation.macro_f1,
        "test drawings": evaluation.accuracy.count,
        "log loss": None if loss is None else round(loss, 4),
        "categories": listed(evaluation.class_set),
    }


def _checks(drawings: int, evaluation: Evaluation) -> list[CheckResult]:
    predicted = evaluation.predictions.num_rows
    low, _ = evaluation.accuracy.interval
    return [
        CheckResult(
            "every_test_drawing",
            predicted == drawings,
            f"{predicted:,} predictions for {drawings:,} test drawings",
        ),
        CheckResult(
            "above_chance",
            low > evaluation.chance,
            f"accuracy {evaluation.accuracy}, chance {evaluation.chance * 100:.1f} %",
        ),
    ]


def _promotion_check(decision: PromotionDecision, version: "Version") -> CheckResult:
    found = str(decision)
    # Of one that is repeated, people may have decided otherwise since.
    if not (decision.promoted or decision.repeated):
        champion = f"{decision.champion} stays" if decision.champion else "there is no"
        found = (
            f"{version} was not promoted, {champion} champion: {decision.reason}; "
            f"{version.promotion} promotes it all the same"
        )
    name = "not_worse_than_the_champion"
    return CheckResult(name, decision.promoted, found, _compared(decision))


def _compared(decision: PromotionDecision) -> Mapping[str, Any]:
    shown = {"outcome": decision.outcome.value, "margin": decision.margin}
    compared = decision.comparison
    if compared is None:
        return shown
    low, high = compared.gain()
    return shown | {
        "test drawings of both": compared.drawings,
        "only the champion is right": compared.test.only_first,
        "only the new one is right": compared.test.only_second,
        "difference, low": low,
        "difference, high": high,
    }


EVALUATIONS: Final = Stage(
    name="evaluations",
    description="How well a classifier does on drawings that it never saw, and why it errs: a "
    "report.",
    by=By.CLASS_SET,
    code_version="3",
    materialize=materialize,
    inputs=(
        Input("classifiers"),
        *DRAWINGS,
        Input("data_studies", optional=True, in_lineage=False),
    ),
    config=EvaluationConfig,
    declared=lambda settings: {"promotion_margin": settings.promotion_margin},
    checks=(
        Check("every_test_drawing", "One prediction for each test drawing."),
        Check(
            "above_chance",
            "The accuracy's 95 % interval lies above the share of the largest category.",
            blocking=False,
        ),
        Check(
            "not_worse_than_the_champion",
            "The interval of the difference excludes a loss of more than the margin.",
            blocking=False,
        ),
    ),
    kinds=frozenset({"html", "parquet"}),
    continues="classifiers",
)
