"""What Dagster loads: the definitions that the environment's settings want."""

from qd_pipeline.orchestration.code_location import build_definitions, definitions_of
from qd_pipeline.settings import Settings

__all__ = ["build_definitions", "definitions_of", "defs"]

_SETTINGS = Settings.load()
# Dagster's UI shows a resource's secrets by the names of their variables.
_SETTINGS.export_secrets()

defs = build_definitions(_SETTINGS)
