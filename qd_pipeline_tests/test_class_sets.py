"""Class sets: the notebook's, and those that a user gives."""

from pathlib import Path

import pytest

from qd_pipeline import class_sets
from qd_pipeline.errors import BadSetting


def test_the_default_sets_are_the_notebooks_in_its_order() -> None:
    assert class_sets.NOTEBOOK == {
        "2": ("cow", "panda"),
        "4": ("frog", "rabbit", "elephant", "duck"),
        "8": ("camel", "rabbit", "frog", "duck", "elephant", "cow", "shark", "panda"),
    }
    assert len(class_sets.categories_of(class_sets.NOTEBOOK.values())) == 8


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_of_sets_keeps_their_order(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "sets.toml"
    text = '[class_sets]\r\n3 = ["zebra", "ant", "The Eiffel Tower"]\r\n'
    path.write_bytes(text.encode(encoding))
    assert class_sets.load(path) == {"3": ("zebra", "ant", "The Eiffel Tower")}


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('[class_sets]\n1 = ["cow"]', "^class set '1' has 1 categories: give at least two.$"),
        (
            '[class_sets]\n2 = ["cow", "cow"]',
            "^class set '2' names cow twice: name each category once.$",
        ),
        (
            '[class_sets]\n2 = ["cow", "elefant"]',
            r"^category 'elefant' is not one of the 345: did you mean ",
        ),
        ('[class_sets]\n2 = "cow"', "is not a list"),
        ('[class_sets]\n2 = ["cow", 3]', "is not a list"),
        ('[class_sets]\n"../2" = ["cow", "panda"]', "cannot be a partition key"),
        (f'[class_sets]\n{"a" * 65} = ["cow", "panda"]', "cannot be a partition key"),
        ("[class_sets]", "has no"),
        ("class_sets = 3", "has no"),
        ("[class_sets", "is not TOML"),
    ],
)
def test_a_bad_file_of_sets_is_refused_in_one_sentence(
    tmp_path: Path, text: str, cause: str
) -> None:
    path = tmp_path / "sets.toml"
    path.write_text(text)
    with pytest.raises(BadSetting, match=cause):
        class_sets.load(path)


def test_a_missing_file_of_sets_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"nowhere\.toml cannot be read"):
        class_sets.load(tmp_path / "nowhere.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "sets.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadSetting, match="not UTF-8"):
        class_sets.load(path)
