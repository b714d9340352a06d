"""`qd doctor`: whether everything that the settings name can be used from here."""

import os
import time
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import typer

from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.errors import EngineFailed, QdError, TrackingFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import urllib3

    from qd_pipeline.settings import Settings

_OK: Final = 200
_SECONDS: Final = 10.0
_SECONDS_APART: Final = 60.0
"""Clocks that differ by more are told of: links, logs and schedules mislead then."""


def doctor(class_sets: ClassSetsOption = None, home: HomeOption = None) -> None:
    """Check the store, Dagster's storage, MLflow and the engine, each from this machine."""
    settings = load(home=home, class_sets=class_sets)
    settings.export_secrets()
    checks: dict[str, Callable[[Settings], str]] = {
        "store": _store,
        "Dagster's storage": _storage,
        "MLflow": _mlflow,
        "engine": _engine,
    }
    console, failed = terminal(), False
    for name, check in checks.items():
        try:
            console.succeed(f"{name}: {check(settings)}")
        except QdError as error:
            failed = True
            console.fail(f"{name}: {error}")
    if failed:
        raise typer.Exit(1)


def _store(settings: "Settings") -> str:
    from qd_pipeline import stores  # noqa: PLC0415 (see `options`)

    ahead = stores.partition_store(settings).probe()
    return f"{settings.store_url} creates once, reads ranges, lists and deletes{_clock(ahead)}."


def _storage(settings: "Settings") -> str:
    from qd_pipeline.orchestration import engine, instance  # noqa: PLC0415 (see `options`)
    from qd_pipeline.settings import bare_url  # noqa: PLC0415 (see `options`)

    with (
        instance.translate_errors(settings.home),
        instance.of(settings.home, engine.rendered_config(settings)) as opened,
    ):
        opened.get_run_records(limit=1)
        if settings.dagster_storage is None:
            return f"{settings.home / 'dagster'} is read and written."
        import sqlalchemy as sa  # noqa: PLC0415 (see `options`)

        url = bare_url(settings.dagster_storage)
        database = sa.create_engine(url, poolclass=sa.NullPool)
        with database.connect() as connection:
            row = connection.execute(sa.text("SELECT version(), extract(epoch FROM now())")).one()
        server, ahead = " ".join(row[0].split()[:2]), float(row[1]) - time.time()
        return f"{url} ({server}) is read and written{_clock(ahead)}."


def _mlflow(settings: "Settings") -> str:
    from qd_pipeline import stores, tracking_uri  # noqa: PLC0415 (see `options`)
    from qd_pipeline.tracking import CLASSIFIERS  # noqa: PLC0415 (MLflow is slow to import)

    uri = tracking_uri.split_credentials(settings.mlflow_uri)[0]
    stores.tracker(settings).run_list(CLASSIFIERS)
    if not tracking_uri.is_server(uri):
        return f"{tracking_uri.file_of(uri) or uri.partition('://')[0]} holds our experiments."
    answer = _get(f"{uri.rstrip('/')}/version", TrackingFailed)
    found = _fits("mlflow", answer.data.decode())
    return f"{uri} ({found}) holds our experiments{_clock(_ahead(answer))}."


def _engine(settings: "Settings") -> str:
    if settings.engine == "local":
        return "local: runs are made on this machine."
    answer = _get(f"{settings.dagster_ui}/server_info", EngineFailed)
    found = _fits("dagster", answer.json()["dagster_version"])
    said = f"Dagster's web server {settings.dagster_ui} ({found}) answers"
    if settings.engine != "ray":
        return f"{said}; {settings.engine} is asked by Dagster's daemon alone."
    address = f"{settings.engine_address}/api/version"
    if _request(address, EngineFailed).status == _OK:
        raise EngineFailed(
            f"Ray {settings.engine_address}",
            "runs whatever anyone on the network sends it",
            "start its nodes with RAY_AUTH_MODE=token and RAY_AUTH_TOKEN",
        )
    answer = _get(address, EngineFailed, os.environ.get("RAY_AUTH_TOKEN", ""))
    ray = _fits("ray", answer.json()["ray_version"])
    return f"{said}, and so does Ray {settings.engine_address} ({ray}){_clock(_ahead(answer))}."


def _get(url: str, error: type[QdError], token: str = "") -> "urllib3.BaseHTTPResponse":
    """Ask a web server.

    Raises:
        QdError: It does not answer, or refuses.
    """
    answer = _request(url, error, {"Authorization": f"Bearer {token}"} if token else {})
    if answer.status != _OK:
        raise error(url, f"answers {answer.status}", "check the credentials in the environment")
    return answer


def _request(
    url: str, error: type[QdError], headers: "Mapping[str, str] | None" = None
) -> "urllib3.BaseHTTPResponse":
    """Ask a web server, and return whatever it answers.

    Raises:
        QdError: It does not answer.
    """
    import urllib3  # noqa: PLC0415 (see `options`)

    try:
        return urllib3.request("GET", url, headers=headers, timeout=_SECONDS, retries=False)
    except urllib3.exceptions.HTTPError as failed:
        cause = f"does not answer ({type(failed).__name__})"
        raise error(url, cause, "check its address, and that it runs") from failed


def _fits(package: str, found: str) -> str:
    """Return a server's version, and ours where they differ."""
    own = version(package)
    return found if found == own else f"{found}, and {own} here: install the same"


def _ahead(answer: "urllib3.BaseHTTPResponse") -> float:
    """Return how far a web server's clock is ahead, in seconds; 0 where it does not say."""
    date = answer.headers.get("Date")
    return parsedate_to_datetime(date).timestamp() - time.time() if date else 0.0


def _clock(ahead: float) -> str:
    """Return what is to be told of a clock."""
    if abs(ahead) < _SECONDS_APART:
        return ""
    way = "ahead of" if ahead > 0 else "behind"
    return f", but its clock is {abs(ahead):,.0f} s {way} this machine's: set both by NTP"
