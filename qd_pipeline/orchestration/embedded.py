"""Pictures embedded in Dagster metadata, small enough to lie in its database."""

import base64

import dagster as dg


def png(picture: bytes, title: str = "") -> dg.MarkdownMetadataValue:
    """Return a PNG as metadata that the asset page shows behind a click."""
    data = base64.b64encode(picture).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{data})")
