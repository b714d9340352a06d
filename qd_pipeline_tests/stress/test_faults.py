"""What is promised is held by tests that are there."""

import re
from pathlib import Path

import pytest

from qd_pipeline_tests.stress.faults import FAULTS

TESTS = Path(__file__).parents[1]
PROMISES = TESTS.parent / "RELIABILITY.md"


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_provoked_by_tests_that_are_there(fault: str) -> None:
    for place in FAULTS[fault]:
        file, _, beginning = place.partition("::")
        names = re.findall(
            r"^def (test_\w+)", (TESTS / file).read_text(encoding="utf-8"), re.MULTILINE
        )
        assert any(name.startswith(beginning) for name in names), place


def test_every_test_that_the_promises_name_is_there() -> None:
    named = re.findall(r"`([\w/]+\.py)(?:::(test_\w+))?`", PROMISES.read_text(encoding="utf-8"))
    assert named
    for file, test in named:
        text = (TESTS / file).read_text(encoding="utf-8")
        assert f"def {test or 'test_'}" in text, (file, test)
