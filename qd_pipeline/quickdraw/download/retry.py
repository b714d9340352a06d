"""Trying again after faults that may pass, and noticing responses that are too slow."""

import logging
import math
import random
import time
from collections.abc import Callable
from typing import ClassVar, TypeVar

from qd_pipeline.errors import SourceFailed, SourceUnreachable
from qd_pipeline.quickdraw.download.address import server_of
from qd_pipeline.quickdraw.download.limits import Limits

_LOG = logging.getLogger(__name__)
Result = TypeVar("Result")


class TransientError(Exception):
    """A fault that may be over the next time: worth another attempt.

    Args:
        cause: What happened; completes a sentence that begins with "it".
        retry_after: Seconds that the server asked to wait, where it did.
    """

    remedy: ClassVar[str] = (
        "check that the network and the server are up, then run the same command again"
    )

    def __init__(self, cause: str, retry_after: float | None = None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.retry_after = retry_after


class Unreachable(TransientError):
    """The server could not be connected to."""


class FileChanged(TransientError):
    """What an earlier attempt has downloaded cannot be continued: begin again."""

    remedy: ClassVar[str] = (
        "wait until the file at the source stays as it is, then run the same command again"
    )


def retry(attempt: Callable[[], Result], address: str, limits: Limits) -> Result:
    """Attempt something until it succeeds, or the attempts or the time are used up.

    Args:
        attempt: What to do; raises `TransientError` where another attempt may help.
        address: What it is done to, as it may appear in messages.
        limits: How often, and with what pauses.

    Raises:
        SourceFailed: The last attempt failed too.
        SourceUnreachable: Likewise, as the server cannot be connected to.
    """
    started, told = time.monotonic(), ""
    for number in range(1, limits.attempts + 1):
        try:
            return attempt()
        except TransientError as error:
            pause = _pause(number, error.retry_after, limits)
            spent = time.monotonic() - started
            if number == limits.attempts or spent + pause > limits.deadline:
                if isinstance(error, Unreachable):
                    attempts = "1 attempt" if number == 1 else f"{number} attempts"
                    cause = f"cannot be reached in {attempts} (it {error.cause})"
                    raise SourceUnreachable(server_of(address), cause, error.remedy) from error
                raise SourceFailed(
                    address,
                    f"failed at attempt {number} of {limits.attempts}, after {spent:.0f} s "
                    f"(it {error.cause})",
                    error.remedy,
                ) from error
            # In the same words for all files of a server, so that people are told once.
            again = f"{error.cause}: trying again, up to {limits.attempts} attempts"
            if again != told:
                _LOG.warning("%s %s.", server_of(address), again)
            told = again
            _LOG.debug("%s: attempt %d follows in %.1f s", address, number + 1, pause)
            time.sleep(pause)
    raise AssertionError("unreachable: the last attempt returns or raises")


def _pause(number: int, retry_after: float | None, limits: Limits) -> float:
    longest = min(limits.backoff_cap, math.ldexp(limits.backoff, min(number - 1, 64)))
    pause = longest * random.uniform(0.5, 1)  # noqa: S311 - spreads clients, hides nothing
    return max(pause, min(retry_after or 0, limits.retry_after_cap))


class MinimumThroughput:
    """Minimum-throughput guard: notices that a network source sends too slowly, or too long.

    Args:
        limits: The slowest speed and the window it is measured over.
        until: Moment of `time.monotonic` when all must have arrived.
    """

    def __init__(self, limits: Limits, until: float) -> None:
        self._limits = limits
        self._until = until
        self._window_began = time.monotonic()
        self._bytes = 0

    def count(self, received: int) -> None:
        """Count bytes that have arrived.

        Raises:
            TransientError: They arrive too slowly, or the time is over.
        """
        now = time.monotonic()
        self._bytes += received
        if now > self._until:
            raise TransientError(f"was not done within {self._limits.deadline:g} s")
        seconds = now - self._window_began
        if seconds >= self._limits.speed_window:
            if self._bytes < self._limits.min_speed * seconds:
                raise TransientError(
                    f"sent {self._bytes} bytes in {seconds:.3g} s, fewer than "
                    f"{self._limits.min_speed} a second"
                )
            self._window_began, self._bytes = now, 0
