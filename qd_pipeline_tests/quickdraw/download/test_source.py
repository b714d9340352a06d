import logging
from pathlib import Path

import pytest

from qd_pipeline.catalog import CATEGORIES
from qd_pipeline.errors import BadSetting, SourceFailed
from qd_pipeline.quickdraw.download import Limits, Source, parse_source
from qd_pipeline.quickdraw.download.sources.cloud import CloudSource
from qd_pipeline.quickdraw.download.sources.local import FileSource
from qd_pipeline.quickdraw.download.sources.sample import SampleSource
from qd_pipeline.quickdraw.download.sources.web import HttpSource
from qd_pipeline.quickdraw.sample import ANIMALS
from qd_pipeline_tests.mirror import Mirror

LIMITS = Limits(attempts=1, connect_timeout=5, read_timeout=5)
SECRET_URL = "https://alice:s3cret@example.org/mirror?token=t0ken&X-Goog-Signature=sign"  # noqa: S105
SECRETS = ("alice", "s3cret", "t0ken", "=sign")


def read(source: Source, category: str) -> bytes:
    with source.open(category, limits=LIMITS) as body:
        return b"".join(body.chunks)


def test_the_words_sample_and_quickdraw_name_the_built_in_sources() -> None:
    sample, bucket = parse_source("sample"), parse_source(" quickdraw ")
    assert (sample.name, sample.is_synthetic, sample.is_official) == ("sample", True, False)
    assert (bucket.name, bucket.is_synthetic, bucket.is_official) == ("quickdraw", False, True)
    assert bucket.url_of("cow") == (
        "https://storage.googleapis.com/quickdraw_dataset/full/simplified/cow.ndjson"
    )


def test_the_bucket_is_known_by_its_address_too() -> None:
    assert parse_source("https://storage.googleapis.com/quickdraw_dataset/").is_official


def test_the_sample_says_that_it_is_synthetic() -> None:
    assert "synthetic sample" in parse_source("sample").describe()


@pytest.mark.parametrize(
    "url", ["http://h/a", "http://h/a/", "https://h:8443/a", "https://[::1]/a"]
)
def test_a_mirror_has_the_layout_of_the_bucket(url: str) -> None:
    source = parse_source(url)
    assert isinstance(source, HttpSource)
    assert source.url_of("paint can") == url.rstrip("/") + "/full/simplified/paint%20can.ndjson"
    assert not source.is_official


@pytest.mark.parametrize("url", ["s3://bucket/a", "s3://bucket/a/", "gs://bucket"])
def test_a_bucket_of_a_cloud_is_a_mirror(url: str) -> None:
    source = parse_source(url)
    assert isinstance(source, CloudSource)
    assert source.url_of("paint can") == url.rstrip("/") + "/full/simplified/paint can.ndjson"
    assert (source.name, source.is_network, source.is_official) == (url.rstrip("/"), True, False)


def test_the_official_bucket_is_known_by_its_name_at_google_too() -> None:
    assert parse_source("gs://quickdraw_dataset/").is_official


def test_a_query_stays_behind_the_path() -> None:
    url = parse_source("https://h/a?token=t").url_of("cow")
    assert url == "https://h/a/full/simplified/cow.ndjson?token=t"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sample ",
        "nonsense",
        "/srv/mirror",
        "./mirror",
        "~/mirror",
        "C:\\mirror",
        "ftp://example.org/mirror",
        "s3:///mirror",
        "s3://bucket/mirror?x=1",
        "s3://alice@bucket/mirror",
        "gs://bucket:80/mirror",
        "javascript:alert(1)",
        "http:",
        "http://",
        "http:///mirror",
        "https://h:port/",
        "https://h:99999/",
        "https://[::1/",
        "https://h/with space",
        "https://h/a#part",
        "file://relative/mirror",
        "file:mirror",
        "file:///mirror?x=1",
        "file:///nul%00byte",
        "https://h/\r\nHost: evil",
    ],
)
def test_text_that_names_no_source_is_refused_with_a_remedy(text: str) -> None:
    with pytest.raises(BadSetting) as caught:
        parse_source(text)
    assert "sample" in caught.value.remedy or "file:///" in caught.value.remedy


def test_a_plain_path_is_answered_with_its_url() -> None:
    with pytest.raises(BadSetting, match="file:///srv/my%20mirror"):
        parse_source("/srv/my mirror")


def test_secrets_appear_nowhere() -> None:
    source = parse_source(SECRET_URL)
    shown = [source.name, source.describe(), repr(source), str(source), source.address_of("cow")]
    for text in shown:
        assert "example.org" in text
        assert not any(secret in text for secret in SECRETS)


@pytest.mark.parametrize(
    "text", ["ftp://alice:s3cret@h/", "alice:s3cret@h", "https://alice:s3/cret@h", "x?token=t0ken"]
)
def test_secrets_do_not_appear_in_what_is_refused(text: str) -> None:
    with pytest.raises(BadSetting) as caught:
        parse_source(text)
    assert not any(secret in str(caught.value) for secret in (*SECRETS, "cret"))


def test_a_password_reaches_the_server_and_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with Mirror(tmp_path) as mirror:
        mirror.write("cow", b"{}\n")
        url = mirror.url.replace("://", "://alice:s3%20cret@") + "?token=t0ken"
        assert read(parse_source(url), "cow") == b"{}\n"
        (asked,) = mirror.asked("cow")
    assert asked.headers["Authorization"] == "Basic YWxpY2U6czMgY3JldA=="
    assert "cow.ndjson?token=***" in caplog.text
    assert not any(secret in caplog.text for secret in ("alice", "cret", "t0ken"))


@pytest.mark.parametrize(
    "category",
    [
        "",
        ".",
        "..",
        "../cow",
        "a/b",
        "/etc/passwd",
        "a\\b",
        "cow\0",
        "cow\n",
        "cow.",
        "~root",
        "%2e%2e",
        "..%2fcow",
        "cöw",
        "c" * 300,
    ],
)
@pytest.mark.parametrize("source", ["sample", "quickdraw", "http://h/", "file:///", "s3://h"])
def test_a_category_cannot_lead_elsewhere(source: str, category: str) -> None:
    with pytest.raises(BadSetting):
        parse_source(source).url_of(category)


def test_every_official_category_has_an_address() -> None:
    bucket = parse_source("quickdraw")
    addresses = {bucket.url_of(category) for category in CATEGORIES}
    assert len(addresses) == 345
    assert all(" " not in address for address in addresses)


def test_a_folder_is_a_mirror_though_its_name_holds_spaces_and_letters(tmp_path: Path) -> None:
    folder = tmp_path / "mein Spiegel ü%41"
    (folder / "full" / "simplified").mkdir(parents=True)
    (folder / "full" / "simplified" / "The Eiffel Tower.ndjson").write_bytes(b"{}\n")
    source = parse_source(folder.as_uri())
    assert source == FileSource(folder)
    assert read(source, "The Eiffel Tower") == b"{}\n"
    assert source.url_of("cow") == f"{folder.as_uri()}/full/simplified/cow.ndjson"


def test_a_file_url_may_hold_plain_spaces() -> None:
    assert parse_source("file:///srv/my mirror/") == FileSource(Path("/srv/my mirror"))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceFailed, match=r"simplified/cow\.ndjson cannot be read .*lacks 'cow'"):
        read(FileSource(tmp_path), "cow")


def test_a_folder_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "full" / "simplified" / "cow.ndjson").mkdir(parents=True)
    with pytest.raises(SourceFailed, match="not a regular file"):
        read(FileSource(tmp_path), "cow")


def test_real_drawings_are_read_from_a_folder(real_drawings: Path) -> None:
    lines = read(parse_source(real_drawings.as_uri()), "The Eiffel Tower").splitlines()
    assert len(lines) == 25
    assert all(b'"word":"The Eiffel Tower"' in line for line in lines)


def test_the_sample_has_600_drawings_of_each_animal_unless_told_otherwise() -> None:
    assert SampleSource().drawings == 600
    lines = read(parse_source("sample", sample_drawings=5), ANIMALS[0]).splitlines()
    assert len(lines) == 5


def test_a_category_that_the_sample_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(BadSetting, match=ANIMALS[0]):
        read(parse_source("sample"), "zigzag")
