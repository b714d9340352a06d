"""The drawings: fetched, parsed, drawn and divided. Knows no Dagster, Keras or MLflow."""

from typing import Final

BITMAP_SIDE: Final = 28
"""Height and width of the dataset's bitmaps, in pixels: the only place that says so."""

SEQUENCE_COLUMNS: Final = ("x", "y", "dx", "dy", "new_stroke", "length")
"""What sequences tell of each place (`qd_pipeline.quickdraw.sequences`)."""
