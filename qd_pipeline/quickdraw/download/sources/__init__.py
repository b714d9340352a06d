"""The sources that a setting can name."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from qd_pipeline.quickdraw.download.address import checked_mirror
from qd_pipeline.quickdraw.download.source import Source
from qd_pipeline.quickdraw.download.sources.cloud import CloudSource
from qd_pipeline.quickdraw.download.sources.local import FileSource
from qd_pipeline.quickdraw.download.sources.sample import SAMPLE_DRAWINGS, SampleSource
from qd_pipeline.quickdraw.download.sources.web import OFFICIAL_URL, HttpSource, OfficialBucket


def parse_source(text: str, *, sample_drawings: int = SAMPLE_DRAWINGS) -> Source:
    """Return the source that a setting names.

    Args:
        text: `sample`, `quickdraw`, or the URL of a mirror.
        sample_drawings: Drawings of each category in the sample, from 1.

    Raises:
        BadSetting: It names none.

    >>> parse_source("https://me:secret@example.org/mirror").describe()
    'mirror https://***@example.org/mirror'
    >>> parse_source("quickdraw").url_of("The Eiffel Tower").partition("simplified")[2]
    '/The%20Eiffel%20Tower.ndjson'
    """
    text = text.strip()
    if text == "sample":
        return SampleSource(drawings=sample_drawings)
    if text == "quickdraw" or text.rstrip("/") == OFFICIAL_URL:
        return OfficialBucket()
    parts = urlsplit(checked_mirror(text))
    if parts.scheme == "file":
        return FileSource(Path(unquote(parts.path)))
    return CloudSource(text) if parts.scheme in {"s3", "gs"} else HttpSource(text)
