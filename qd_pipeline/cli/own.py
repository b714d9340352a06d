"""`qd evaluate-own`: the champion's score on a person's own drawings."""

from typing import Annotated

import typer
from rich.table import Table

from qd_pipeline.class_sets import checked_key
from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.cli.predict import load_classifier
from qd_pipeline.cli.terminal import Terminal, terminal


def evaluate_own(
    class_set: Annotated[
        str | None,
        typer.Argument(help="Class set. (default: the largest with such drawings)"),
    ] = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Score the champion on the drawings that you named on the drawing page (`qd draw`)."""
    settings = load(home=home, class_sets=class_sets)
    known = settings.class_sets
    keys = [checked_key(class_set, known)] if class_set else list(known)
    # They are slow to import, and the other commands should not wait for them.
    from qd_pipeline.learning.evaluation.metrics import imbalance_note  # noqa: PLC0415
    from qd_pipeline.serving.own_drawings import OwnDrawings  # noqa: PLC0415

    own = OwnDrawings(settings.home)
    # Told before the classifier is loaded, which takes seconds.
    key = own.first_drawn(sorted(keys, key=lambda key: -len(known[key])))
    loaded = load_classifier(settings, key, Terminal(stderr=True))
    score = own.score(loaded.key, loaded.predictor)
    table = Table()
    table.add_column("category")
    table.add_column("right", justify="right")
    table.add_column("taken for")
    for category, recall in score.recall.items():
        wrong = score.taken_for[category].items()
        table.add_row(
            category,
            f"{recall.hits} of {recall.count}",
            ", ".join(f"{other} ({count})" for other, count in wrong),
        )
    console = terminal()
    console.print(f"{loaded.title}, on {score.accuracy.count} own drawings", markup=False)
    console.print(table)
    unequal = imbalance_note(score.figures, len(score.recall), prefix="own")
    console.print(
        f"Accuracy {score.accuracy}{unequal}; a person's few drawings say little of other people's."
    )
    console.print(f"The drawings: {own.file(loaded.key)}")
