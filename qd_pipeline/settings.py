"""The project's settings: values read once, from options, the environment and a TOML file.

Nothing else in the package reads the environment, except for what a library demands.
"""

import errno
import ipaddress
import json
import os
import re
from dataclasses import fields
from datetime import time
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    Field,
    PositiveInt,
    ValidationError,
    create_model,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from qd_pipeline import tracking_uri
from qd_pipeline.class_sets import NOTEBOOK, ClassSets, categories_of, checked_table, load
from qd_pipeline.errors import BadSetting, disk_failure
from qd_pipeline.quickdraw.download.limits import Limits

FILE_VARIABLE: Final = "QD_SETTINGS"
_LONGEST_HOME: Final = 400  # SQLite takes paths of 512 bytes, and ours end below the data directory
_WEEKDAYS: Final = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
"""In the order in which cron counts them."""


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except RuntimeError:
        raise ValueError from None


def _clock(text: str) -> time:
    hour, _, minute = text.partition(":")
    return time(int(hour), int(minute))


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (OSError, KeyError):
        raise ValueError from None


def _web_address(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme in {"http", "https"} and parts.hostname:
        return text
    raise ValueError


def _class_sets(given: Any) -> ClassSets:
    """Read class sets from a TOML file's path, from JSON, or from a table of the settings file."""
    if isinstance(given, str | Path) and not str(given).lstrip().startswith("{"):
        return dict(load(Path(given)))
    return dict(checked_table(json.loads(given) if isinstance(given, str) else given))


Port = Annotated[int, Field(ge=1, le=65535)]
Host = Annotated[str, AfterValidator(lambda text: str(ipaddress.IPv4Address(text)))]
WebAddress = Annotated[str, AfterValidator(_web_address)]

HttpSettings = create_model(
    "HttpSettings",
    **{  # type: ignore[call-overload] # the fields are those of `Limits`
        limit.name: (limit.type, Field(default=limit.default, gt=0, allow_inf_nan=False))
        for limit in fields(Limits)
    },
)
"""`QD_HTTP_…`: the fields of `qd_pipeline.quickdraw.download.Limits`, each above 0."""


class ScheduleSettings(BaseModel):
    """`QD_SCHEDULE_…`: the time of day of both schedules, and the day of the weekly one.

    >>> ScheduleSettings(time="06:30", weekday="Monday", zone="Europe/Berlin").weekly
    '30 6 * * 1'
    """

    time: Annotated[str, AfterValidator(lambda text: f"{_clock(text):%H:%M}")] = "06:00"
    weekday: Annotated[Literal[_WEEKDAYS], BeforeValidator(str.lower)] = "monday"  # type: ignore[valid-type]
    zone: Annotated[str, AfterValidator(_zone)] = "UTC"

    @property
    def daily(self) -> str:
        """Cron expression of the daily schedule."""
        at = _clock(self.time)
        return f"{at.minute} {at.hour} * * *"

    @property
    def weekly(self) -> str:
        """Cron expression of the weekly schedule."""
        return f"{self.daily[:-1]}{_WEEKDAYS.index(self.weekday)}"


class Settings(BaseSettings):
    """Where data lies and what is wanted.

    Each field is an environment variable: `QD_` and its name in capitals. A TOML file named by
    `QD_SETTINGS` may hold them too; the environment wins over the file, options over both.
    """

    model_config = SettingsConfigDict(
        env_prefix="QD_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        validate_default=True,
        populate_by_name=True,
    )

    home: Annotated[Path, AfterValidator(_absolute)] = Path(".qd")
    """Data directory."""
    store: str | None = None
    """URL of the partition store (`file:///…`, `s3://bucket/prefix`); the data directory's `store`
    folder by default."""
    source: str = "sample"
    """`sample`, `quickdraw` or the URL of a mirror."""
    class_sets: Annotated[ClassSets, NoDecode, BeforeValidator(_class_sets)] = Field(
        default_factory=lambda: dict(NOTEBOOK)
    )
    """Categories by class set; given as a TOML file's path or as JSON."""
    drawings: PositiveInt | Literal["all"] | None = None
    """Drawings of each category; None: the source's default."""
    epochs: PositiveInt | None = None
    """Passes over the training drawings; None: the preset's."""
    promotion_margin: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Share of test drawings by which a promoted classifier may be worse than the champion."""
    tracking_uri: Annotated[
        str | None, AfterValidator(lambda uri: uri and tracking_uri.checked(uri))
    ] = Field(default=None, validation_alias=AliasChoices("tracking_uri", "MLFLOW_TRACKING_URI"))
    """MLflow's store; SQLite in the data directory by default."""
    ui_host: Host = "127.0.0.1"
    """IPv4 address that the web servers listen on."""
    dagster_port: Port = 3000
    mlflow_port: Port = 5000
    draw_port: Port = 8028
    public_host: str | None = None
    """Host name or address in links; by default the address that the web servers listen on."""
    webhook_url: WebAddress | None = None
    """Address that failures are posted to."""
    abandoned_after: Annotated[float, Field(gt=0)] = 120.0
    """Seconds without a sign of life after which a run's process counts as killed."""
    schedule: ScheduleSettings = ScheduleSettings()
    http: HttpSettings = HttpSettings()  # type: ignore[valid-type]

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Options first, then the environment, then the settings file."""
        del dotenv_settings, file_secret_settings
        file = TomlConfigSettingsSource(settings_cls, os.environ.get(FILE_VARIABLE))
        return init_settings, env_settings, file

    @classmethod
    def load(cls, **options: Any) -> Self:
        """Read and check the settings.

        Args:
            options: Settings by field name that win over the environment's; None is not given.

        Raises:
            BadSetting: A setting is not valid, or the settings file cannot be read.
        """
        given = {name: value for name, value in options.items() if value is not None}
        file = os.environ.get(FILE_VARIABLE)
        if file and not Path(file).is_file():
            raise BadSetting(f"{FILE_VARIABLE} {file}", "is not a file", "name a TOML file")
        try:
            return cls(**given)
        except ValidationError as error:
            raise _bad_setting(cls, error) from None
        except ValueError as error:  # the settings file
            raise BadSetting(f"settings file {file}", f"is not TOML ({error})", _FORM) from None

    @property
    def store_url(self) -> str:
        """URL of the partition store."""
        return self.store or (self.home / "store").as_uri()

    @property
    def mlflow_uri(self) -> str:
        """MLflow's tracking URI."""
        return self.tracking_uri or f"sqlite:///{self.home}/mlflow.db"

    @property
    def mlflow_ui(self) -> str:
        """Address of MLflow's UI: the tracking server's own, or that of `qd ui`."""
        if self.mlflow_uri.startswith(("http://", "https://")):
            # Links are shown and stored: without the server's user and password.
            parts = urlsplit(self.mlflow_uri)
            return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return f"http://{self.link_host}:{self.mlflow_port}"

    @property
    def link_host(self) -> str:
        """Host that a browser can open; 0.0.0.0 is an address to listen on only."""
        return self.public_host or ("127.0.0.1" if self.ui_host == "0.0.0.0" else self.ui_host)  # noqa: S104

    @property
    def studies_url(self) -> str:
        """URL of the database of searches."""
        return f"sqlite:///{self.home}/studies.db"

    @property
    def limits(self) -> Limits:
        """Limits of downloads."""
        return Limits(**self.http.model_dump())  # type: ignore[attr-defined]

    @property
    def categories(self) -> tuple[str, ...]:
        """Every category that a class set needs: the partitions of the data stages."""
        return categories_of(self.class_sets.values())

    def to_environment(self) -> dict[str, str]:
        """Return the environment in which a child process reads these settings."""
        values = self.model_dump(mode="json", exclude_none=True)
        nested = {name: values.pop(name) for name in ("schedule", "http")}
        uri = values.pop("tracking_uri", None)
        flat = {
            **{f"QD_{name}".upper(): value for name, value in values.items()},
            **{
                f"QD_{outer}_{name}".upper(): value
                for outer, inner in nested.items()
                for name, value in inner.items()
            },
            **({"MLFLOW_TRACKING_URI": uri} if uri else {}),
        }
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in flat.items()
        }

    def prepare_home(self) -> None:
        """Make the data directory and check that it can be written.

        Raises:
            BadSetting: Its name cannot stand in an address of SQLite.
            HomeFailed: It cannot be written.
        """
        if len(os.fsencode(self.home)) > _LONGEST_HOME or set("?#%") & set(str(self.home)):
            raise BadSetting(
                f"data directory {str(self.home)[:80]!r}",
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


_FORM: Final = 'write lines like `drawings = 10000` or `source = "quickdraw"`'
_WHOLE: Final = "give a whole number from 1"
_REMEDIES: Final = {
    "drawings": f"{_WHOLE}, or 'all'",
    "epochs": _WHOLE,
    "promotion_margin": "give a share above 0 and below 1, like 0.01",
    "ui_host": "give an IPv4 address of this machine, 127.0.0.1 or 0.0.0.0 for all of them",
    "webhook_url": "give an address that begins with https://",
    "tracking_uri": "give an address that begins with https://, or sqlite:///",
    "home": "give its whole path",
    "class_sets": "name a TOML file, or give JSON",
    "schedule.time": "give hour and minute, like 06:00",
    "schedule.weekday": f"give one of {', '.join(_WEEKDAYS)}",
    "schedule.zone": "give a time zone like Europe/Berlin or UTC",
}
_SECRET: Final = {"webhook_url", "tracking_uri"}


def _bad_setting(cls: type[Settings], error: ValidationError) -> BadSetting:
    """Return the first error in a sentence that names the variable."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"]]
    if path[0] not in cls.model_fields:  # an alias
        path[0] = "tracking_uri"
    nested = path[0] in {"schedule", "http"}
    name = ".".join(path[: 2 if nested else 1])
    variable = f"QD_{name.replace('.', '_')}".upper()
    if name == "tracking_uri":
        variable = "MLFLOW_TRACKING_URI"
    if name.endswith("_port"):
        remedy = "give a port from 1 to 65535"
    elif path[0] == "http":
        whole = isinstance(getattr(Limits(), path[1], None), int)
        remedy = _WHOLE if whole else "give a number of seconds above 0"
    else:
        remedy = _REMEDIES.get(name, f"give {re.sub('^Input should be ', '', first['msg'])}")
    said = "is not an address" if name in _SECRET else f"is {str(first['input'])[:40]!r}"
    return BadSetting(variable, said, remedy)
