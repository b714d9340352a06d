"""How long, how often and how much: the limits of every request, in one place."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Limits of what is requested from a network source, and of what it may send.

    All are above 0 and finite; those with a whole number as default are whole.

    Attributes:
        attempts: Attempts at one file in all, the first included.
        connect_timeout: Seconds to wait for a connection.
        read_timeout: Seconds without a single byte before a response counts as stalled.
        backoff: Seconds before the second attempt; doubled before each further one, and
            shortened at random by up to half, so that many clients do not return at once.
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
