"""A deployment's settings, its commands, and what is in its databases."""

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.cluster.services import (
    SECRET_KEY,
    Postgres,
    mlflow_server,
    postgres,
    program,
    running,
)
from qd_pipeline_tests.storage.stores import serving_s3

STAGES = ("raw_drawings", "strokes", "bitmaps")


@dataclass
class Deployment:
    """Servers, and the settings that name them.

    Attributes:
        folder: Their logs.
        postgres: The database server.
        bucket: Variables with the credentials of the S3 server.
        mlflow: Address of MLflow's server.
    """

    folder: Path
    postgres: Postgres
    bucket: Mapping[str, str]
    mlflow: str

    def settings(self, name: str) -> dict[str, str]:
        """Return the environment of a machine with a database and a store of a name."""
        return {
            **self.bucket,
            "QD_DAGSTER_STORAGE": self.postgres.url(name),
            "QD_STUDIES_STORAGE": self.postgres.url("studies"),
            "QD_STORE": f"s3://drawings/{name}",
            "MLFLOW_TRACKING_URI": self.mlflow,
        }

    def store(self, name: str, monkeypatch: pytest.MonkeyPatch, cache: Path) -> PartitionStore:
        """Open the store of a name."""
        for variable, value in self.bucket.items():
            monkeypatch.setenv(variable, value)
        return PartitionStore(f"s3://drawings/{name}", cache=cache)


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    """Run PostgreSQL, an S3 server, and MLflow's server over both."""
    with ExitStack() as running:
        database = running.enter_context(postgres())
        bucket = {
            "AWS_ENDPOINT_URL": running.enter_context(serving_s3(folder / "s3.log")),
            "AWS_ACCESS_KEY_ID": "id",
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        mlflow = running.enter_context(
            mlflow_server(database.url("mlflow"), "s3://drawings/mlflow", folder, bucket)
        )
        yield Deployment(folder, database, bucket, mlflow)


AN_HOUR_AHEAD = ("faketime", "-m", "--exclude-monotonic", "-f", "+1h")
"""Runs a command on a machine whose clock is wrong."""


def qd(
    folder: Path,
    environment: Mapping[str, str],
    *arguments: str,
    code: int = 0,
    wait: float = 400,
    on: Sequence[str] = (),
) -> str:
    """Run a command to its end, on another machine where one is given; return what it printed."""
    log = folder / f"{secrets.token_hex(4)}.log"
    # Not a pipe: under another clock, what Dagster has started holds it open.
    with running([*on, *program("qd"), *arguments], log, environment, folder) as process:
        assert process.wait(wait) == code, log.read_text()
    return " ".join(log.read_text().split())


def contents(store: PartitionStore) -> dict[str, object]:
    """Return what identifies each partition of the chain: its files' hashes, its fingerprint."""
    found: dict[str, object] = {}
    snapshot = store.snapshot()
    for stage in STAGES:
        for key in ("cow", "panda"):
            made = snapshot.read(stage, key)
            hashes = {name: file.sha256 for name, file in made.files.items()}
            found[f"{stage} {key}"] = hashes, made.fingerprint
    made = snapshot.read("classifiers", "2")
    found["classifiers 2"] = made.fingerprint
    made = snapshot.read("evaluations", "2")
    found["predictions"] = made.files["predictions.parquet"].sha256
    return found


def trials(store: PartitionStore) -> list[object]:
    """Return the trials of the search, but for their times."""
    found = store.read("searches", "2").metadata["trials"]
    return [
        (each["number"], each["settings"], each["pruned"], [fold["loss"] for fold in each["folds"]])
        for each in found
    ]


def rows(server: Postgres, database: str) -> str:
    """Return all that the tables of a database hold, as text."""
    import psycopg2  # noqa: PLC0415 (of an extra)

    with closing(psycopg2.connect(server.url(database))) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        text = []
        for (table,) in cursor.fetchall():
            cursor.execute(f'SELECT t::text FROM "{table}" t')  # noqa: S608 (its own tables)
            text += [row for (row,) in cursor.fetchall()]
    return "\n".join(text)
