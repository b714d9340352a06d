"""Stage 5: evaluation reports, one partition per class count."""

import dagster as dg

from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.evaluation.evaluate import Evaluation, evaluate
from qd_pipeline.learning.evaluation.promotion import PromotionDecision
from qd_pipeline.learning.reports import evaluation_report as report
from qd_pipeline.learning.reports import figures
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
        trained = workshop.store.read("classifiers", context.partition_key)
        data, inputs = read_drawings(workshop, context.partition_key)
        classifier = Classifier.load(trained.verified())
        evaluation = evaluate(classifier, data)
        # MLflow takes seconds to import, and loading the definitions should not.
        from qd_pipeline import tracking  # noqa: PLC0415
        from qd_pipeline.orchestration import promotion  # noqa: PLC0415

        verdict = promotion.judge(workshop, stage, evaluation.predictions)
        figures_of = _figures(evaluation, classifier)
        outcomes = _checks(len(data.test), evaluation, verdict)
        stage.refuse_failed(outcomes)
        studied = workshop.study_of(context.partition_key, inputs)
        study = DataStudy.from_json(studied[0].facts) if studied else None
        _write(stage, classifier, evaluation, verdict=verdict, study=study)
        version = promotion.register(workshop, stage, verdict)
        return stage.publish(
            recipe=recipes.evaluations(trained, [*inputs, *studied]),
            facts={"figures": figures_of, "model": version.model, "version": version.number},
            metrics=figures_of,
            metadata={
                **_metadata(stage, evaluation),
                "all runs": dg.MetadataValue.url(workshop.tracker.run_list(tracking.CLASSIFIERS)),
                "registered": f"{version}, {'champion' if verdict.promoted else 'challenger'}",
            },
            checks=outcomes,
        )


def _figures(evaluation: Evaluation, classifier: Classifier) -> dict[str, float]:
    """Give the figures that runs are compared by: the same names for every class count."""
    low, high = evaluation.accuracy.interval
    f1 = [scores.f1 for scores in evaluation.scores if scores.f1 is not None]
    return {
        "test_accuracy": evaluation.accuracy.share or 0.0,
        "test_accuracy_low": low,
        "test_accuracy_high": high,
        "test_log_loss": evaluation.log_loss,
        "test_macro_f1": sum(f1) / len(f1) if f1 else 0.0,
        "test_drawings": evaluation.accuracy.count,
        "training_seconds": classifier.training.seconds,
    }


def _write(
    stage: Stage,
    classifier: Classifier,
    evaluation: Evaluation,
    *,
    verdict: PromotionDecision,
    study: DataStudy | None,
) -> None:
    written = report.write(
        stage.draft.folder,
        evaluation,
        classifier.training,
        source=stage.origin.source,
        synthetic=stage.origin.synthetic,
        verdict=verdict,
        study=study,
    )
    for path in (written.page, written.figures, written.predictions):
        stage.run.log_file(path)
    stage.run.log_picture(_confusion_matrix(evaluation), "confusion_matrix.png")
    curves = figures.learning_curves(classifier.training.history)
    stage.run.log_picture(curves, "learning_curves.png")


def _confusion_matrix(evaluation: Evaluation) -> bytes:
    return figures.confusion_matrix(evaluation.class_set, evaluation.confusion)


def _metadata(stage: Stage, evaluation: Evaluation) -> dict[str, object]:
    accuracy = evaluation.accuracy
    low, high = accuracy.interval
    return {
        "accuracy": accuracy.share,
        "accuracy, 95 % interval": f"{low:.2%} – {high:.2%}",
        "test drawings": accuracy.count,
        "log loss": round(evaluation.log_loss, 4),
        "categories": ", ".join(evaluation.class_set),
        "confusion matrix": embedded(_confusion_matrix(evaluation), "confusion matrix"),
        "report": dg.MetadataValue.url(stage.run.link_to(REPORT)),
    }


def _checks(
    drawings: int, evaluation: Evaluation, verdict: PromotionDecision
) -> list[dg.AssetCheckResult]:
    predicted, chance = evaluation.predictions.num_rows, 1 / len(evaluation.class_set)
    low, _ = evaluation.accuracy.interval
    found = verdict.comparison
    compared = (
        {}
        if found is None
        else {
            "test drawings of both": found.drawings,
            "only the champion is right": found.test.only_first,
            "only the new one is right": found.test.only_second,
            "p": found.test.first_better,
            "significance": verdict.significance,
        }
    )
    return [
        checks.result(
            "every_test_drawing",
            f"{predicted:,} predictions for {drawings:,} test drawings",
            passed=predicted == drawings,
        ),
        checks.result(
            "above_chance",
            f"accuracy at least {low:.1%} with 95 % confidence, chance {chance:.1%}",
            passed=low > chance,
        ),
        checks.result(
            "not_worse_than_the_champion", verdict.reason, passed=verdict.promoted, **compared
        ),
    ]
