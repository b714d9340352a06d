"""Where assets work: the one resource that knows the home, the source and MLflow."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg

from qd_pipeline import catalog
from qd_pipeline.errors import DamagedPartition, QdError
from qd_pipeline.orchestration import interruption, recipes
from qd_pipeline.orchestration.instance import owned
from qd_pipeline.orchestration.origin import Origin
from qd_pipeline.orchestration.partitions import category_keys, key_of
from qd_pipeline.orchestration.stage import Stage
from qd_pipeline.quickdraw.limits import Limits
from qd_pipeline.quickdraw.source import SAMPLE_DRAWINGS, Source
from qd_pipeline.stages import CATEGORY_STAGES, CLASS_SET_STAGES
from qd_pipeline.store import Partition, Store

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from qd_pipeline.tracking import TrackedRun, Tracker


class Workshop(dg.ConfigurableResource[None]):
    """The home, the source of drawings and the MLflow store.

    Attributes:
        home: Folder that everything is written under.
        drawings_from: `sample`, `quickdraw` or the URL of a mirror.
        tracking_uri: MLflow's store.
        mlflow_ui: Address of MLflow's pages, for links.
        promotion_margin: Loss of accuracy against the champion that is put up with, 0–1.
    """

    home: str
    drawings_from: str
    tracking_uri: str
    mlflow_ui: str
    promotion_margin: float = 0.01

    @property
    def store(self) -> Store:
        """The store of partitions."""
        return Store(Path(self.home) / "store")

    @property
    def limits(self) -> Limits:
        """Timeouts, attempts and sizes of downloads (`QD_HTTP_…`)."""
        return Limits.from_environment(os.environ)

    @property
    def partials(self) -> Path:
        """Folder of downloads that were interrupted and can go on."""
        return Path(self.home) / "partial"

    def source_for(self, drawings: int | None = None) -> Source:
        """Give where drawings come from; the sample is made as large as is asked for."""
        return Source.parse(self.drawings_from, sample_drawings=drawings or SAMPLE_DRAWINGS)

    @property
    def tracker(self) -> "Tracker":
        """The MLflow store."""
        # MLflow takes seconds to import, and loading the definitions should not.
        from qd_pipeline.tracking import Tracker  # noqa: PLC0415

        return Tracker(self.tracking_uri, Path(self.home) / "mlartifacts", self.mlflow_ui)

    @contextmanager
    def stage(
        self, context: dg.AssetExecutionContext, *, continues: str | None = None
    ) -> Iterator[Stage]:
        """Open a draft of the context's partition, and an MLflow run to log to.

        Args:
            context: The step.
            continues: A stage before it in whose MLflow run this one goes on logging.

        Raises:
            dagster.Failure: For every error of ours, with its one sentence as description.
        """
        context.instance.add_run_tags(context.run.run_id, owned(context.run.run_id))
        try:
            name, key = context.asset_key.path[-1], key_of(context)
            origin = Origin.of_inputs(self.store, name, key) or Origin.of(self.source_for())
            continued = self.store.read(continues, key) if continues else None
            with (
                interruption.handed_on(),
                self._run(context, origin, continued) as run,
                self.store.draft(name, key) as draft,
            ):
                yield Stage(context, draft, run, origin, continued)
            if run.waits:
                context.log.warning("MLflow ceased to answer: `qd send` sends what was not logged.")
        except QdError as error:
            raise dg.Failure(str(error), allow_retries=False) from None

    def _run(
        self, context: dg.AssetExecutionContext, origin: Origin, continued: Partition | None
    ) -> "AbstractContextManager[TrackedRun]":
        from qd_pipeline import tracking  # noqa: PLC0415 (as above)

        name, key = context.asset_key.path[-1], key_of(context)
        if continued:
            return self.tracker.again(continued.facts["mlflow_run"])
        # The tag is what runs are given that the pages or the daemon repeat.
        repeated = context.run.root_run_id or context.run.tags.get("dagster/root_run_id")
        root = repeated or context.run.run_id
        if name in CATEGORY_STAGES:
            experiment, title = tracking.DATA, f"{name} {catalog.category_of(key)}"
        elif name in CLASS_SET_STAGES:
            experiment, title = tracking.CLASSIFIERS, f"{key} categories"
        else:
            experiment, title = tracking.STUDIES, f"{name} {key}"
        return self.tracker.run(
            experiment,
            tracking.Identity(root, name, key),
            name=title,
            tags=self.tags(context, origin),
            may_exist=repeated is not None or context.retry_number > 0,
        )

    def tags(self, context: dg.AssetExecutionContext, origin: Origin) -> dict[str, str]:
        """Give what every MLflow run of a step is filtered by."""
        return {
            **origin.tags(),
            "dagster_run_id": context.run.run_id,
            "code_version": context.assets_def.code_versions_by_key[context.asset_key] or "",
        }

    def study_of(self, class_set: str, inputs: Sequence[Partition]) -> Sequence[Partition]:
        """Give the data study of a class set, if one was made of these very drawings."""
        try:
            found = self.store.find("data_studies", class_set)
        except DamagedPartition:
            return ()  # nobody needs it
        now = {
            "code": recipes.CODE_VERSIONS["data_studies"],
            "inputs": {f"{made.stage}/{made.key}": made.version for made in inputs},
        }
        return (found,) if found and now.items() <= found.recipe.items() else ()

    def drawings_of(self, class_set: str) -> Sequence[tuple[str, Partition, Partition]]:
        """Give each category of a class set with its stroke table and its bitmaps.

        Raises:
            MissingPartition: Either is not there.
            DamagedPartition: A category's bitmaps were drawn from another stroke table.
        """
        found = []
        for key in category_keys(class_set):
            table, bitmaps = self.store.read("strokes", key), self.store.read("bitmaps", key)
            if bitmaps.recipe["inputs"] != {f"strokes/{key}": table.version}:
                raise DamagedPartition(
                    f"bitmaps {key}",
                    "were drawn from another version of the strokes",
                    f"draw them again with `qd make bitmaps {key}`",
                )
            found.append((catalog.category_of(key), table, bitmaps))
        return found
