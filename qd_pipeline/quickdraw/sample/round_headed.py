"""Panda, frog and rabbit: a round head seen from the front, mostly on a sitting trunk."""

from qd_pipeline.quickdraw.sample import faces
from qd_pipeline.quickdraw.sample.hand import Hand


def panda(hand: Hand, *, face_only: bool) -> None:
    """Round ears, blackened eyes."""
    width, height = hand.about(0.42), hand.about(0.38)
    hand.loop(0, width, height)
    faces.round_ears(hand, width, height, hand.about(0.14))
    apart = width * hand.between(0.35, 0.5)
    middle = -1j * height * hand.between(0, 0.3)
    manner = hand.one_of("black", "black", "ringed", "ringed", "plain")
    if manner == "plain":
        faces.eyes(hand, middle, apart, 0.07)
    else:
        for centre in (middle - apart, middle + apart):
            if manner == "black":
                hand.scribble(centre, 0.09, 0.1)
            else:
                hand.loop(centre, hand.about(0.1), hand.about(0.12))
                hand.dot(hand.near(centre, 0.03))
    if hand.bothers():
        faces.nose(hand, 0.25j * height, hand.about(0.055))
    if hand.bothers(0.85):
        faces.mouth(hand, 0.55j * height, hand.about(0.12))
    if not face_only:
        _sitting(hand, 0.85j * height, hand.about(0.42), hand.about(0.7))


def frog(hand: Hand, *, face_only: bool) -> None:
    """Eyes that stand out on top of a broad head, a broad mouth, folded legs."""
    if not face_only and hand.chance(0.3):
        _frog_from_the_side(hand)
        return
    width, height = hand.about(0.45), hand.about(0.3)
    apart, bulge = width * hand.between(0.45, 0.65), hand.about(0.13)
    brow = -1j * height
    if hand.chance(hand.one_line * 0.7):
        lid = brow - 1j * bulge
        hollow = apart - bulge + 0.95 * brow
        cheek = complex(0.7 * width, 0.8 * height)
        eyes = (lid - apart, hollow - 2 * hollow.real, hollow, lid + apart)
        jaw = (width, cheek, -brow, cheek - 2 * cheek.real, -width)
        temple = apart + bulge + 0.9 * brow
        hand.curve(temple - 2 * temple.real, *eyes, temple, *jaw, temple - 2 * temple.real)
    else:
        hand.loop(0, width, height)
        for side in (-1, 1):
            hand.loop(brow + side * apart, bulge, bulge)
    faces.eyes(hand, brow, apart, 0.06)
    hand.arc(0.1 * brow, width * hand.between(0.5, 0.85), height * 0.6, 165, 15)
    if hand.bothers(0.35):
        for side in (-1, 1):
            hand.dot(complex(side * 0.05, -0.2 * height))
    if not face_only:
        hand.arc(0.9j * height, width * 0.8, hand.about(0.4), 0, 180)
        for side in (-1, 1):
            _folded_leg(hand, 1j * height, side, width)


def _folded_leg(hand: Hand, chin: complex, side: int, width: float) -> None:
    hip = chin + complex(side * width * 0.75, 0.2)
    foot = chin + complex(side * width * 1.25, 0.42)
    heel = chin + complex(side * width * 0.5, 0.4)
    thigh = (hip - 0.15j, hip + side * 0.25 - 0.1j, hip + side * 0.2 + 0.1j)
    hand.curve(*thigh, foot, foot, heel)
    if hand.bothers(0.6):
        paw = chin + complex(side * 0.12, 0.45)
        hand.line(chin + complex(side * 0.15, 0.1), paw, paw + side * 0.08)


def _frog_from_the_side(hand: Hand) -> None:
    snout = -0.5 - 0.02j
    bulge = (-0.42 - 0.16j, -0.38 - 0.16j, -0.36 - 0.3j, -0.22 - 0.3j, -0.2 - 0.17j, -0.2 - 0.17j)
    hand.curve(snout, *bulge, 0.12 - 0.08j, 0.42 + 0.25j, 0.42 + 0.25j, -0.2 + 0.26j, snout)
    faces.eye(hand, hand.near(-0.29 - 0.22j, 0.02), 0.04)
    hand.curve(snout + 0.01, -0.32 + 0.05j, -0.15 - 0.02j)
    thigh = (0.05 + 0.25j, 0.08 + 0.06j, 0.28 + 0.02j, 0.4 + 0.2j)
    hand.curve(*thigh, 0.15 + 0.3j, 0.15 + 0.36j, 0.45 + 0.36j)
    if hand.bothers():
        foot = hand.near(-0.22 + 0.42j, 0.04)
        hand.line(-0.2 + 0.2j, foot, foot - 0.12)


def rabbit(hand: Hand, *, face_only: bool) -> None:
    """Long ears; seen from the side, a ball for a tail."""
    if not face_only and hand.chance(0.5):
        _rabbit_from_the_side(hand)
        return
    width, height = hand.about(0.32), hand.about(0.29)
    hand.loop(0, width, height)
    lean = hand.between(-0.02, 0.15)
    length, thickness = hand.about(0.5, 0.2), hand.about(0.08)
    for side in (-1, 1):
        root = complex(side * width * 0.45, -height * 0.85)
        faces.long_ear(hand, root, length, thickness, side * lean)
    faces.eyes(hand, -0.2j * height, 0.4 * width, 0.06)
    if hand.bothers():
        faces.nose(hand, 0.2j * height, hand.about(0.04))
    if hand.bothers(0.8):
        faces.mouth(hand, 0.5j * height, hand.about(0.1))
    if hand.bothers(0.35):
        faces.whiskers(hand, 0.3j * height, width * 0.8)
    if hand.bothers(0.25):
        gum, edge = 0.55j * height, 0.8j * height
        hand.line(gum - 0.04, edge - 0.04, edge + 0.04, gum + 0.04)
    if not face_only:
        _sitting(hand, 0.85j * height, hand.about(0.33), hand.about(0.6))


def _rabbit_from_the_side(hand: Hand) -> None:
    length, depth = hand.about(0.38), hand.about(0.27)
    head = complex(-length * 0.95, -depth * hand.between(0.7, 1.2))
    hand.loop(0, length, depth)
    hand.loop(head, hand.about(0.18), hand.about(0.16))
    slope = hand.between(0, 0.25)
    faces.long_ear(hand, head + 0.02 - 0.13j, hand.about(0.36), 0.055, slope)
    if hand.bothers(0.8):
        faces.long_ear(hand, head + 0.1 - 0.11j, hand.about(0.34), 0.055, slope + 0.12)
    faces.eye(hand, head - 0.05 - 0.03j, 0.025)
    hand.loop(length - 0.02j, hand.about(0.08), hand.about(0.08))
    if hand.bothers(0.85):
        for x in (-0.55, 0.5):
            hand.loop(complex(x * length, depth * 0.95), hand.about(0.13), 0.05)
    if hand.bothers(0.3):
        faces.whiskers(hand, head - 0.12 + 0.03j, 0.1)


def _sitting(hand: Hand, neck: complex, width: float, height: float) -> None:
    """Draw a trunk of this half width and height that hangs from a neck, with arms and feet."""
    centre = neck + 0.5j * height
    if hand.chance(0.5):
        hand.loop(centre, width, height * 0.55)
    else:
        hand.arc(centre, width, height * 0.6, -50, 230)
    if hand.bothers(0.8):
        for side in (-1, 1):
            shoulder = centre + complex(side * width * 0.8, -height * 0.25)
            paw = shoulder + complex(side * width * hand.between(-0.3, 0.5), height * 0.4)
            elbow = (shoulder + paw) / 2
            outside, inside = elbow + side * width * 0.35, elbow - side * 0.02
            hand.curve(shoulder - 0.05j, outside, paw, inside, shoulder + 0.08j * height)
    if hand.bothers(0.85):
        for side in (-1, 1):
            foot = centre + complex(side * width * 0.75, height * 0.52)
            hand.loop(foot, width * 0.4, height * 0.14)
