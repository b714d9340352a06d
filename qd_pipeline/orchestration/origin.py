"""Where drawings come from: what was written down when they were downloaded.

The setting names the source of the next download; what lies in the store may be of another.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from qd_pipeline.orchestration.partitions import CLASS_SETS, category_keys
from qd_pipeline.quickdraw.source import Source
from qd_pipeline.store import Partition, Store

_INPUT_OF = {"strokes": "raw_drawings", "bitmaps": "strokes"}
_FACT = "origin"


@dataclass(frozen=True)
class Origin:
    """Where drawings come from.

    Attributes:
        source: As one says it to people.
        synthetic: Whether some of them are made up, which every figure of theirs must say.
    """

    source: str
    synthetic: bool

    @classmethod
    def of(cls, source: Source) -> "Origin":
        """Give that of drawings that are being downloaded."""
        return cls(source.describe(), source.is_synthetic)

    @classmethod
    def of_inputs(cls, store: Store, stage: str, key: str) -> "Origin | None":
        """Give that of a partition that is made from others, None where they do not say it.

        Raises:
            DamagedPartition: An input's manifest is not what was written.
        """
        said = [made.facts[_FACT] for made in _inputs(store, stage, key) if _FACT in made.facts]
        if not said:
            return None
        sources = dict.fromkeys(origin["source"] for origin in said)
        return cls(" and ".join(sources), any(origin["synthetic"] for origin in said))

    def facts(self) -> dict[str, Any]:
        """Give what a partition keeps of it."""
        return {_FACT: asdict(self)}

    def tags(self) -> dict[str, str]:
        """Give what runs are filtered by."""
        return {"source": self.source, "synthetic": str(self.synthetic).lower()}


def _inputs(store: Store, stage: str, key: str) -> Sequence[Partition]:
    if stage in _INPUT_OF:
        needed = [(_INPUT_OF[stage], key)]
    elif key in CLASS_SETS:
        needed = [("strokes", category) for category in category_keys(key)]
    else:
        return []
    found = [store.find(*each) for each in needed]
    return [made for made in found if made is not None]
