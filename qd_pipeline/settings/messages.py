"""What a setting that is not valid is answered with: one sentence, without secrets."""

import os
import re
from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any, Final

from pydantic import ValidationError

from qd_pipeline.errors import BadSetting
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.settings.fields import WEEKDAYS

FORM: Final = 'write lines like `drawings = 10000` or `source = "quickdraw"`'

_WHOLE: Final = "give a whole number from 1"
_REMEDIES: Final = {
    "home": "give its whole path",
    "class_sets": "name a TOML file, or give JSON",
    "drawings": f"{_WHOLE}, or 'all'",
    "epochs": _WHOLE,
    "promotion_margin": "give a share above 0 and below 1, like 0.01",
    "tracking_uri": "give an address that begins with https://, or sqlite:///",
    "ui_host": "give an IPv4 address of this machine, 127.0.0.1 or 0.0.0.0 for all of them",
    "public_host": "give a host name or an address that browsers can open, without scheme or port",
    "dagster_storage": "give an address like postgresql://user:password@host/database",
    "studies_storage": "give an address like postgresql://user:password@host/database",
    "engine_gpus": "give a whole number from 0",
    "engine_runs": _WHOLE,
    "engine_trainings": _WHOLE,
    "cache": "give its whole path",
    "cache_bytes": "give a whole number of bytes",
    "public_dagster": "give an address that begins with https:// or http://",
    "public_mlflow": "give an address that begins with https:// or http://",
    "webhook_url": "give an address that begins with https://",
    "abandoned_after": "give a number of seconds above 0, of a year at most",
    "keep_days": "give a whole number of days from 1",
    "schedule": "set QD_SCHEDULE_TIME, QD_SCHEDULE_WEEKDAY or QD_SCHEDULE_ZONE",
    "http": f"set {', '.join(f'QD_HTTP_{each.name.upper()}' for each in fields(Limits))}",
    "schedule.time": "give hour and minute, like 06:00",
    "schedule.weekday": f"give one of {', '.join(WEEKDAYS)}",
    "schedule.zone": "give a time zone like Europe/Berlin or UTC",
}
_SECRET: Final = {
    "source",
    "store",
    "tracking_uri",
    "public_mlflow",
    "webhook_url",
    "dagster_storage",
    "studies_storage",
    "engine_address",
}
"""Their values may hold passwords."""

_NESTED: Final = {"schedule", "http"}


def variable_of(name: str) -> str:
    """Return the environment variable of a setting.

    >>> variable_of("schedule.time"), variable_of("tracking_uri")
    ('QD_SCHEDULE_TIME', 'MLFLOW_TRACKING_URI')
    """
    if name == "tracking_uri":
        return "MLFLOW_TRACKING_URI"
    return f"QD_{name.replace('.', '_')}".upper()


def bad_setting(
    error: ValidationError, options: Collection[str], file: str | None, known: Mapping[str, Any]
) -> BadSetting:
    """Return the first error in a sentence that names the option, the variable or the file.

    Args:
        error: What was found.
        options: Names of settings that were given as options.
        file: The settings file, if there is one.
        known: All settings, by name.
    """
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if path[0] == variable_of("tracking_uri"):
        path[0] = "tracking_uri"
    name = ".".join(path[: 2 if path[0] in _NESTED else 1])
    if path[0] not in known:
        return BadSetting(f"settings file {file}", f"has the unknown name {name[:40]!r}", FORM)
    if path[0] in options:
        culprit = name.replace("_", " ")
    elif file and variable_of(name) not in os.environ:
        culprit = f"{name} in settings file {file}"
    else:
        culprit = variable_of(name)
    if first["type"] == "extra_forbidden":
        return BadSetting(culprit, "is not a setting", _REMEDIES[path[0]])
    said = "is not valid" if path[0] in _SECRET else f"is {str(first['input'])[:40]!r}"
    return BadSetting(culprit, said, _remedy(name, first["msg"]))


def _remedy(name: str, message: str) -> str:
    if name.endswith("_port"):
        return "give a port from 1 to 65535"
    outer, _, inner = name.partition(".")
    if outer == "http" and inner:
        whole = isinstance(getattr(Limits(), inner, None), int)
        return _WHOLE if whole else "give a number above 0"
    return _REMEDIES.get(name, f"give {re.sub('^Input should be ', '', message)}")
