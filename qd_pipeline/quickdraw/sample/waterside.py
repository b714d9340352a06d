"""Duck and shark: on the water and in it, seen from the side."""

from qd_pipeline.quickdraw.sample import faces
from qd_pipeline.quickdraw.sample.hand import Hand, corners


def duck(hand: Hand, *, face_only: bool) -> None:
    """A round head with a bill on a boat of a trunk that ends in a point."""
    if face_only and hand.chance(0.6):
        radius = hand.about(0.38)
        hand.loop(0, radius, radius)
        _bill_and_eye(hand, 0, radius)
        if hand.bothers(0.6):
            for x in (-0.4 * radius, 0.1):
                hand.line(complex(x, radius), complex(x, radius + 0.35))
        return
    head, radius = hand.near(-0.32 - 0.36j, 0.06), hand.about(0.16)
    stern = hand.near(0.5 - 0.21j, 0.05)
    throat, nape = head + complex(-0.5, 1) * radius, head + complex(0.7, 1) * radius
    keel = (0.35 + 0.14j, 0.02 + 0.25j, -0.33 + 0.17j, -0.43 - 0.04j)
    if hand.chance(hand.one_line):
        crown = (head - radius, head - 1j * radius, head + radius)
        hand.curve(throat, *crown, nape, 0.12 - 0.1j, stern, stern, *keel, throat)
    else:
        hand.loop(head, radius, radius)
        hand.curve(nape, 0.12 - 0.09j, stern, stern, *keel, throat)
    _bill_and_eye(hand, head, radius)
    if hand.bothers(0.75):
        hand.curve(-0.12 + 0.02j, 0.02 + 0.13j, 0.24 + 0.02j, 0.02 - 0.04j, -0.12 + 0.02j)
    below = hand.one_of("feet", "feet", "water", "nothing")
    if below == "feet":
        for x in (-0.08, 0.08):
            foot = complex(x, hand.about(0.42))
            hand.line(complex(x, 0.23), foot, foot - 0.1 + 0.02j)
    elif below == "water":
        _waves(hand, 0.2j, 0.7, 0.03)


def _bill_and_eye(hand: Hand, head: complex, radius: float) -> None:
    root = head - 0.9 * radius
    tip = root - hand.about(radius * 0.9)
    hand.curve(root - 0.3j * radius, tip, tip, root + 0.4j * radius)
    if hand.bothers(0.4):
        hand.line(root + 0.05j * radius, tip + 0.3 * radius)
    if hand.bothers(0.95):
        faces.eye(hand, head - (0.3 + 0.25j) * radius, radius * 0.18)


def shark(hand: Hand, *, face_only: bool) -> None:
    """A spindle with a fin on its back and a forked tail; or only the fin and waves."""
    if face_only and hand.chance(0.5):
        tip = hand.near(0.15 - 0.42j, 0.04)
        hand.curve(-0.2, -0.05 - 0.25j, tip, tip, 0.1 - 0.2j, 0.2)
        for y in hand.one_of((0.05,), (0.05, 0.15)):
            _waves(hand, 1j * y, 0.5, 0.06)
        return
    depth = hand.about(0.17)
    snout, root = -0.55 + 0.02j, 0.4 - 0.02j
    upper = (snout, -0.3 - 0.9j * depth, -0.1 - 1.05j * depth)
    lower = (0.15 + 0.75j * depth, -0.2 + 1j * depth, snout)
    fin = (upper[-1], 0.06 - 1j * (depth + hand.about(0.2)), 0.1 - 0.9j * depth)
    fork = (root - 0.03j, 0.6 - 0.22j, 0.53 - 0.02j, hand.near(0.6 + 0.17j, 0.04), root + 0.03j)
    if hand.chance(hand.one_line):
        hand.curve(*upper, *corners(fin), fork[0], *corners(fork[1:-1]), fork[-1], *lower)
    else:
        hand.curve(*upper, 0.15 - 0.8j * depth, fork[0])
        hand.curve(*reversed(lower), fork[-1])
        hand.line(*fin)
        hand.line(*fork)
    faces.eye(hand, -0.38 - 0.2j * depth, 0.025)
    if hand.bothers(0.75):
        hand.curve(-0.46 + 0.45j * depth, -0.38 + 0.35j * depth, -0.25 + 0.5j * depth)
    if hand.bothers(0.4):
        hand.line(*(complex(-0.45 + 0.03 * i, depth * (0.45 + 0.3 * (i % 2))) for i in range(7)))
    if hand.bothers(0.5):
        for x in hand.one_of((-0.2, -0.15), (-0.22, -0.17, -0.12)):
            hand.arc(x, 0.02, 0.06, 100, 260)
    if hand.bothers(0.65):
        hand.line(-0.12 + 0.6j * depth, -0.02 + 1j * (depth + 0.15), 0.03 + 0.65j * depth)


def _waves(hand: Hand, centre: complex, reach: float, height: float) -> None:
    hand.curve(*(centre + complex(reach * x / 5, height * (x % 2)) for x in range(-5, 6)))
