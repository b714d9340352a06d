"""When the schedules ask the source whether anything has changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import time
from typing import Final
from zoneinfo import ZoneInfo

from qd_pipeline.errors import BadSetting

WEEKDAYS: Final = (
    "sunday",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
)
"""In the order in which cron counts them."""


@dataclass(frozen=True)
class Timetable:
    """The time of day of both schedules, and the day of the weekly one.

    Attributes:
        at: Hour and minute (`QD_SCHEDULE_TIME`, default 06:00).
        weekday: One of `WEEKDAYS` (`QD_SCHEDULE_WEEKDAY`, default monday).
        zone: Time zone of the IANA database (`QD_SCHEDULE_ZONE`, default UTC).

    >>> Timetable(time(6, 30), "monday", "Europe/Berlin").weekly
    '30 6 * * 1'
    """

    at: time
    weekday: str
    zone: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Timetable":
        """Read the timetable.

        Raises:
            BadSetting: The time, the weekday or the zone is none.
        """
        return cls(
            _time(environment.get("QD_SCHEDULE_TIME") or "06:00"),
            _weekday(environment.get("QD_SCHEDULE_WEEKDAY") or "monday"),
            _zone(environment.get("QD_SCHEDULE_ZONE") or "UTC"),
        )

    @property
    def daily(self) -> str:
        """Every day, as cron writes it."""
        return f"{self.at.minute} {self.at.hour} * * *"

    @property
    def weekly(self) -> str:
        """Once a week, as cron writes it."""
        return f"{self.at.minute} {self.at.hour} * * {WEEKDAYS.index(self.weekday)}"


def _time(text: str) -> time:
    hour, _, minute = text.partition(":")
    try:
        return time(int(hour), int(minute))
    except ValueError as error:
        raise BadSetting(
            "QD_SCHEDULE_TIME", f"is {text[:40]!r}", "give hour and minute, like 06:00"
        ) from error


def _weekday(text: str) -> str:
    if text.lower() not in WEEKDAYS:
        raise BadSetting(
            "QD_SCHEDULE_WEEKDAY", f"is {text[:40]!r}", f"give one of {', '.join(WEEKDAYS)}"
        )
    return text.lower()


def _zone(text: str) -> str:
    try:
        return ZoneInfo(text).key
    except (OSError, ValueError, KeyError) as error:
        raise BadSetting(
            "QD_SCHEDULE_ZONE", f"is {text[:40]!r}", "give a time zone like Europe/Berlin or UTC"
        ) from error
