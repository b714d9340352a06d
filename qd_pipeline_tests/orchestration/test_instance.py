"""The Dagster instance of a data directory."""

from pathlib import Path

import dagster as dg

from qd_pipeline.orchestration import instance


def test_events_are_written_into_databases_that_stay_open_until_the_end(tmp_path: Path) -> None:
    made, log = instance.of(tmp_path), tmp_path / "dagster" / "history" / "runs" / "index.db-wal"
    with instance.held_open():
        made.report_runless_asset_event(dg.AssetMaterialization("cow"))
        assert log.exists()
        made.report_runless_asset_event(dg.AssetMaterialization("cow"))
    assert not log.exists()
    assert len(made.fetch_materializations(dg.AssetKey("cow"), limit=9).records) == 2
