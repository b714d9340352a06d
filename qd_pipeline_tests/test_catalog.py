"""The catalogue: 345 categories and their safe spellings."""

import re

import pytest

from qd_pipeline import catalog
from qd_pipeline.errors import BadSetting


def test_the_official_figures_are_those_of_the_dataset() -> None:
    assert len(catalog.CATEGORIES) == 345
    assert sum(each.drawings for each in catalog.CATEGORIES.values()) == 50_426_266
    assert sum(each.simplified_bytes for each in catalog.CATEGORIES.values()) // 10**8 == 240


def test_every_category_comes_back_from_its_partition_key() -> None:
    for name in catalog.CATEGORIES:
        assert catalog.category_of(catalog.partition_key(name)) == name


def test_partition_keys_are_safe_in_file_names_and_urls_and_differ_without_case() -> None:
    keys = [catalog.partition_key(name) for name in catalog.CATEGORIES]
    assert all(re.fullmatch(r"[A-Za-z_-]+", key) for key in keys)
    assert len({key.lower() for key in keys}) == 345


@pytest.mark.parametrize("name", ["Cow", "kow", "../cow", "", "cow\0", "x" * 10_000])
def test_an_unknown_category_is_named_with_a_remedy(name: str) -> None:
    with pytest.raises(BadSetting, match="is not one of the 345") as raised:
        catalog.category(name)
    assert len(str(raised.value)) < 250


def test_a_near_miss_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(BadSetting, match="The Eiffel Tower"):
        catalog.category("the eiffel tower")
