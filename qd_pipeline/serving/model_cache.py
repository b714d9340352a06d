"""The classifiers that predict: champions, or else what the store holds."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from qd_pipeline.errors import BadSetting, MissingPartition, QdError, TrackingFailed
from qd_pipeline.learning.classifier import Classifier
from qd_pipeline.serving.prediction import Predictor
from qd_pipeline.settings import Settings
from qd_pipeline.storage import PartitionStore

_SQLITE: Final = "sqlite:///"


@dataclass(frozen=True)
class LoadedModel:
    """A classifier in memory.

    Attributes:
        key: Its class set's key.
        origin: Where it comes from, as one says it to people.
        identity: What another one in its place would have another of.
        predictor: The classifier itself.
    """

    key: str
    origin: str
    identity: str
    predictor: Predictor


@dataclass(frozen=True)
class _Candidate:
    """A classifier that could be loaded from a folder."""

    origin: str
    identity: str
    folder: Callable[[], AbstractContextManager[Path]]


class ModelCache:
    """The newest classifiers of a home, each loaded when it is first asked for.

    Args:
        settings: Where the home, the registry and the class sets are.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._store = PartitionStore(settings.store_url, cache=settings.home / "cache")
        self._held: dict[str, LoadedModel] = {}
        self._lock = threading.Lock()

    def refresh(self) -> tuple[LoadedModel, ...]:
        """Look which classifiers there are, and load those that are new.

        Returns:
            At most one for each class set, the largest class set first.
        """
        with self._lock:
            for key in self._settings.class_sets:
                with contextlib.suppress(QdError):
                    self._look(key)
            found = [self._held[key] for key in self._settings.class_sets if key in self._held]
        return tuple(sorted(found, key=lambda held: -len(held.predictor.classifier.class_set)))

    def get(self, key: str) -> LoadedModel:
        """Give the classifier of a class set, as it was when last looked.

        Raises:
            BadSetting: There is no such class set.
            MissingPartition: It has no classifier yet.
            QdError: It has one, which cannot be loaded.
        """
        held = self._held.get(key)
        if held is None:
            with self._lock:
                self._look(key)
                held = self._held.get(key)
        if held is not None:
            return held
        if key not in self._settings.class_sets:
            known = ", ".join(self._settings.class_sets)
            raise BadSetting(f"class set {key[:80]!r}", "is not known", f"give one of {known}")
        raise MissingPartition(
            f"class set {key}", "has no classifier yet", "train one with `qd run`"
        )

    def largest(self) -> LoadedModel:
        """Give the classifier of the largest class set that has one.

        Raises:
            MissingPartition: None has.
            QdError: It cannot be loaded.
        """
        class_sets = self._settings.class_sets
        for key in sorted(class_sets, key=lambda key: -len(class_sets[key])):
            with contextlib.suppress(MissingPartition):
                return self.get(key)
        raise MissingPartition(
            str(self._settings.home), "holds no classifier yet", "train one with `qd run`"
        )

    def _look(self, key: str) -> None:
        """Hold a class set's classifier of now, or none.

        Raises:
            QdError: There are some, and none can be loaded.
        """
        found = None
        try:
            found = self._first(key)
        finally:
            if found is None:
                self._held.pop(key, None)
            else:
                self._held[key] = found

    def _first(self, key: str) -> LoadedModel | None:
        """Give the first candidate that can be loaded; one that is held already is kept.

        Those of before somebody gave the class set other categories are passed over.
        """
        held, failure = self._held.get(key), None
        for candidate in self._candidates(key):
            if held is not None and held.identity == candidate.identity:
                return held
            try:
                with candidate.folder() as folder:
                    predictor = Predictor(Classifier.load(folder))
            except QdError as error:
                failure = error
                continue
            if set(predictor.classifier.class_set) == set(self._settings.class_sets[key]):
                return LoadedModel(key, candidate.origin, candidate.identity, predictor)
        if failure is not None:
            raise failure
        return None

    def _candidates(self, key: str) -> Iterator[_Candidate]:
        if key not in self._settings.class_sets:
            return
        with contextlib.suppress(TrackingFailed):
            yield from self._champion(key)
        stored = self._store.find("classifiers", key)
        if stored is not None:
            folder = self._store.open_all(stored)
            yield _Candidate(
                "the newest in the store", stored.version, lambda: contextlib.nullcontext(folder)
            )

    def _champion(self, key: str) -> Iterator[_Candidate]:
        uri = self._settings.mlflow_uri
        if uri.startswith(_SQLITE) and not Path(uri.removeprefix(_SQLITE)).is_file():
            return
        # They take seconds to import; the page itself is there before.
        from qd_pipeline.orchestration.promotion import model_of  # noqa: PLC0415
        from qd_pipeline.tracking import Tracker  # noqa: PLC0415

        home, ui = self._settings.home, self._settings.mlflow_ui
        registry = Tracker(uri, home / "mlartifacts", ui).registry
        champion = registry.champion(model_of(key))
        if champion is not None:
            yield _Candidate(
                f"{champion}, champion", str(champion), lambda: registry.classifier_of(champion)
            )
