"""Files of key_ids: drawings that a training leaves out."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import pyarrow as pa

from qd_pipeline.errors import BadSetting

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEDY: Final = (
    "give a Parquet, NDJSON or CSV file with a column key_id, or a text file with a key_id a line"
)


def read(path: str) -> NDArray[np.uint64]:
    """Read the key_ids of a file.

    Args:
        path: Parquet (`.parquet`), NDJSON (`.ndjson`) or CSV with a column `key_id`, or text with
            a key_id on each line. Where a table has a column `is_label_issue`, as that of
            `qd label-quality` has, only the rows in which it is true are read.

    Returns:
        `uint64 (n,)`, ascending, each once.

    Raises:
        BadSetting: The file cannot be read as one of these.
    """
    try:
        table = _table(Path(path))
        if "is_label_issue" in table.column_names:
            table = table.filter(table["is_label_issue"])
        key_ids = table["key_id"].cast(pa.uint64()).drop_null()
    except KeyError:
        raise BadSetting(f"exclude {path}", "has no column key_id", _REMEDY) from None
    except (OSError, UnicodeError, pa.ArrowException) as error:
        cause = f"cannot be read ({str(error).splitlines()[0]:.120})"
        raise BadSetting(f"exclude {path}", cause, _REMEDY) from None
    return np.unique(key_ids.to_numpy()).astype(np.uint64)


def describe(path: str) -> str:
    """Return the number of a file's key_ids and a hash of them, in whatever format and order.

    Raises:
        BadSetting: The file cannot be read.
    """
    key_ids = read(path)
    return f"{len(key_ids)} (sha256 {hashlib.sha256(key_ids.tobytes()).hexdigest()[:16]})"


def _table(path: Path) -> pa.Table:
    # Few trainings leave anything out, and each of these takes a while to import.
    if path.suffix == ".parquet":
        from pyarrow import parquet  # noqa: PLC0415

        return parquet.read_table(path)
    if path.suffix == ".ndjson":
        from pyarrow import json  # noqa: PLC0415

        return json.read_json(path)
    from pyarrow import csv  # noqa: PLC0415

    with path.open("rb") as file:
        is_list = file.readline().strip().isdigit()
    names = csv.ReadOptions(column_names=["key_id"] if is_list else None)
    # Inferred, the largest would be floating-point numbers.
    types = csv.ConvertOptions(column_types={"key_id": pa.uint64()})
    return csv.read_csv(path, names, convert_options=types)
