"""People's own pictures and drawing files, read as strokes in the dataset's geometry."""
