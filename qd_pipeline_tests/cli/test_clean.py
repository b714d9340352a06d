import shutil
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import dagster as dg
import pytest
from typer.testing import CliRunner

from qd_pipeline.cli import app, clean
from qd_pipeline_tests.orchestration.chain import SMALL, run, runner


class InTwoDays(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "InTwoDays":
        return super().now(tz) + timedelta(days=2)


def said(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["clean", "--home", str(home), *arguments])
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_old_runs_go_that_nothing_up_to_date_comes_from(
    two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = shutil.copytree(two, tmp_path / "home")
    now = run(runner(home, drawings=60, **SMALL, seed=1), ["2"])
    assert not now.failures
    artifacts = home / "mlartifacts" / "quickdraw-classifiers"
    databases = home / "dagster" / "history" / "runs"
    kept = now.store.read("classifiers", "2").metadata["mlflow_run"]
    assert len(list(databases.glob("*-*.db"))) == 3
    assert "Dagster runs: 0, MLflow runs: 0" in said(home, "--older-than", "1")

    monkeypatch.setattr(clean, "datetime", InTwoDays)
    monkeypatch.setenv("QD_KEEP_DAYS", "1")
    told = said(home, "--dry-run")
    assert "Dagster runs: 1, MLflow runs: 1, older than 1 days, and nothing up to date" in told
    assert len(list(databases.glob("*-*.db"))) == 3
    told = said(home)
    assert "Removed Dagster runs: 1, MLflow runs: 1" in told
    assert float(told.split("; ")[1].split(" MB")[0]) > 0.2
    assert {path.relative_to(artifacts).parts[0] for path in files_in(artifacts)} == {
        kept,
        "models",
    }
    models = artifacts / "models"
    assert len({path.relative_to(models).parts[0] for path in files_in(models)}) == 1
    assert len(list(databases.glob("*-*.db"))) == 2
    for partition in (*now.materialized, *now.up_to_date):
        stage, key = partition.split(" ")
        wanted = dg.AssetRecordsFilter(dg.AssetKey(stage), asset_partitions=[key])
        assert now.instance.fetch_materializations(wanted, limit=1).records, partition
