"""`qd predict`: what a classifier sees in one's own drawings."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from qd_pipeline.cli.chain import ClassSetsOption, HomeOption, apply
from qd_pipeline.errors import BadDrawing, BadSetting, MissingPartition
from qd_pipeline.settings import Settings
from qd_pipeline.store import Store

if TYPE_CHECKING:
    from qd_pipeline.learning.prediction import Predictor, Ranking


HALF: Final = 128
"""Grey level from which a pixel is ink where there is only black and white."""


@dataclass(frozen=True)
class _Answer:
    """What was found for one drawing of a file."""

    file: Path
    number: int
    ranking: "Ranking"


def predict(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="Pictures (PNG, JPEG, WebP, SVG), or strokes as NDJSON, a drawing a line.",
            show_default=False,
        ),
    ],
    *,
    class_count: Annotated[
        str | None,
        typer.Option(help="Class set to choose from. [default: the largest with a classifier]"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Categories to name for each drawing.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="Answer as JSON.")] = False,
    show: Annotated[bool, typer.Option(help="Show the bitmap that the network saw.")] = False,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Say what one's own drawings show: photographed, painted, or as strokes."""
    settings = apply(source=None, home=home, class_sets=class_sets)
    key, predictor = _predictor(settings, class_count)
    errors = Console(stderr=True)
    answers: list[_Answer] = []
    failed = False
    for file in files:
        try:
            answers += _answers(file, predictor)
        except BadDrawing as error:
            failed = True
            errors.print(f"[bold red]✗[/] {error}", highlight=False)
    if as_json:
        typer.echo(json.dumps([_as_json(key, each, top, show=show) for each in answers], indent=2))
    elif answers:
        _print(Console(), key, answers, top, show=show)
    if failed:
        raise typer.Exit(1)


def _predictor(settings: Settings, class_count: str | None) -> "tuple[str, Predictor]":
    """Load the classifier asked for, or that of the largest class set that has one."""
    store = Store(settings.home / "store")
    key = class_count or _largest(settings, store)
    if key not in settings.class_sets:
        known = ", ".join(settings.class_sets)
        raise BadSetting(f"class count {key[:80]!r}", "is not known", f"give one of {known}")
    folder = store.read("classifiers", key).verified()
    # TensorFlow takes seconds to import, and a wrong option should be told at once.
    from qd_pipeline.learning.classifier import Classifier  # noqa: PLC0415
    from qd_pipeline.learning.prediction import Predictor  # noqa: PLC0415

    return key, Predictor(Classifier.load(folder))


def _largest(settings: Settings, store: Store) -> str:
    trained = [key for key in settings.class_sets if store.find("classifiers", key)]
    if not trained:
        raise MissingPartition(
            str(settings.home), "holds no classifier yet", "train one with `qd run`"
        )
    return max(trained, key=lambda key: len(settings.class_sets[key]))


def _answers(file: Path, predictor: "Predictor") -> Iterator[_Answer]:
    from qd_pipeline.quickdraw.pictures import read_drawings  # noqa: PLC0415 (scikit-image)

    for number, ranking in enumerate(predictor.predict(read_drawings(file)), 1):
        yield _Answer(file, number, ranking)


def _as_json(key: str, answer: _Answer, top: int, *, show: bool) -> dict[str, Any]:
    ranking = answer.ranking
    chances = zip(ranking.categories[:top], ranking.probabilities, strict=False)
    return {
        "file": str(answer.file),
        "drawing": answer.number,
        "class_count": key,
        "categories": [
            {"category": category, "probability": chance} for category, chance in chances
        ],
        **({"bitmap": ranking.bitmap.tolist()} if show else {}),
    }


def _print(console: Console, key: str, answers: Sequence[_Answer], top: int, *, show: bool) -> None:
    table = Table(title=f"Class set {key}", title_justify="left")
    many = {each.file for each in answers if each.number > 1}
    table.add_column("drawing", overflow="fold")
    if show:
        table.add_column("as the network saw it")
    table.add_column("category")
    table.add_column("probability", justify="right")
    for answer in answers:
        name = f"{answer.file} ({answer.number})" if answer.file in many else str(answer.file)
        ranking = answer.ranking
        chances = ranking.probabilities[:top]
        seen = [_half_blocks(ranking.bitmap, coloured=bool(console.color_system))] if show else []
        table.add_row(
            Text(name),
            *seen,
            "\n".join(ranking.categories[:top]),
            "\n".join(f"{chance:.1%}" for chance in chances),
            end_section=True,
        )
    console.print(table)


def _half_blocks(bitmap: NDArray[np.uint8], *, coloured: bool) -> Text:
    """Give a bitmap as text, two rows of pixels in a line; without colours in black and white."""
    lines = []
    for upper, lower in zip(bitmap[::2], bitmap[1::2], strict=True):
        line = Text(no_wrap=True)
        for above, below in zip(upper.tolist(), lower.tolist(), strict=True):
            if coloured:
                line.append("▀", f"rgb({above},{above},{above}) on rgb({below},{below},{below})")
            else:
                line.append(" ▄▀█"[2 * (above >= HALF) + (below >= HALF)])
        lines.append(line)
    return Text("\n", no_wrap=True).join(lines)
