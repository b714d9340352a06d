"""What the tests of tracking share."""

from pathlib import Path

import pytest

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a classifier of two categories that has learned nothing."""
    network = networks.build("dense_baseline", 2)
    folder = tmp_path_factory.mktemp("classifier")
    Classifier(network, ("cow", "panda"), Training(TrainingConfig(), (), 0, 0, 0)).save(folder)
    return folder
