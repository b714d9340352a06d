"""Makes `cairo_bitmaps.npz`: drawings that the project may carry, as cairo 1.16 drew them.

The drawings are 64 of the embedded sample and 48 random ones; the file holds them as flat
arrays beside their bitmaps. To make it anew, with cairocffi and Debian's libcairo2 installed:

    python -m qd_pipeline_tests.quickdraw.cairo_fixture
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.references import Strokes, cairo_bitmaps
from qd_pipeline.quickdraw.sample import ANIMALS, ndjson_lines
from qd_pipeline_tests.quickdraw.random_drawings import random_drawings

FIXTURE = Path(__file__).with_name("cairo_bitmaps.npz")


def read() -> tuple[list[Strokes], NDArray[np.uint8]]:
    """Give the drawings and their bitmaps, uint8 (n, 28, 28)."""
    with np.load(FIXTURE, allow_pickle=False) as file:
        points = np.split(file["points"].tolist(), np.cumsum(file["lengths"])[:-1])
        strokes = [stroke.T.tolist() for stroke in points]
        ends = np.cumsum(file["counts"]).tolist()
        begins = [0, *ends[:-1]]
        drawings: list[Strokes] = [strokes[i:j] for i, j in zip(begins, ends, strict=True)]
        return drawings, file["bitmaps"]


def make() -> None:
    """Draw the drawings with cairo and write the file."""
    drawings: list[Strokes] = [
        json.loads(line)["drawing"]
        for animal in ANIMALS
        for line in ndjson_lines(animal, 8, seed=3)
    ]
    drawings += random_drawings(48, seed=3)
    strokes = [stroke for drawing in drawings for stroke in drawing]
    np.savez_compressed(
        FIXTURE,
        counts=np.array([len(drawing) for drawing in drawings], np.uint16),
        lengths=np.array([len(xs) for xs, _ in strokes], np.uint16),
        points=np.concatenate([np.array(stroke, np.uint8).T for stroke in strokes]),
        bitmaps=cairo_bitmaps(drawings),
    )


if __name__ == "__main__":
    make()
