"""A store of each kind."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.storage.stores import s3_server, serving_s3

_NUMBERS = itertools.count()

KINDS = [
    "file",
    "memory",
    pytest.param(
        "s3",
        marks=pytest.mark.skipif(s3_server() is None, reason="needs ministack or moto's server"),
    ),
]


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_s3(tmp_path_factory.mktemp("s3") / "log.txt") as url:
        yield url


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Give the address of a new store of each kind."""
    if request.param == "file":
        return (tmp_path / "store").as_uri()
    if request.param == "memory":
        return f"memory://test-{next(_NUMBERS)}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3_url"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return f"s3://drawings/test-{next(_NUMBERS)}"


@pytest.fixture
def open_store(url: str, tmp_path: Path) -> Callable[[], PartitionStore]:
    """Give a function that opens the store, as another process would."""
    return lambda: PartitionStore(url, cache=tmp_path / "cache")


@pytest.fixture
def store(open_store: Callable[[], PartitionStore]) -> PartitionStore:
    return open_store()


@pytest.fixture
def local(tmp_path: Path) -> PartitionStore:
    """Give a store that is a folder."""
    return PartitionStore((tmp_path / "store").as_uri())
