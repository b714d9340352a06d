"""MLflow's tracking URI: validation, and separation of its credentials."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit, urlunsplit

from qd_pipeline.errors import BadSetting

NAME: Final = "MLFLOW_TRACKING_URI"

SQLITE: Final = "sqlite:///"
"""How the URI of an SQLite file begins."""

_SERVERS: Final = frozenset({"http", "https"})
_DATABASES: Final = frozenset({"sqlite", "postgresql", "mysql", "mssql"})
_OTHERS: Final = frozenset({"databricks"})
_FORMS: Final = "sqlite:///FILE, postgresql://…, mysql://…, mssql://… or the https:// of a server"


def checked(uri: str) -> str:
    """Return a tracking URI that MLflow can take, its scheme in small letters.

    Raises:
        BadSetting: MLflow has no store of this kind.

    >>> checked("SQLite:////data/mlflow.db")
    'sqlite:////data/mlflow.db'
    >>> checked("localhost:5000")
    Traceback (most recent call last):
    qd_pipeline.errors.BadSetting: MLFLOW_TRACKING_URI has no scheme: set it to http://localhost:5000.
    """
    scheme, _, rest = uri.partition(":")
    scheme = scheme.lower()
    if scheme in _OTHERS:
        return uri
    if scheme == "file" or uri.startswith(("/", ".", "~")):
        remedy = "set it to sqlite:///FILE (`mlflow migrate-filestore` moves what a folder holds)"
        raise BadSetting(NAME, "names a folder, which MLflow no longer takes as a store", remedy)
    port = rest.partition("/")[0]
    if "://" not in uri and (port.isdecimal() or not rest):
        # A name alone may be MLflow's old folder, or a host of one's own network.
        other = "" if port else ", or, if it is no server, to sqlite:///FILE"
        raise BadSetting(NAME, "has no scheme", f"set it to http://{uri[:80]}{other}")
    if scheme in _SERVERS and not _host(uri):
        raise BadSetting(NAME, "names no host", "set it to an address like https://mlflow.example")
    if scheme.partition("+")[0] == "sqlite" and not (rest.startswith("///") and rest[3:]):
        raise BadSetting(NAME, "names no file", "set it to sqlite:///FILE")
    if scheme.partition("+")[0] not in _DATABASES | _SERVERS:
        raise BadSetting(NAME, f"has the unknown scheme {scheme[:40]!r}", f"set it to {_FORMS}")
    return f"{scheme}:{rest}"  # SQLAlchemy and MLflow look it up as it is spelled


def split_credentials(uri: str) -> tuple[str, str | None, str | None]:
    """Split a server's URI into its bare form, user and password.

    Returns:
        The URI without them, the user and the password; a database's URI is left as it is.

    >>> split_credentials("https://alice:s%2Fcret@mlflow.example/team")
    ('https://mlflow.example/team', 'alice', 's/cret')
    """
    if not is_server(uri):
        return uri, None, None
    parts = urlsplit(uri)
    credentials, _, host = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    return urlunsplit(parts._replace(netloc=host)), unquote(user) or None, unquote(password) or None


def is_server(uri: str) -> bool:
    """Return whether a URI is a tracking server's."""
    return uri.partition(":")[0].lower() in _SERVERS


def file_of(uri: str) -> Path | None:
    """Return the file that a URI of SQLite names, or None if it is another URI.

    >>> file_of("sqlite:////data/mlflow.db?timeout=30")
    PosixPath('/data/mlflow.db')
    """
    path = uri.removeprefix(SQLITE).partition("?")[0]
    return Path(path).absolute() if uri.startswith(SQLITE) and path else None


def _host(uri: str) -> str | None:
    try:
        return urlsplit(uri).hostname
    except ValueError:  # brackets that do not match
        return None
