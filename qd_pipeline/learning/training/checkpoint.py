"""Checkpoints of a training: one that was killed goes on after an epoch, to the same weights.

Keras' `BackupAndRestore` keeps no history, and writes the weights and the number of the epoch one
after the other: a process that is killed in between would train an epoch twice. Here all is one
file, which takes its name when it is complete.
"""

from __future__ import annotations

import json
import logging
import secrets
import time
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import keras

SECONDS: Final = 60.0
"""Time between two checkpoints, at least; shorter trainings write none."""

_DAYS_KEPT: Final = 7
_RECORD: Final = "record"
_LOG: Final = logging.getLogger(__name__)


class Checkpoint:
    """The state of one training after an epoch, in a file.

    Variables of the network and the optimiser are kept, which hold the place in the schedule of
    the learning rate and the state of dropout's random numbers too. The order of the drawings and
    their augmentation follow from the number of the epoch.

    Args:
        path: Of the file, whose name tells this training from others.
        every: Seconds between two checkpoints, at least.
        on_restored: Called with the metrics of the epochs that a training does not repeat.
    """

    def __init__(
        self,
        path: Path,
        every: float | None = None,
        on_restored: Callable[[Sequence[Mapping[str, float]]], None] | None = None,
    ) -> None:
        self._path = path
        self._every = SECONDS if every is None else every
        self._on_restored = on_restored
        self._last = time.monotonic()

    def restore(self, network: keras.Model) -> tuple[list[dict[str, float]], float]:
        """Set a compiled network and its optimiser to the state that was saved, if there is one.

        Returns:
            Metrics of the epochs that it has been trained for, and the seconds that they took; none
            and 0 where there is no checkpoint, or it is damaged or of another network.
        """
        variables = _variables(network)
        try:
            with self._path.open("rb") as file, np.load(file, allow_pickle=False) as saved:
                record = json.loads(str(saved[_RECORD]))
                arrays = [saved[str(place)] for place in range(len(saved.files) - 1)]
            if [each.shape for each in arrays] != [tuple(each.shape) for each in variables]:
                raise ValueError("of another network")  # noqa: TRY301 (as damaged as any other)
        except FileNotFoundError:
            return [], 0.0
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            _LOG.warning(
                "The checkpoint of this training is damaged, or of another network: it begins anew."
            )
            return [], 0.0
        for variable, value in zip(variables, arrays, strict=True):
            variable.assign(value)
        if self._on_restored:
            self._on_restored(record["history"])
        return record["history"], record["seconds"]

    def save_when_due(
        self, network: keras.Model, history: Sequence[Mapping[str, float]], seconds: float
    ) -> None:
        """Save the state after an epoch, unless that was done a short while ago.

        Args:
            network: The network.
            history: Metrics of the epochs so far.
            seconds: That they took.
        """
        if time.monotonic() - self._last < self._every:
            return
        record = json.dumps({"history": list(history), "seconds": seconds})
        arrays = {str(place): np.asarray(each) for place, each in enumerate(_variables(network))}
        draft = self._path.with_suffix(f".{secrets.token_hex(8)}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with draft.open("wb") as file:
                np.savez(file, **{_RECORD: np.asarray(record)}, **arrays)  # type: ignore[arg-type]
            draft.replace(self._path)
        except OSError as error:  # the training itself may well succeed
            _LOG.warning("No checkpoint could be written (%s).", error.strerror)
            draft.unlink(missing_ok=True)
        self._last = time.monotonic()


def sweep(folder: Path) -> None:
    """Remove the checkpoints in a folder's folders that are a week old."""
    for path in folder.glob("*/*"):
        with suppress(FileNotFoundError):  # another process was faster
            if time.time() - path.stat().st_mtime > _DAYS_KEPT * 24 * 3600:
                path.unlink()


def _variables(network: keras.Model) -> list[Any]:
    return [*network.variables, *network.optimizer.variables]
