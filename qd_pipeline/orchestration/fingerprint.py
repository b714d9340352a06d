"""Fingerprints: the code, the settings and the inputs that a partition was made from."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.storage import Partition

SCHEMA: Final = 1
"""Raised when fingerprints are written in another form; older ones make partitions stale."""


def fingerprint(
    stage: Stage, settings: Mapping[str, Any], inputs: Iterable[Partition] = ()
) -> dict[str, Any]:
    """Return what a partition is made from (JSON).

    Args:
        stage: The stage that makes it.
        settings: Those that have an effect.
        inputs: Partitions that it reads.
    """
    return {
        "schema": SCHEMA,
        "code": stage.code_version,
        "settings": dict(settings),
        "inputs": {f"{made.stage}/{made.key}": made.version for made in inputs},
    }


def difference(made: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Return why a partition is stale, None where it is up to date.

    >>> made = {"schema": 1, "code": "1", "settings": {"epochs": 15}, "inputs": {}}
    >>> difference(made, {**made, "settings": {"epochs": 30}})
    'epochs changed from 15 to 30'
    >>> difference({"schema": 1}, made)
    'it was made by another version of this project'
    """
    if made.get("schema") != wanted["schema"] or not made.keys() >= wanted.keys():
        return "it was made by another version of this project"
    if made["code"] != wanted["code"]:
        return f"its code version changed from {made['code']} to {wanted['code']}"
    before, now = made["settings"], wanted["settings"]
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name):
            return f"{_words(name)} changed from {_shown(before, name)} to {_shown(now, name)}"
    before, now = made["inputs"], wanted["inputs"]
    changed = sorted(
        name.replace("/", " ")
        for name in before.keys() | now.keys()
        if before.get(name) != now.get(name)
    )
    return f"{', '.join(changed)} changed" if changed else None


def _words(name: str) -> str:
    return name.replace("_", " ")


def _shown(settings: Mapping[str, Any], name: str) -> str:
    value = settings.get(name, "the default")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
