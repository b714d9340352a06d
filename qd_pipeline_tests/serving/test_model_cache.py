"""The classifiers that answer are those of the class sets as they are now."""

from pathlib import Path

import pytest

from qd_pipeline.errors import MissingPartition
from qd_pipeline.serving.model_cache import ModelCache
from qd_pipeline.settings import Settings
from qd_pipeline_tests.serving.serving import store_untrained


def test_a_classifier_of_other_categories_than_its_class_set_has_now_does_not_answer(
    tmp_path: Path,
) -> None:
    shelf = ModelCache(Settings.from_environment({"QD_HOME": str(tmp_path)}))
    store_untrained(tmp_path, "2", ("cow", "horse"))
    assert shelf.refresh() == ()
    with pytest.raises(MissingPartition, match="has no classifier yet"):
        shelf.get("2")
    store_untrained(tmp_path, "2", ("cow", "panda"))
    (held,) = shelf.refresh()
    assert held.predictor.classifier.class_set == ("cow", "panda")
