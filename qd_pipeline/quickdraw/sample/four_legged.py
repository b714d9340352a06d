"""Cow, elephant and camel: a trunk on four legs, seen from the side, or a face alone."""

from collections.abc import Sequence
from typing import Final

from qd_pipeline.quickdraw.sample import faces
from qd_pipeline.quickdraw.sample.hand import Hand, corners

_STRAIGHT: Final = (-0.75 - 0.9j, -0.95j, 0.75 - 0.9j)


def cow(hand: Hand, *, face_only: bool) -> None:
    """Horns, ears and a broad muzzle; a patched trunk with an udder."""
    if face_only:
        _cow_face(hand)
        return
    length, depth = hand.about(0.5), hand.about(0.26)
    _trunk(hand, length, depth, hand.about(0.25), hand.about(0.035))
    head = complex(-length - 0.08, -depth * hand.between(0.5, 1.2))
    hand.loop(head, hand.about(0.19), hand.about(0.14))
    faces.eye(hand, head - 0.02 - 0.04j, 0.025)
    if hand.bothers(0.8):
        faces.horns(hand, head + 0.04, 0.1, 0.14, hand.about(0.11))
    if hand.bothers(0.4):
        hand.loop(head - 0.14 + 0.03j, 0.08, 0.1)
    if hand.bothers(0.85):
        _tail(hand, complex(length * 0.97, -depth * 0.4), hand.about(0.3))
    if hand.bothers(0.65):
        hand.arc(complex(length * 0.35, depth * 0.95), 0.1, 0.09, 170, 10)
    if hand.bothers(0.75):
        for _ in range(hand.one_of(1, 2, 3, 4)):
            spot = complex(hand.between(-0.6, 0.7) * length, hand.between(-0.5, 0.4) * depth)
            patch = hand.scribble if hand.chance(0.25) else hand.loop
            patch(spot, hand.about(0.1, 0.25), hand.about(0.07, 0.25))


def _cow_face(hand: Hand) -> None:
    width, height = hand.about(0.34), hand.about(0.46)
    hand.loop(0, width, height)
    hand.loop(0.6j * height, width * hand.between(0.7, 1.05), height * 0.38)
    for side in (-1, 1):
        hand.dot(complex(side * width * 0.3, height * 0.6))
    faces.eyes(hand, -0.2j * height, 0.4 * width, 0.07)
    if hand.bothers(0.85):
        faces.side_ears(hand, 0, width, height, 0.15)
    if hand.bothers(0.8):
        faces.horns(hand, 0, width, height, 0.2)
    if hand.bothers(0.4):
        hand.loop(complex(0.4 * width, -0.35 * height), 0.3 * width, 0.25 * height)


def elephant(hand: Hand, *, face_only: bool) -> None:
    """A trunk, ears like fans, tusks; legs like pillars."""
    if face_only:
        _elephant_face(hand)
        return
    length, depth = hand.about(0.42), hand.about(0.3)
    _trunk(hand, length, depth, hand.about(0.2), hand.about(0.065))
    head = complex(-length - 0.06, -depth * hand.between(0.3, 0.8))
    hand.loop(head, hand.about(0.2), hand.about(0.2))
    fall = 0.5j * hand.about(0.42)
    curl = hand.between(-0.3, 0.12)
    bend = head - 0.26 + fall
    tip = head - 0.28 + 2 * fall + complex(curl * 0.7, -abs(curl))
    if hand.bothers(0.75):
        end = corners([tip - 0.04, tip + 0.03])
        hand.curve(head - 0.18 - 0.05j, bend, *end, bend + 0.11, head - 0.1 + 0.15j)
    else:
        hand.curve(head - 0.18, bend, tip)
    if hand.bothers(0.85):
        hand.loop(head + hand.near(0.1 - 0.01j, 0.03), hand.about(0.11), hand.about(0.15))
    if hand.bothers(0.85):
        faces.eye(hand, head - 0.08 - 0.05j, 0.025)
    if hand.bothers(0.45):
        hand.curve(head - 0.12 + 0.12j, head - 0.2 + 0.2j, head - 0.3 + 0.18j)
    if hand.bothers(0.75):
        _tail(hand, complex(length * 0.97, -depth * 0.3), hand.about(0.22))


def _elephant_face(hand: Hand) -> None:
    width, height = hand.about(0.27), hand.about(0.32)
    hand.loop(0, width, height)
    for side in (-1, 1):
        ear = complex(side * width * 1.3, -0.05)
        hand.arc(ear, 0.26, hand.about(0.3), 90 + side * 40, 90 - side * 220)
    tip = complex(hand.between(-0.25, 0.25), height + hand.about(0.35))
    root = 1j * height
    hand.curve(-0.08 + 0.1j, root - 0.07, tip - 0.06, tip + 0.06, root + 0.07, 0.08 + 0.1j)
    faces.eyes(hand, -0.08j, 0.45 * width, 0.05)
    if hand.bothers(0.5):
        for side in (-1, 1):
            hand.curve(*(complex(side * x, y) for x, y in ((0.13, 0.2), (0.2, 0.33), (0.28, 0.33))))


def camel(hand: Hand, *, face_only: bool) -> None:
    """One hump or two, a long bent neck with a small head, long thin legs."""
    top = complex(-0.62, -hand.about(0.42))
    snout = top - hand.about(0.2, 0.2) + 0.05j
    head = (top + 0.12j, snout + 0.06j, snout, top - 0.05, top + 0.06)
    if face_only and hand.chance(0.6):
        hand.curve(-0.6 + 0.3j, -0.62 - 0.1j, *head, -0.5 - 0.15j, -0.42 + 0.3j)
        if hand.bothers(0.7):
            hand.curve(top, top + 0.03 - 0.1j, top + 0.07)
        faces.eye(hand, top + 0.04j, 0.02)
        return
    hump = -1j * hand.between(1.6, 2.7)
    if hand.chance(0.55):
        back = (-0.75 - 0.7j, -0.4 + hump, -0.02 - 0.85j, 0.4 + hump, 0.75 - 0.7j)
    else:
        back = (-0.75 - 0.8j, -0.4 - 1j, hump, 0.4 - 1j, 0.75 - 0.8j)
    length, depth = hand.about(0.42, 0.06), hand.about(0.19)
    neck = (-0.55 + 0.02j, -0.62 - 0.1j, *head, -0.5 - 0.15j, -0.42 - 0.1j)
    _trunk(hand, length, depth, hand.about(0.36), hand.about(0.03), back=back, front=neck)
    if hand.bothers(0.6):
        faces.eye(hand, top + 0.04j, 0.018)
    if hand.bothers(0.3):
        hand.line(snout + 0.05j, snout + 0.08 + 0.05j)
    if hand.bothers(0.6):
        _tail(hand, length * 0.97, hand.about(0.24))


def _trunk(
    hand: Hand,
    length: float,
    depth: float,
    leg: float,
    thickness: float,
    *,
    back: Sequence[complex] = _STRAIGHT,
    front: Sequence[complex] = (),
) -> None:
    """Draw a trunk around 0 with its legs.

    Args:
        hand: Draws.
        length: From the trunk's centre to its chest.
        depth: From the trunk's centre to its belly.
        leg: Length of a leg below the belly.
        thickness: Half width of a leg.
        back: The upper edge, from left to right, in units of length and depth.
        front: Neck and head from the chest upwards to the withers, if they are to be
            drawn in one go with the trunk by those who draw so.
    """
    chest, rump = complex(-length, depth * 0.1), complex(length, depth * 0.1)
    spine = [complex(p.real * length, p.imag * depth) for p in back]
    places = hand.one_of((-0.75, -0.42, 0.4, 0.75), (-0.7, -0.4, 0.42, 0.72), (-0.6, 0.6))
    hips = [complex(x * length, depth * 0.8) for x in places]
    leg += depth * 0.2
    if hand.chance(hand.one_line):
        ink = [chest, *front, *spine, rump]
        for hip in reversed(hips):
            foot = hip + 1j * hand.about(leg)
            ink += corners([hip + thickness, foot + thickness, foot - thickness, hip - thickness])
        hand.curve(*ink, chest)
        return
    if back is _STRAIGHT and hand.chance(0.5):
        hand.loop(0, length, depth)
    else:
        belly = [complex(length * x, depth * 0.95) for x in (0.65, 0, -0.65)]
        hand.curve(chest, *spine, rump, *belly, chest + 0.02)
    if front:
        hand.curve(chest - 0.02j, *front, spine[0] + 0.02)
    _legs(hand, hips, leg, thickness)


def _legs(hand: Hand, hips: Sequence[complex], length: float, thickness: float) -> None:
    """Draw a leg down from each hip, all in one manner."""
    thick = thickness > length / 5
    manner = "box" if thick else hand.one_of("stick", "trough", "box", "box")
    stride = hand.between(-0.25, 0.25) if hand.chance(0.4) else 0
    for i, hip in enumerate(hips):
        foot = hip + hand.about(length, 0.08) * complex(stride if i % 2 else -stride, 1)
        if manner == "stick":
            hand.line(hip, foot)
        elif manner == "box":
            hand.line(hip - thickness, foot - thickness, foot + thickness, hip + thickness)
        else:
            hand.curve(hip - thickness, foot - thickness, foot + thickness, hip + thickness)


def _tail(hand: Hand, root: complex, length: float) -> None:
    """Draw a hanging tail, now and then with a tuft."""
    tip = root + length * complex(hand.between(0.1, 0.6), 1)
    hand.curve(root, (root + tip) / 2 + length * hand.between(0.05, 0.3), tip)
    if hand.bothers(0.4):
        hand.scribble(tip, length * 0.1, length * 0.18)
