"""`qd`, the command line."""

import logging
import os
import sys
import warnings
from importlib.metadata import version
from typing import Annotated, Final

import typer

from qd_pipeline.cli import (
    chain,
    champion,
    clean,
    compare,
    doctor,
    draw,
    listing,
    own,
    predict,
    report,
    send,
    studies,
    ui,
)
from qd_pipeline.cli.terminal import Terminal
from qd_pipeline.errors import QdError
from qd_pipeline.orchestration import sigint

_INTERRUPTED: Final = 130
"""Exit code of typer after Ctrl-C."""

app = typer.Typer(
    name="qd",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help: Rich's names a type beside each flag, as if it took a value.
    rich_markup_mode=None,
    epilog="Exit codes: 0, done, also where a check warns or a champion stays; 1, something "
    "failed, and a sentence says what; 2, the command was not understood; 130, stopped by Ctrl-C.",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001 (what an option's callback is given)
    if wanted:
        typer.echo(f"qd_pipeline {version('qd_pipeline')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Learn from people's drawings: Quick, Draw! from NDJSON to evaluated classifiers."""


app.command("run", short_help="Bring the whole chain up to date.")(chain.run)
app.command("make", short_help="Materialize one stage of one partition again.")(chain.make)
app.command("ui", short_help="Start the web servers of Dagster and MLflow.")(ui.ui)
app.command("predict", short_help="Name the category of your own drawings.")(predict.predict)
app.command("draw", short_help="Start a web page to draw on; the champion classifies.")(draw.draw)
app.command("report")(report.report)
app.command("evaluate-own", short_help="Score the champion on drawings corrected by hand.")(
    own.evaluate_own
)
app.command("doctor", short_help="Check that all that the settings name can be used.")(
    doctor.doctor
)
app.command("send")(send.send)
app.command("clean", short_help="Remove old runs that nothing up to date comes from.")(clean.clean)
app.command("status", short_help="Show what there is, how good, and why some is stale.")(
    listing.status
)
app.command("categories", short_help="List the 345 categories.")(listing.categories)
app.command("networks", short_help="List the networks that can be trained.")(listing.list_networks)
app.command("promote", short_help="Make a version of a classifier the champion.")(champion.promote)
app.command("rollback")(champion.rollback)
app.command("compare", short_help="Compare the last runs of each class set.")(compare.compare)
app.command("cross-validate", short_help="Train on folds in turn, measure on those held out.")(
    studies.cross_validate
)
app.command("label-quality", short_help="Find drawings whose label is probably wrong.")(
    studies.label_quality
)
app.command("search", short_help="Search for the best settings by cross-validation.")(
    studies.search
)
app.command("study", short_help="Measure what more drawings bring.")(studies.study)


def main() -> None:
    """Run a command; what a user can cause ends in one sentence and exit code 1."""
    # Libraries warn each other of deprecations, which users cannot act on.
    warnings.simplefilter("ignore")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    # It reports a connection whose closing was interrupted, and then passes the interrupt on.
    logging.getLogger("sqlalchemy.pool").setLevel(logging.CRITICAL)
    try:
        with sigint.redelivered():
            app()
    except QdError as error:
        Terminal(stderr=True).fail(str(error))
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _tell_of_stop()
        raise
    except KeyboardInterrupt:  # before typer has begun
        _tell_of_stop()
        sys.exit(_INTERRUPTED)


def _tell_of_stop() -> None:
    Terminal(stderr=True).print("Stopped; what was complete stays, and a re-run goes on.")
