"""Random drawings of the kinds that are hard to draw: dots, ties, parallels, about-turns."""

import numpy as np

from benchmarks.references import Strokes


def random_drawings(count: int, seed: int) -> list[Strokes]:
    """Return `count` drawings of one to five strokes, seven kinds in turn."""
    chance = np.random.default_rng(seed)
    return [
        [_stroke(i % 7, chance) for _ in range(int(chance.integers(1, 6)))] for i in range(count)
    ]


def _stroke(kind: int, chance: np.random.Generator) -> list[list[int]]:
    points = int(chance.integers(1, 14))
    start = chance.integers(0, 256, (2, 1))
    if kind == 0:  # anywhere
        places = chance.integers(0, 256, (2, points))
    elif kind == 1:  # on a grid
        pitch = int(chance.choice([1, 2, 3, 8, 16, 19, 32, 38]))
        places = chance.integers(0, 256 // pitch + 1, (2, points)) * pitch
    elif kind == 2:  # a walk in small steps
        places = start + np.cumsum(chance.integers(-3, 4, (2, points)), axis=1)
    elif kind == 3:  # along the axes
        steps = (
            chance.integers(-60, 61, points)
            * np.eye(2, dtype=int)[:, chance.integers(0, 2, points)]
        )
        places = 128 + np.cumsum(steps, axis=1)
    elif kind == 4:  # along axes and diagonals
        steps = chance.integers(-1, 2, (2, points)) * chance.integers(1, 60, points)
        places = 128 + np.cumsum(steps, axis=1)
    elif kind == 5:  # to and fro
        places = chance.integers(0, 256, (2, 2))[:, chance.integers(0, 2, points)]
    else:  # a dot
        places = np.repeat(start, points, axis=1)
    xs, ys = np.clip(places, 0, 255).tolist()
    return [xs, ys]
