"""Studies of the drawings' number and noise, one partition per class set; on request only."""

from collections.abc import Mapping
from typing import Any, Final

import dagster as dg
from pydantic import Field

from qd_pipeline.class_sets import ClassSets
from qd_pipeline.learning.studies import data_study
from qd_pipeline.learning.studies.data_study import SHARES, DataStudy, Trained
from qd_pipeline.orchestration import pool
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Result, Stage
from qd_pipeline.orchestration.stages.drawings import DRAWINGS, read_drawings
from qd_pipeline.orchestration.stages.training_config import TrainingStageConfig, declared_training


class DataStudyConfig(TrainingStageConfig):
    """What to train, and on which shares of the drawings."""

    shares: list[int] = Field(
        default=list(SHARES), description="Per cent of the training drawings, rising."
    )

    def effective(self, key: str, class_sets: ClassSets) -> Mapping[str, Any]:
        """Return the training's settings, the categories and the shares.

        Raises:
            BadSetting: The shares are not rising numbers from 1 to 100.
        """
        data_study.check_shares(self.shares)
        return {**super().effective(key, class_sets), "shares": self.shares}


def materialize(context: MaterializationContext, config: DataStudyConfig) -> Result:
    """Measure what more drawings bring and what unrecognised ones cost."""
    training = config.training(len(context.class_set))
    data = read_drawings(context, training)
    context.log_inputs()
    done = data_study.study(
        data,
        training,
        shares=config.shares,
        on_progress=context.on_progress("drawings"),
    )
    _write(context, done)
    return Result(
        metadata=done.to_json(),
        metrics=_noise(done),
        shown={
            **{trained.name: _sentence(trained) for trained in done.trainings},
            "page": dg.MetadataValue.url(context.run.link_to(data_study.PAGE)),
        },
    )


def _write(context: MaterializationContext, done: DataStudy) -> None:
    data_study.write(
        context.staged.folder,
        done,
        source=context.provenance.source,
        synthetic=context.provenance.synthetic,
    )
    context.log_files(data_study.PAGE, data_study.FIGURES)
    for trained in done.curve:
        figures = {"test_accuracy": trained.accuracy.share or 0.0}
        context.run.log(metrics=figures, step=trained.drawings)


def _noise(done: DataStudy) -> dict[str, float]:
    """Return accuracy by what was trained on and what was tested on."""
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
        f"{trained.drawings:,} drawings: accuracy {trained.accuracy}, balanced "
        f"{trained.balanced_accuracy * 100:.1f} %, macro F1 {trained.macro_f1 * 100:.1f} %; "
        f"recognised {trained.recognized}; not recognised {trained.unrecognized}"
    )


DATA_STUDIES: Final = Stage(
    name="data_studies",
    description="What more drawings bring and unrecognised ones cost, for the evaluation's "
    "report too.",
    by=By.CLASS_SET,
    code_version="6",
    materialize=materialize,
    inputs=DRAWINGS,
    config=DataStudyConfig,
    declared=declared_training,
    group="studies",
    kinds=frozenset({"keras", "html"}),
    pool=pool.TRAINING,
)
