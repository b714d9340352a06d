import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.training import checkpoint
from qd_pipeline.learning.training.checkpoint import Checkpoint
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.learning.training.presets import PRESETS
from qd_pipeline.learning.training.train import train
from qd_pipeline_tests.learning.shapes import small_network, write_animals

# With dropout, a schedule, augmentation, tracings and sampling: all that has a state.
CONFIG = PRESETS["best"](2).with_settings(
    epochs=4, batch_size=32, traced=0.3, balanced=True, flip_averaging=False
)


class Killed(Exception):
    pass


@pytest.fixture(scope="module", autouse=True)
def config() -> Iterator[TrainingConfig]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(networks.NETWORKS, "small", small_network)
        yield CONFIG.with_settings(network="small")


@pytest.fixture(scope="module")
def animals(tmp_path_factory: pytest.TempPathFactory) -> ClassSetData:
    return write_animals(tmp_path_factory.mktemp("animals"), ("duck", "cow"), 60)


@pytest.fixture(scope="module")
def uninterrupted(
    animals: ClassSetData, config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> Classifier:
    folder = tmp_path_factory.mktemp("checkpoints")
    made = train(animals, config, checkpoint=Checkpoint(folder / "training.npz"))
    assert not list(folder.iterdir()), "a short training writes no checkpoint"
    return made


def interrupt(animals: ClassSetData, config: TrainingConfig, path: Path, epoch: int) -> None:
    def killed(number: int, _metrics: Mapping[str, float]) -> None:
        if number == epoch:
            raise Killed

    with pytest.raises(Killed):
        train(animals, config, on_epoch=killed, checkpoint=Checkpoint(path, every=0))


def test_a_killed_training_goes_on_to_the_very_same_weights(
    animals: ClassSetData, config: TrainingConfig, uninterrupted: Classifier, tmp_path: Path
) -> None:
    path = tmp_path / "folder" / "training.npz"
    interrupt(animals, config, path, 2)
    restored: list[Any] = []
    epochs: list[int] = []
    resumed = train(
        animals,
        config,
        on_epoch=lambda epoch, _: epochs.append(epoch),
        checkpoint=Checkpoint(path, on_restored=restored.extend),
    )
    assert epochs == [2, 3]
    assert restored == list(uninterrupted.training.history[:2])
    assert resumed.fingerprint() == uninterrupted.fingerprint()
    assert resumed.training.history == uninterrupted.training.history
    assert resumed.training.temperature == uninterrupted.training.temperature
    assert [file.name for file in path.parent.iterdir()] == ["training.npz"]


def test_a_checkpoint_that_is_damaged_or_of_another_network_costs_no_more_than_the_time(
    animals: ClassSetData,
    config: TrainingConfig,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    path = tmp_path / "training.npz"
    interrupt(animals, config, path, 1)
    other = networks.build("small", 3)
    other.compile("adamw")
    other.optimizer.build(other.trainable_variables)
    assert Checkpoint(path).restore(other) == ([], 0.0)
    path.write_bytes(path.read_bytes()[:-1000])
    assert Checkpoint(path).restore(other) == ([], 0.0)
    assert caplog.messages == 2 * [
        "The checkpoint of this training is damaged, or of another network: it begins anew."
    ]


def test_checkpoints_go_after_a_week(tmp_path: Path) -> None:
    for name, days in (("old", 8), ("new", 6)):
        path = tmp_path / "2" / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
        os.utime(path, (time.time() - days * 86_400,) * 2)
    checkpoint.sweep(tmp_path)
    assert [path.name for path in tmp_path.glob("*/*")] == ["new"]
