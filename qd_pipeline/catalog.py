"""The 345 categories of Quick, Draw!, and the official figures of their files.

The figures (`catalog.tsv`) are those of the public bucket `quickdraw_dataset`: drawings,
and the sizes in bytes and MD5 sums of the whole files. The dataset is © Google, Inc.,
CC BY 4.0.
"""

import csv
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from types import MappingProxyType
from typing import Final

from qd_pipeline.errors import BadSetting


@dataclass(frozen=True)
class Category:
    """One word of the dataset, with the official figures of its simplified file.

    Attributes:
        name: The official spelling (`The Eiffel Tower`, `paint can`).
        drawings: Drawings in the whole file.
        simplified_bytes: Size of the whole simplified NDJSON file, in bytes.
        simplified_md5: MD5 of that file, 32 hexadecimal digits.
    """

    name: str
    drawings: int
    simplified_bytes: int
    simplified_md5: str


def _read_catalog() -> Mapping[str, Category]:
    with resources.files(__package__).joinpath("catalog.tsv").open(encoding="utf-8") as lines:
        rows = csv.DictReader(lines, delimiter="\t")
        return MappingProxyType(
            {
                row["category"]: Category(
                    name=row["category"],
                    drawings=int(row["drawings"]),
                    simplified_bytes=int(row["simplified_ndjson_bytes"]),
                    simplified_md5=row["simplified_ndjson_md5"],
                )
                for row in rows
            }
        )


CATEGORIES: Final = _read_catalog()
"""All categories by their official spelling, in the bucket's order."""


def category(name: str) -> Category:
    """Look a category up by its official spelling.

    Raises:
        BadSetting: The dataset has no such category; the message names the nearest ones.

    >>> category("cow").drawings
    123083
    >>> category("cows")
    Traceback (most recent call last):
        ...
    qd_pipeline.errors.BadSetting: category 'cows' is not one of the 345: did you mean cow, crown?
    """
    found = CATEGORIES.get(name)
    if found is None:
        near = difflib.get_close_matches(name, CATEGORIES, n=3, cutoff=0.6)
        remedy = f"did you mean {', '.join(near)}?" if near else "see `qd categories` for the list"
        raise BadSetting(f"category {name[:80]!r}", "is not one of the 345", remedy)
    return found


def partition_key(name: str) -> str:
    """Spell a category so that Dagster, file systems and URLs can take it.

    No official name holds an underscore, so a space becomes one and the way back is plain.

    >>> partition_key("The Eiffel Tower")
    'The_Eiffel_Tower'
    """
    return category(name).name.replace(" ", "_")


def category_of(key: str) -> str:
    """Return the official spelling of a partition key.

    >>> category_of("The_Eiffel_Tower")
    'The Eiffel Tower'
    """
    return category(key.replace("_", " ")).name
