"""All stages, in the order in which data flows through them."""

from typing import Final

from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.orchestration.stages.bitmaps import BITMAPS
from qd_pipeline.orchestration.stages.classifiers import CLASSIFIERS
from qd_pipeline.orchestration.stages.comparisons import COMPARISONS
from qd_pipeline.orchestration.stages.cross_validations import CROSS_VALIDATIONS
from qd_pipeline.orchestration.stages.data_studies import DATA_STUDIES
from qd_pipeline.orchestration.stages.evaluations import EVALUATIONS
from qd_pipeline.orchestration.stages.label_quality import LABEL_QUALITY
from qd_pipeline.orchestration.stages.raw_drawings import RAW_DRAWINGS
from qd_pipeline.orchestration.stages.searches import SEARCHES
from qd_pipeline.orchestration.stages.strokes import STROKES

STAGES: Final[tuple[Stage, ...]] = (
    RAW_DRAWINGS,
    STROKES,
    BITMAPS,
    CROSS_VALIDATIONS,
    LABEL_QUALITY,
    SEARCHES,
    DATA_STUDIES,
    CLASSIFIERS,
    EVALUATIONS,
    COMPARISONS,
)
