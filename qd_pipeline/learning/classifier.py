"""A classifier: a trained network with its class set, in memory and on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from qd_pipeline.errors import BadDrawing, BadSetting, DamagedPartition, MissingPartition
from qd_pipeline.learning import backend
from qd_pipeline.learning.figures import Figures, write_json
from qd_pipeline.learning.inputs import Inputs, signature
from qd_pipeline.learning.networks import InputSpec
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.quickdraw import BITMAP_SIDE, SEQUENCE_COLUMNS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import keras
    from numpy.typing import NDArray

NETWORK_FILE: Final = "network.keras"
METADATA_FILE: Final = "classifier.json"

_BATCH: Final = 256
"""Drawings at a time, whose activations fit a cache."""


@dataclass(frozen=True)
class Training(Figures):
    """Record of a classifier's training.

    Args:
        config: The settings.
        history: Metrics of each epoch by name: `loss`, `accuracy`, and where there are
            validation drawings `val_loss` and `val_accuracy`.
        seconds: Wall time of the training.
        training_drawings: Drawings trained on.
        validation_drawings: Drawings in the validation split.
        temperature: What the network's logits were divided by to calibrate it; the network
            contains it.
    """

    config: TrainingConfig
    history: tuple[Mapping[str, float], ...]
    seconds: float
    training_drawings: int
    validation_drawings: int
    temperature: float = 1.0

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read the JSON object of `to_json`.

        Raises:
            BadSetting: A setting is not known.
        """
        config = TrainingConfig.from_json(values["config"])
        return cls(**{**values, "config": config, "history": tuple(values["history"])})


@dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network and the categories that its outputs stand for, in order."""

    network: keras.Model
    class_set: tuple[str, ...]
    training: Training

    @property
    def spec(self) -> InputSpec:
        """What its network takes in."""
        return InputSpec.of(self.network)

    @property
    def side(self) -> int:
        """Height and width of the bitmaps that it takes, in pixels; without any, the usual."""
        return self.spec.side or BITMAP_SIDE

    @cached_property
    def _answer(self) -> Callable[[Any], Any]:
        """The network in graph mode, traced once for any number of drawings."""
        return backend.tf.function(  # type: ignore[no-any-return]
            lambda batch: self.network(batch, training=False),
            input_signature=[signature(self.spec)],
        )

    def predict(self, inputs: Inputs | NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each category for each drawing.

        Args:
            inputs: Of any number of drawings, prepared by `spec`; bitmaps alone,
                `uint8 (n, side, side)`, for networks that take only these. No more than 256
                are processed at a time.

        Returns:
            `float32 (n, classes)` in the order of the class set; each row sums to 1.

        Raises:
            BadDrawing: The inputs have another type or shape.
        """
        given = inputs if isinstance(inputs, Inputs) else Inputs(bitmaps=inputs)
        self._check(given)
        probabilities = np.empty((len(given), len(self.class_set)), np.float32)
        for start in range(0, len(given), _BATCH):
            batch = given[start : start + _BATCH].tensors()
            probabilities[start : start + _BATCH] = self._answer(batch)
        return probabilities

    def _check(self, inputs: Inputs) -> None:
        side, length = self.spec.side, self.spec.length
        _expect("bitmaps", inputs.bitmaps, "uint8", (side, side) if side else None)
        shape = (length, len(SEQUENCE_COLUMNS)) if length else None
        _expect("sequences", inputs.sequences, "float32", shape)

    def fingerprint(self) -> str:
        """Return a hash of what decides its predictions: architecture, weights and class set.

        Dates in the file and the layers' names, which Keras numbers by process, do not enter.

        Returns:
            SHA-256, as 64 hexadecimal digits.
        """
        digest = hashlib.sha256(json.dumps(self.class_set).encode())
        digest.update(json.dumps(_architecture(self.network), sort_keys=True).encode())
        for weights in self.network.get_weights():
            digest.update(f"{weights.dtype} {weights.shape}".encode())
            digest.update(np.ascontiguousarray(weights).tobytes())
        return digest.hexdigest()

    def save(self, folder: Path) -> None:
        """Write `network.keras` and `classifier.json` into an existing folder."""
        self.network.save(folder / NETWORK_FILE)
        metadata = {
            "class_set": self.class_set,
            "fingerprint": self.fingerprint(),
            "training": self.training,
            "libraries": {name: version(name) for name in ("keras", "tensorflow", "numpy")},
        }
        write_json(folder / METADATA_FILE, metadata)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read the files that `save` wrote; nothing in the folder is run as code.

        Raises:
            MissingPartition: The folder holds no classifier.
            DamagedPartition: Its files cannot be read, or name settings that are not known.
        """
        for name in (NETWORK_FILE, METADATA_FILE):
            if not (folder / name).is_file():
                raise MissingPartition(str(folder / name), "is not there", "train it first")
        try:
            metadata = json.loads((folder / METADATA_FILE).read_text(encoding="utf-8"))
            training = Training.from_json(metadata["training"])
            class_set = tuple(metadata["class_set"])
            network = backend.keras.saving.load_model(
                folder / NETWORK_FILE, compile=False, safe_mode=True
            )
        except BadSetting as error:
            cause = f"holds a classifier that cannot be read ({error.culprit} {error.cause})"
            raise DamagedPartition(
                str(folder), cause, "train it again, or use the version that wrote it"
            ) from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DamagedPartition(
                str(folder), "does not hold a classifier that can be read", "train it again"
            ) from error
        return cls(network, class_set, training)


def _expect(
    name: str, given: NDArray[Any] | None, dtype: str, shape: tuple[int, int] | None
) -> None:
    if given is None and shape is None:
        return
    if given is not None and given.dtype == dtype and given.shape[1:] == shape:
        return
    cause = "are missing" if given is None else f"are {given.dtype} {given.shape}"
    wanted = f"{dtype} (n, {shape[0]}, {shape[1]})" if shape else f"no {name}"
    raise BadDrawing(name, cause, f"give {wanted}")


def _architecture(network: keras.Model) -> Any:
    config = network.get_config()
    names: dict[str, str] = {}

    def collect(part: Any) -> None:
        for layer in part.get("layers", ()):
            names.setdefault(layer["config"]["name"], f"layer {len(names)}")
            collect(layer["config"])

    def renamed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: renamed(held) for key, held in value.items()}
        if isinstance(value, list | tuple):
            return [renamed(held) for held in value]
        return names.get(value, value) if isinstance(value, str) else value

    collect(config)
    return renamed(config)
