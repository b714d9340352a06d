"""Learning from people's drawings: Quick, Draw! from NDJSON to evaluated classifiers."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from qd_pipeline.api import DataDirectory

__all__ = ["open"]


def open(data_dir: "str | PathLike[str] | None" = None) -> "DataDirectory":  # noqa: A001 (a module's `open`, as gzip's)
    """Open a data directory to read what the pipeline has made.

    Args:
        data_dir: The directory; by default that of the settings (`QD_HOME`, else `.qd`).

    Raises:
        BadSetting: A setting is not valid.

    >>> data = open("data directory that is not there")
    >>> data.strokes("cow")
    Traceback (most recent call last):
    qd_pipeline.errors.MissingPartition: strokes cow is not in the store: \
make it with `qd make strokes cow`.
    """
    from qd_pipeline.api import DataDirectory  # noqa: PLC0415 (`import qd_pipeline` stays cheap)

    return DataDirectory.open(data_dir)
