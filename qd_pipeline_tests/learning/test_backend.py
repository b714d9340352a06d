import os
import subprocess
import sys
from pathlib import Path

IMPORT_THE_ROOM = """
import pkgutil, importlib, sys
import qd_pipeline.learning as learning
for module in pkgutil.iter_modules(learning.__path__):
    importlib.import_module(f"{learning.__name__}.{module.name}")
assert not {"keras", "tensorflow"} & set(sys.modules), "imported at once"
from qd_pipeline.learning import networks
networks.build("seed_cnn", 2)
assert sys.modules["keras"].backend.backend() == "tensorflow"
"""


def test_keras_comes_when_a_network_is_built_and_then_without_noise_or_files(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "KERAS_BACKEND": "jax"}
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_THE_ROOM],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / ".keras").exists()
