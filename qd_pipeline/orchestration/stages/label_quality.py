"""Label quality, one partition per class set; made on request only."""

from typing import Final

import dagster as dg
import pyarrow.parquet as pq

from qd_pipeline.learning.studies import label_quality
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.orchestration.partitions import By
from qd_pipeline.orchestration.stage import Input, Result, Stage, StageConfig
from qd_pipeline.orchestration.stages.cross_validations import PREDICTIONS


def materialize(context: MaterializationContext, _: StageConfig) -> Result:
    """Find the drawings whose label their out-of-fold predictions contradict."""
    context.log_inputs()
    validated = context.input("cross_validations")
    predictions = pq.read_table(context.open(validated, PREDICTIONS))
    # The categories as they were then: the file of class sets may have changed since.
    class_set = validated.fingerprint["settings"]["class_set"]
    found = label_quality.label_quality(predictions, class_set)
    label_quality.write(
        context.staged.folder,
        found,
        source=context.provenance.source,
        synthetic=context.provenance.synthetic,
    )
    context.log_files(label_quality.PAGE, label_quality.TABLE)
    return Result(
        metadata=found.to_json(),
        metrics={"label_issues": found.issues.hits, "drawings": found.issues.count},
        shown={
            "label issues": str(found.issues),
            "of the drawings not recognised": str(found.unrecognized),
            **{name: str(issues) for name, issues in found.categories.items()},
            "page": dg.MetadataValue.url(context.run.link_to(label_quality.PAGE)),
        },
    )


LABEL_QUALITY: Final = Stage(
    name="label_quality",
    description="Drawings whose label the predictions of a cross-validation contradict: a page "
    "and a table of key_ids.",
    by=By.CLASS_SET,
    code_version="1",
    materialize=materialize,
    inputs=(Input("cross_validations"),),
    group="studies",
    kinds=frozenset({"html", "parquet"}),
)
