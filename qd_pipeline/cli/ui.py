"""`qd ui`: Dagster's and MLflow's pages over one home."""

import ipaddress
import os
from pathlib import Path
from typing import Final

from rich.console import Console

from qd_pipeline.cli.options import (
    ClassSetsOption,
    DrawingsOption,
    EpochsOption,
    HomeOption,
    SourceOption,
    apply,
)
from qd_pipeline.cli.servers import Server, Servers, Stopped, program
from qd_pipeline.settings import Settings

_OURS: Final = ("-w", str(Path(__file__).parents[2] / "workspace.yaml"))
_OPEN: Final = (
    "[bold yellow]![/] QD_UI_HOST is {}: the pages ask for no password, so whoever can reach this "
    "machine can start and stop runs, read all that is in the home and delete it. Keep them to a "
    "network that you trust, or behind a proxy that asks."
)

# The asset graph without the studies, so that "Materialize all" makes the chain and no more.
_CHAIN: Final = "/asset-groups~not%20group%3A%22studies%22"


def ui(
    source: SourceOption = None,
    drawings: DrawingsOption = None,
    epochs: EpochsOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Start Dagster's and MLflow's pages on this machine; Ctrl-C stops them."""
    offered = {"QD_DRAWINGS": drawings, "QD_EPOCHS": epochs}
    os.environ.update({name: str(value) for name, value in offered.items() if value is not None})
    settings = apply(source=source, home=home, class_sets=class_sets)
    # Dagster is slow to import.
    from qd_pipeline.definitions import workshop_of  # noqa: PLC0415
    from qd_pipeline.orchestration import instance, recovery  # noqa: PLC0415
    from qd_pipeline.tracking import CLASSIFIERS, EXPERIMENTS  # noqa: PLC0415

    workshop = workshop_of(settings)
    recovery.recover(workshop, instance.of(settings.home))
    # All of them are there from the start: MLflow's page brings along what theirs show.
    runs = {name: workshop.tracker.run_list(name) for name in EXPERIMENTS}
    # Children are other processes: they see the settings as we do only through these.
    os.environ.update(QD_HOME=str(settings.home), QD_SOURCE=settings.source)
    # MLflow's own jobs, which we have none of, would take five processes more.
    os.environ.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
    console = Console()
    try:
        with Servers(settings.home / "logs", os.environ) as servers:
            for page in _pages(settings):
                servers.start(page)
            with console.status("Starting Dagster and MLflow …"):
                servers.wait_until_up()
            # Nobody waits for the daemon: the pages have the processor to themselves until now.
            servers.start(_daemon())
            console.print(
                f"Dagster  http://{settings.ui_host}:{settings.dagster_port}{_CHAIN}",
                highlight=False,
                soft_wrap=True,
            )
            console.print(f"MLflow   {runs[CLASSIFIERS]}", highlight=False, soft_wrap=True)
            if not ipaddress.ip_address(settings.ui_host).is_loopback:
                console.print(_OPEN.format(settings.ui_host), highlight=False)
            console.print("Ctrl-C stops both.", highlight=False)
            servers.watch()
    except Stopped:
        console.print("Stopped.")


def _pages(settings: Settings) -> list[Server]:
    dagster, mlflow = settings.dagster_port, settings.mlflow_port
    servers = [
        Server(
            "dagster-webserver",
            [
                *program("dagster-webserver"),
                *_OURS,
                *_at(settings.ui_host, dagster),
                "--log-level",
                "warning",
            ],
            dagster,
            "QD_DAGSTER_PORT",
            settings.ui_host,
        )
    ]
    if settings.tracking_uri.startswith("sqlite:"):
        store = ["--backend-store-uri", settings.tracking_uri, "--workers", "1"]
        store += ["--app-name", "qd_pipeline"]
        artifacts = ["--artifacts-destination", str(settings.home / "mlartifacts")]
        command = [*program("mlflow"), "server", *store, *artifacts]
        command += _at(settings.ui_host, mlflow)
        servers.append(Server("mlflow", command, mlflow, "QD_MLFLOW_PORT", settings.ui_host))
    return servers


def _daemon() -> Server:
    return Server("dagster-daemon", [*program("dagster-daemon"), "run", *_OURS])


def _at(host: str, port: int) -> list[str]:
    return ["--host", host, "--port", str(port)]
