"""Stage 5: evaluation reports, one partition per class count."""

from datetime import UTC, datetime

import dagster as dg

from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.evaluation.evaluate import Evaluation, evaluate
from qd_pipeline.learning.evaluation.metrics import metrics_of
from qd_pipeline.learning.evaluation.promotion import PromotionDecision
from qd_pipeline.learning.reports import charts
from qd_pipeline.learning.reports import evaluation_report as report
from qd_pipeline.learning.studies.data_study import DataStudy
from qd_pipeline.orchestration import automation, checks, recipes
from qd_pipeline.orchestration.assets.classifiers import classifiers, read_drawings
from qd_pipeline.orchestration.partitions import class_set_partitions
from qd_pipeline.orchestration.pictures import embedded
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.workshop import Workshop

REPORT = "report.html"


@dg.asset(
    partitions_def=class_set_partitions,
    deps=[classifiers],
    group_name="learning",
    kinds={"html", "parquet"},
    owners=["team:learning"],
    code_version=recipes.CODE_VERSIONS["evaluations"],
    check_specs=checks.EVALUATIONS,
    automation_condition=automation.AFTER_PARENTS,
)
def evaluations(context: dg.AssetExecutionContext, workshop: Workshop) -> dg.MaterializeResult:
    """How well a classifier does on drawings that it never saw, and why it errs: a report."""
    with workshop.stage(context, continues="classifiers") as stage:
        # Read once, with its run's id: a newer one may be published at any moment.
        trained = stage.continued
        assert trained is not None  # noqa: S101 (it continues one)
        data, inputs = read_drawings(workshop, context.partition_key)
        classifier = Classifier.load(trained.verified())
        evaluation = evaluate(classifier, data)
        # MLflow takes seconds to import, and loading the definitions should not.
        from qd_pipeline import tracking  # noqa: PLC0415
        from qd_pipeline.orchestration import promotion  # noqa: PLC0415

        registry = workshop.tracker.registry
        candidate = promotion.Candidate(
            class_set=context.partition_key,
            run=stage.run.id,
            version=trained.version,
            predictions=evaluation.predictions,
            source=stage.origin.source,
            synthetic=stage.origin.synthetic,
        )
        decision = promotion.decide(registry, candidate, workshop.promotion_margin)
        metrics = metrics_of(evaluation, classifier.training)
        outcomes = _checks(len(data.test), evaluation, decision)
        stage.refuse_failed(outcomes)
        studied = workshop.study_of(context.partition_key, inputs)
        study = DataStudy.from_json(studied[0].facts) if studied else None
        version = promotion.register(registry, candidate, decision)
        header = _header(stage, context.partition_key, str(version))
        _write(stage, classifier, evaluation, header, decision=decision, study=study)
        return stage.publish(
            recipe=recipes.evaluations(trained, [*inputs, *studied]),
            facts={"figures": metrics, "model": version.model, "version": version.number},
            metrics=metrics,
            metadata={
                **_metadata(stage, evaluation),
                "all runs": dg.MetadataValue.url(workshop.tracker.run_list(tracking.CLASSIFIERS)),
                "registered": f"{version}, {decision.outcome}",
            },
            checks=outcomes,
        )


def _header(stage: Stage, class_set: str, model: str) -> report.Header:
    from qd_pipeline.tracking.run_tags import run_tags  # noqa: PLC0415 (as above)

    tags = run_tags()
    return report.Header(
        made=datetime.now(UTC),
        class_set=class_set,
        source=stage.origin.source,
        synthetic=stage.origin.synthetic,
        model=model,
        run_link=stage.run.link,
        commit=tags.get("mlflow.source.git.commit", ""),
        versions={
            name.removeprefix("version."): text
            for name, text in tags.items()
            if name.startswith("version.")
        },
    )


def _write(
    stage: Stage,
    classifier: Classifier,
    evaluation: Evaluation,
    header: report.Header,
    *,
    decision: PromotionDecision,
    study: DataStudy | None,
) -> None:
    training = classifier.training
    written = report.write(
        stage.draft.folder, evaluation, training, header, decision=decision, study=study
    )
    for path in (written.page, written.figures, written.predictions):
        stage.run.log_file(path)
    stage.run.log_picture(_confusion_matrix(evaluation), "confusion_matrix.png")
    curves = charts.png(charts.learning_curves(training.history))
    stage.run.log_picture(curves, "learning_curves.png")


def _confusion_matrix(evaluation: Evaluation) -> bytes:
    return charts.png(charts.confusion_matrix(evaluation.class_set, evaluation.confusion))


def _metadata(stage: Stage, evaluation: Evaluation) -> dict[str, object]:
    loss = evaluation.log_loss
    return {
        "accuracy": evaluation.accuracy.share,
        "accuracy, 95 % interval": str(evaluation.accuracy),
        "chance": evaluation.chance,
        "balanced accuracy": evaluation.balanced_accuracy,
        "macro F1": evaluation.macro_f1,
        "test drawings": evaluation.accuracy.count,
        "log loss": None if loss is None else round(loss, 4),
        "categories": ", ".join(evaluation.class_set),
        "confusion matrix": embedded(_confusion_matrix(evaluation), "confusion matrix"),
        "report": dg.MetadataValue.url(stage.run.link_to(REPORT)),
    }


def _checks(
    drawings: int, evaluation: Evaluation, decision: PromotionDecision
) -> list[dg.AssetCheckResult]:
    predicted = evaluation.predictions.num_rows
    low, _ = evaluation.accuracy.interval
    compared = decision.comparison
    figures = {"outcome": decision.outcome.value, "margin": decision.margin}
    if compared is not None:
        gained = compared.gain(decision.confidence)
        figures |= {
            "test drawings of both": compared.drawings,
            "only the champion is right": compared.test.only_first,
            "only the new one is right": compared.test.only_second,
            "difference, low": gained[0],
            "difference, high": gained[1],
        }
    return [
        checks.result(
            "every_test_drawing",
            f"{predicted:,} predictions for {drawings:,} test drawings",
            passed=predicted == drawings,
        ),
        checks.result(
            "above_chance",
            f"accuracy {evaluation.accuracy}, chance {evaluation.chance * 100:.1f} %",
            passed=low > evaluation.chance,
        ),
        checks.result(
            "not_worse_than_the_champion", str(decision), passed=decision.promoted, **figures
        ),
    ]
