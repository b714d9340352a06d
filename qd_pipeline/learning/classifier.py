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
from qd_pipeline.learning.data import pixels
from qd_pipeline.learning.training.config import TrainingConfig

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import keras
    from numpy.typing import NDArray

NETWORK_FILE: Final = "network.keras"
METADATA_FILE: Final = "classifier.json"

_BATCH: Final = 1000


@dataclass(frozen=True)
class Training:
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

    def to_json(self) -> dict[str, Any]:
        """Return the record as a JSON object."""
        return {
            "config": self.config.to_json(),
            "history": [dict(epoch) for epoch in self.history],
            "seconds": self.seconds,
            "training_drawings": self.training_drawings,
            "validation_drawings": self.validation_drawings,
            "temperature": self.temperature,
        }

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
    def side(self) -> int:
        """Height and width of the bitmaps that it takes, in pixels."""
        return int(self.network.input_shape[1])

    @cached_property
    def _answer(self) -> Callable[[NDArray[np.float32]], Any]:
        """The network in graph mode, traced once for any number of bitmaps."""
        tf = backend.tf
        signature = [tf.TensorSpec((None, self.side, self.side, 1), tf.float32)]
        return tf.function(  # type: ignore[no-any-return]
            lambda batch: self.network(batch, training=False), input_signature=signature
        )

    def predict(self, bitmaps: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each category for each bitmap.

        Args:
            bitmaps: `uint8 (n, side, side)`, ink 255 on ground 0. Any n; no more than 1,000
                are scaled at a time.

        Returns:
            `float32 (n, classes)` in the order of the class set; each row sums to 1.

        Raises:
            BadDrawing: The bitmaps have another type or shape.
        """
        if bitmaps.dtype != np.uint8 or bitmaps.shape[1:] != (self.side, self.side):
            raise BadDrawing(
                "bitmaps",
                f"are {bitmaps.dtype} {bitmaps.shape}",
                f"give uint8 (n, {self.side}, {self.side})",
            )
        probabilities = np.empty((len(bitmaps), len(self.class_set)), np.float32)
        for start in range(0, len(bitmaps), _BATCH):
            batch = pixels(bitmaps[start : start + _BATCH])
            probabilities[start : start + _BATCH] = self._answer(batch)
        return probabilities

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
            "training": self.training.to_json(),
            "libraries": {name: version(name) for name in ("keras", "tensorflow", "numpy")},
        }
        text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        (folder / METADATA_FILE).write_text(text, encoding="utf-8")

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
            raise DamagedPartition(str(folder), cause, error.remedy) from error
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise DamagedPartition(
                str(folder), "does not hold a classifier that can be read", "train it again"
            ) from error
        return cls(network, class_set, training)


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
