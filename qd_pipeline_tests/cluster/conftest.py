"""A deployment: servers of their own, and one machine to compare with."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from qd_pipeline_tests.cluster.deployment import Deployment, deployment, qd
from qd_pipeline_tests.cluster.services import postgres_programs
from qd_pipeline_tests.storage.stores import s3_server


@pytest.fixture(scope="session")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run PostgreSQL, an S3 server, and MLflow's server over both."""
    pytest.importorskip("dagster_postgres", reason="needs the extra postgres")
    pytest.importorskip("boto3", reason="needs the extra deploy")
    if postgres_programs() is None:
        pytest.skip("needs PostgreSQL (Debian's package postgresql)")
    if s3_server() is None:
        pytest.skip("needs moto's server or ministack (the extra cluster)")
    with deployment(tmp_path_factory.mktemp("servers")) as running:
        yield running


@pytest.fixture(scope="session")
def one_machine(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Run the chain and its studies with the embedded defaults; return the URL of their store."""
    folder = tmp_path_factory.mktemp("one")
    for command in (CHAIN, SEARCH, FOLDS):
        qd(folder, {"QD_HOME": str(folder / "home")}, *command)
    return (folder / "home" / "store").as_uri()


CHAIN = ("run", "--class-set", "2", "--drawings", "120", "--preset", "notebook", "--epochs", "2")
"""The command whose results are the same wherever it runs."""


SEARCH = (
    *("search", "2", "--workers", "2", "--folds", "2", "--trials", "5", "--epochs", "1"),
    *("--network", "dense_baseline", "--space", str(Path(__file__).with_name("space.toml"))),
)
"""A search that two workers share."""


FOLDS = (
    *("cross-validate", "2", "--folds", "4", "--epochs", "1"),
    *("--network", "dense_baseline"),
)
"""A cross-validation: an engine shares its folds, one machine trains them one after another."""
