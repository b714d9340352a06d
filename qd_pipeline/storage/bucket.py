"""Buckets: opened by obstore, with credentials and endpoints from the environment."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import obstore.store

from qd_pipeline.errors import BadSetting, StoreFailed

# Sets of variables, any one of which gives obstore credentials without a query of the cloud's
# instance metadata service. The last set of each cloud names that service.
_CREDENTIALS: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "s3": (
        ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI",),
        ("AWS_SKIP_SIGNATURE",),
        ("AWS_METADATA_ENDPOINT",),
    ),
    "gs": (
        ("GOOGLE_APPLICATION_CREDENTIALS",),
        ("GOOGLE_SERVICE_ACCOUNT",),
        ("GOOGLE_SERVICE_ACCOUNT_PATH",),
        ("GOOGLE_SERVICE_ACCOUNT_KEY",),
        ("GOOGLE_BEARER_TOKEN",),
        ("GOOGLE_SKIP_SIGNATURE",),
        ("GCE_METADATA_HOST",),
    ),
    "az": (
        ("AZURE_STORAGE_ACCOUNT_KEY",),
        ("AZURE_STORAGE_ACCESS_KEY",),
        ("AZURE_STORAGE_MASTER_KEY",),
        ("AZURE_STORAGE_SAS_KEY",),
        ("AZURE_STORAGE_SAS_TOKEN",),
        ("AZURE_STORAGE_TOKEN",),
        ("AZURE_STORAGE_CLIENT_ID", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_STORAGE_TENANT_ID"),
        ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET", "AZURE_TENANT_ID"),
        ("AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_TENANT_ID"),
        ("AZURE_USE_AZURE_CLI",),
        ("AZURE_SKIP_SIGNATURE",),
        ("AZURE_STORAGE_USE_EMULATOR",),
        ("AZURE_IDENTITY_ENDPOINT",),
    ),
}
_GCLOUD_LOGIN: Final = Path(".config/gcloud/application_default_credentials.json")
_ENDPOINTS: Final = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")


def has_credentials(scheme: str) -> bool:
    """Return whether obstore finds credentials in the environment or in gcloud's login file."""
    if scheme == "gs" and (Path.home() / _GCLOUD_LOGIN).is_file():
        return True
    return any(all(os.environ.get(name) for name in names) for names in _CREDENTIALS[scheme])


def check_credentials(url: str) -> None:
    """Check that the environment holds credentials for a cloud's store.

    obstore would otherwise query the cloud's instance metadata service until a time-out.

    Raises:
        StoreFailed: It holds none.
    """
    scheme = urlsplit(url).scheme
    if not has_credentials(scheme):
        *_, metadata_service = _CREDENTIALS[scheme]
        raise StoreFailed(
            url,
            "cannot be used without credentials",
            f"set {' and '.join(_CREDENTIALS[scheme][0])} (for the role of a machine in the "
            f"cloud, set {metadata_service[0]})",
        )


def open_bucket(
    url: str,
    *,
    anonymous: bool = False,
    client: "obstore.store.ClientConfig | None" = None,
    retry: "obstore.store.RetryConfig | None" = None,
) -> "obstore.store.ObjectStore":
    """Return obstore's client for a bucket. Credentials and endpoints come from the environment.

    Args:
        url: `s3://bucket/prefix`, `gs://…` or `az://…`.
        anonymous: Whether requests are left unsigned, for public buckets.
        client: Timeouts.
        retry: Number of retries and the pauses between them.

    Raises:
        BadSetting: obstore refuses the address or the value of a variable.
    """
    options: dict[str, Any] = dict(client or {})
    # `client_options` override obstore's own reading of AWS_ALLOW_HTTP. An address that begins
    # with http:// has been written by the user, and says the same.
    endpoint = next((os.environ[name] for name in _ENDPOINTS if os.environ.get(name)), "")
    allowed = os.environ.get("AWS_ALLOW_HTTP", "").lower() in {"1", "true"}
    if url.startswith("s3:") and (allowed or endpoint.startswith("http://")):
        options["allow_http"] = True
    config: dict[str, Any] = {"skip_signature": True} if anonymous else {}
    open_url: Any = obstore.store.from_url  # its overloads take each cloud's own options
    try:
        bucket: obstore.store.ObjectStore = open_url(
            url, config=config or None, client_options=options, retry_config=retry
        )
    except (obstore.exceptions.BaseError, ValueError) as error:
        raise BadSetting(
            url, f"cannot be opened ({reason(error)})", "check it and the variables of the cloud"
        ) from error
    return bucket


def reason(error: Exception) -> str:
    """Return the short cause in obstore's text of an error, without addresses or secrets.

    >>> reason(Exception("Generic S3 error: Error performing GET http://h/x in 1s - HTTP error"))
    'HTTP error'
    """
    text, _, details = str(error).partition("\n\nDebug source")
    # The code of a cloud's answer, or the operating system's words.
    found = re.search(r"<Code>(\w{1,60})</Code>", text)
    found = found or re.search(r'message: "([^"\n]{1,100})"', details)
    if found:
        return found[1]
    text = re.sub(r"https?://\S+", "…", text.split("<", 1)[0]).rpartition(" - ")[2]
    return " ".join(text.split())[-160:]
