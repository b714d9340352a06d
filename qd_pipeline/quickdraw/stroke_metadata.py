"""Metadata of a stroke table: counts, countries, times, sizes, rejects."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from qd_pipeline.quickdraw.rejects import Rejects


@dataclass(frozen=True)
class StrokeMetadata:
    """Metadata of a category's stroke table.

    Attributes:
        drawings: Rows of the table.
        strokes: Strokes of all drawings.
        points: Points of all strokes.
        recognized: Drawings that the game recognised.
        countries: Drawings by country code.
        first: The earliest timestamp, in UTC.
        last: The latest timestamp, in UTC.
        ndjson_bytes: Bytes of the lines that became rows.
        table_bytes: Bytes of the table's file.
        rejected: Lines that are no valid drawings.
        reasons: Rejected lines by reason, in words.
    """

    drawings: int
    strokes: int
    points: int
    recognized: int
    countries: Mapping[str, int]
    first: datetime
    last: datetime
    ndjson_bytes: int
    table_bytes: int
    rejected: int
    reasons: Mapping[str, int]

    @property
    def recognized_share(self) -> float:
        """The share of drawings that the game recognised, 0 to 1."""
        return self.recognized / self.drawings

    @property
    def ndjson_bytes_per_drawing(self) -> float:
        """Bytes of NDJSON that a drawing takes."""
        return self.ndjson_bytes / self.drawings

    @property
    def table_bytes_per_drawing(self) -> float:
        """Bytes of the table that a drawing takes."""
        return self.table_bytes / self.drawings

    def metrics(self) -> dict[str, float]:
        """Return the metrics that are logged."""
        return {
            "drawings": self.drawings,
            "strokes": self.strokes,
            "points": self.points,
            "recognized_share": self.recognized_share,
            "countries": len(self.countries),
            "ndjson_bytes_per_drawing": self.ndjson_bytes_per_drawing,
            "table_bytes_per_drawing": self.table_bytes_per_drawing,
            "rejected": self.rejected,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the metadata as JSON takes it, the timestamps in ISO 8601."""
        return {
            **asdict(self),
            "first": self.first.isoformat(),
            "last": self.last.isoformat(),
        }


@dataclass
class Tally:
    """The counts so far, batch by batch."""

    drawings: int = 0
    strokes: int = 0
    points: int = 0
    recognized: int = 0
    countries: Counter[str] = field(default_factory=Counter)
    times: list[datetime] = field(default_factory=list)
    ndjson_bytes: int = 0

    def add(self, drawings: pa.RecordBatch, ndjson_bytes: int) -> None:
        """Count a batch with at least one drawing."""
        self.drawings += drawings.num_rows
        strokes = drawings["drawing"].flatten()
        self.strokes += len(strokes)
        self.points += len(strokes.field("x").flatten())
        self.recognized += drawings["recognized"].true_count
        country = drawings["countrycode"]
        counts = np.bincount(country.indices, minlength=len(country.dictionary))
        self.countries.update(
            dict(zip(country.dictionary.to_pylist(), counts.tolist(), strict=True))
        )
        times = pc.min_max(drawings["timestamp"]).as_py()
        self.times = [min([*self.times, times["min"]]), max([*self.times, times["max"]])]
        self.ndjson_bytes += ndjson_bytes

    def metadata(self, table_bytes: int, rejects: Rejects) -> StrokeMetadata:
        """Return the metadata; there must be at least one drawing."""
        return StrokeMetadata(
            drawings=self.drawings,
            strokes=self.strokes,
            points=self.points,
            recognized=self.recognized,
            countries=dict(self.countries.most_common()),
            first=min(self.times),
            last=max(self.times),
            ndjson_bytes=self.ndjson_bytes,
            table_bytes=table_bytes,
            rejected=rejects.count,
            reasons=dict(rejects.reasons.most_common()),
        )
