"""Pictures for Dagster's pages, small enough to lie in its database."""

import base64

import dagster as dg


def embedded(picture: bytes, title: str = "") -> dg.MarkdownMetadataValue:
    """Show a PNG behind a click on the asset's page."""
    data = base64.b64encode(picture).decode()
    return dg.MetadataValue.md(f"![{title}](data:image/png;base64,{data})")
