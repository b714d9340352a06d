"""A store on an S3 server that is slow, fails, or refuses conditional puts."""

from collections.abc import Iterator

import pytest

from qd_pipeline.errors import StoreFailed
from qd_pipeline.storage import PartitionStore, bucket
from qd_pipeline.storage.cloud import CloudObjects
from qd_pipeline_tests.storage.faulty import Faulty, every, faulty, late, refusing_conditions
from qd_pipeline_tests.storage.stores import content, s3_server, stored, write

pytestmark = pytest.mark.skipif(s3_server() is None, reason="needs ministack or moto's server")


@pytest.fixture
def proxy(s3_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Faulty]:
    with faulty(s3_url) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "id")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        monkeypatch.setenv("AWS_REGION", "us-east-1")
        yield proxy


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_fails_now_and_then_is_asked_again_and_holds_each_partition_once(
    proxy: Faulty, status: int
) -> None:
    proxy.fault = every(5, status)
    store = PartitionStore(f"s3://drawings/fails-{status}")
    for text in ("first", "second"):
        made = write(store, text)
        assert content(store) == text
    assert made.sequence == 2
    assert len(stored(store)) == 4
    assert proxy.faults.count(status) > 2


def test_a_server_that_answers_late_is_waited_for(proxy: Faulty) -> None:
    proxy.fault = late(0.3)
    store = PartitionStore("s3://drawings/late")
    assert write(store, "drawings").sequence == 1
    assert content(store) == "drawings"


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_fails_for_long_is_told_in_one_sentence(proxy: Faulty, status: int) -> None:
    proxy.fault = every(1, status)
    client = bucket.open_bucket("s3://drawings/away", retry={"max_retries": 0})
    with pytest.raises(StoreFailed, match=r"s3://drawings/away does not answer.*\(") as failed:
        CloudObjects("s3://drawings/away", client).get("format.json")
    assert "\n" not in str(failed.value)


def test_a_server_that_refuses_conditional_puts_is_told_before_anything_is_written(
    proxy: Faulty, monkeypatch: pytest.MonkeyPatch
) -> None:
    # obstore would ask again for a minute and a half: to it, the answer is a fault that may pass.
    monkeypatch.setattr("qd_pipeline.storage.cloud._RETRY", {"max_retries": 0})
    proxy.fault = refusing_conditions
    store = PartitionStore("s3://drawings/refuses")
    with pytest.raises(StoreFailed, match="use a server with conditional puts") as failed:
        write(store, "drawings")
    assert "\n" not in str(failed.value)
    proxy.fault = every(10**9, 500)
    assert stored(store) == set()
