"""A training that is killed with SIGKILL goes on from its checkpoint, to the very same weights."""

import os
import random
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path

from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.learning.data import ClassSetData, load_category
from qd_pipeline.learning.training.checkpoint import Checkpoint
from qd_pipeline.learning.training.presets import PRESETS
from qd_pipeline.learning.training.train import train
from qd_pipeline_tests.commands import start
from qd_pipeline_tests.learning.shapes import write_animals

TIMES = 10 if os.environ.get("QD_STRESS") else 1
SEED = int(os.environ.get("QD_STRESS_SEED", "20240229"))
ANIMALS = ("duck", "cow")
CONFIG = PRESETS["fast"](2).with_settings(
    network="dense_baseline", units=8, epochs=60, batch_size=16
)


def trained(folder: Path) -> Classifier:
    categories = [
        load_category(each, folder / f"{each}.parquet", folder / f"{each}.npy") for each in ANIMALS
    ]
    checkpoint = Checkpoint(folder / "checkpoints" / "training.npz", every=0)
    return train(ClassSetData.split(categories), CONFIG, checkpoint=checkpoint)


def wait_for(path: Path, process: BaseProcess) -> None:
    while not path.exists() and process.is_alive():
        time.sleep(0.01)


def test_a_training_killed_at_any_moment_goes_on_to_the_same_weights(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    write_animals(tmp_path, ANIMALS, 60)
    whole = trained(tmp_path)
    saved = tmp_path / "checkpoints" / "training.npz"
    chance = random.Random(SEED)  # noqa: S311 (moments are no secrets)
    for _ in range(TIMES):
        saved.unlink(missing_ok=True)
        victim = start(trained, tmp_path)
        wait_for(saved, victim)
        victim.join(chance.uniform(0, 0.5))
        victim.kill()
        victim.join()
        assert victim.exitcode != 0, "it was killed before its end"
        assert trained(tmp_path).fingerprint() == whole.fingerprint()
    record_property("times", TIMES)
