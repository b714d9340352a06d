"""The eight animals and how each is drawn.

Each function draws an animal that faces left, with a hand; what mirrors, bends and shakes it
comes later. Its `face_only` says whether this person would draw no more than the face.
"""

from typing import Final, Protocol

from qd_pipeline.quickdraw.sample.four_legged import camel, cow, elephant
from qd_pipeline.quickdraw.sample.hand import Hand
from qd_pipeline.quickdraw.sample.round_headed import frog, panda, rabbit
from qd_pipeline.quickdraw.sample.waterside import duck, shark


class DrawAnimal(Protocol):
    """How one animal is drawn."""

    def __call__(self, hand: Hand, *, face_only: bool) -> None:
        """Draw it."""


DRAW: Final[dict[str, DrawAnimal]] = {
    "cow": cow,
    "panda": panda,
    "frog": frog,
    "rabbit": rabbit,
    "elephant": elephant,
    "duck": duck,
    "camel": camel,
    "shark": shark,
}
"""How each animal is drawn, in the notebook's order."""
