"""Servers and networks that fail, in a real server's answers."""

import dataclasses
import email.utils
import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from qd_pipeline.errors import BadSetting, SourceFailed
from qd_pipeline.quickdraw.download import Fetched, Limits, fetch, parse_source
from qd_pipeline_tests.mirror import (
    Fault,
    Mirror,
    after_change,
    answer,
    chunked,
    compressed,
    drip,
    drip_headers,
    endless,
    google_hash,
    hang_up,
    healthy,
    redirect,
    reset,
    short,
    stall,
    status,
    web_page,
)

LINES = b"".join(b'{"word":"cow","key_id":"%d"}\n' % key for key in range(2000))
BEFORE = b"what was complete before\n"
LIMITS = Limits(
    attempts=3,
    connect_timeout=2,
    read_timeout=1,
    backoff=0.001,
    backoff_cap=0.002,
    retry_after_cap=5,
    speed_window=0.1,
    deadline=20,
)


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[Mirror]:
    with Mirror(tmp_path / "mirror") as mirror:
        mirror.write("cow", LINES)
        yield mirror


def get(
    url: str, folder: Path, *, drawings: int | None = None, limits: Limits = LIMITS
) -> tuple[bytes, Fetched]:
    target = folder / "cow.ndjson"
    fetched = fetch(
        parse_source(url), "cow", target, folder / "partial", drawings=drawings, limits=limits
    )
    return target.read_bytes(), fetched


def refusal(
    url: str, folder: Path, *, drawings: int | None = None, limits: Limits = LIMITS
) -> SourceFailed:
    """Return the error of a download that must fail and change no file."""
    target = folder / "cow.ndjson"
    target.write_bytes(BEFORE)
    with pytest.raises(SourceFailed) as caught:
        get(url, folder, drawings=drawings, limits=limits)
    assert target.read_bytes() == BEFORE
    assert {path.name for path in folder.iterdir()} <= {"cow.ndjson", "partial", "mirror"}
    assert caught.value.remedy
    return caught.value


PASSING: dict[str, Fault] = {
    "429": status(429),
    "500": status(500),
    "502": status(502),
    "503": status(503),
    "503 with Retry-After": status(503, "0"),
    "503 with rubbish in Retry-After": status(503, "in a while"),
    "504": status(504),
    "no answer": hang_up(),
    "reset before the body": reset(),
    "reset in the middle": reset(after=1000),
    "stalled before the body": stall(),
    "stalled in the middle": stall(after=1000),
    "slow body": drip(),
    "slow headers": drip_headers(),
    "short body": short(by=7),
    "chunks without an end": chunked(ends=False),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_passes_is_survived(mirror: Mirror, tmp_path: Path, fault: Fault) -> None:
    mirror.script("cow", fault)
    content, fetched = get(mirror.url, tmp_path)
    assert content == LINES
    assert fetched.complete
    assert len(mirror.asked("cow")) in {2, 3}
    assert not (tmp_path / "partial").exists()


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_stays_ends_in_one_error_with_the_url(
    mirror: Mirror, tmp_path: Path, fault: Fault
) -> None:
    # Without ranges, since a download that goes on where it stopped would come to its end.
    mirror.ranges = False
    mirror.always("cow", fault)
    error = refusal(mirror.url, tmp_path)
    assert error.culprit == f"{mirror.url}/full/simplified/cow.ndjson"
    assert "attempt 3 of 3" in error.cause
    assert len(mirror.asked("cow")) == 3


def test_pauses_grow_and_have_a_bound(mirror: Mirror, tmp_path: Path) -> None:
    mirror.always("cow", status(503))
    refusal(mirror.url, tmp_path, limits=Limits(attempts=4, backoff=0.1, backoff_cap=0.2))
    times = [asked.at for asked in mirror.asked("cow")]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert all(pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.1), strict=True))


def test_retry_after_in_seconds_is_honoured(mirror: Mirror, tmp_path: Path) -> None:
    mirror.script("cow", status(503, "1"))
    get(mirror.url, tmp_path)
    first, second = mirror.asked("cow")
    assert second.at - first.at >= 1


def test_retry_after_as_a_date_is_honoured(mirror: Mirror, tmp_path: Path) -> None:
    date = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=3), usegmt=True)
    mirror.script("cow", status(429, date))
    get(mirror.url, tmp_path)
    first, second = mirror.asked("cow")
    assert second.at - first.at >= 1  # a date has whole seconds


@pytest.mark.parametrize("wait", ["86400", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
def test_retry_after_has_a_bound(mirror: Mirror, tmp_path: Path, wait: str) -> None:
    mirror.script("cow", status(503, wait))
    assert get(mirror.url, tmp_path, limits=Limits(retry_after_cap=0.01))[0] == LINES


def test_no_pause_reaches_beyond_the_deadline(mirror: Mirror, tmp_path: Path) -> None:
    mirror.always("cow", status(503, "60"))
    error = refusal(mirror.url, tmp_path, limits=Limits(deadline=30))
    assert "attempt 1 of 6" in error.cause


def test_a_refused_connection_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert "Connection refused" in refusal(f"http://127.0.0.1:{port}", tmp_path).cause


def test_an_unknown_host_is_reported(tmp_path: Path) -> None:
    assert "cannot be resolved" in refusal("http://no-such-host.invalid/", tmp_path).cause


def test_a_silent_server_is_reported(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert "sent nothing for" in refusal(f"http://127.0.0.1:{port}", tmp_path).cause


def test_a_download_beyond_the_deadline_is_reported(mirror: Mirror, tmp_path: Path) -> None:
    mirror.always("cow", drip(piece=100, pause=0.05))
    error = refusal(mirror.url, tmp_path, limits=Limits(deadline=0.2, min_speed=1))
    assert "within 0.2 s" in error.cause


REFUSED: dict[str, tuple[Fault, str]] = {
    "404": (status(404), "is not there"),
    "410": (status(410), "is not there"),
    "401": (status(401), "was refused"),
    "403": (status(403), "was refused"),
    "418": (status(418), "answered 418"),
    "299": (status(299), "answered 299"),
    "304": (status(304), "answered 304"),
    "501": (status(501), "answered 501"),
    "wrong MD5": (healthy(x_goog_hash="md5=XrY7u+Ae7tCTyyK7j1rNww=="), "with MD5"),
    "wrong CRC32C": (healthy(x_goog_hash="crc32c=n03x6A=="), "with CRC32C"),
    "other bytes": (answer(LINES[:-2] + b"!\n", x_goog_hash=google_hash(LINES)), "with MD5"),
    "web page": (web_page(), "web page"),
    "web page that says it is text": (web_page("text/plain"), "web page"),
    "web page after blanks": (answer(b"\xef\xbb\xbf\n \t<html>"), "web page"),
    "gzip": (compressed(), "compressed"),
    "gzip that does not say so": (compressed(labelled=False), "gzip"),
    "empty": (answer(b""), "is empty"),
    "too large": (healthy(Content_Length="99999999"), "more than 1000000 bytes"),
    "no end": (endless(LINES), "more than 1000000 bytes"),
    "redirect to another host": (redirect("http://localhost.invalid/cow"), "redirects to"),
    "redirect to another port": (redirect("http://127.0.0.1:1/cow"), "redirects to"),
    "redirect to a host in disguise": (redirect("//evil.invalid/cow"), "redirects to"),
    "redirect to a file": (redirect("file:///etc/passwd"), "redirects to"),
    "redirect to nowhere": (redirect(""), "redirects to nowhere"),
    "redirect to nonsense": (redirect("http://[::1/"), "redirects to"),
    "redirect in a circle": (redirect("/full/simplified/cow.ndjson"), "more than 5 times"),
}


@pytest.mark.parametrize(("fault", "cause"), REFUSED.values(), ids=REFUSED.keys())
def test_a_fault_that_stays_the_same_is_refused_at_once(
    mirror: Mirror, tmp_path: Path, fault: Fault, cause: str
) -> None:
    mirror.always("cow", fault)
    error = refusal(mirror.url, tmp_path, limits=Limits(max_bytes=1_000_000))
    assert cause in error.cause
    assert error.culprit == f"{mirror.url}/full/simplified/cow.ndjson"
    assert len(mirror.asked("cow")) == (6 if "5 times" in cause else 1)
    assert not (tmp_path / "partial").exists()


def test_a_line_without_end_is_bounded_too(mirror: Mirror, tmp_path: Path) -> None:
    mirror.always("cow", endless(b"x" * 5000))
    error = refusal(mirror.url, tmp_path, drawings=1, limits=Limits(max_bytes=1_000_000))
    assert "more than 1000000 bytes" in error.cause


def test_a_redirect_on_the_same_host_is_followed(mirror: Mirror, tmp_path: Path) -> None:
    mirror.write("moved", LINES)
    mirror.script("cow", redirect("/full/simplified/moved.ndjson", 308))
    assert get(mirror.url, tmp_path)[0] == LINES


def test_a_fault_behind_a_redirect_is_told_of_where_it_leads(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.always("cow", redirect("/full/simplified/moved.ndjson"))
    mirror.always("moved", hang_up())
    error = refusal(mirror.url, tmp_path)
    assert error.culprit == f"{mirror.url}/full/simplified/cow.ndjson"
    to = f"(it redirects to {mirror.url}/full/simplified/moved.ndjson, which broke the connection"
    assert to in error.cause


def test_a_server_that_is_down_is_named_with_how_often_it_was_tried(tmp_path: Path) -> None:
    for attempts, told in ((1, "1 attempt ("), (2, "2 attempts (")):
        limits = dataclasses.replace(LIMITS, attempts=attempts)
        error = refusal("http://127.0.0.1:1", tmp_path, limits=limits)
        assert error.culprit == "http://127.0.0.1:1"
        assert error.cause.startswith(f"cannot be reached in {told}it could not be connected to")


def test_passwords_and_tokens_are_in_no_error(
    mirror: Mirror, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mirror.always("cow", status(500))
    url = mirror.url.replace("://", "://alice:s3cret@") + "?token=t0ken"
    shown = f"{refusal(url, tmp_path)} {caplog.text}"
    assert "http://***@127.0.0.1" in shown
    assert not any(secret in shown for secret in ("alice", "s3cret", "t0ken"))


def test_a_redirect_that_is_refused_shows_no_token(mirror: Mirror, tmp_path: Path) -> None:
    mirror.always("cow", redirect("https://bob:s3cret@login.invalid/?ticket=t0ken"))
    error = str(refusal(mirror.url, tmp_path))
    assert "login.invalid" in error
    assert not any(secret in error for secret in ("bob", "s3cret", "t0ken"))


def test_bodies_are_requested_uncompressed(mirror: Mirror, tmp_path: Path) -> None:
    get(mirror.url, tmp_path)
    (asked,) = mirror.asked("cow")
    assert asked.headers["Accept-Encoding"] == "identity"


def test_a_body_in_chunks_is_taken(mirror: Mirror, tmp_path: Path) -> None:
    mirror.script("cow", chunked())
    assert get(mirror.url, tmp_path)[0] == LINES


def test_a_reset_download_is_resumed(mirror: Mirror, tmp_path: Path) -> None:
    mirror.script("cow", reset(after=10_000))
    content, fetched = get(mirror.url, tmp_path)
    first, second = mirror.asked("cow")
    assert content == LINES
    assert fetched.resumed_from == 10_000
    assert "Range" not in first.headers
    assert second.headers["Range"] == "bytes=10000-"
    assert second.headers["If-Range"] == fetched.etag


def test_a_file_that_changes_in_between_is_read_from_the_beginning(
    mirror: Mirror, tmp_path: Path
) -> None:
    newer = LINES.replace(b"cow", b"COW")
    mirror.script("cow", reset(after=10_000), after_change(newer))
    content, fetched = get(mirror.url, tmp_path)
    assert content == newer
    assert fetched.resumed_from == 0
    assert len(mirror.asked("cow")) == 2


def test_a_part_of_another_file_is_never_taken(mirror: Mirror, tmp_path: Path) -> None:
    mirror.script("cow", reset(after=10_000), healthy(ETag='"another"'))
    content, fetched = get(mirror.url, tmp_path)
    assert content == LINES
    assert fetched.resumed_from == 0
    assert "Range" not in mirror.asked("cow")[2].headers


def test_another_part_than_was_asked_for_is_never_taken(mirror: Mirror, tmp_path: Path) -> None:
    size = len(LINES)
    other = healthy(Content_Range=f"bytes 9999-{size - 1}/{size}")
    mirror.script("cow", reset(after=10_000), other)
    assert get(mirror.url, tmp_path)[0] == LINES
    assert "Range" not in mirror.asked("cow")[2].headers


def test_a_wrong_hash_after_resuming_is_read_from_the_beginning(
    mirror: Mirror, tmp_path: Path
) -> None:
    mirror.script("cow", reset(after=10_000), healthy(x_goog_hash="md5=XrY7u+Ae7tCTyyK7j1rNww=="))
    assert get(mirror.url, tmp_path)[0] == LINES
    assert "Range" not in mirror.asked("cow")[2].headers


def test_a_server_without_ranges_sends_all_again(mirror: Mirror, tmp_path: Path) -> None:
    mirror.ranges = False
    mirror.script("cow", reset(after=10_000))
    content, fetched = get(mirror.url, tmp_path)
    assert content == LINES
    assert fetched.resumed_from == 0


def test_a_weak_tag_proves_too_little_to_resume(mirror: Mirror, tmp_path: Path) -> None:
    mirror.etags = "weak"
    mirror.script("cow", reset(after=10_000))
    assert get(mirror.url, tmp_path)[0] == LINES
    assert "Range" not in mirror.asked("cow")[1].headers


@pytest.mark.parametrize(("age", "resumed"), [(3600, True), (0, False)])
def test_a_date_proves_enough_to_resume_once_it_is_a_minute_ago(
    mirror: Mirror, tmp_path: Path, *, age: int, resumed: bool
) -> None:
    then = time.time() - age
    os.utime(mirror.write("cow", LINES), (then, then))
    mirror.etags = None
    mirror.script("cow", reset(after=10_000))
    assert get(mirror.url, tmp_path)[0] == LINES
    assert ("Range" in mirror.asked("cow")[1].headers) is resumed


def test_a_proxy_of_the_environment_is_used(
    mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", mirror.url)
    assert get("http://mirror.invalid/", tmp_path)[0] == LINES
    assert mirror.asked("cow")[0].headers["Host"] == "mirror.invalid"


def test_a_proxy_that_cannot_be_used_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert "through the proxy" in refusal("http://mirror.invalid/", tmp_path).cause
    monkeypatch.setenv("http_proxy", "ftp://bob:s3cret@proxy")
    with pytest.raises(BadSetting, match="http_proxy is not the address of a proxy"):
        get("http://mirror.invalid/", tmp_path)


def test_a_certificate_without_a_trusted_authority_is_refused(tmp_path: Path) -> None:
    context, _ = tls(tmp_path)
    with Mirror(tmp_path / "mirror", tls=context) as mirror:
        mirror.write("cow", LINES)
        error = refusal(mirror.url, tmp_path / "home")
        assert "certificate" in error.cause
        assert mirror.requests == []


def test_https_with_a_trusted_certificate_never_falls_to_http(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context, authority = tls(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    with Mirror(tmp_path / "mirror", tls=context) as mirror:
        mirror.write("cow", LINES)
        mirror.script("cow", drip_headers())
        assert get(mirror.url, tmp_path / "home")[0] == LINES
        mirror.script("cow", redirect(mirror.url.replace("https", "http") + "/cow"))
        assert "less safe protocol" in refusal(mirror.url, tmp_path / "home").cause


def tls(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Make a self-signed certificate for 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "home").mkdir()
    authority = folder / "authority.pem"
    authority.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret = folder / "key.pem"
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, secret)
    return context, authority
