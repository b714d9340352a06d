"""Model cache: the classifiers that predict, champions or else the newest in the store."""

import contextlib
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from qd_pipeline import stores, tracking_uri
from qd_pipeline.class_sets import checked_key, listed
from qd_pipeline.errors import MissingPartition, QdError
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.serving.prediction import Predictor
from qd_pipeline.settings import Settings

if TYPE_CHECKING:
    from qd_pipeline.tracking import Tracker


@dataclass(frozen=True)
class LoadedModel:
    """A classifier in memory.

    Attributes:
        key: Its class set's key.
        origin: Where it comes from.
        identity: Changes when the model changes.
        synthetic: Whether it was trained on synthetic drawings, which its predictions must say.
        predictor: The classifier itself.
    """

    key: str
    origin: str
    identity: str
    synthetic: bool
    predictor: Predictor

    @property
    def title(self) -> str:
        """What stands above its predictions in the terminal."""
        title = f"Class set {self.key}: {self.origin}"
        return f"{title}, trained on synthetic drawings" if self.synthetic else title


@dataclass(frozen=True)
class _Candidate:
    """A classifier that could be loaded from a folder."""

    origin: str
    identity: str
    synthetic: bool
    folder: Callable[[], AbstractContextManager[Path]]


class ModelCache:
    """The present classifier of each class set, loaded when it is first requested.

    Args:
        settings: Data directory, MLflow's store and class sets.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = stores.partition_store(settings)
        self._loaded: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()

    def refresh(self) -> tuple[LoadedModel, ...]:
        """Load the classifiers that are new since the last time.

        Returns:
            At most one for each class set, the largest class set first.
        """
        with self._lock:
            for key in self._settings.class_sets:
                with contextlib.suppress(QdError):
                    self._update(key)
            found = [self._loaded[key] for key in self._settings.class_sets if key in self._loaded]
        return tuple(sorted(found, key=lambda loaded: -len(loaded.predictor.classifier.class_set)))

    def get(self, key: str) -> LoadedModel:
        """Return the classifier of a class set, as of the last refresh.

        Raises:
            BadSetting: There is no such class set.
            MissingPartition: It has no classifier yet.
            QdError: It has one, which cannot be loaded.
        """
        if loaded := self._find(checked_key(key, self._settings.class_sets)):
            return loaded
        raise MissingPartition(
            f"class set {key}", "has no classifier yet", "train one with `qd run`"
        )

    def largest(self) -> LoadedModel:
        """Return the classifier of the largest class set that has one.

        Raises:
            MissingPartition: None has; where there are only some of other categories, it names
                the first of these.
            QdError: It cannot be loaded.
        """
        class_sets, others = self._settings.class_sets, None
        for key in sorted(class_sets, key=lambda key: -len(class_sets[key])):
            try:
                if loaded := self._find(key):
                    return loaded
            except MissingPartition as error:
                others = others or error
        raise others or MissingPartition(
            str(self._settings.home), "holds no classifier yet", "train one with `qd run`"
        )

    @cached_property
    def _tracker(self) -> "Tracker":
        return stores.tracker(self._settings)

    def _find(self, key: str) -> LoadedModel | None:
        """Return the classifier of a class set, loaded if it was not; None if it has none.

        Raises:
            QdError: There are some, and none can be loaded or is of its categories.
        """
        if key not in self._loaded:
            with self._lock:
                self._update(key)
        return self._loaded.get(key)

    def _update(self, key: str) -> None:
        """Load a class set's present classifier, or forget the one of before.

        Raises:
            QdError: There are some, and none can be loaded.
        """
        found = None
        try:
            found = self._first(key)
        finally:
            if found is None:
                self._loaded.pop(key, None)
            else:
                self._loaded[key] = found

    def _first(self, key: str) -> LoadedModel | None:
        """Return the first candidate that can be loaded; one that is loaded already stays.

        Raises:
            MissingPartition: There are only some of other categories than the class set has now.
            QdError: None can be loaded.
        """
        loaded, failure, others = self._loaded.get(key), None, ""
        for find in (self._champion, self._newest_stored):
            try:
                candidate = find(key)
                if candidate is None:
                    continue
                if loaded is not None and loaded.identity == candidate.identity:
                    return loaded
                with candidate.folder() as folder:
                    predictor = Predictor(Classifier.load(folder))
            except QdError as error:
                failure = error
                continue
            if set(predictor.classifier.class_set) == set(self._settings.class_sets[key]):
                origin = candidate.origin
                if failure is not None:
                    origin += f", since the champion cannot be had: {failure}"
                return LoadedModel(key, origin, candidate.identity, candidate.synthetic, predictor)
            others = listed(predictor.classifier.class_set)
        if failure is not None:
            raise failure
        if others:
            cause = f"has no classifier yet of its categories, only one that tells {others} apart"
            raise MissingPartition(f"class set {key}", cause, "train one with `qd run`")
        return None

    def _champion(self, key: str) -> _Candidate | None:
        database = tracking_uri.file_of(self._settings.mlflow_uri)
        if database is not None and not database.is_file():
            return None
        # It takes seconds to import; the page itself is up before.
        from qd_pipeline.tracking.versions import model_of  # noqa: PLC0415

        registry = self._tracker.registry
        champion = registry.champion(model_of(key))
        if champion is None:
            return None
        return _Candidate(
            f"{champion}, champion",
            str(champion),
            champion.synthetic,
            lambda: registry.classifier_of(champion),
        )

    def _newest_stored(self, key: str) -> _Candidate | None:
        stored = self._store.find("classifiers", key)
        if stored is None:
            return None
        folder, provenance = self._store.open_all, stored.metadata.get("provenance", {})
        return _Candidate(
            "the newest in the store",
            stored.version,
            provenance.get("synthetic", False),
            lambda: contextlib.nullcontext(folder(stored)),
        )
