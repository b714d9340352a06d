"""The README's table of the presets, from `docs/benchmarks/learning.json`.

    python -m benchmarks.readme

`make bench-learning` calls it too; a test compares the two.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[1]
README: Final = ROOT / "README.md"
FIGURES: Final = ROOT / "docs" / "benchmarks" / "learning.json"
BEGIN: Final = "<!-- from docs/benchmarks/learning.json, by python -m benchmarks.readme -->\n"
END: Final = "<!-- end -->\n"


def table(published: Mapping[str, Any]) -> str:
    """Return the published figures as a Markdown table, with a sentence on where they are from.

    Args:
        published: As `benchmarks.learning.publish` writes them.
    """
    rows = [
        f"| `{name}` "
        f"| {100 * each['test_error']:.1f} % "
        f"| {100 * each['test_error_seed_sd']:.1f}, {100 * each['test_error_sampling_sd']:.1f} "
        f"| {each['calibration_error']:.3f} | {each['seconds']:.0f} s "
        f"| {each['error_over_notebook']:.2f} | {each['time_over_notebook']:.2f} |"
        for name, each in published["presets"].items()
    ]
    heads = (
        *("preset", "test error", "± by seed, by drawings", "ECE", "training"),
        *("error / notebook's", "time / notebook's"),
    )
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "--:|" * (len(heads) - 1), *rows]
    drawings = f"{len(published['class_set'])} categories × {published['drawings_per_category']}"
    source = "synthetic" if published["synthetic"] else "people's"
    told = (
        f"Means of {published['seeds']} seeds, on {drawings} {source} drawings "
        f"({published['test_drawings']:,} test drawings), {published['cores']} cores, "
        f"{published['date']}. Standard deviations of the error, in points: over the seeds, and by "
        "the choice of the drawings tested on, which the seeds share."
    )
    return "\n".join([*lines, "", told]) + "\n"


def updated(readme: str, published: Mapping[str, Any]) -> str:
    """Return a README with the table in the place that its two comments mark."""
    before, _, rest = readme.partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table(published)}\n{END}{after}"


def main() -> None:
    """Write the table of the figures as published into the README."""
    published = json.loads(FIGURES.read_text(encoding="utf-8"))
    README.write_text(updated(README.read_text(encoding="utf-8"), published), encoding="utf-8")


if __name__ == "__main__":
    main()
