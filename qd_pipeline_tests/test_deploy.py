"""The files of `deploy/`: what they refer to is there, and they set what there is to set."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml

from qd_pipeline import tracking  # noqa: F401 (it sets MLflow's own settings)
from qd_pipeline.orchestration.engine import node_variables
from qd_pipeline.settings import Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
RAY = yaml.safe_load((DEPLOY / "compose.ray.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
SECRETS = {"POSTGRES_PASSWORD", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}


def filled_in(text: str) -> str:
    """Substitute variables as compose does, each secret by its own name."""
    defaults = re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)
    return re.sub(r"\$\{(\w+):\?\}", r"\1", defaults)


def test_the_settings_of_the_containers_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in SERVICES["qd"]["environment"].items():
        monkeypatch.setenv(name, filled_in(text))
    settings = Settings.load()
    assert settings.store_url == "s3://quickdraw/store"
    assert settings.mlflow_uri == "http://mlflow:5000"
    given = {name for name in SERVICES["qd"]["environment"] if name.startswith(("QD_", "MLFLOW_"))}
    assert given <= set(settings.to_environment()) | {"QD_WEBHOOK_URL"}


def test_the_files_that_the_containers_are_made_of_are_there() -> None:
    mounted = [
        volume.split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
    ]
    assert {name for name in mounted if not name.startswith(".")} == set(COMPOSE["volumes"])
    assert all((DEPLOY / name).is_file() for name in mounted if name.startswith("."))
    build = SERVICES["qd"]["build"]
    context = DEPLOY / build["context"]
    dockerfile = (context / build["dockerfile"]).read_text(encoding="utf-8")
    copied = [
        name
        for line in re.findall(r"^COPY (?:--\S+ )?(.+) \S+$", dockerfile, re.MULTILINE)
        for name in line.split()
    ]
    assert copied
    assert all((context / name).exists() for name in copied)
    allowed = re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE)
    assert all(any(Path(name).match(each) for each in allowed) for name in copied)
    locks = set(re.findall(r"--require-hashes -r (\S+)", dockerfile))
    assert locks == {
        "requirements-uv.lock",
        "requirements.lock",
        "requirements-deploy.lock",
        "requirements-ray.lock",
    }


def test_libraries_are_compiled_as_they_are_installed() -> None:
    for file in (ROOT / "Makefile", DEPLOY / "Dockerfile"):
        assert re.search(r"\bUV_COMPILE_BYTECODE *:?= *1$", file.read_text(), re.MULTILINE)


def test_secrets_come_from_the_environment_alone_and_are_named_in_the_example() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{(\w+):\?\}", text)) == SECRETS
    example = (DEPLOY / "example.env").read_text(encoding="utf-8")
    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == SECRETS
    assert set(re.findall(r"\$\{(\w+):-", text)) - {"AWS_REGION"} <= set(
        re.findall(r"^# (\w+)=", example, re.MULTILINE)
    )
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if "PASSWORD" in name or name in SECRETS:
                assert re.fullmatch(r"\$\{\w+:\?\}", value)


def test_the_web_servers_are_reached_from_this_machine_alone() -> None:
    services = [*SERVICES.values(), *RAY["services"].values()]
    ports = [port for service in services for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_settings_of_a_deployment_on_ray_make_an_engine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {**SERVICES["qd"]["environment"], **RAY["services"]["qd"]["environment"]}
    for name, text in given.items():
        monkeypatch.setenv(name, filled_in(text))
    settings = Settings.load()
    assert (settings.engine, settings.engine_address) == ("ray", "http://ray-head:8265")
    # What a run is not told by the daemon, a node has in its own environment.
    told = set(node_variables(settings)) | {"QD_WEBHOOK_URL", "QD_DAGSTER_STORAGE"}
    own = set(RAY["services"]["ray-worker"]["environment"])
    assert "PGPASSWORD" in own
    for service in RAY["services"].values():
        for name, text in service["environment"].items():
            if re.search("PASSWORD|SECRET|TOKEN|KEY", name):
                assert re.fullmatch(r"\$\{\w+:\?\}", text), name
    needed = {name for name in given if not name.startswith(("QD_ENGINE", "QD_UI", "RAY"))}
    assert {name for name in needed if filled_in(given[name])} - told - own <= {"QD_SOURCE"}


def test_the_server_of_mlflow_is_set_as_the_one_that_we_start() -> None:
    ours = SERVICES["mlflow"]["environment"]
    for name in ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "MLFLOW_DISABLE_TELEMETRY"):
        assert os.environ[name] == ours[name]


def test_the_image_is_built_once_and_asked_of_no_registry() -> None:
    ours = {
        name: service
        for name, service in {**SERVICES, **RAY["services"]}.items()
        if service.get("image") == "qd_pipeline"
    }
    assert {service["pull_policy"] for service in ours.values()} == {"never"}
    assert [name for name, service in SERVICES.items() if "build" in service] == ["qd"]


def test_no_server_is_cut_off_while_it_ends_what_it_has_started() -> None:
    # `qd ui` waits ten seconds twice; Docker would kill it after ten.
    assert SERVICES["qd"]["stop_grace_period"] == "60s"
    assert all(service["init"] for service in (SERVICES["qd"], RAY["services"]["ray-worker"]))


def test_the_database_counts_as_up_when_others_can_reach_it() -> None:
    # While its image makes the databases, it answers on its socket.
    assert "--host=127.0.0.1" in SERVICES["postgres"]["healthcheck"]["test"]


def has_compose() -> bool:
    """Return whether Docker's compose is there; version 1, `docker-compose`, knows less."""
    command = ["docker", "compose", "version"]
    return (
        bool(shutil.which("docker"))
        and not subprocess.run(command, check=False, capture_output=True).returncode
    )


@pytest.mark.skipif(not has_compose(), reason="needs docker compose")
@pytest.mark.parametrize("names", [["compose.yaml"], ["compose.yaml", "compose.ray.yaml"]])
def test_compose_takes_the_files(names: list[str]) -> None:
    files = [f"--file={DEPLOY / name}" for name in names]
    secrets = dict.fromkeys([*SECRETS, "RAY_AUTH_TOKEN"], "x")
    subprocess.run(
        ["docker", "compose", *files, "config", "--quiet"], check=True, env=os.environ | secrets
    )


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = (DEPLOY / "qd-ui.service").read_text(encoding="utf-8")
    start = "ExecStart=/opt/qd_pipeline/.venv/bin/qd ui"
    assert start in unit
    # It looks whether the program is there, which it is only where it is deployed.
    there = tmp_path / "qd-ui.service"
    there.write_text(unit.replace(start, "ExecStart=/bin/true"), encoding="utf-8")
    said = subprocess.run(
        ["systemd-analyze", "verify", str(there)], check=False, capture_output=True, text=True
    )
    assert (said.returncode, "qd-ui" in said.stderr) == (0, False), said.stderr


def in_snake_case(values: Any) -> Any:
    """Return values of the chart under the names that Dagster has for them."""
    if not isinstance(values, dict):
        return values
    return {
        re.sub("[A-Z]", lambda found: f"_{found[0].lower()}", name): in_snake_case(value)
        for name, value in values.items()
    }


def test_dagster_takes_the_values_of_the_chart_in_its_own_spelling_and_limits_what_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart = in_snake_case(yaml.safe_load((DEPLOY / "helm-values.yaml").read_text("utf-8")))
    assert chart["concurrency"].pop("enabled")
    daemon = chart["dagster_daemon"]
    coordinator = daemon["run_coordinator"]
    config = {
        "concurrency": chart["concurrency"],
        "run_monitoring": daemon["run_monitoring"],
        "run_retries": daemon["run_retries"],
        "run_coordinator": {
            "module": "dagster.core.run_coordinator",
            "class": coordinator["type"],
            "config": coordinator["config"]["queued_run_coordinator"],
        },
    }
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(config))
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as instance:
        limits = instance.get_concurrency_config()
        assert limits.run_queue_config is not None
        assert limits.run_queue_config.max_concurrent_runs == 8
        assert limits.pool_config.default_pool_limit == 2
        assert instance.run_monitoring_settings["free_slots_after_run_end_seconds"] == 5
        assert instance.run_retries_max_retries == 2
        assert not instance.run_retries_retry_on_asset_or_op_failure


def test_rays_nodes_copy_no_output_that_no_driver_reads() -> None:
    started = [each["command"] for each in RAY["services"].values() if "command" in each]
    assert len(started) == 2
    assert all("--include-log-monitor=false" in each for each in started)
