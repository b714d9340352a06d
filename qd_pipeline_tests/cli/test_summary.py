"""What a command says at its end."""

import io
from pathlib import Path

from qd_pipeline.cli import summary
from qd_pipeline.cli.terminal import Terminal
from qd_pipeline_tests.orchestration.chain import runner


def test_of_many_failures_the_first_are_shown_and_the_cause_stands_last(tmp_path: Path) -> None:
    made = runner(tmp_path)
    made.failures = {"cow": "The source does not answer."}
    made.failures |= {str(number): f"Class set {number} needs cow." for number in range(30)}
    said = io.StringIO()
    summary.show_failures(Terminal(file=said, width=80), made)
    *sentences, more = said.getvalue().splitlines()
    assert sentences[0] == "✗ Class set 18 needs cow."
    assert sentences[-1] == "✗ The source does not answer."
    assert more == "11 more have failed: see Dagster's UI."
