"""The embedded sample: drawings that our own generator makes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Final

from qd_pipeline.quickdraw import sample
from qd_pipeline.quickdraw.download.address import path_of
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.remote_file import FileVersion, RemoteFile
from qd_pipeline.quickdraw.download.source import Source

SAMPLE_DRAWINGS: Final = 600
"""Drawings of each category in the embedded sample, unless set otherwise."""

# ruff: noqa: D102 - the methods are documented in `Source`


@dataclass(frozen=True)
class SampleSource(Source):
    """Generated drawings, the same ones from the same seed."""

    is_synthetic: ClassVar[bool] = True

    seed: int = 0
    drawings: int = SAMPLE_DRAWINGS

    @property
    def name(self) -> str:
        return "sample"

    def describe(self) -> str:
        return f"synthetic sample (seed {self.seed})"

    def url_of(self, category: str) -> str:
        return f"sample:{path_of(category)}"

    @contextmanager
    def open(
        self, category: str, *, start: int = 0, previous: FileVersion | None = None, limits: Limits
    ) -> Iterator[RemoteFile]:
        del start, previous  # all of it would have to be generated again
        lines = sample.ndjson_lines(category, self.drawings, self.seed)
        yield RemoteFile(self.version_of(category, limits), 0, lines)

    def version_of(self, category: str, limits: Limits) -> FileVersion:
        del category, limits
        return FileVersion(etag=f'"{sample.VERSION}-{self.seed}-{self.drawings}"')
