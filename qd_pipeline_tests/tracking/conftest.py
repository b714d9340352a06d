"""What the tests of tracking share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline_tests.homes import empty_store
from qd_pipeline_tests.tracking.server import mlflow_server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Give a data directory with an empty store."""
    home = tmp_path / "one"
    home.mkdir()
    shutil.copy(empty_store(), home / "mlflow.db")
    return home


@pytest.fixture(scope="session")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Start a tracking server, and give its port."""
    with mlflow_server(tmp_path_factory.mktemp("server")) as port:
        yield port


@pytest.fixture(scope="session")
def classifier_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Save a classifier of two categories that has learned nothing."""
    network = networks.build("dense_baseline", 2)
    folder = tmp_path_factory.mktemp("classifier")
    Classifier(network, ("cow", "panda"), Training(TrainingConfig(), (), 0, 0, 0)).save(folder)
    return folder
