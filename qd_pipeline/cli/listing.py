"""`qd categories`, `qd networks`, `qd status`: what there is to choose from, and what there is."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.table import Table

from qd_pipeline import catalog, garbage_collection
from qd_pipeline.class_sets import listed
from qd_pipeline.cli import summary
from qd_pipeline.cli.chain import pipeline_of
from qd_pipeline.cli.champion import champions
from qd_pipeline.cli.options import ClassSetsOption, HomeOption
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.errors import QdError

if TYPE_CHECKING:
    from qd_pipeline.orchestration.partitions import By
    from qd_pipeline.orchestration.staleness import Staleness
    from qd_pipeline.storage import Partition, PartitionStore


def categories() -> None:
    """List the 345 categories, with the number of drawings in the official files."""
    for category in catalog.CATEGORIES.values():
        print(f"{category.drawings:>8,}  {category.name}")  # noqa: T201 (a list to pipe on)


def list_networks() -> None:
    """List the networks that can be trained, with their descriptions."""
    from qd_pipeline.learning import networks  # noqa: PLC0415 (see `options`)

    console = terminal()
    for name, build in networks.NETWORKS.items():
        console.print(f"[bold]{name}[/]")
        console.print(inspect.getdoc(build), markup=False)
        console.print()


def status(class_sets: ClassSetsOption = None, home: HomeOption = None) -> None:
    """Show what is in the store, of which source, how good it is, and why some is stale.

    The source is not asked.
    """
    with garbage_collection.paused():
        from qd_pipeline.settings import Settings  # noqa: PLC0415 (see `options`)

    settings = Settings.load(home=home, class_sets=class_sets)
    pipeline = pipeline_of(settings)
    from qd_pipeline import stores  # noqa: PLC0415
    from qd_pipeline.orchestration.partitions import By  # noqa: PLC0415
    from qd_pipeline.orchestration.staleness import Staleness  # noqa: PLC0415

    store = stores.partition_store(settings)
    found = _Found(Staleness(pipeline, store.snapshot()), store)
    console = terminal()
    table = Table("category", "drawings", "since", "partitions")
    rows = []
    for key in pipeline.partitions.keys(By.CATEGORY):
        raw = found.partition("raw_drawings", key)
        strokes = found.partition("strokes", key)
        drawings = strokes.metadata["drawings"] if strokes else None
        rows.append((key, drawings, found.since(raw), found.state(By.CATEGORY, key)))
    for name, counts, since, state in _summed_up(rows):
        table.add_row(name, counts, since, state)
    console.print(table)
    evaluated = {
        key: found.partition("evaluations", key) for key in pipeline.partitions.keys(By.CLASS_SET)
    }
    known = champions(settings, [made.metadata["model"] for made in evaluated.values() if made])
    # 80 columns wide, with short keys.
    table = Table("class\nset", "version", "accuracy\n(95 % interval)", "since", "partitions")
    for key, made in evaluated.items():
        accuracy = summary.accuracy(made.metadata["figures"]) if made else "–"
        state = found.state(By.CLASS_SET, key)
        table.add_row(key, _version(made, known), accuracy, found.since(made), state)
    console.print(table)
    for said, keys in found.sources.items():
        which = listed(keys) if len(keys) <= _MOST_NAMED else f"{len(keys)}"
        console.print(f"{said}: {which}.", markup=False)
    for said, partitions in found.reasons.items():
        console.print(f"{listed(partitions, _MOST_NAMED)}: {said}.", markup=False)


def _version(made: "Partition | None", champions: Mapping[str, str]) -> str:
    """Return the version that an evaluation is of, and which one is the champion."""
    if made is None:
        return "–"
    number, champion = str(made.metadata["version"]), champions.get(made.metadata["model"])
    if champion == number:
        return f"{number}, champion"
    return f"{number} (champion: {champion})" if champion else f"{number} (no champion)"


_MOST_NAMED: Final = 8
_MOST_ROWS: Final = 40


def _summed_up(
    rows: Sequence[tuple[str, int | None, str, str]],
) -> Iterator[tuple[str, str, str, str]]:
    """Yield a row a category, or of many one for each state that they are in."""
    by_state: dict[str, list[tuple[str, int | None, str, str]]] = {}
    for row in rows:
        by_state.setdefault(row[-1] if len(rows) > _MOST_ROWS else row[0], []).append(row)
    for alike in by_state.values():
        name = alike[0][0] if len(alike) == 1 else f"{len(alike)} categories"
        counts = [count for _, count, _, _ in alike if count is not None]
        drawings = "–".join(dict.fromkeys(f"{end(counts):,}" for end in (min, max) if counts))
        times = [since for _, _, since, _ in alike if since != "–"]
        since = " to ".join(dict.fromkeys(end(times) for end in (min, max) if times))
        yield name, drawings or "–", since or "–", alike[0][-1]


class _Found:
    """What the store holds, and why some of it is stale.

    Attributes:
        reasons: Stale partitions by the reason why they are.
        sources: Keys of partitions by what they are and the source of their drawings.
    """

    def __init__(self, staleness: "Staleness", store: "PartitionStore") -> None:
        self._staleness = staleness
        self._store = store
        self.reasons: dict[str, list[str]] = {}
        self.sources: dict[str, list[str]] = {}

    def partition(self, stage: str, key: str) -> "Partition | None":
        """Return a published partition; None where there is none that can be read."""
        try:
            return self._staleness.store.find(stage, key)
        except QdError:
            return None

    def since(self, made: "Partition | None") -> str:
        """Return when a partition was published in a local store, and note its source."""
        if made is None:
            return "–"
        from qd_pipeline.orchestration.provenance import Provenance  # noqa: PLC0415

        provenance = Provenance.of_partitions([made])
        if provenance:
            kind = "Class sets" if made.stage == "evaluations" else "Categories"
            self.sources.setdefault(f"{kind} of the {provenance.source}", []).append(made.key)
        folder = Path(self._store.location(made))
        if not folder.is_dir():
            return "–"
        published = datetime.fromtimestamp(folder.stat().st_mtime).astimezone()
        return f"{published:%Y-%m-%d %H:%M}"

    def state(self, by: "By", key: str) -> str:
        """Return whether a key's partitions are up to date."""
        from qd_pipeline.orchestration.staleness import MISSING  # noqa: PLC0415

        missing, stale = [], []
        chain = self._staleness.pipeline.chain(by)
        for stage in chain:
            try:
                reason = self._staleness.reason(stage, key)
            except QdError as error:
                reason = str(error)
            if reason == MISSING:
                missing.append(stage.name)
            elif reason is not None:
                stale.append(stage.name)
                # Many partitions have the same reason, but for their key.
                for how in ("is stale", "changed"):
                    reason = reason.replace(f" {key} {how}", f" {how}")
                self.reasons.setdefault(reason, []).append(f"{stage.name} {key}")
        if len(missing) == len(chain):
            return "[dim]–[/]"
        said = [
            f"{', '.join(names)} {how}"
            for names, how in ((stale, "stale"), (missing, "missing"))
            if names
        ]
        return f"[yellow]{'; '.join(said)}[/]" if said else "[green]up to date[/]"
