"""The data directory as Python sees it: tables, arrays, classifiers and runs.

Whatever is read of a partition was verified against its hash first. Libraries are imported when
something needs them: MLflow alone takes seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, Self

from qd_pipeline import catalog, stores
from qd_pipeline.class_sets import checked_key
from qd_pipeline.errors import MissingPartition
from qd_pipeline.settings import Settings

# ruff: noqa: PLC0415 (what is slow to import is imported where it is needed: see above)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike
    from pathlib import Path

    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from qd_pipeline.learning.data import ClassSetData
    from qd_pipeline.serving.prediction import Predictor
    from qd_pipeline.storage import PartitionStore
    from qd_pipeline.tracking import Tracker


@dataclass(frozen=True)
class TrainedClassifier:
    """A classifier that takes drawings in the forms that people have them.

    Attributes:
        origin: Where it comes from: the registry's version, or the store.
        synthetic: Whether it was trained on generated drawings.
        predictor: The network, with the preparation that its training's drawings had.
    """

    origin: str
    synthetic: bool
    predictor: Predictor

    @property
    def class_set(self) -> tuple[str, ...]:
        """The categories that it tells apart, in the order of the network's outputs."""
        return self.predictor.classifier.class_set

    def predict(
        self, drawings: Any, layout: Literal["columns", "points"] | None = None
    ) -> pd.DataFrame:
        """Return the category of each drawing, and the probability of every category.

        Args:
            drawings: A stroke table, of Arrow or pandas, or its column `drawing`; or a sequence of
                drawings in any form that `qd_pipeline.serving.drawing_forms.sketch_of` takes: lists
                of strokes, lines of NDJSON, pictures as bytes or arrays. Of arrays, one for all
                pictures, (n, height, width), will do.
            layout: Of strokes of two or three points, which do not show it: columns,
                `[[x, …], [y, …]]` each, or points, `[[x, y], …]`.

        Returns:
            A row a drawing: `category`, `probability`, and a column for each category.

        Raises:
            BadDrawing: One of them is no drawing, or can be read either way.
        """
        import pandas as pd

        from qd_pipeline.serving.drawing_forms import readable

        rankings = self.predictor.predict(readable(drawings, layout))
        return pd.DataFrame(
            [
                {
                    "category": ranking.categories[0],
                    "probability": ranking.probabilities[0],
                    **dict(zip(ranking.categories, ranking.probabilities, strict=True)),
                }
                for ranking in rankings
            ],
            columns=["category", "probability", *self.class_set],
        )


@dataclass(frozen=True)
class PublishedEvaluation:
    """How well a classifier does on the test drawings.

    Attributes:
        figures: `test_accuracy`, `test_macro_f1`, `recall/cow` and so on; shares are 0–1.
        report: The HTML report, for people.
        predictions: A row a test drawing: `key_id`, `true`, `predicted`, and the probability of
            each category; above 30 categories, the ten most probable ones (`top`).
    """

    figures: Mapping[str, float]
    report: Path
    predictions: pa.Table


@dataclass(frozen=True)
class DataDirectory:
    """What the pipeline has made in a data directory.

    Attributes:
        settings: Its settings: class sets, store, MLflow's address.
    """

    settings: Settings

    @classmethod
    def open(cls, data_dir: str | PathLike[str] | None = None) -> Self:
        """Return a data directory, by default that of the settings."""
        return cls(Settings.load(home=data_dir))

    def strokes(self, category: str) -> pa.Table:
        """Return a category's stroke table; `.to_pandas()` makes a DataFrame of it.

        Returns:
            A row a drawing: `key_id` (uint64), `countrycode`, `timestamp`, `recognized` (bool) and
            `drawing`, list<struct<x, y: list<uint8>>>: its strokes, 0–255, y downwards.

        Raises:
            BadSetting: There is no such category.
            MissingPartition: It was not materialized.
            DamagedPartition: The file is not what was written.
        """
        import pyarrow.parquet as pq

        from qd_pipeline.orchestration.stages.strokes import TABLE

        made = self._store.read("strokes", catalog.partition_key(category))
        return pq.read_table(self._store.open_local(made, TABLE))

    def bitmaps(self, category: str) -> NDArray[np.uint8]:
        """Return a category's bitmaps, mapped into memory.

        Returns:
            uint8 (n, 28, 28), ink 255 on ground 0; row i is that of the stroke table's row i.

        Raises:
            QdError: As `strokes`.
        """
        import numpy as np

        from qd_pipeline.orchestration.stages.bitmaps import ARRAY

        made = self._store.read("bitmaps", catalog.partition_key(category))
        bitmaps: NDArray[np.uint8] = np.load(
            self._store.open_local(made, ARRAY), mmap_mode="r", allow_pickle=False
        )
        return bitmaps

    def class_set(self, key: str) -> ClassSetData:
        """Return the drawings of a class set in their splits: `train`, `validation`, `test`.

        Raises:
            BadSetting: There is no such class set.
            QdError: As `strokes`.
        """
        from qd_pipeline.orchestration.stages.drawings import class_set_data

        class_sets = self.settings.class_sets
        keys = [catalog.partition_key(name) for name in class_sets[checked_key(key, class_sets)]]
        tables, bitmaps = (
            {each: self._store.read(stage, each) for each in keys}
            for stage in ("strokes", "bitmaps")
        )
        return class_set_data(self._store, tables, bitmaps)

    def classifier(self, key: str) -> TrainedClassifier:
        """Return the newest classifier of a class set in the store.

        Raises:
            BadSetting: There is no such class set.
            QdError: As `strokes`.
        """
        made = self._store.read("classifiers", checked_key(key, self.settings.class_sets))
        synthetic = bool(made.metadata["provenance"]["synthetic"])
        return _loaded("the newest in the store", self._store.open_all(made), synthetic=synthetic)

    def champion(self, key: str) -> TrainedClassifier:
        """Return the champion of a class set in MLflow's registry.

        Raises:
            BadSetting: There is no such class set.
            MissingPartition: It has no champion.
            TrackingFailed: MLflow does not answer.
        """
        from qd_pipeline.tracking.versions import model_of

        registry = self._tracker.registry
        version = registry.champion(model_of(checked_key(key, self.settings.class_sets)))
        if version is None:
            remedy = "train one with `qd run`, or take `.classifier(…)`, the newest in the store"
            raise MissingPartition(f"class set {key}", "has no champion", remedy)
        with registry.classifier_of(version) as folder:
            return _loaded(str(version), folder, synthetic=version.synthetic)

    def evaluation(self, key: str) -> PublishedEvaluation:
        """Return the newest evaluation of a class set.

        Raises:
            BadSetting: There is no such class set.
            QdError: As `strokes`.
        """
        import pyarrow.parquet as pq

        from qd_pipeline.learning.reports import evaluation_report as report

        made = self._store.read("evaluations", checked_key(key, self.settings.class_sets))
        files = self._store.open_all(made)
        predictions = pq.read_table(files / report.PREDICTIONS)
        return PublishedEvaluation(made.metadata["figures"], files / report.PAGE, predictions)

    def runs(self) -> pd.DataFrame:
        """Return MLflow's runs, the newest first.

        Returns:
            A row a run: `run_id`, `name`, `experiment`, `status`, `start_time`, `end_time`, and
            columns such as `metrics.test_accuracy`, `params.epochs` and `tags.partition`.

        Raises:
            TrackingFailed: MLflow does not answer.
        """
        from qd_pipeline.tracking.logged import run_table

        return run_table(self._tracker)

    @cached_property
    def _store(self) -> PartitionStore:
        return stores.partition_store(self.settings)

    @cached_property
    def _tracker(self) -> Tracker:
        from qd_pipeline import tracking_uri

        file = tracking_uri.file_of(self.settings.mlflow_uri)
        if file is not None and not file.is_file():
            raise MissingPartition(f"the MLflow store {file}", "is not there", "run `qd run`")
        return stores.tracker(self.settings)


def _loaded(origin: str, folder: Path, *, synthetic: bool) -> TrainedClassifier:
    from qd_pipeline.learning.classifier import Classifier
    from qd_pipeline.serving.prediction import Predictor

    return TrainedClassifier(origin, synthetic, Predictor(Classifier.load(folder)))
