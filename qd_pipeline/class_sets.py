"""Class sets: the categories of a classifier, in the order of its outputs."""

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from qd_pipeline import catalog
from qd_pipeline.encoding import read_toml
from qd_pipeline.errors import BadSetting

ClassSets = Mapping[str, tuple[str, ...]]
"""Categories in the order of the network's outputs, by partition key."""

NOTEBOOK: Final[ClassSets] = MappingProxyType(
    {
        "2": ("cow", "panda"),
        "4": ("frog", "rabbit", "elephant", "duck"),
        "8": ("camel", "rabbit", "frog", "duck", "elephant", "cow", "shark", "panda"),
    }
)
"""The notebook's class sets, in its order."""

# Valid in Dagster, file names and URLs; `.` and `/` could lead to other folders.
_SAFE_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", re.ASCII)


def checked(key: str, categories: Any) -> tuple[str, ...]:
    """Validate a class set, and return its categories as the catalog spells them.

    Args:
        key: Its partition key: usually the number of categories, or another short name.
        categories: Its categories in the order of the network's outputs.

    Raises:
        BadSetting: The key is not 1–64 letters, digits, `-` or `_`; there are fewer than
            two categories, a repeated one, or one that is not in the dataset.

    >>> checked("2", ["cow", "panda"])
    ('cow', 'panda')
    """
    culprit = f"class set {key[:80]!r}"
    if not _SAFE_KEY.fullmatch(key):
        raise BadSetting(
            culprit, "cannot be a partition key", "use up to 64 letters, digits, '-' and '_'"
        )
    if key.replace("_", " ") in catalog.CATEGORIES:
        raise BadSetting(culprit, "has the name of a category", "give it another name")
    if not isinstance(categories, list | tuple) or not all(isinstance(c, str) for c in categories):
        raise BadSetting(culprit, "is not a list of categories", 'write it as ["cow", "panda"]')
    names = tuple(catalog.category(name).name for name in categories)
    if len(names) < 2:  # noqa: PLR2004 (a classifier needs two)
        raise BadSetting(culprit, f"has {len(names)} categories", "give at least two")
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise BadSetting(culprit, f"names {', '.join(repeated)} twice", "name each category once")
    return names


def checked_key(key: str, class_sets: ClassSets) -> str:
    """Return a key if there is a class set of it.

    Raises:
        BadSetting: There is none.
    """
    if key not in class_sets:
        known = ", ".join(class_sets)
        raise BadSetting(f"class set {key[:80]!r}", "is not known", f"give one of {known}")
    return key


def load(path: Path) -> ClassSets:
    """Load class sets from a TOML file.

    The file holds one table: `[class_sets]`, then `2 = ["cow", "panda"]` and so on.

    Raises:
        BadSetting: The file cannot be read, is not TOML, or a class set is not valid.
    """
    form = 'write `[class_sets]`, and under it lines like `2 = ["cow", "panda"]`'
    place = "name a TOML file in QD_CLASS_SETS"
    table = read_toml(path, "class sets file", form=form, place=place).get("class_sets")
    if not isinstance(table, dict) or not table:
        raise BadSetting(f"class sets file {path}", "has no [class_sets]", form)
    return checked_table(table)


def checked_table(table: Mapping[str, Any]) -> ClassSets:
    """Validate a table of class sets.

    Raises:
        BadSetting: A class set is not valid.
    """
    return MappingProxyType({key: checked(key, value) for key, value in table.items()})


def categories_of(class_sets: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the distinct categories of class sets, in order of first occurrence."""
    return tuple(dict.fromkeys(name for names in class_sets for name in names))


def listed(names: Sequence[str], most: int = 16) -> str:
    """Return names as people read them: the first ones, and how many more there are.

    >>> listed(["cow", "panda"]), listed(["cow", "panda", "frog", "duck"], most=2)
    ('cow, panda', 'cow, panda and 2 more')
    """
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
