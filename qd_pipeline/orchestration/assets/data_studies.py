"""Studies of the drawings' number and noise, one partition per class count; when asked for."""

import dagster as dg
from pydantic import Field

from qd_pipeline.learning.studies import data_study
from qd_pipeline.learning.studies.data_study import SHARES, DataStudy, Trained
from qd_pipeline.orchestration import recipes, slots
from qd_pipeline.orchestration.assets.bitmaps import bitmaps
from qd_pipeline.orchestration.assets.classifiers import ClassifierConfig, read_drawings
from qd_pipeline.orchestration.assets.strokes import strokes
from qd_pipeline.orchestration.partitions import class_set_partitions, class_sets_of_category
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.workshop import Workshop


class DataStudyConfig(ClassifierConfig):
    """What to train, and on which shares of the drawings."""

    shares: list[int] = Field(
        default=list(SHARES), description="Per cent of the training drawings, rising."
    )

    def check(self) -> None:
        """See that every setting is in its range.

        Raises:
            BadSetting: One is not.
        """
        super().check()
        data_study.check_shares(self.shares)


@dg.asset(
    partitions_def=class_set_partitions,
    deps=[
        dg.AssetDep(strokes, partition_mapping=class_sets_of_category),
        dg.AssetDep(bitmaps, partition_mapping=class_sets_of_category),
    ],
    group_name="studies",
    kinds={"keras", "html"},
    owners=["team:learning"],
    code_version=recipes.CODE_VERSIONS["data_studies"],
    pool=slots.POOL,
)
def data_studies(
    context: dg.AssetExecutionContext, config: DataStudyConfig, workshop: Workshop
) -> dg.MaterializeResult:
    """What more drawings bring and unrecognised ones cost, for the evaluation's report too."""
    with workshop.stage(context) as stage:
        recipe = config.settings(context.partition_key, workshop.store)
        data, inputs = read_drawings(workshop, context.partition_key)
        stage.log_inputs(inputs)
        done = data_study.study(
            data, recipe, shares=config.shares, on_progress=stage.on_progress("drawings")
        )
        _write(stage, done)
        return stage.publish(
            recipe=recipes.studies(
                "data_studies", recipe, data.class_set, inputs, shares=config.shares
            ),
            facts=done.to_json(),
            metrics=_noise(done),
            metadata={
                **{trained.name: _sentence(trained) for trained in done.trainings},
                "page": dg.MetadataValue.url(stage.run.link_to(data_study.PAGE)),
            },
        )


def _write(stage: Stage, done: DataStudy) -> None:
    data_study.write(
        stage.draft.folder, done, source=stage.origin.source, synthetic=stage.origin.synthetic
    )
    for name in (data_study.PAGE, data_study.FIGURES):
        stage.run.log_file(stage.path(name))
    for trained in done.curve:
        figures = {"test_accuracy": trained.accuracy.share or 0.0}
        stage.run.log(metrics=figures, step=trained.drawings)


def _noise(done: DataStudy) -> dict[str, float]:
    """Give accuracy by what was trained on and what was tested on."""
    return {
        f"trained_on_{trained_on}_test_{tested_on}": proportion.share
        for trained_on, trained in (("all", done.curve[-1]), ("recognized", done.only_recognized))
        for tested_on, proportion in (
            ("accuracy", trained.accuracy),
            ("accuracy_recognized", trained.recognized),
            ("accuracy_unrecognized", trained.unrecognized),
        )
        if proportion.share is not None
    }


def _sentence(trained: Trained) -> str:
    return (
        f"{trained.drawings:,} drawings: accuracy {trained.accuracy}; "
        f"recognised {trained.recognized}; not recognised {trained.unrecognized}"
    )
