from pathlib import Path

from benchmarks import page
from qd_pipeline.serving.model_cache import ModelCache
from qd_pipeline.settings import Settings
from qd_pipeline_tests.serving.serving import store_untrained

LINE = [[[0, 255, 90], [0, 20, 200]]]
DOT = [[[7], [9]]]


def test_the_page_is_asked_once_for_each_drawing(tmp_path: Path) -> None:
    store_untrained(tmp_path, "4", ("frog", "rabbit", "elephant", "duck"))
    shelf = ModelCache(Settings.load(home=tmp_path))
    answered = page.milliseconds(shelf, "4", [LINE, DOT, LINE])
    assert len(answered) == 3
    assert min(answered) > 0
