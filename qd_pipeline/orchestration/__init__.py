"""The orchestration: thin Dagster assets that call the drawings and the learning."""
