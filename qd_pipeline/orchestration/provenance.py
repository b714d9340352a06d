"""Where drawings come from, kept with every partition that is made from them.

The setting names the source of the next download; what lies in the store may be of another.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any, Final, Self

from qd_pipeline.quickdraw.download import Source
from qd_pipeline.storage import Partition

_KEY: Final = "provenance"


@dataclass(frozen=True)
class Provenance:
    """Where drawings come from.

    Attributes:
        source: Description of the source, or of all of them.
        synthetic: Whether some of the drawings are synthetic, which all their figures must say.
    """

    source: str
    synthetic: bool

    @classmethod
    def of_source(cls, source: Source) -> Self:
        """Return that of drawings that are being downloaded."""
        return cls(source.describe(), source.is_synthetic)

    @classmethod
    def of_partitions(cls, partitions: Iterable[Partition]) -> Self | None:
        """Return that of a partition made from others; None where none of them has one."""
        known = [made.metadata[_KEY] for made in partitions if _KEY in made.metadata]
        if not known:
            return None
        sources = dict.fromkeys(each["source"] for each in known)
        return cls(" and ".join(sources), any(each["synthetic"] for each in known))

    def metadata(self) -> dict[str, Any]:
        """Return what a partition's metadata keeps of it."""
        return {_KEY: asdict(self)}

    def tags(self) -> dict[str, str]:
        """Return the MLflow tags that runs are filtered by."""
        return {"source": self.source, "synthetic": str(self.synthetic).lower()}
