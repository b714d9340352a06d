"""Folds of a cross-validation that several runs of an engine share.

A fold is trained under a lease of the store, and published there as a partition of its own. Each
worker begins with folds of its own, and goes on with those that no other has begun. The fold of a
worker that was killed is trained by another when its lease has expired.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from qd_pipeline.learning.data import ClassSetData
from qd_pipeline.learning.studies.cross_validation import CrossValidation, Fold, train_fold
from qd_pipeline.learning.training.config import TrainingConfig
from qd_pipeline.orchestration.context import MaterializationContext
from qd_pipeline.renewal import RENEWED_EVERY
from qd_pipeline.storage import Partition
from qd_pipeline.storage.partition import digest

_TABLE: Final = "predictions.parquet"
_SECONDS_BETWEEN_CHECKS: Final = 2.0


@dataclass(frozen=True)
class SharedFolds:
    """The folds of one cross-validation, as one of its workers sees them.

    Attributes:
        context: Of the cross-validation.
        config: The settings of every training.
        parts: The drawings, with each fold held out in turn.
    """

    context: MaterializationContext
    config: TrainingConfig
    parts: Sequence[ClassSetData]

    def train(
        self, workers: int, worker: int, on_fold: Callable[[int, Fold], None]
    ) -> CrossValidation | None:
        """Train the folds that no other worker trains.

        Args:
            workers: How many workers there are.
            worker: Which of them this is; the first waits for the folds of all.
            on_fold: Called by the first with the number of each fold, from 0, and its figures.

        Returns:
            The figures and predictions of all folds; None in another worker than the first.
        """
        found: dict[int, Partition] = {}
        report, count = self.context.on_progress("folds"), len(self.parts)
        # Of the others' folds, the last ones first: those that they would come to last.
        order = sorted(range(count), key=lambda n: (0, n) if n % workers == worker else (1, -n))
        while len(found) < count:
            for number in order:
                if number not in found and (made := self._published(number) or self._made(number)):
                    found[number] = made
                report(len(found), count)
            if worker:
                return None
            time.sleep(_SECONDS_BETWEEN_CHECKS if len(found) < count else 0)
        ordered = [found[number] for number in range(count)]
        tables = [pq.read_table(self.context.open(each, _TABLE)) for each in ordered]
        folds = tuple(Fold.from_json(each.metadata) for each in ordered)
        for number, fold in enumerate(folds):
            on_fold(number, fold)
        return CrossValidation(folds, pa.concat_tables(tables))

    def _published(self, number: int) -> Partition | None:
        made = self.context.store.find(_stage(number), self.context.key)
        return made if made and digest(made.fingerprint) == self._name else None

    def _made(self, number: int) -> Partition | None:
        """Train a fold and publish it; return None if another worker is at it."""
        context, lease = self.context, f"fold-{self._name[:16]}-{number}"
        expiry = timedelta(seconds=context.pipeline.settings.abandoned_after)
        if lease in context.store.live_leases(expiry):
            return None
        with (
            context.store.lease(lease, every=min(RENEWED_EVERY, expiry / 4)),
            context.store.stage(_stage(number), context.key) as staged,
        ):
            fold, predictions = train_fold(self.parts[number], self.config)
            pq.write_table(predictions, staged.path(_TABLE), compression="zstd")
            run = {"dagster_run_id": context.dagster.run.run_id}
            return staged.publish(
                fingerprint=context.fingerprint, metadata={**fold.to_json(), **run}
            )

    @property
    def _name(self) -> str:
        return digest(self.context.fingerprint)


def _stage(number: int) -> str:
    return f"cross_validation_fold_{number}"
