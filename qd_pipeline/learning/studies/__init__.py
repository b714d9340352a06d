"""Studies: cross-validation, search of settings, amount of data."""
