"""How long, how often and how much: the limits of every request, in one place."""

import logging
import math
import os
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Final, TypeVar

from qd_pipeline.errors import BadSetting, SourceFailed

PREFIX: Final = "QD_HTTP_"

_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


class Interrupted(Exception):
    """A fault that may be over the next time: worth another attempt.

    Args:
        cause: What happened, to stand after "it".
        retry_after: Seconds that the server asked to wait, where it did.
    """

    def __init__(self, cause: str, retry_after: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after = retry_after


class Changed(Interrupted):
    """What was kept of an earlier attempt cannot be continued: begin again."""


@dataclass(frozen=True)
class Limits:
    """Limits of what is asked of a source, and of what it may send.

    Each is also an environment variable: `QD_HTTP_` and its name in capitals
    (`QD_HTTP_READ_TIMEOUT=60`).

    Attributes:
        attempts: Attempts at one file in all, the first included.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds without a single byte before a response counts as stalled.
        backoff: Seconds before the second attempt; doubled before each further one, and
            shortened by chance by up to half, so that many clients do not return at once.
        backoff_cap: Longest such pause, in seconds.
        retry_after_cap: Longest pause that a server's `Retry-After` may ask for, in seconds.
        min_speed: Fewest bytes a second, over a window, before a response counts as stalled.
        speed_window: Length of that window, in seconds.
        deadline: Seconds for one file, all attempts and pauses together.
        max_bytes: Largest file taken, in bytes. The largest official one has 185,191,250.
        max_redirects: Redirects followed before giving up.
    """

    attempts: int = 6
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    backoff: float = 0.5
    backoff_cap: float = 30.0
    retry_after_cap: float = 120.0
    min_speed: int = 1024
    speed_window: float = 30.0
    deadline: float = 3600.0
    max_bytes: int = 2**30
    max_redirects: int = 5

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Limits":
        """Read the limits, with the defaults for what is not set.

        Raises:
            BadSetting: A limit is no number, or not more than 0.

        >>> Limits.from_environment({"QD_HTTP_ATTEMPTS": "2"}).attempts
        2
        >>> Limits.from_environment({"QD_HTTP_ATTEMPTS": "often"})
        Traceback (most recent call last):
            ...
        qd_pipeline.errors.BadSetting: QD_HTTP_ATTEMPTS is 'often': give a whole number from 1.
        """
        given: dict[str, int | float] = {}
        for field in fields(cls):
            name = PREFIX + field.name.upper()
            if text := environment.get(name, "").strip():
                given[field.name] = _positive(name, text, whole=isinstance(field.default, int))
        return cls(**given)  # type: ignore[arg-type] # whole where the default is whole


def _positive(name: str, text: str, *, whole: bool) -> int | float:
    try:
        number = int(text) if whole else float(text)
    except ValueError:
        number = 0
    if number > 0 and math.isfinite(number):
        return number
    wanted = "a whole number from 1" if whole else "a number of seconds above 0"
    raise BadSetting(name, f"is {text[:80]!r}", f"give {wanted}")


def persist(attempt: Callable[[], Result], address: str, limits: Limits) -> Result:
    """Attempt something until it succeeds, or the attempts or the time are used up.

    Args:
        attempt: What to do; raises `Interrupted` where another attempt may help.
        address: What it is done to, as it may appear in messages.
        limits: How often, and with what pauses.

    Raises:
        SourceFailed: The last attempt failed too.
    """
    started = time.monotonic()
    for number in range(1, limits.attempts + 1):
        try:
            return attempt()
        except Interrupted as interruption:
            pause = _pause(number, interruption.retry_after, limits)
            spent = time.monotonic() - started
            if number == limits.attempts or spent + pause > limits.deadline:
                raise SourceFailed(
                    address,
                    f"failed at attempt {number} of {limits.attempts}, after {spent:.0f} s "
                    f"(it {interruption.cause})",
                    "see that the network and the server are up, then run the same command again",
                ) from interruption
            _LOG.warning(
                "%s %s: attempt %d of %d follows in %.1f s",
                address,
                interruption.cause,
                number + 1,
                limits.attempts,
                pause,
            )
            time.sleep(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _pause(number: int, retry_after: float | None, limits: Limits) -> float:
    longest = min(limits.backoff_cap, math.ldexp(limits.backoff, min(number - 1, 64)))
    pause = longest * random.uniform(0.5, 1)  # noqa: S311 - spreads clients, hides nothing
    return max(pause, min(retry_after or 0, limits.retry_after_cap))


class Pace:
    """Watches that bytes keep coming fast enough.

    Args:
        limits: The slowest speed and the window it is measured over.
        until: Moment of `time.monotonic` when all must be here.
    """

    def __init__(self, limits: Limits, until: float) -> None:
        self._limits = limits
        self._until = until
        self._window_began = time.monotonic()
        self._bytes = 0

    def note(self, count: int) -> None:
        """Count bytes that came.

        Raises:
            Interrupted: They come too slowly, or the time is over.
        """
        now = time.monotonic()
        self._bytes += count
        if now > self._until:
            raise Interrupted(f"was not done within {self._limits.deadline:g} s")
        seconds = now - self._window_began
        if seconds >= self._limits.speed_window:
            if self._bytes < self._limits.min_speed * seconds:
                raise Interrupted(
                    f"sent {self._bytes} bytes in {seconds:.3g} s, fewer than "
                    f"{self._limits.min_speed} a second"
                )
            self._window_began, self._bytes = now, 0
