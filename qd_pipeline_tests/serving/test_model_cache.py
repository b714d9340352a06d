"""The classifiers that answer are those of the class sets as they are now."""

from pathlib import Path

import pytest

from qd_pipeline.errors import MissingPartition
from qd_pipeline.serving.model_cache import ModelCache
from qd_pipeline.settings import Settings
from qd_pipeline.tracking import Tracker
from qd_pipeline_tests.homes import prepare
from qd_pipeline_tests.serving.serving import store_untrained


def test_a_classifier_of_other_categories_than_its_class_set_has_now_does_not_answer(
    tmp_path: Path,
) -> None:
    models = ModelCache(Settings.load(home=tmp_path))
    store_untrained(tmp_path, "2", ("cow", "horse"))
    assert models.refresh() == ()
    with pytest.raises(MissingPartition, match=r"no classifier yet of its .* cow, horse apart"):
        models.get("2")
    with pytest.raises(MissingPartition, match="cow, horse apart"):
        models.largest()
    store_untrained(tmp_path, "2", ("cow", "panda"))
    (loaded,) = models.refresh()
    assert loaded.predictor.classifier.class_set == ("cow", "panda")


@pytest.mark.parametrize("query", ["", "?timeout=30"])
def test_where_the_champion_cannot_be_had_it_is_said_why_another_classifier_answers(
    tmp_path: Path, query: str
) -> None:
    store_untrained(tmp_path, "2", ("cow", "panda"))
    (tmp_path / "mlflow.db").write_bytes(b"no database at all" * 100)
    uri = f"sqlite:///{tmp_path}/mlflow.db{query}"
    loaded = ModelCache(Settings.load(home=tmp_path, tracking_uri=uri)).get("2")
    assert loaded.origin.startswith("the newest in the store, since the champion cannot be had: ")
    assert f"mlflow.db{query} cannot be read" in loaded.origin


def test_the_mlflow_store_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    class Counted(Tracker):
        def __init__(self, uri: str, artifacts: Path, ui: str) -> None:
            opened.append(uri)
            super().__init__(uri, artifacts, ui)

    settings = Settings.load(home=prepare(tmp_path))
    monkeypatch.setattr("qd_pipeline.tracking.Tracker", Counted)
    models = ModelCache(settings)
    models.refresh()
    models.refresh()
    assert opened == [settings.mlflow_uri]
