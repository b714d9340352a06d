"""`qd send`: send what was logged while MLflow did not answer."""

from qd_pipeline.cli.options import HomeOption, load
from qd_pipeline.cli.terminal import terminal


def send(home: HomeOption = None) -> None:
    """Send to MLflow what was logged while it did not answer."""
    settings = load(home=home)
    from qd_pipeline import stores  # noqa: PLC0415 (see `options`)

    sent = stores.tracker(settings).send_waiting()
    said = f"what {sent} runs logged is sent." if sent else "nothing waits to be sent."
    terminal().succeed(f"MLflow answers: {said}")
