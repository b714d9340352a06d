"""The drawing page, served to a test from its own process."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from qd_pipeline.learning import networks
from qd_pipeline.learning.classifier import Classifier, Training
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.orchestration.provenance import Provenance
from qd_pipeline.serving.drawing_page import build
from qd_pipeline.serving.model_cache import ModelCache
from qd_pipeline.serving.own_drawings import OwnDrawings
from qd_pipeline.settings import Settings
from qd_pipeline.storage import PartitionStore


@contextmanager
def serving(home: Path) -> Iterator[int]:
    """Serve the page over a data directory, and give its port."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    app = build(ModelCache(Settings.load(home=home)), OwnDrawings(home))
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started and thread.is_alive():
            time.sleep(0.02)
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def store_untrained(
    home: Path, key: str, class_set: tuple[str, ...], *, synthetic: bool = False
) -> Classifier:
    """Publish a classifier that has learned nothing in a data directory's store."""
    network = networks.build("dense_baseline", len(class_set))
    classifier = Classifier(network, class_set, Training(TrainingConfig(), (), 0, 0, 0))
    store = PartitionStore(Settings.load(home=home).store_url)
    with store.stage("classifiers", key) as staged:
        classifier.save(staged.folder)
        version = classifier.fingerprint()
        metadata = Provenance("a source", synthetic).metadata()
        staged.publish(fingerprint={"version": version}, metadata=metadata, version=version)
    return classifier
