"""`qd`, the command line."""

import logging
import os
import sys
import warnings
from typing import Final

import typer
from rich.console import Console
from rich.markup import escape

from qd_pipeline.cli import chain, champion, compare, draw, listing, predict, send, studies, ui
from qd_pipeline.errors import QdError
from qd_pipeline.orchestration import sigint

_INTERRUPTED: Final = 130
"""Exit code of typer after Ctrl-C."""

app = typer.Typer(
    name="qd",
    help="Learn from people's drawings: Quick, Draw! from NDJSON to evaluated classifiers.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("run")(chain.run)
app.command("make")(chain.make)
app.command("ui")(ui.ui)
app.command("predict")(predict.predict)
app.command("draw")(draw.draw)
app.command("send")(send.send)
app.command("status")(listing.status)
app.command("categories")(listing.categories)
app.command("networks")(listing.list_networks)
app.command("promote")(champion.promote)
app.command("rollback")(champion.rollback)
app.command("compare")(compare.compare)
app.command("cross-validate")(studies.cross_validate)
app.command("label-quality")(studies.label_quality)
app.command("search")(studies.search)
app.command("study")(studies.study)


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
        Console(stderr=True).print(f"[bold red]✗[/] {escape(str(error))}", highlight=False)
        sys.exit(1)
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            _tell_of_stop()
        raise
    except KeyboardInterrupt:  # before typer has begun
        _tell_of_stop()
        sys.exit(_INTERRUPTED)


def _tell_of_stop() -> None:
    Console(stderr=True).print("Stopped; what was complete stays, and a re-run goes on.")
