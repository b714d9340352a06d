"""The two jobs: one for the categories, one for the classifiers.

A Dagster run covers partitions of one kind only, so what is partitioned by category and
what is partitioned by class set cannot share a job.
"""

import dagster as dg

from qd_pipeline.orchestration.assets.bitmaps import bitmaps
from qd_pipeline.orchestration.assets.classifiers import classifiers
from qd_pipeline.orchestration.assets.evaluations import evaluations
from qd_pipeline.orchestration.assets.raw_drawings import raw_drawings
from qd_pipeline.orchestration.assets.strokes import strokes

categories_job = dg.define_asset_job(
    "categories",
    selection=dg.AssetSelection.assets(raw_drawings, strokes, bitmaps),
    description="Download, parse and draw one category.",
)

classifiers_job = dg.define_asset_job(
    "classifiers_and_evaluations",
    selection=dg.AssetSelection.assets(classifiers, evaluations),
    description="Train and evaluate one class set on the categories in the store.",
)
