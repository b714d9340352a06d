"""Downloading drawings: sources, and a category's file from one of them, complete and verified."""

from qd_pipeline.quickdraw.download.address import masked
from qd_pipeline.quickdraw.download.fetching import Fetched, fetch, source_version
from qd_pipeline.quickdraw.download.limits import Limits
from qd_pipeline.quickdraw.download.partial_download import sweep
from qd_pipeline.quickdraw.download.source import Source
from qd_pipeline.quickdraw.download.sources import parse_source
from qd_pipeline.quickdraw.download.sources.sample import SAMPLE_DRAWINGS

__all__ = [
    "SAMPLE_DRAWINGS",
    "Fetched",
    "Limits",
    "Source",
    "fetch",
    "masked",
    "parse_source",
    "source_version",
    "sweep",
]
