"""`qd` in processes of its own, as many as one likes: to be killed, limited, run as others.

A command takes seconds to import what it needs. So one process imports it all once, starts
nothing, and each command is a fork of it (`multiprocessing`'s fork server): a real process
with its own number, environment, limits and end.
"""

import atexit
import ctypes
import multiprocessing
import multiprocessing.forkserver
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

ROOT = Path(__file__).parents[1]

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["qd_pipeline_tests.preloaded"])


@dataclass
class Command:
    """A command under way, or done.

    Attributes:
        process: Its process.
        output: The file that gets all that it prints.
    """

    process: BaseProcess
    output: Path

    @property
    def printed(self) -> str:
        return self.output.read_text(encoding="utf-8") if self.output.exists() else ""

    @property
    def said(self) -> str:
        """What it has printed, without the breaks of lines."""
        return " ".join(self.printed.split())

    def kill(self) -> None:
        """Kill it with SIGKILL, and see it end."""
        self.process.kill()
        self.process.join()

    def end(self, seconds: float = 300) -> int:
        """See it end, and give its exit code."""
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.kill()
            raise TimeoutError(self.printed)
        return self.process.exitcode

    def wait_for(self, text: str, seconds: float = 300) -> None:
        """Wait until it has printed something, or has ended."""
        deadline = time.monotonic() + seconds
        while text not in self.printed and self.process.is_alive():
            assert time.monotonic() < deadline, self.printed
            time.sleep(0.01)


@contextmanager
def qd(
    output: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    privileged: bool = True,
    largest_file: int | None = None,
    folder: Path = ROOT,
) -> Iterator[Command]:
    """Start `qd` with arguments; it is killed if it still runs when the block ends.

    Args:
        output: File for what it prints.
        arguments: The command line after `qd`.
        environment: Variables that it has beside those of the tests.
        privileged: Whether root may do what a file's owner and permissions forbid, as it can.
        largest_file: Limit of the size of files, in bytes.
        folder: Where it runs.
    """
    arguments_of_it = (str(output), list(arguments), dict(environment or {}))
    process = start(_run, *arguments_of_it, privileged, largest_file, folder)
    command = Command(process, output)
    try:
        yield command
    finally:
        command.kill()


def start(target: Callable[..., object], *arguments: object) -> BaseProcess:
    """Start a function in a process of its own.

    Args:
        target: A function of a module that can be imported.
        arguments: Its arguments, which can be pickled.
    """
    before = os.environ.get("PYTHONPATH")
    # The fork server, which this starts unless it runs, imports the tests.
    os.environ["PYTHONPATH"] = str(ROOT)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    try:
        multiprocessing.forkserver.ensure_running()
    finally:
        os.environ.pop("PYTHONPATH") if before is None else os.environ.update(PYTHONPATH=before)
    process = processes.Process(target=target, args=arguments)
    process.start()
    return process


def _drop_capabilities() -> None:
    """Return up Linux's privileges of root; version 3 of the call takes two sets of three words."""
    version, nothing = 0x20080522, (ctypes.c_uint32 * 6)()
    header = (ctypes.c_uint32 * 2)(version, 0)
    if ctypes.CDLL(None, use_errno=True).capset(header, nothing):
        raise OSError(ctypes.get_errno(), "capset")


def _run(
    output: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    privileged: bool,  # noqa: FBT001 (a process's arguments have no names)
    largest_file: int | None,
    folder: Path,
) -> None:
    atexit._clear()  # those of the process that this one is a fork of
    handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
    for stream in (1, 2):
        os.dup2(handle, stream)
    os.chdir(folder)
    # A test that had a tracker before the server started left its store's address to it.
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    os.environ.update(environment)
    time.tzset()
    if largest_file is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
    if not privileged:
        _drop_capabilities()
    sys.argv = ["qd", *arguments]
    from qd_pipeline.cli import main  # noqa: PLC0415 (imported already, where this forks from)

    try:
        main()
    finally:
        # `multiprocessing` ends its processes without them.
        atexit._run_exitfuncs()
