"""The drawings: fetched, parsed, drawn and divided. Knows no Dagster, Keras or MLflow."""
