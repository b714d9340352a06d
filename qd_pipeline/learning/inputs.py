"""Inputs of networks, prepared from drawings as a network's `InputSpec` says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from qd_pipeline.learning import backend
from qd_pipeline.quickdraw import SEQUENCE_COLUMNS
from qd_pipeline.quickdraw.raster import rasterize

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from qd_pipeline.learning.networks import InputSpec


@dataclass(frozen=True, eq=False)
class Inputs:
    """What networks take in, of n drawings; None is what a network does not take.

    Args:
        bitmaps: `uint8 (n, side, side)`, ink 255 on ground 0.
        sequences: `float32 (n, length, 6)`, as `qd_pipeline.quickdraw.sequences` makes them.
    """

    bitmaps: NDArray[np.uint8] | None = None
    sequences: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        given = self.sequences if self.bitmaps is None else self.bitmaps
        return 0 if given is None else len(given)

    def __getitem__(self, which: slice) -> Inputs:
        return Inputs(
            None if self.bitmaps is None else self.bitmaps[which],
            None if self.sequences is None else self.sequences[which],
        )

    def tensors(self) -> Any:
        """Return them as Keras takes them: an array, or arrays by input name."""
        given: dict[str, Any] = {}
        if self.bitmaps is not None:
            given["bitmap"] = pixels(self.bitmaps)
        if self.sequences is not None:
            given["sequence"] = self.sequences
        return _alone_or_all(given)


def signature(spec: InputSpec) -> Any:
    """Return the `tf.TensorSpec` of inputs, in the structure of `Inputs.tensors`."""
    tf = backend.tf
    shapes: dict[str, tuple[int | None, ...]] = {}
    if spec.side is not None:
        shapes["bitmap"] = (None, spec.side, spec.side, 1)
    if spec.length is not None:
        shapes["sequence"] = (None, spec.length, len(SEQUENCE_COLUMNS))
    return _alone_or_all({name: tf.TensorSpec(shape, tf.float32) for name, shape in shapes.items()})


def _alone_or_all(given: dict[str, Any]) -> Any:
    return given if len(given) > 1 else next(iter(given.values()))


def prepare(
    drawings: pa.Array | pa.ChunkedArray,
    spec: InputSpec,
    *,
    traced: pa.Array | None = None,
    affine: NDArray[np.floating] | None = None,
    warp: NDArray[np.floating] | None = None,
    threads: int | None = None,
) -> Inputs:
    """Rasterize and resample drawings, as far as a network takes that in.

    Args:
        drawings: Column of strokes, as `rasterize` takes it, of length n.
        spec: The network's.
        traced: The same drawings as the sequences should take them; as they are by default.
        affine: (n, 2, 3), as `rasterize` takes it.
        warp: (n, waves, 5), as `rasterize` takes it.
        threads: Threads to use, by default one a core.

    Raises:
        BadDrawing: The column cannot be drawn.
    """
    # Its kernels import numba, a second that commands which read no drawings should not wait.
    from qd_pipeline.quickdraw.sequences import sequences  # noqa: PLC0415

    ordered = drawings if traced is None else traced
    mapped: dict[str, Any] = {"affine": affine, "warp": warp, "threads": threads}
    return Inputs(
        None if spec.side is None else rasterize(drawings, spec.side, **mapped),
        None if spec.length is None else sequences(ordered, spec.length, **mapped),
    )


def pixels(bitmaps: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Scale bitmaps to a network's input: `float32 (n, side, side, 1)`, ink 1 on ground 0.

    >>> pixels(np.array([[[0, 51], [255, 0]]], np.uint8)).ravel().tolist()
    [0.0, 0.20000000298023224, 1.0, 0.0]
    """
    return np.divide(bitmaps, np.float32(255), dtype=np.float32)[..., np.newaxis]
