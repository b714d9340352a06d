"""Origin of a run: the code location, by which Dagster's UI lists it.

Dagster gives it to the runs that its UI, its schedules and its backfills launch, and not to those
of this process, which would then be missing on the timeline and could not be launched again.
"""

import json
from typing import Any, Final

import dagster as dg

_LOCATION: Final = "qd_pipeline"
_REPOSITORY: Final = "__repository__"

TAGS: Final = {".dagster/repository": f"{_REPOSITORY}@{_LOCATION}"}
"""Tags that a run is made with, by which a job's page finds it."""


def report(instance: dg.DagsterInstance, run_id: str) -> None:
    """Give a run its origin, where it has none."""
    run = instance.get_run_by_id(run_id)
    if run is not None and run.remote_job_origin is None:
        instance.run_storage.replace_job_origin(run, _origin(run.job_name))


def _origin(job: str) -> Any:
    """Return the origin of a job's runs, in the form in which Dagster stores it."""
    location = {"__class__": "RegisteredRepositoryLocationOrigin", "location_name": _LOCATION}
    repository = {
        "__class__": "ExternalRepositoryOrigin",
        "repository_location_origin": location,
        "repository_name": _REPOSITORY,
    }
    stored = {
        "__class__": "ExternalPipelineOrigin",
        "external_repository_origin": repository,
        "pipeline_name": job,
    }
    return dg.deserialize_value(json.dumps(stored))
