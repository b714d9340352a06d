"""Origin of the runs that a command executes: the code location, by which Dagster's UI lists them.

Dagster gives it to the runs that it launches itself, and not to those of this process, which would
be missing on the timeline and could not be launched again.
"""

import json
from typing import Any, Final

import dagster as dg

LOCATION: Final = "qd_pipeline"
"""Dagster's name of the code location."""

REPOSITORY: Final = "__repository__"
"""Dagster's name of the definitions in it."""

# Dagster's UI hides tags that begin so.
_COMMAND: Final = ".dagster/qd_command"


def tags(run_id: str) -> dict[str, str]:
    """Return the tags of a run that a command executes, by which a job's page finds it."""
    return {
        ".dagster/repository": f"{REPOSITORY}@{LOCATION}",
        "dagster/code_location": LOCATION,
        # It names the run, for Dagster copies tags to the one that repeats it.
        _COMMAND: run_id,
    }


def is_of_command(run: dg.DagsterRun) -> bool:
    """Return whether a command executes a run, and tells itself what has failed in it."""
    return run.tags.get(_COMMAND) == run.run_id


def report(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Give a run that a command executes its origin."""
    if is_of_command(run):
        # With the tags that it was given since it began.
        newest = instance.get_run_by_id(run.run_id) or run
        instance.run_storage.replace_job_origin(newest, _origin(run.job_name))


def _origin(job: str) -> Any:
    """Return the origin of a job's runs, in the form in which Dagster stores it."""
    location = {"__class__": "RegisteredRepositoryLocationOrigin", "location_name": LOCATION}
    repository = {
        "__class__": "ExternalRepositoryOrigin",
        "repository_location_origin": location,
        "repository_name": REPOSITORY,
    }
    stored = {
        "__class__": "ExternalPipelineOrigin",
        "external_repository_origin": repository,
        "pipeline_name": job,
    }
    return dg.deserialize_value(json.dumps(stored))
