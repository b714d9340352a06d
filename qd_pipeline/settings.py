"""The settings that every process reads from its environment, checked in one place.

`make run` and `qd` take the same settings as options and pass them on as these variables,
so that the command line, the Dagster processes and the tests mean the same thing.
"""

import contextlib
import errno
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit, urlunsplit

from qd_pipeline import class_sets
from qd_pipeline.errors import BadSetting, disk_failure
from qd_pipeline.timetable import Timetable

DEFAULT_HOME: Final = ".qd"
_LONGEST_HOME: Final = 400  # SQLite takes paths of 512 bytes, and ours end below the home
DEFAULT_SOURCE: Final = "sample"


@dataclass(frozen=True)
class Settings:
    """Where things are, and what is wanted.

    Attributes:
        home: Folder that everything a run writes lies under (`QD_HOME`, default `.qd`).
        source: `sample`, `quickdraw` or the URL of a mirror (`QD_SOURCE`).
        class_sets: Categories by partition key (`QD_CLASS_SETS`, a TOML file; default:
            the notebook's).
        tracking_uri: MLflow's store (`MLFLOW_TRACKING_URI`, default: SQLite in the home).
        mlflow_port: Port of MLflow's UI on this machine (`QD_MLFLOW_PORT`, default 5000).
        dagster_port: Port of Dagster's UI (`QD_DAGSTER_PORT`, default 3000).
        draw_port: Port of the page for drawing (`QD_DRAW_PORT`, default 8028).
        drawings: Drawings of each category that the launchpad and `qd run` begin with
            (`QD_DRAWINGS`), or None: the source's own default.
        epochs: Passes over the training drawings, likewise (`QD_EPOCHS`), or None: the
            recipe's own.
        ui_host: IPv4 address that the UIs listen on (`QD_UI_HOST`, default 127.0.0.1, which
            only this machine reaches).
        timetable: When the schedules tick (`QD_SCHEDULE_…`).
        promotion_margin: Loss of accuracy against the champion that is put up with
            (`QD_PROMOTION_MARGIN`, 0–1, default 0.01: a point).
        webhook_url: Address that hears of failed runs (`QD_WEBHOOK_URL`), or None.
    """

    home: Path
    source: str
    class_sets: class_sets.ClassSets
    tracking_uri: str
    mlflow_port: int
    dagster_port: int
    ui_host: str
    draw_port: int
    drawings: int | Literal["all"] | None
    epochs: int | None
    timetable: Timetable
    promotion_margin: float
    webhook_url: str | None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> "Settings":
        """Read the settings.

        Raises:
            BadSetting: One of them is not valid.
        """
        home = _home(environment)
        sets_file = environment.get("QD_CLASS_SETS")
        return cls(
            home=home,
            source=environment.get("QD_SOURCE") or DEFAULT_SOURCE,
            class_sets=class_sets.load(Path(sets_file)) if sets_file else class_sets.NOTEBOOK,
            tracking_uri=_tracking_uri(environment, home),
            mlflow_port=_port(environment, "QD_MLFLOW_PORT", 5000),
            dagster_port=_port(environment, "QD_DAGSTER_PORT", 3000),
            draw_port=_port(environment, "QD_DRAW_PORT", 8028),
            drawings=_drawings(environment, "QD_DRAWINGS"),
            epochs=_count(environment, "QD_EPOCHS"),
            ui_host=_host(environment, "QD_UI_HOST"),
            timetable=Timetable.from_environment(environment),
            promotion_margin=_margin(environment, "QD_PROMOTION_MARGIN"),
            webhook_url=_address(environment, "QD_WEBHOOK_URL"),
        )

    @property
    def mlflow_ui(self) -> str:
        """Address of MLflow's pages: the tracking server's own, or the one that we start."""
        if self.tracking_uri.startswith(("http://", "https://")):
            # Links are shown and stored: without the server's user and password.
            parts = urlsplit(self.tracking_uri)
            return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return f"http://{self.ui_host}:{self.mlflow_port}"

    @property
    def categories(self) -> tuple[str, ...]:
        """Every category that some class set needs: the partitions of the data stages."""
        return class_sets.categories_of(self.class_sets.values())

    def prepare_home(self) -> None:
        """Make the home and see that it can be written.

        Raises:
            BadSetting: Its name cannot stand in an address of SQLite.
            HomeFailed: It cannot.
        """
        if len(os.fsencode(self.home)) > _LONGEST_HOME or set("?#%") & set(str(self.home)):
            raise BadSetting(
                f"home {str(self.home)[:80]!r}",
                f"has more than {_LONGEST_HOME} bytes, or '?', '#' or '%' in its name",
                "set QD_HOME to a folder that SQLite's addresses can name",
            )
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise disk_failure(error, self.home) from error
        if not os.access(self.home, os.W_OK | os.X_OK):
            denied = PermissionError(errno.EACCES, os.strerror(errno.EACCES))
            raise disk_failure(denied, self.home)


def _port(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name) or str(default)
    if not (text.isdecimal() and 0 < int(text) < 2**16):
        raise BadSetting(name, f"is {text[:40]!r}", "give a port from 1 to 65535")
    return int(text)


def _host(environment: Mapping[str, str], name: str) -> str:
    text = environment.get(name) or "127.0.0.1"
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        remedy = "give an IPv4 address of this machine, 127.0.0.1 or 0.0.0.0 for all of them"
        raise BadSetting(name, f"is {text[:40]!r}", remedy) from None


def _count(environment: Mapping[str, str], name: str, also: str = "") -> int | None:
    text = environment.get(name)
    if not text:
        return None
    if not (text.isdecimal() and int(text) > 0):
        raise BadSetting(name, f"is {text[:40]!r}", f"give a whole number from 1{also}")
    return int(text)


def _drawings(environment: Mapping[str, str], name: str) -> int | Literal["all"] | None:
    return "all" if environment.get(name) == "all" else _count(environment, name, ", or 'all'")


def _margin(environment: Mapping[str, str], name: str) -> float:
    text = environment.get(name) or "0.01"
    with contextlib.suppress(ValueError):
        if 0 < float(text) < 1:
            return float(text)
    raise BadSetting(name, f"is {text[:40]!r}", "give a share above 0 and below 1, like 0.01")


def _address(environment: Mapping[str, str], name: str) -> str | None:
    text = environment.get(name)
    if not text:
        return None
    # The address itself may be the secret, and is never shown.
    with contextlib.suppress(ValueError):  # `urlsplit` refuses some
        parts = urlsplit(text)
        if parts.scheme in {"http", "https"} and parts.hostname:
            return text
    raise BadSetting(name, "is no address of the web", "give one that begins with https://")


def _tracking_uri(environment: Mapping[str, str], home: Path) -> str:
    text = environment.get("MLFLOW_TRACKING_URI") or f"sqlite:///{home}/mlflow.db"
    if text.startswith(("http:", "https:")):
        return _address(environment, "MLFLOW_TRACKING_URI") or text
    return text


def _home(environment: Mapping[str, str]) -> Path:
    given = Path(environment.get("QD_HOME") or DEFAULT_HOME)
    try:
        return given.expanduser().absolute()
    except RuntimeError:
        raise BadSetting(
            f"QD_HOME {str(given)[:80]!r}", "is of a user who is not known", "give its whole path"
        ) from None
