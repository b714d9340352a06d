"""A simulated hand: the strokes that it can draw, and its random choices.

Points are complex numbers, x to the right and y **downwards**, in units of about the
length of an animal. A stroke is the list of points that the pen passes; the pen goes
through them in a smooth curve, and a point given twice in a row is a corner.
"""

from cmath import rect
from collections.abc import Iterator
from math import ceil, radians
from typing import TypeVar

import numpy as np

Choice = TypeVar("Choice")


def _stream(chances: np.random.Generator) -> Iterator[float]:
    while True:
        yield from chances.random(64).tolist()


class Hand:
    """One person drawing one doodle: collects strokes, in the order they are drawn.

    Args:
        chances: Source of every random choice. Only its uniform doubles are used, since numpy
            keeps those the same from version to version.
        care: Factor of the probability that small parts are drawn, 0–1.
        one_line: Probability that an outline is drawn in one stroke, not part by part, 0–1.
        clockwise: Whether loops go clockwise.
    """

    def __init__(
        self, chances: np.random.Generator, *, care: float, one_line: float, clockwise: bool
    ) -> None:
        self._next = _stream(chances).__next__
        self._direction = 1 if clockwise else -1
        self.care = care
        self.one_line = one_line
        self.strokes: list[list[complex]] = []

    def chance(self, share: float) -> bool:
        """Return True with a probability."""
        return self._next() < share

    def bothers(self, share: float = 0.9) -> bool:
        """Return True with a probability, times `care`: small parts are left out in haste."""
        return self._next() < share * self.care

    def between(self, low: float, high: float) -> float:
        """Draw a uniform number between two."""
        return low + (high - low) * self._next()

    def about(self, mean: float, spread: float = 0.12) -> float:
        """Draw a number around a mean; the spread is the standard deviation as a share of it."""
        bell = 2 * (self._next() + self._next() + self._next()) - 3
        return mean * (1 + spread * bell)

    def one_of(self, *options: Choice) -> Choice:
        """Choose one of the options, all equally likely."""
        return options[int(self._next() * len(options))]

    def near(self, point: complex, reach: float) -> complex:
        """Choose a point not further than `reach` away on either axis."""
        return point + complex(self.between(-reach, reach), self.between(-reach, reach))

    def curve(self, *points: complex) -> None:
        """Draw smoothly through the points."""
        self.strokes.append(list(points))

    def line(self, *points: complex) -> None:
        """Draw straight from point to point; both ends miss their points a little."""
        start = points[0] + (points[0] - points[1]) * self.between(-0.06, 0.08)
        end = points[-1] + (points[-1] - points[-2]) * self.between(-0.06, 0.08)
        self.strokes.append([start, *corners(points[1:-1]), end])

    def arc(self, centre: complex, width: float, height: float, start: float, end: float) -> None:
        """Draw part of an ellipse of these half axes, from angle to angle.

        Angles are in degrees: 0 right, 90 down, 180 left, 270 up.
        """
        steps = max(2, ceil(abs(end - start) / 45))
        stride = (end - start) / steps
        self.strokes.append(
            [
                complex(
                    centre.real + width * unit.real,
                    centre.imag + height * unit.imag,
                )
                for unit in (rect(1, radians(start + stride * i)) for i in range(steps + 1))
            ]
        )

    def loop(self, centre: complex, width: float, height: float) -> None:
        """Draw around an ellipse of these half axes; its ends seldom meet."""
        begin = 270 + self.between(-60, 60)
        width = self.about(width, 0.07)
        height = self.about(height, 0.07)
        self.arc(centre, width, height, begin, begin + self._direction * self.between(335, 390))

    def dot(self, point: complex) -> None:
        """Tap the pen."""
        self.strokes.append([point, point])

    def scribble(self, centre: complex, width: float, height: float) -> None:
        """Fill an ellipse of these half axes to and fro, from its top to its bottom."""
        turns = int(self.between(7, 15))
        points = []
        for i in range(turns):
            down = 2 * (i + 0.5) / turns - 1
            reach = width * (1 - down * down) ** 0.5 * self.between(0.7, 1.0)
            points.append(centre + complex(reach if i % 2 else -reach, down * height))
        self.strokes.append(points)


def corners(points: tuple[complex, ...] | list[complex]) -> list[complex]:
    """Return each point twice, which makes it a corner.

    >>> corners([0, 1 + 2j])
    [0, 0, (1+2j), (1+2j)]
    """
    return [point for point in points for _ in range(2)]
