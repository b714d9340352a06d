"""One person's attempt at one animal: who, how they see it, and what goes wrong."""

from bisect import bisect
from cmath import rect
from dataclasses import dataclass
from itertools import chain, pairwise
from math import radians
from typing import Final

import numpy as np
from numpy.typing import NDArray

from qd_pipeline.quickdraw.sample.animals import DRAW
from qd_pipeline.quickdraw.sample.hand import Hand
from qd_pipeline.quickdraw.sample.ink import CHANCES_PER_STROKE, simplify_traced, trace
from qd_pipeline.quickdraw.sample.people import COUNTRIES, COUNTRY_LIMITS, Habits, habits

_MISHAPS: Final = ("unfinished", "scribbled out", "shaky", "squashed", "another animal")
_MISHAP_SHARE: Final = 0.08
# A plan is brought to one size, lest a hand shake more in a face than in a whole animal.
_SIZE, _SMALLEST = 0.6, 0.1
# Ends nearer than this may be joined; a stroke of two points is a dot or a stick and is not.
_NEAR, _STICK = 0.2, 2


@dataclass(frozen=True)
class Doodle:
    """A finished drawing: its country, whether it was recognised, its strokes as [xs, ys]."""

    country: str
    recognized: bool
    strokes: list[list[list[int]]]


def doodle(animal: str, chances: np.random.Generator) -> Doodle:
    """Draw an animal once, as chance has it."""
    who, side, fate = chances.random(3).tolist()
    country = COUNTRIES[bisect(COUNTRY_LIMITS, who)]
    habit = habits(country)
    hand = Hand(chances, care=habit.care, one_line=habit.one_line, clockwise=side < habit.clockwise)
    mishap = hand.one_of(*_MISHAPS) if fate < _MISHAP_SHARE else None
    if mishap == "another animal":
        animal = hand.one_of(*DRAW)
    DRAW[animal](hand, face_only=hand.chance(habit.face_only))
    _order(hand, habit)
    _stop(hand, mishap)
    lengths = [len(stroke) for stroke in hand.strokes]
    starts = np.cumsum([0, *lengths])
    points = _posed(hand, habit, np.array([*chain(*hand.strokes)]), squashed=mishap == "squashed")
    shake = 3.5 if mishap == "shaky" else habit.haste * hand.between(0.4, 1.5)
    inked = trace(points, starts, chances.random((len(lengths), CHANCES_PER_STROKE)), shake)
    xs, ys, ends = (array.tolist() for array in simplify_traced(*inked))
    strokes = [[xs[a:b], ys[a:b]] for a, b in pairwise([0, *ends])]
    return Doodle(country, mishap is None, strokes)


def _order(hand: Hand, habit: Habits) -> None:
    """Draw the head first, and join strokes whose ends are near, where that is the habit."""
    if hand.chance(habit.head_first):
        hand.strokes.sort(key=lambda stroke: round(4 * stroke[0].real))
    if hand.chance(habit.joined):
        joined = hand.strokes[:1]
        for stroke in hand.strokes[1:]:
            if abs(stroke[0] - joined[-1][-1]) < _NEAR and len(stroke) > _STICK:
                joined[-1] += [joined[-1][-1], stroke[0], *stroke]
            else:
                joined.append(stroke)
        hand.strokes = joined


def _stop(hand: Hand, mishap: str | None) -> None:
    strokes = hand.strokes
    if mishap == "unfinished":
        del strokes[max(2, round(len(strokes) * hand.between(0.1, 0.45))) :]
    elif mishap == "scribbled out":
        hand.scribble(hand.near(0j, 0.2), 0.55, 0.35)
    elif hand.chance(0.18):
        # The game stops the pen as soon as it has guessed.
        del strokes[max(2, round(len(strokes) * hand.between(0.55, 1))) :]


def _posed(
    hand: Hand, habit: Habits, points: NDArray[np.complex128], *, squashed: bool
) -> NDArray[np.complex128]:
    """Bend, stretch, slant, mirror and turn."""
    stretch = hand.one_of(0.45, 2.2) if squashed else hand.about(1, 0.13)
    slant = hand.about(1, 0.08) - 1
    mirror = -1 if hand.chance(habit.facing_right) else 1
    angle = hand.between(-40, 40) if hand.chance(0.06) else hand.between(-8, 8)
    points = points - points.mean()
    points *= _SIZE / max(np.abs(points).max(), _SMALLEST)
    bends = [hand.near(0j, 0.08) for _ in range(3)]
    # All quadratic terms of the plane: one side grows, straight lines bow.
    mirrored = points.conj()
    points = points * (1 + bends[0] * points + bends[1] * mirrored) + bends[2] * mirrored**2
    xs = points.real * stretch + points.imag * slant
    return (xs * mirror + 1j * points.imag) * rect(1, radians(angle))
