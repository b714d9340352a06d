"""What a user can get wrong ends in one clear message and a non-zero exit."""

import re
import shlex
import sys
from pathlib import Path

import pytest
import typer

from qd_pipeline.cli import app, main
from qd_pipeline.cli.terminal import pasteable
from qd_pipeline.quickdraw.sample import ndjson_lines
from qd_pipeline.storage import PartitionStore
from qd_pipeline_tests.cli.in_process import qd
from qd_pipeline_tests.homes import prepare


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home to this process, and its environment back afterwards."""
    monkeypatch.setenv("QD_HOME", str(tmp_path / "home"))
    for name in ("QD_SOURCE", "QD_CLASS_SETS", "DAGSTER_HOME"):
        # What the command sets is undone with what was set before it.
        monkeypatch.setenv(name, "")
    return tmp_path / "home"


def refusal(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> str:
    """Run a command that must fail, and give all that it said."""
    monkeypatch.setattr(sys, "argv", ["qd", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code not in {0, None}
    said = capfd.readouterr()
    assert "Traceback" not in said.err + said.out
    return " ".join((said.out + said.err).split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "--source", "ftp://example.org/x"], "is not a source"),
        (["run", "--source", "/data/quickdraw"], "a folder is written as a URL"),
        (["run", "--class-set", "3"], "class set '3' is not known: give one of 2, 4, 8"),
        (["run", "--class-set", ""], "class set '' is not known"),
        (["run", "--drawings", "0"], "drawings is '0': give a whole number from 1, or 'all'"),
        (["run", "--drawings", "-5"], "drawings is '-5'"),
        (["run", "--drawings", "many"], "drawings is 'many'"),
        (["run", "--epochs", "0"], "epochs is 0: give a whole number from 1"),
        (["run", "--epochs", "-1"], "epochs is -1"),
        (["run", "--batch-size", "0"], "batch size is 0"),
        (["run", "--learning-rate", "0"], "learning rate is 0.0"),
        (["run", "--learning-rate", "nan"], "learning rate is nan"),
        (["run", "--seed", "-1"], "seed is -1"),
        (["run", "--network", "resnet"], "'resnet'"),
        (["run", "--epochs", "many"], "should be a valid integer"),
        (["run", "--class-sets", "nowhere.toml"], "nowhere.toml cannot be read"),
        (["run", "--class-sets", "no[/b]where.toml"], "no[/b]where.toml cannot be read"),
        (["make", "classifiers", "2,4"], "class set '2,4' is not known: give one of 2, 4, 8"),
        (["compare", "--runs", "0"], "runs is 0: give a whole number from 1"),
        (["search", "2", "--workers", "0"], "workers is 0: give a whole number from 1"),
        (["make", "pictures", "cow"], "stage 'pictures' is not known"),
        (
            ["make", "strokes", "elefant"],
            "category 'elefant' is not one of the 345: did you mean elephant, peanut, helmet?",
        ),
        (["make", "classifiers", "3"], "class set '3' is not known"),
        (["make", "strokes", "../../cow"], "is not one of the 345"),
        (["make", "../strokes", "cow"], "stage '../strokes' is not known"),
        (["make", "classifiers", "../2"], "class set '../2' is not known"),
        (["run", "--class-set", "../2"], "class set '../2' is not known"),
        (["run", "--source", "file://elsewhere/etc"], "does not name a folder of this machine"),
        (
            ["run", "--source", "ftp://me:topsecret@example.org/"],
            "source '***@example.org/' is not",
        ),
        (["run", "--class-sets", "/etc/passwd"], "class sets file /etc/passwd is not TOML"),
        (["run", "--network", "../seed_cnn"], "network is '../seed_cnn': give 'auto', "),
    ],
)
def test_a_bad_choice_is_refused_in_one_sentence(
    home: Path,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    said = refusal(arguments, monkeypatch, capfd)
    assert sentence in said
    assert "topsecret" not in said
    assert {entry.name for entry in home.parent.iterdir()} <= {"home"}
    assert not (home / "store").exists()


def test_a_home_that_cannot_be_made_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("QD_HOME", str(tmp_path / "file" / "home"))
    monkeypatch.setenv("QD_SOURCE", "")
    assert "cannot be written" in refusal(["run"], monkeypatch, capfd)


def refused_chain(home: Path, source: str) -> str:
    """Run the chain of two categories, which must fail."""
    refused = qd("run", "--class-set", "2", "--source", source, "--home", prepare(home))
    assert refused.code == 1
    assert "Traceback" not in refused.said
    return refused.said


def test_a_mirror_that_lacks_a_file_is_named_and_the_others_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "mirror" / "full" / "simplified"
    folder.mkdir(parents=True)
    (folder / "panda.ndjson").write_bytes(b"".join(ndjson_lines("panda", 10, 0)))
    said = refused_chain(tmp_path / "home", (tmp_path / "mirror").as_uri())
    assert "cow.ndjson cannot be read" in said
    assert "class set 2 needs cow, which failed" in said
    store = PartitionStore((tmp_path / "home" / "store").as_uri())
    assert [store.keys(stage) for stage in ("bitmaps", "classifiers")] == [["panda"], []]


def test_no_network_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QD_HTTP_ATTEMPTS", "3")
    monkeypatch.setenv("QD_HTTP_BACKOFF", "0.1")
    said = refused_chain(tmp_path / "home", "http://no-such-host.invalid/")
    server = "http://no-such-host.invalid"
    assert said.count(f"! {server} has a host name") == 1
    assert said.count(f"✗ {server} cannot be reached in 3 attempts (it has a host name") == 1
    assert said.count(server) == 2
    assert said.split("✗")[-1].endswith("then run the same command again.")
    log = (tmp_path / "home" / "logs" / "failures.log").read_text(encoding="utf-8")
    assert re.findall(r"qd run (\w+) failed: ", log) == ["cow", "panda", "2"]
    assert PartitionStore((tmp_path / "home" / "store").as_uri()).keys("strokes") == []


def test_a_command_that_is_named_means_the_data_directory_that_was_given(
    home: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    other = home / "two words"
    for given in (["--home", str(other)], [f"--home={other}"]):
        said = refusal(["report", *given], monkeypatch, capfd)
        (command,) = re.findall(r"`(qd run[^`]*)`", said)
        assert shlex.split(command)[-len(given) :] == given
    assert "--home" not in refusal(["report"], monkeypatch, capfd)


@pytest.mark.parametrize("name", typer.main.get_command(app).commands)  # type: ignore[attr-defined]
def test_a_command_is_named_with_the_options_that_it_takes_alone(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["qd", "run", "--home", "there", "--class-sets", "own.toml"])
    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"--\S+", pasteable(f"`qd {name}`"))) == known & {
        "--home",
        "--class-sets",
    }
