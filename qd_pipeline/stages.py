"""The stages, by the names of their assets."""

from typing import Final

CATEGORY_STAGES: Final = ("raw_drawings", "strokes", "bitmaps")
"""Partitioned by category, in the order of the data's way."""

CLASS_SET_STAGES: Final = ("classifiers", "evaluations")
"""Partitioned by class set, in the order of the data's way."""

STUDY_STAGES: Final = ("cross_validations", "searches", "data_studies")
"""Partitioned by class set, and made only when somebody asks for one."""

TRAINING_STAGES: Final = frozenset({"classifiers", *STUDY_STAGES})
"""Those that keep all cores busy: one of them at a time."""
