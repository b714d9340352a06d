"""Types of the settings' fields: what is read, checked and refused, value by value."""

import ipaddress
import json
from dataclasses import fields
from datetime import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from qd_pipeline.class_sets import ClassSets, checked_table, load
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.tracking_uri import checked

WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""In the order in which cron counts them."""

_YEAR: Final = 365 * 86400


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:  # no such user
        raise ValueError from None


def _clock(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, KeyError):
        raise ValueError from None


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return text
    raise ValueError


def bare_url(url: str) -> str:
    """Return the address of a PostgreSQL database without its password, for psycopg2.

    >>> bare_url("postgresql://qd:secret@db:5432/dagster")
    'postgresql+psycopg2://qd@db:5432/dagster'
    """
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    place = parts.netloc.rpartition("@")[2]
    # SQLAlchemy takes psycopg 3 for a bare address, with which Dagster's NOTIFY fails.
    return parts._replace(scheme="postgresql+psycopg2", netloc=f"{user}{place}").geturl()


def _database(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme in {"postgresql", "postgresql+psycopg2"} and parts.hostname and parts.path[1:]:
        return text
    raise ValueError


def _class_sets(given: Any) -> ClassSets:
    """Read class sets from a TOML file's path, from JSON, or from a table of the settings file."""
    if isinstance(given, str | Path) and not str(given).lstrip().startswith("{"):
        return dict(load(Path(given)))
    table = json.loads(given) if isinstance(given, str) else given
    if not isinstance(table, dict) or not table:
        raise ValueError
    return dict(checked_table(table))


Directory = Annotated[Path, AfterValidator(_absolute)]
Seconds = Annotated[float, Field(gt=0, le=_YEAR)]
Port = Annotated[int, Field(ge=1, le=65535)]
Address = Annotated[str, AfterValidator(lambda text: str(ipaddress.IPv4Address(text)))]
HostName = Annotated[str, Field(pattern="^[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?$")]
WebAddress = Annotated[str, AfterValidator(_web_address)]
Database = Annotated[str, AfterValidator(_database)]
TrackingUri = Annotated[str, AfterValidator(checked)]
GivenClassSets = Annotated[ClassSets, BeforeValidator(_class_sets)]

if TYPE_CHECKING:
    HttpSettings = BaseModel
else:
    HttpSettings = create_model(
        "HttpSettings",
        __config__=ConfigDict(extra="forbid"),
        **{
            limit.name: (limit.type, Field(default=limit.default, gt=0, allow_inf_nan=False))
            for limit in fields(Limits)
        },
    )
"""`QD_HTTP_…`: the fields of `qd_pipeline.quickdraw.download.limits.Limits`, each above 0."""


class ScheduleSettings(BaseModel):
    """`QD_SCHEDULE_…`: the time of day of both schedules, and the day of the weekly one.

    >>> ScheduleSettings(time="06:30", weekday="Monday", zone="Europe/Berlin").weekly
    '30 6 * * 1'
    """

    model_config = ConfigDict(extra="forbid")

    time: Annotated[str, AfterValidator(lambda text: f"{_clock(text):%H:%M}")] = "06:00"
    weekday: Annotated[Literal[WEEKDAYS], BeforeValidator(str.lower)] = "monday"  # type: ignore[valid-type]
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    @property
    def daily(self) -> str:
        """Cron expression of the daily schedule."""
        at = _clock(self.time)
        return f"{at.minute} {at.hour} * * *"

    @property
    def weekly(self) -> str:
        """Cron expression of the weekly schedule."""
        return f"{self.daily[:-1]}{WEEKDAYS.index(self.weekday)}"
