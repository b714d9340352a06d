"""The learning: networks, training, evaluation. Knows no Dagster or MLflow."""
