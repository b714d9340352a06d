"""`qd draw`: the page for drawing."""

import contextlib
import signal
import socket
from typing import TYPE_CHECKING

from qd_pipeline.cli.options import ClassSetsOption, HomeOption, load
from qd_pipeline.cli.terminal import terminal
from qd_pipeline.errors import BadSetting

if TYPE_CHECKING:
    from starlette.applications import Starlette


def draw(class_sets: ClassSetsOption = None, home: HomeOption = None) -> None:
    """Start a web page on this machine to draw on; the champion classifies what is drawn."""
    settings = load(home=home, class_sets=class_sets)
    listening = _listen(settings.draw_port)
    # They are slow to import, and a port that is taken should be told at once.
    from qd_pipeline.serving.drawing_page import build  # noqa: PLC0415
    from qd_pipeline.serving.model_cache import ModelCache  # noqa: PLC0415
    from qd_pipeline.serving.own_drawings import OwnDrawings  # noqa: PLC0415

    console = terminal()
    console.print(f"Draw  http://127.0.0.1:{settings.draw_port}")
    console.print("Ctrl-C stops it.")
    _serve(build(ModelCache(settings), OwnDrawings(settings.home)), listening)
    console.print("Stopped.")


def _listen(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
        # Taken from now on, though the page takes some seconds to load.
        listening.listen()
    except OSError as error:
        listening.close()
        raise BadSetting(
            f"port {port}",
            f"cannot be used ({error.strerror})",
            "stop what uses it, or set QD_DRAW_PORT to another port",
        ) from error
    return listening


def _serve(app: "Starlette", listening: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 (as above)

    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=2)
    # Once it has shut down, uvicorn raises the signal again; also where SIGINT was ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])
