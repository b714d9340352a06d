"""The project's settings: values read once, from options, the environment and a TOML file.

Nothing else in the package reads the environment, except for what a library demands.
"""

from qd_pipeline.settings.fields import ScheduleSettings, bare_url
from qd_pipeline.settings.settings import Settings

__all__ = ["ScheduleSettings", "Settings", "bare_url"]
