"""Heads and what is in them, as several animals share them."""

from qd_pipeline.quickdraw.sample.hand import Hand


def eyes(hand: Hand, middle: complex, apart: float, size: float) -> None:
    """Draw two eyes to both sides of a point, in one manner: dots, blots or rings."""
    manner = hand.one_of("dots", "dots", "rings", "pupils", "filled")
    for centre in (middle - apart, middle + apart):
        if manner == "dots":
            hand.dot(centre)
        elif manner == "filled":
            hand.scribble(centre, size * 0.5, size * 0.5)
        else:
            hand.loop(centre, size * 0.7, size * 0.8)
            if manner == "pupils":
                hand.dot(hand.near(centre, size * 0.3))


def eye(hand: Hand, centre: complex, size: float) -> None:
    """Draw the one eye that is seen from the side."""
    if hand.chance(0.55):
        hand.dot(centre)
    else:
        hand.loop(centre, size, size)
        if hand.chance(0.4):
            hand.dot(hand.near(centre, size * 0.3))


def mouth(hand: Hand, centre: complex, width: float) -> None:
    """Draw a mouth: a smile, a straight line, or a w below the nose."""
    manner = hand.one_of("smile", "smile", "straight", "w")
    if manner == "smile":
        hand.arc(centre - 0.3j * width, width, width * 0.6, 150, 30)
    elif manner == "straight":
        hand.line(centre - width, centre + width)
    else:
        hand.arc(centre - width * 0.5, width * 0.5, width * 0.4, 170, 0)
        hand.arc(centre + width * 0.5, width * 0.5, width * 0.4, 180, 10)


def nose(hand: Hand, centre: complex, size: float) -> None:
    """Draw a nose: a triangle, a ring or a blot."""
    manner = hand.one_of("triangle", "ring", "blot")
    if manner == "triangle":
        tip = centre + 0.8j * size
        hand.line(centre - size, centre + size, tip, centre - size)
    elif manner == "ring":
        hand.loop(centre, size, size * 0.7)
    else:
        hand.scribble(centre, size, size * 0.6)


def whiskers(hand: Hand, centre: complex, reach: float) -> None:
    """Draw two or three whiskers to each side."""
    for side in (-1, 1):
        for tilt in hand.one_of((-0.15, 0.15), (-0.25, 0, 0.25)):
            start = centre + side * reach * 0.4 + 0.5j * reach * tilt
            hand.line(start, centre + side * reach * 1.3 + 1j * reach * tilt)


def round_ears(hand: Hand, width: float, height: float, size: float) -> None:
    """Draw round ears on a head around 0, often blackened or with an inner ring."""
    manner = hand.one_of("open", "open", "black", "inner")
    for side in (-1, 1):
        root = complex(side * width * 0.75, -height * 0.78)
        if manner == "black":
            hand.scribble(root, size * 0.8, size)
        elif hand.chance(0.5):
            hand.loop(root, size, size)
        else:
            hand.arc(root, size, size, 150 + side * 40, 390 + side * 40)
        if manner == "inner":
            hand.loop(root, size * 0.5, size * 0.5)


def long_ear(hand: Hand, root: complex, length: float, width: float, lean: float) -> None:
    """Draw a rabbit's ear upwards from its root; it leans right if `lean` > 0."""
    tip = root + complex(lean, -length)
    half = root + complex(lean * 0.45, -length * 0.55)
    if hand.chance(0.15):
        tip += complex(width * 2.5 * (1 if lean >= 0 else -1), length * 0.5)
    hand.curve(root - width * 0.7, half - width, tip, half + width, root + width * 0.7)
    if hand.bothers(0.3):
        hand.curve(half - width * 0.35 + 0.2j * length, half - 0.15j * length, half + width * 0.35)


def side_ears(hand: Hand, head: complex, width: float, height: float, size: float) -> None:
    """Draw leaf-shaped ears that stand out to the sides of a head."""
    for side in (-1, 1):
        root = head + complex(side * width * 0.85, -height * 0.55)
        tip = root + complex(side * size * 1.6, hand.between(-0.3, 0.4) * size)
        half = (root + tip) / 2
        bulge = 0.5j * size
        hand.curve(root - bulge, half - bulge, tip, half + bulge, root + bulge)


def horns(hand: Hand, head: complex, width: float, height: float, size: float) -> None:
    """Draw a pair of horns on top of a head."""
    pointed = hand.chance(0.6)
    for side in (-1, 1):
        root = head + complex(side * width * 0.5, -height * 0.85)
        tip = root + complex(side * size * 0.7, -size)
        bend = root + complex(side * size * 0.7, -size * 0.1)
        if pointed:
            hand.curve(root, bend, tip, tip, root + side * size * 0.05 - 0.3j * size)
        else:
            hand.curve(root, bend, tip)
