"""The terminal that commands print on."""

import os
import re
import shlex
import shutil
import sys
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final, TextIO

from rich.console import Console
from rich.markup import escape

_WIDTH_OF_FILES: Final = 120

_REPEATED: Final = ("--home", "--class-sets")
_FEWER: Final[dict[str, tuple[str, ...]]] = {
    "--help": (),
    "categories": (),
    "clean": ("--home",),
    "networks": (),
    "send": ("--home",),
}
"""Commands that do not take both options, with those that they take."""


class Terminal(Console):
    """A console whose sentences name commands so that they can be pasted.

    `qd` stands for the program as it was started, where the shell would not find it by that name.
    A command means the same data directory and class sets as the one that prints it.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def succeed(self, sentence: str) -> None:
        """Print what was done, behind a check mark."""
        self.print(f"[green]✓[/] {escape(sentence)}")

    def warn(self, sentence: str) -> None:
        """Print a warning, behind an exclamation mark."""
        self.print(f"[bold yellow]![/] {escape(sentence)}")

    def fail(self, sentence: str) -> None:
        """Print what failed, behind a cross."""
        self.print(f"[bold red]✗[/] {escape(sentence)}")

    def print(self, *objects: Any, **options: Any) -> None:
        """Print sentences, which the terminal wraps, and tables.

        A sentence that Rich wraps would be pasted with line breaks inside of its commands.
        """
        if all(isinstance(each, str) for each in objects):
            options.setdefault("soft_wrap", True)
        super().print(
            *(pasteable(each) if isinstance(each, str) else each for each in objects), **options
        )


def terminal() -> Terminal:
    """Return the terminal, or its stand-in, wide enough for tables.

    Dagster sends file descriptor 1 to a log while a step runs. The terminal is a duplicate of it,
    so that progress bars go on moving.
    """
    try:
        file: TextIO = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1, encoding="utf-8")
    except (OSError, ValueError):  # a stream without a descriptor, as a test's
        file = sys.stdout
    return Terminal(file=file, width=None if file.isatty() else _WIDTH_OF_FILES)


def pasteable(text: str) -> str:
    """Return a sentence with each command (`qd run`) as the shell finds it.

    >>> pasteable("train one with `qd run`")
    'train one with `qd run`'
    """
    return re.sub(r"`qd ([a-z-]+)([^`]*)`", _as_here, text)


def _as_here(command: re.Match[str]) -> str:
    """Return a command with the program and the options that this one was started with."""
    name, rest = command.groups()
    given = [word for option in _FEWER.get(name, _REPEATED) for word in _given(option)]
    options = shlex.join(given)
    return f"`{_program()} {name}{rest}{' ' * bool(options)}{options}`"


def _given(option: str) -> list[str]:
    """Return an option of this command line with its value; nothing if it was not given."""
    arguments = sys.argv[1:]
    for place, each in enumerate(arguments):
        if each == option:
            return arguments[place : place + 2]
        if each.startswith(f"{option}="):
            return [each]
    return []


@cache
def _program() -> str:
    own, found = Path(sys.argv[0]), shutil.which("qd")
    if own.name != "qd" or not own.is_file() or (found and Path(found).samefile(own)):
        return "qd"
    return shlex.quote(short(own))


def short(path: Path) -> str:
    """Return a path relative to the working directory where it lies below."""
    with suppress(FileNotFoundError, ValueError):  # which was removed, or is another one
        return str(path.relative_to(Path.cwd()))
    return str(path)
