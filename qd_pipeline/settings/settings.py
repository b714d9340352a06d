"""All settings, and where they are read from."""

import errno
import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import unquote, urlsplit

from pydantic import AliasChoices, Field, NonNegativeInt, PositiveInt, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from qd_pipeline.class_sets import NOTEBOOK, categories_of
from qd_pipeline.encoding import decode
from qd_pipeline.errors import BadSetting, disk_failure
from qd_pipeline.quickdraw.download.address import masked
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.settings.fields import (
    Address,
    Database,
    Directory,
    GivenClassSets,
    HostName,
    HttpSettings,
    Port,
    ScheduleSettings,
    Seconds,
    TrackingUri,
    WebAddress,
    bare_url,
)
from qd_pipeline.settings.messages import FORM, bad_setting, variable_of
from qd_pipeline.tracking_uri import is_server, split_credentials

FILE_VARIABLE: Final = "QD_SETTINGS"

# Addresses to listen on, which no browser can open.
_LISTENING: Final = re.compile(r"//(0\.0\.0\.0|\[::\])")

_LONGEST_HOME: Final = 400  # SQLite takes paths of 512 bytes, and ours end below the data directory


class Settings(BaseSettings):
    """All settings of the pipeline.

    Each field is an environment variable: `QD_` and its name in capitals. A TOML file named by
    `QD_SETTINGS` may hold them too; the environment wins over the file, options over both.
    """

    model_config = SettingsConfigDict(
        env_prefix="QD_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        env_ignore_empty=True,
        extra="forbid",
        frozen=True,
        validate_default=True,
        populate_by_name=True,
    )

    home: Directory = Path(".qd")
    """Data directory."""
    store: str | None = None
    """URL of the partition store (`file:///…`, `s3://bucket/prefix`); the data directory's `store`
    folder by default."""
    source: str = "sample"
    """`sample`, `quickdraw` or the URL of a mirror."""
    class_sets: Annotated[GivenClassSets, NoDecode] = Field(default_factory=lambda: dict(NOTEBOOK))
    """Categories by class set; given as a TOML file's path or as JSON."""
    drawings: PositiveInt | Literal["all"] | None = None
    """Drawings of each category; None: the source's default."""
    epochs: PositiveInt | None = None
    """Passes over the training drawings; None: the preset's."""
    promotion_margin: Annotated[float, Field(gt=0, lt=1)] = 0.01
    """Share of test drawings by which a promoted classifier may be worse than the champion."""
    tracking_uri: TrackingUri | None = Field(
        default=None, validation_alias=AliasChoices("tracking_uri", "MLFLOW_TRACKING_URI")
    )
    """MLflow's store; SQLite in the data directory by default."""
    dagster_storage: Database | None = None
    """URL of the PostgreSQL database behind Dagster; SQLite in the data directory by default."""
    studies_storage: Database | None = None
    """URL of the PostgreSQL database of searches; SQLite in the data directory by default."""
    engine: Literal["local", "ray", "k8s", "celery"] = "local"
    """What Dagster runs are submitted to; `local` is this machine."""
    engine_address: str | None = None
    """Address of Ray's job server (`http://head:8265`), or of Celery's broker."""
    engine_runs: PositiveInt = 2
    """Dagster runs at once; an engine needs a CPU for each."""
    engine_trainings: PositiveInt = 1
    """Trainings at once: an engine's GPUs, or nodes."""
    engine_gpus: NonNegativeInt = 0
    """GPUs that a training claims of the engine."""
    cache: Directory | None = None
    """Folder of local copies of a remote store's files; in the data directory by default."""
    cache_bytes: PositiveInt = 20 * 2**30
    """Size above which the least recently used copies are removed, in bytes."""
    ui_host: Address = "127.0.0.1"
    """IPv4 address that the web servers listen on."""
    dagster_port: Port = 3000
    mlflow_port: Port = 5000
    draw_port: Port = 8028
    public_host: HostName | None = None
    """Host name or address in links; by default the address that the web servers listen on."""
    public_dagster: WebAddress | None = None
    """Address of Dagster's web server, for links and to submit runs."""
    public_mlflow: WebAddress | None = None
    """Address of MLflow's web server, for links; by default MLflow's own."""
    webhook_url: WebAddress | None = None
    """Address that failures are posted to."""
    abandoned_after: Seconds = 120.0
    """Seconds without a renewal of its lease after which a run's process counts as killed."""
    keep_days: PositiveInt = 30
    """Days after which `qd clean` removes runs that nothing up to date comes from."""
    schedule: Annotated[ScheduleSettings, NoDecode] = ScheduleSettings()
    http: Annotated[HttpSettings, NoDecode] = HttpSettings()

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
        file = os.environ.get(FILE_VARIABLE)
        values = tomllib.loads(decode(Path(file).read_bytes())) if file else {}
        return init_settings, env_settings, InitSettingsSource(settings_cls, init_kwargs=values)

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
            raise bad_setting(error, given, file, cls.model_fields) from None
        except ValueError as error:
            raise BadSetting(f"settings file {file}", f"is not TOML ({error})", FORM) from None
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not error.filename:  # a relative path's
                raise BadSetting("the current folder", "is gone", "change to another one") from None
            cause = f"cannot be read ({error.strerror})"
            raise BadSetting(f"settings file {file}", cause, "name a TOML file") from None

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
        """Address of MLflow's UI: the one for browsers, the tracking server's, or `qd ui`'s."""
        if self.public_mlflow or is_server(self.mlflow_uri):
            # Links are shown and stored: without the server's user and password.
            bare = split_credentials(self.public_mlflow or self.mlflow_uri)[0].rstrip("/")
            return _LISTENING.sub("//127.0.0.1", bare)
        return f"http://{self.link_host}:{self.mlflow_port}"

    @property
    def dagster_ui(self) -> str:
        """Address of Dagster's UI: the one for browsers, or that of `qd ui`."""
        own = f"http://{self.link_host}:{self.dagster_port}"
        return (self.public_dagster or own).rstrip("/")

    @property
    def link_host(self) -> str:
        """Host that a browser can open; 0.0.0.0 is an address to listen on only."""
        return self.public_host or ("127.0.0.1" if self.ui_host == "0.0.0.0" else self.ui_host)  # noqa: S104

    @property
    def mlartifacts(self) -> Path:
        """Folder of the artifacts of an MLflow store in the data directory."""
        return self.home / "mlartifacts"

    @property
    def cache_folder(self) -> Path:
        """Folder of verified local copies of a remote store's files."""
        return self.cache or self.home / "cache"

    @property
    def leases(self) -> Path:
        """Folder of the lock files of processes at work."""
        return self.home / "leases"

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints of trainings."""
        return self.home / "checkpoints"

    @property
    def excluded(self) -> Path:
        """Folder of the key_ids that trainings leave out."""
        return self.home / "excluded"

    @property
    def studies_url(self) -> str:
        """URL of the database of searches, without a password."""
        if self.studies_storage:
            return bare_url(self.studies_storage)
        return f"sqlite:///{self.home}/studies.db"

    @property
    def limits(self) -> Limits:
        """Limits of downloads."""
        return Limits(**self.http.model_dump())

    @property
    def categories(self) -> tuple[str, ...]:
        """Every category that a class set needs: the partitions of the data stages."""
        return categories_of(self.class_sets.values())

    def export_secrets(self) -> None:
        """Put addresses that hold a password into this process's environment.

        Dagster reads them there, whatever the settings were read from.
        """
        secrets = {
            "QD_SOURCE": self.source,
            "MLFLOW_TRACKING_URI": self.tracking_uri,
            "QD_ENGINE_ADDRESS": self.engine_address,
        }
        for name, address in secrets.items():
            if address and masked(address) != address:
                os.environ.setdefault(name, address)
        for url in (self.studies_storage, self.dagster_storage):
            if url and (password := urlsplit(url).password):
                # PostgreSQL's own variable, so that no configuration of Dagster holds it.
                os.environ["PGPASSWORD"] = unquote(password)

    def to_environment(self) -> dict[str, str]:
        """Return the environment in which a child process reads these settings."""
        values = self.model_dump(mode="json", exclude_none=True)
        # Their password is in PostgreSQL's own variable.
        databases = {"dagster_storage", "studies_storage"} & set(values)
        values |= {name: bare_url(values[name]) for name in databases}
        nested = {name: values.pop(name) for name in ("schedule", "http")}
        flat = {
            **{variable_of(name): value for name, value in values.items()},
            **{
                variable_of(f"{outer}.{name}"): value
                for outer, inner in nested.items()
                for name, value in inner.items()
            },
        }
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in flat.items()
        }

    def child_environment(self) -> dict[str, str]:
        """Return this process's environment with these settings, for a child process."""
        # The settings file may be named relative to this process's working directory.
        inherited = {name: text for name, text in os.environ.items() if name != FILE_VARIABLE}
        return {**inherited, **self.to_environment()}

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
