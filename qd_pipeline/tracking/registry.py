"""The registry of classifiers: which version of each is the champion."""

import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import mlflow
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from qd_pipeline.errors import BadSetting, MissingPartition
from qd_pipeline.tracking.drawing_models import FILES, NAME
from qd_pipeline.tracking.failures import translate_errors as explained

CHAMPION: Final = "champion"
"""Alias of the version that predicts."""

CHALLENGER: Final = "challenger"
"""Alias of the newest version that did not become champion."""

_SUCCEEDED: Final = "succeeded"
_SINCE: Final = "champion_since"

_WITHHELD: Final = "does not give its files"
_REMEDY: Final = (
    "see that MLflow finds its artifacts where they were; if they are gone, make another version "
    "the champion with `qd promote`"
)


@dataclass(frozen=True)
class Version:
    """One registered version of a classifier.

    Attributes:
        model: Name of the registered model.
        number: Counted by MLflow, from 1.
        run: The MLflow run that trained and evaluated it.
        tags: What stands about it in the registry.
    """

    model: str
    number: int
    run: str
    tags: Mapping[str, str]

    def __str__(self) -> str:
        return f"{self.model} version {self.number}"


class Registry:
    """MLflow's model registry, with one registered model a class set.

    Args:
        client: The store's client.
    """

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def champion(self, model: str) -> Version | None:
        """Give the champion, or None where there is none yet."""
        with explained():
            try:
                return _version(self._client.get_model_version_by_alias(model, CHAMPION))
            except MlflowException as error:
                if error.error_code in {
                    ErrorCode.Name(RESOURCE_DOES_NOT_EXIST),
                    "INVALID_PARAMETER_VALUE",
                }:
                    return None
                raise

    def version(self, model: str, number: int) -> Version:
        """Give one version.

        Raises:
            BadSetting: There is none of that number.
        """
        for found in self._versions(model):
            if found.number == number:
                return found
        known = ", ".join(str(found.number) for found in self._versions(model))
        remedy = f"give one of {known}" if known else "train one with `qd run`"
        raise BadSetting(f"{model} version {number}", "is not in the registry", remedy)

    def register(self, model: str, run: str, tags: Mapping[str, str]) -> Version:
        """Register the classifier that a run logged, once.

        Args:
            model: Name of the registered model.
            run: The MLflow run.
            tags: What the registry is to say about it.

        Raises:
            MissingPartition: The run logged no classifier.
        """
        with explained():
            source = f"models:/{self._logged(run)}"
            for found in self._client.search_model_versions(f"run_id = '{run}'"):
                if (found.name, found.source) == (model, source):
                    return self._tagged(_version(found), tags)
            if not self._client.search_registered_models(f"name = '{model}'"):
                self._client.create_registered_model(model)
            made = self._client.create_model_version(
                model, source, run_id=run, tags=dict(tags), model_id=self._logged(run)
            )
            return _version(made)

    def appoint(self, version: Version) -> Version | None:
        """Make a version the champion.

        Returns:
            The champion that it takes the place of, now a challenger; None where there was
            none, or it was champion already.
        """
        before = self.champion(version.model)
        if before is not None and before.number == version.number:
            return None
        tags = {_SINCE: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}
        if before is not None:
            tags[_SUCCEEDED] = str(before.number)
        with explained():
            self._tagged(version, tags)
            self._client.set_registered_model_alias(version.model, CHAMPION, str(version.number))
            if before is not None:
                self.challenge(before)
        return before

    def challenge(self, version: Version) -> None:
        """Make a version the challenger."""
        with explained():
            self._client.set_registered_model_alias(version.model, CHALLENGER, str(version.number))

    def roll_back(self, model: str) -> Version:
        """Put the champion before the present one back in its place.

        Returns:
            The champion that is back.

        Raises:
            BadSetting: There is no champion, or none before it.
        """
        present = self.champion(model)
        if present is None:
            raise BadSetting(model, "has no champion", "train one with `qd run`")
        if _SUCCEEDED not in present.tags:
            raise BadSetting(
                str(present), "took nobody's place", "name a version with `qd promote`"
            )
        before = self.version(model, int(present.tags[_SUCCEEDED]))
        with explained():
            self._client.set_registered_model_alias(model, CHAMPION, str(before.number))
            self.challenge(present)
        return before

    @contextmanager
    def file_of(self, version: Version, name: str) -> Iterator[Path]:
        """Give a file that was kept with a version's run, for as long as the block lasts.

        Raises:
            MissingPartition: The run keeps no such file, or somebody deleted the run.
            TrackingFailed: MLflow does not give it.
        """
        if name not in self._kept(version.run):
            raise MissingPartition(str(version), f"has lost {name}", _REMEDY)
        with tempfile.TemporaryDirectory() as folder:
            with explained(str(version), _WITHHELD, _REMEDY):
                path = Path(self._client.download_artifacts(version.run, name, folder))
            yield path

    @contextmanager
    def classifier_of(self, version: Version) -> Iterator[Path]:
        """Give the folder of a version's classifier, for as long as the block lasts.

        Raises:
            TrackingFailed: Its files are not to be had.
        """
        with tempfile.TemporaryDirectory() as folder:
            with explained(str(version), _WITHHELD, _REMEDY):
                uri = f"models:/{version.model}/{version.number}/{FILES}"
                path = Path(mlflow.artifacts.download_artifacts(uri, dst_path=folder))
            yield path

    def _kept(self, run: str) -> set[str]:
        """Name the files that were kept with a run; none if there is no such run any more."""
        with explained():
            try:
                return {str(file.path) for file in self._client.list_artifacts(run)}
            except MlflowException as error:
                if error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                    return set()
                raise

    def _logged(self, run: str) -> str:
        """Give the id of the classifier that a run logged last; it logs a bare network too."""
        outputs = self._client.get_run(run).outputs
        ids = [] if outputs is None else [output.model_id for output in outputs.model_outputs]
        models = [self._client.get_logged_model(model) for model in ids]
        classifiers = [model for model in models if model.name == NAME]
        if not classifiers:
            raise MissingPartition(
                f"MLflow run {run}", "holds no classifier", "train it again with `qd run`"
            )
        return str(max(classifiers, key=lambda model: model.creation_timestamp).model_id)

    def _versions(self, model: str) -> list[Version]:
        with explained():
            found = self._client.search_model_versions(f"name = '{model}'")
            return sorted((_version(each) for each in found), key=lambda each: each.number)

    def _tagged(self, version: Version, tags: Mapping[str, str]) -> Version:
        for key, value in tags.items():
            self._client.set_model_version_tag(version.model, str(version.number), key, value)
        return Version(version.model, version.number, version.run, {**version.tags, **tags})


def _version(found: ModelVersion) -> Version:
    return Version(found.name, int(found.version), found.run_id or "", dict(found.tags))
