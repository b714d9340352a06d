"""Learning from people's drawings: Quick, Draw! from NDJSON to evaluated classifiers."""
