"""`qd ui`: the web servers of Dagster and MLflow over one data directory."""

import ipaddress
from pathlib import Path
from tempfile import TemporaryDirectory
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
from qd_pipeline.cli.servers import Server, Servers, Stopped, ensure_ports, program
from qd_pipeline.cli.terminal import terminal

if TYPE_CHECKING:
    import dagster as dg

    from qd_pipeline.settings import Settings

_OURS: Final = ("-w", str(Path(__file__).with_name("workspace.yaml")))
# Dagster's own variable, which the workspace names too.
_SOCKET: Final = "DAGSTER_CODE_SERVER_SOCKET"
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
    dagster_ui, *mlflow_ui = _servers(settings)
    # Each start asks again, some of them seconds later.
    ensure_ports([dagster_ui, *mlflow_ui])
    # Dagster takes seconds to import.
    from qd_pipeline.orchestration import engine, instance  # noqa: PLC0415

    settings.export_secrets()
    dagster = instance.of(settings.home, engine.rendered_config(settings))
    console = terminal()
    try:
        with (
            TemporaryDirectory(prefix="qd-ui-") as folder,
            Servers(
                settings.home / "logs",
                lambda: {**settings.child_environment(), _SOCKET: f"{folder}/socket"},
            ) as servers,
        ):
            code = _code_server(Path(folder))
            servers.start(code)
            runs = _recover(settings, dagster)
            with console.status("Starting Dagster and MLflow …"):
                for server in mlflow_ui:
                    servers.start(server)
                servers.wait_until_up(code)
                servers.start(dagster_ui)
                servers.wait_until_up(dagster_ui, *mlflow_ui)
            # The web servers have the processor to themselves until they are up.
            servers.start(_daemon())
            console.print(f"Dagster  {settings.dagster_ui}{_CHAIN}")
            console.print(f"MLflow   {runs}")
            if not ipaddress.ip_address(settings.ui_host).is_loopback:
                console.warn(_OPEN.format(settings.ui_host))
            console.print("Ctrl-C stops both.")
            servers.watch()
    except Stopped:
        console.print("Stopped.")


def _recover(settings: "Settings", dagster: "dg.DagsterInstance") -> str:
    """Clean up after processes that were killed; return the address of the trainings in MLflow.

    This takes some seconds, in which the code server loads the definitions; it starts no run.
    """
    # MLflow takes seconds to import.
    from qd_pipeline import stores  # noqa: PLC0415
    from qd_pipeline.orchestration import observations, recovery  # noqa: PLC0415
    from qd_pipeline.orchestration.pipeline import Pipeline  # noqa: PLC0415
    from qd_pipeline.tracking import CLASSIFIERS, EXPERIMENTS  # noqa: PLC0415

    pipeline = Pipeline(settings)
    store, tracker = stores.partition_store(settings), stores.tracker(settings)
    recovery.recover(pipeline, store, tracker, dagster)
    observations.report_settings(pipeline, dagster, store)
    # All of them are there from the start.
    return {name: tracker.run_list(name) for name in EXPERIMENTS}[CLASSIFIERS]


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
        store += ["--app-name", "qd_pipeline"]
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


def _code_server(folder: Path) -> Server:
    """Return the process that loads the definitions, once for the web server and the daemon.

    The daemon would start one of its own, and another each minute. It answers on a socket that
    only this user reaches.
    """
    command = [
        *program("dagster"),
        "code-server",
        "start",
        "--module-name",
        "qd_pipeline.definitions",
        # An empty folder, or it adds the one that we run in to where modules are looked for.
        "--working-directory",
        str(folder),
        "--location-name",
        "qd_pipeline",
        "--inject-env-vars-from-instance",
    ]
    return Server("dagster-code-server", command, socket=folder / "socket", has_worker=True)


def _daemon() -> Server:
    return Server("dagster-daemon", [*program("dagster-daemon"), "run", *_OURS])


def _at(host: str, port: int) -> list[str]:
    return ["--host", host, "--port", str(port)]
