"""Model registry of classifiers: which version of each is the champion, and what decided it."""

import json
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST, ErrorCode

from qd_pipeline.errors import BadSetting, MissingPartition
from qd_pipeline.tracking.drawing_models import FILES, model_id_of
from qd_pipeline.tracking.failures import translate_errors
from qd_pipeline.tracking.versions import (
    CATEGORIES,
    CLASSIFIER,
    SINCE,
    SUCCEEDED,
    DecidedBy,
    Version,
)

CHAMPION: Final = "champion"
"""Alias of the version that predicts."""

CHALLENGER: Final = "challenger"
"""Alias of the newest version that did not become champion."""


class Registry:
    """MLflow's model registry, with one registered model a class set."""

    def __init__(self, client: MlflowClient) -> None:
        self._client = client

    def champion(self, model: str) -> Version | None:
        """Return the champion, or None where there is none yet."""
        with translate_errors():
            try:
                return Version.of(self._client.get_model_version_by_alias(model, CHAMPION))
            except MlflowException as error:
                if _is_missing(error) or error.error_code == "INVALID_PARAMETER_VALUE":
                    return None
                raise

    def version(self, model: str, number: int) -> Version:
        """Return one version.

        Raises:
            BadSetting: There is none of that number.
        """
        versions = self._versions(model)
        for found in versions:
            if found.number == number:
                return found
        known = ", ".join(str(found.number) for found in versions)
        remedy = f"give one of {known}" if known else "train one with `qd run`"
        raise BadSetting(f"{model} version {number}", "is not in the registry", remedy)

    def ensure_tells_apart(self, version: Version, categories: Collection[str]) -> None:
        """Raise if a version was trained for other categories than the class set has now.

        Raises:
            BadSetting: It was.
        """
        if not version.tells_apart(categories):
            raise BadSetting(
                str(version),
                f"tells other categories apart ({', '.join(version.categories)}) than the class "
                f"set has now ({', '.join(categories)})",
                f"{self._another(version, categories)}, or give the class sets of then with "
                "`--class-sets`",
            )

    def find(self, model: str, *, run: str, classifier: str) -> Version | None:
        """Return the version of a classifier, or None where it is not registered.

        Args:
            model: Name of the registered model.
            run: The MLflow run that trained it.
            classifier: Its data version; training again with the same result is no new one.
        """
        for found in self._versions(model):
            if found.run == run or found.tags.get(CLASSIFIER) == classifier:
                return found
        return None

    def register(
        self,
        model: str,
        *,
        run: str,
        classifier: str,
        categories: Collection[str],
        tags: Mapping[str, str],
        description: str = "",
    ) -> Version:
        """Register the classifier that a run logged.

        Args:
            model: Name of the registered model.
            run: The MLflow run.
            classifier: The classifier's data version.
            categories: What it tells apart.
            tags: Further tags of the version.
            description: Of the version, in Markdown.

        Raises:
            MissingPartition: The run logged no classifier.
        """
        with translate_errors():
            logged = model_id_of(self._client, self._client.get_run(run))
            if logged is None:
                raise MissingPartition(
                    f"MLflow run {run}", "holds no classifier", "train it again with `qd run`"
                )
            if not self._client.search_registered_models(f"name = '{model}'"):
                apart = f"Tells {', '.join(categories)} apart; the alias champion predicts."
                self._client.create_registered_model(model, description=apart)
            all_tags = {
                **tags,
                CLASSIFIER: classifier,
                CATEGORIES: json.dumps(list(categories), ensure_ascii=False),
            }
            return Version.of(
                self._client.create_model_version(
                    model,
                    f"models:/{logged}",
                    run_id=run,
                    tags=all_tags,
                    description=description,
                    model_id=logged,
                )
            )

    def set_champion(self, version: Version, by: DecidedBy) -> Version | None:
        """Make a version the champion.

        Returns:
            The champion that it takes the place of, now a challenger; None where there was
            none, or it was champion already.
        """
        before = self.champion(version.model)
        if before is not None and before.number == version.number:
            self._tag(version, _decided(by))
            return None
        with translate_errors():
            if before is not None:
                self._tag(version, {SUCCEEDED: str(before.number)})
            self._client.set_registered_model_alias(version.model, CHAMPION, str(version.number))
            # Last: a version without it was registered by a process that was killed before.
            self._tag(version, {SINCE: _now(), **_decided(by)})
            if before is not None:
                self.set_challenger(before)
        return before

    def set_challenger(self, version: Version) -> None:
        """Make a version the challenger."""
        with translate_errors():
            self._client.set_registered_model_alias(version.model, CHALLENGER, str(version.number))

    def roll_back(self, model: str, categories: Collection[str]) -> Version:
        """Make the champion before the present one champion again, as a person's decision.

        Args:
            model: Name of the registered model.
            categories: What the class set has now.

        Returns:
            The champion that is back.

        Raises:
            BadSetting: There is no champion, none before it, or one of other categories.
        """
        present = self.champion(model)
        if present is None:
            raise BadSetting(model, "has no champion", "train one with `qd run`")
        if SUCCEEDED not in present.tags:
            raise BadSetting(
                str(present), "is the first champion", self._another(present, categories)
            )
        before = self.version(model, int(present.tags[SUCCEEDED]))
        self.ensure_tells_apart(before, categories)
        with translate_errors():
            self._client.set_registered_model_alias(model, CHAMPION, str(before.number))
            for each in (before, present):
                self._tag(each, _decided(DecidedBy.PERSON))
            self.set_challenger(present)
        return before

    def runs_to_keep(self) -> set[str]:
        """Return the MLflow runs of all versions that are or were champion, or have an alias."""
        kept = set()
        with translate_errors():
            for model in self._client.search_registered_models():
                aliased = {int(number) for number in model.aliases.values()}
                kept |= {
                    found.run
                    for found in self._versions(model.name)
                    if found.was_champion or found.number in aliased
                }
        return kept

    @contextmanager
    def file_of(self, version: Version, name: str) -> Iterator[Path]:
        """Yield the path of a file that was kept with a version's run; it exists within the block.

        Raises:
            MissingPartition: The run keeps no such file, or the run was deleted.
            TrackingFailed: MLflow does not return it.
        """
        if name not in self._kept(version.run):
            raise MissingPartition(str(version), f"has lost {name}", _if_lost(version))
        with self._downloaded(version, f"runs:/{version.run}/{name}") as path:
            yield path

    @contextmanager
    def classifier_of(self, version: Version) -> Iterator[Path]:
        """Yield the folder of a version's classifier; it exists within the block.

        Raises:
            TrackingFailed: MLflow does not return its files.
        """
        with self._downloaded(version, f"models:/{version.model}/{version.number}/{FILES}") as path:
            yield path

    def _kept(self, run: str) -> set[str]:
        """Return the names of the files kept with a run; none if the run was deleted."""
        with translate_errors():
            try:
                return {str(file.path) for file in self._client.list_artifacts(run)}
            except MlflowException as error:
                if _is_missing(error):
                    return set()
                raise

    @contextmanager
    def _downloaded(self, version: Version, uri: str) -> Iterator[Path]:
        """Yield the path of what MLflow keeps of a version; it exists within the block."""
        cause, store = "has files that MLflow does not return", self._client.tracking_uri
        with tempfile.TemporaryDirectory() as folder:
            with translate_errors(str(version), cause, _if_lost(version)):
                path = mlflow.artifacts.download_artifacts(
                    uri, dst_path=folder, tracking_uri=store, registry_uri=store
                )
            yield Path(path)

    def _another(self, version: Version, categories: Collection[str]) -> str:
        """Return how to make another version of some categories the champion."""
        champion = self.champion(version.model)
        others = [
            each
            for each in self._versions(version.model)
            if each.number not in {version.number, champion and champion.number}
            and each.tells_apart(categories)
        ]
        if not others:
            return "train another with `qd run`"
        return f"make another version the champion, as {others[-1].promotion} does"

    def _versions(self, model: str) -> list[Version]:
        with translate_errors():
            found = self._client.search_model_versions(f"name = '{model}'")
            return sorted((Version.of(each) for each in found), key=lambda each: each.number)

    def _tag(self, version: Version, tags: Mapping[str, str]) -> None:
        for key, value in tags.items():
            self._client.set_model_version_tag(version.model, str(version.number), key, value)


def _is_missing(error: MlflowException) -> bool:
    return bool(error.error_code == ErrorCode.Name(RESOURCE_DOES_NOT_EXIST))


def _if_lost(champion: Version) -> str:
    back = f"`qd promote {champion.class_set} VERSION` makes another version the champion"
    if SUCCEEDED in champion.tags:
        back = f"`qd rollback {champion.class_set}` makes the previous champion the champion again"
    return f"check that MLflow finds its artifacts where they were; if they are gone, {back}"


def _decided(by: DecidedBy) -> dict[str, str]:
    return {"decided_by": by.value, "decided_at": _now()}


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
