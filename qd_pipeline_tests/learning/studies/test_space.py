from pathlib import Path
from typing import Any

import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.learning.studies import space
from qd_pipeline.learning.studies.space import Range, Space


def test_the_notebooks_grid_has_nine_points() -> None:
    points = space.NOTEBOOK.points()
    assert len(points) == 9
    assert points[0] == {"learning_rate": 0.001, "units": 16}
    assert points[-1] == {"learning_rate": 0.1, "units": 64}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_gives_values_and_ranges(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    text = (
        'network = ["seed_cnn", "dense_baseline"]\r\n'
        "learning_rate = {low = 0.0001, high = 0.1, log = true}\r\n"
    )
    path.write_bytes(text.encode(encoding))
    loaded = Space.load(path)
    assert loaded.axes == {
        "network": ("seed_cnn", "dense_baseline"),
        "learning_rate": Range(0.0001, 0.1, log=True),
    }
    assert not loaded.is_grid
    assert len(loaded.corners()) == 4
    assert Space.parse(loaded.to_json()) == loaded


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({}, "space varies nothing"),
        ({"seed": [0, 1]}, "space: seed is no setting to vary"),
        ({"rate": [0.1]}, "space: rate is no setting to vary: give some of network, epochs"),
        ({"epochs": []}, "space: epochs has no values"),
        ({"epochs": [2, 2]}, "space: epochs has no values, or one twice"),
        ({"epochs": [2.5]}, "space: epochs cannot be 2.5"),
        ({"epochs": [True]}, "space: epochs cannot be True"),
        ({"epochs": 3}, "space: epochs is neither values nor a range"),
        ({"epochs": {"low": 1}}, "space: epochs is neither values nor a range"),
        ({"epochs": {"low": 3, "high": 1}}, "space: epochs is no range of numbers"),
        ({"network": {"low": "a", "high": "b"}}, "space: network is no range of numbers"),
        (
            {"learning_rate": {"low": 0, "high": 1, "log": True}},
            "space: learning_rate is a logarithmic range from 0",
        ),
    ],
)
def test_what_is_no_space_is_refused(table: dict[str, Any], complaint: str) -> None:
    with pytest.raises(BadSetting, match=complaint):
        Space.parse(table)


@pytest.mark.parametrize("text", ["epochs = [", b"\x80\xfe"])
def test_a_file_that_holds_no_toml_is_named(tmp_path: Path, text: str | bytes) -> None:
    path = tmp_path / "space.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(BadSetting, match=r"space\.toml"):
        Space.load(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="cannot be read"):
        Space.load(tmp_path / "none.toml")
