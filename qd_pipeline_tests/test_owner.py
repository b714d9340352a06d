"""The name of a process: who is alive, and who may sweep whose litter."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from qd_pipeline import owner


def another_process() -> tuple[str, "subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "from qd_pipeline import owner; print(owner.token(), flush=True); input()",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    return process.stdout.readline().strip(), process


def test_this_process_is_alive() -> None:
    assert owner.is_alive(owner.token())


def test_another_process_is_alive_until_it_is_killed() -> None:
    name, process = another_process()
    assert owner.is_alive(name)
    process.kill()
    process.communicate()
    assert not owner.is_alive(name)


def test_a_process_that_has_the_number_of_a_dead_one_is_another() -> None:
    machine, number, started = owner.token().split("~")
    ticks, _, boot = started.partition("-")
    assert number == str(os.getpid())
    assert not owner.is_alive(f"{machine}~{number}~{int(ticks) - 1}-{boot}")
    assert not owner.is_alive(f"{machine}~{number}~{ticks}-00000000")


def test_a_path_is_claimed_as_long_as_its_process_lives(tmp_path: Path) -> None:
    plain = tmp_path / "drawings"
    own = owner.claim(plain)
    assert own.parent == plain.parent
    assert own != owner.claim(plain)
    own.touch()
    assert owner.is_claimed(own)
    name, process = another_process()
    others = plain.with_name(f"drawings~{name}~0123abcd")
    assert owner.is_claimed(others, silent=0)
    process.kill()
    process.communicate()
    assert not owner.is_claimed(others, silent=0)
    assert not owner.is_claimed(plain, silent=0)


def test_the_name_does_not_hang_on_the_clock() -> None:
    # Setting the clock moves the date at which a process began, but not its ticks since boot.
    ticks = Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19]
    assert owner.token().split("~")[2].startswith(f"{ticks}-")


def test_a_process_of_another_machine_is_given_a_day() -> None:
    _, number, started = owner.token().split("~")
    foreign = f"elsewhere-4026531836~{number}~{started}"
    assert owner.is_alive(foreign, silent=3600)
    assert not owner.is_alive(foreign, silent=90_000)


@pytest.mark.parametrize("name", ["", "~", "a~b~c", "machine~1~", "machine~~1", "machine~1~../x"])
def test_what_is_no_name_of_a_process_is_nobody(name: str) -> None:
    assert not owner.is_alive(name)
