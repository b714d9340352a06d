"""What every test may lean on."""

from pathlib import Path

import pytest

REAL_DRAWINGS = Path(__file__).parents[2] / "shared" / "quickdraw"


@pytest.fixture(scope="session")
def real_drawings() -> Path:
    """Give the folder of real drawings, laid out like the public bucket."""
    if not (REAL_DRAWINGS / "full" / "simplified").is_dir():
        pytest.skip("needs real drawings in ../shared/quickdraw, which is not there")
    return REAL_DRAWINGS
