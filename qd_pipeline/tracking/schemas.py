"""Schemas of logged datasets, as MLflow's pages show them."""

import json
from typing import Final

from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array, Object, Property

_COORDINATES: Final = Array(DataType.integer)

DRAWINGS: Final = json.dumps(
    {
        "mlflow_colspec": Schema(
            [
                ColSpec(DataType.long, "key_id"),
                ColSpec(DataType.string, "countrycode", required=False),
                ColSpec(DataType.datetime, "timestamp"),
                ColSpec(DataType.boolean, "recognized"),
                ColSpec(
                    Array(Object([Property(axis, _COORDINATES) for axis in ("x", "y")])), "drawing"
                ),
            ]
        ).to_dict()
    }
)
"""Columns of a stroke table."""
