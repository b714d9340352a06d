"""`qd ui`: the web servers of Dagster and MLflow over one data directory."""

import ipaddress
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from qd_pipeline.cli.options import (
    ClassSetsOption,
    DrawingsOption,
    EpochsOption,
    HomeOption,
    SourceOption,
    load,
)
from qd_pipeline.cli.servers import Server, Servers, Stopped, program
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.errors import BadSetting

if TYPE_CHECKING:
    from qd_pipeline.settings import Settings

_OURS: Final = ("-w", str(Path(__file__).parents[1] / "workspace.yaml"))
_OPEN: Final = (
    "QD_UI_HOST is {}: the web servers ask for no password, so anyone who can reach this machine "
    "can start and stop runs, and read and delete all data. Keep them in a network that you trust, "
    "or behind a proxy that asks for one."
)

# The asset graph, its groups opened and without the studies: "Materialize all" is the chain.
_CHAIN: Final = (
    "/asset-groups~not%20group%3A%22studies%22"
    "?expanded=global%40global%3Adrawings%2Cglobal%40global%3Alearning"
)


def ui(
    source: SourceOption = None,
    drawings: DrawingsOption = None,
    epochs: EpochsOption = None,
    class_sets: ClassSetsOption = None,
    home: HomeOption = None,
) -> None:
    """Start the web servers of Dagster and MLflow on this machine; Ctrl-C stops them."""
    settings = load(
        source=source, home=home, class_sets=class_sets, drawings=drawings, epochs=epochs
    )
    servers_to_start = _servers(settings)
    _ensure_ports_differ(servers_to_start)
    # Dagster and MLflow take seconds to import.
    from qd_pipeline import stores  # noqa: PLC0415
    from qd_pipeline.orchestration import engine, instance, observations, recovery  # noqa: PLC0415
    from qd_pipeline.orchestration.pipeline import Pipeline  # noqa: PLC0415
    from qd_pipeline.tracking import CLASSIFIERS, EXPERIMENTS  # noqa: PLC0415

    settings.export_secrets()
    config = engine.rendered_config(settings)
    pipeline, dagster = Pipeline(settings), instance.of(settings.home, config)
    store, tracker = stores.partition_store(settings), stores.tracker(settings)
    recovery.recover(pipeline, store, tracker, dagster)
    observations.report_settings(pipeline, dagster, store)
    # All of them are there from the start, with their views.
    runs = {name: tracker.run_list(name) for name in EXPERIMENTS}
    console = terminal()
    try:
        with Servers(settings.home / "logs", settings.child_environment()) as servers:
            for server in servers_to_start:
                servers.start(server)
            with console.status("Starting Dagster and MLflow …"):
                servers.wait_until_up()
            # The web servers have the processor to themselves until they are up.
            servers.start(_daemon())
            console.print(f"Dagster  {settings.dagster_ui}{_CHAIN}")
            console.print(f"MLflow   {runs[CLASSIFIERS]}")
            if not ipaddress.ip_address(settings.ui_host).is_loopback:
                console.warn(_OPEN.format(settings.ui_host))
            console.print("Ctrl-C stops both.")
            servers.watch()
    except Stopped:
        console.print("Stopped.")


def _servers(settings: "Settings") -> list[Server]:
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
    if settings.mlflow_uri.startswith("sqlite:"):
        store = ["--backend-store-uri", settings.mlflow_uri, "--workers", "1"]
        public = [settings.public_host, urlsplit(settings.public_mlflow or "").hostname]
        if any(public):
            # MLflow allows this machine and private addresses, and with a list only that.
            names = ("localhost", "127.0.0.1", "10.*", "192.168.*", *filter(None, public))
            hosts = [f"{name}{port}" for name in names for port in ("", f":{mlflow}")]
            store += ["--allowed-hosts", ",".join(hosts)]
        artifacts = ["--artifacts-destination", str(settings.mlartifacts)]
        command = [*program("mlflow"), "server", *store, *artifacts]
        command += _at(settings.ui_host, mlflow)
        servers.append(Server("mlflow", command, mlflow, "QD_MLFLOW_PORT", settings.ui_host))
    return servers


def _ensure_ports_differ(servers: list[Server]) -> None:
    """Refuse web servers that are set to the same port.

    Raises:
        BadSetting: Two are.
    """
    for first, second in itertools.combinations(servers, 2):
        if first.port == second.port:
            raise BadSetting(
                f"{first.setting} and {second.setting}",
                f"are both {first.port}",
                "set one of them to another port",
            )


def _daemon() -> Server:
    return Server("dagster-daemon", [*program("dagster-daemon"), "run", *_OURS])


def _at(host: str, port: int) -> list[str]:
    return ["--host", host, "--port", str(port)]
