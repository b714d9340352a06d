"""Settings: from options, the environment and a TOML file, in this order."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qd_pipeline.errors import BadSetting
from qd_pipeline.settings import Settings


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the settings file that the environment names."""
    monkeypatch.setenv("QD_SETTINGS", str(tmp_path / "settings.toml"))
    return tmp_path / "settings.toml"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    """Work in another directory while a test runs."""
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


def test_nothing_set_means_the_sample_in_the_projects_own_home() -> None:
    settings = Settings.load()
    assert settings.home == Path.cwd() / ".qd"
    assert settings.source == "sample"
    assert set(settings.class_sets) == {"2", "4", "8"}
    assert settings.store_url == f"file://{Path.cwd()}/.qd/store"
    assert settings.mlflow_uri == f"sqlite:///{Path.cwd()}/.qd/mlflow.db"
    assert settings.mlflow_ui == "http://127.0.0.1:5000"


def test_options_win_over_the_environment_and_the_environment_over_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(
        "drawings = 1\nepochs = 1\npromotion_margin = 0.5\n"
        '[schedule]\ntime = "01:00"\nweekday = "friday"\n[http]\nattempts = 1\n'
        '[class_sets]\nown = ["cow", "shark"]\n'
    )
    monkeypatch.setenv("QD_DRAWINGS", "2")
    monkeypatch.setenv("QD_EPOCHS", "2")
    monkeypatch.setenv("QD_SCHEDULE_TIME", "02:00")
    settings = Settings.load(drawings="3", epochs=None)
    assert (settings.drawings, settings.epochs, settings.promotion_margin) == (3, 2, 0.5)
    assert settings.schedule.weekly == "0 2 * * 5"
    assert settings.limits.attempts == 1
    assert settings.class_sets == {"own": ("cow", "shark")}


def test_an_empty_variable_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("QD_DRAWINGS", "QD_SOURCE", "QD_SETTINGS", "MLFLOW_TRACKING_URI"):
        monkeypatch.setenv(name, "")
    assert Settings.load() == Settings()


def test_a_settings_file_may_begin_with_a_byte_order_mark(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbfdrawings = 'all'\n")
    assert Settings.load().drawings == "all"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("drawings = 0", "drawings in settings file {} is '0': give a whole number"),
        ("drawing = 5", "settings file {} has the unknown name 'drawing': write lines like"),
        ("[schedule]\ntimes = 5", "schedule.times in settings file {} is not a setting: set QD_S"),
        ("[http]\nattempts = 0", "http.attempts in settings file {} is '0': give a whole number"),
        ("[class_sets]\n2 = ['cow']", "class set '2' has 1 categories"),
        ("class_sets = 3", "class_sets in settings file {} is '3': name a TOML file, or give JSON"),
        ("drawings = = 5", "settings file {} is not TOML (Invalid value"),
        ("\xff", "settings file {} is not TOML ('utf-8'"),
        (None, "QD_SETTINGS {} is not a file: name a TOML file"),
    ],
)
def test_what_is_wrong_with_a_settings_file_is_one_sentence_that_names_it(
    file: Path, content: str | None, sentence: str
) -> None:
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    assert sentence.format(file) in str(refused.value)


@pytest.mark.parametrize(
    ("name", "text", "remedy"),
    [
        ("QD_DAGSTER_PORT", "0", "give a port from 1 to 65535"),
        ("QD_MLFLOW_PORT", "65536", "give a port from 1 to 65535"),
        ("QD_MLFLOW_PORT", "-1", "give a port from 1 to 65535"),
        ("QD_DRAW_PORT", "x", "give a port from 1 to 65535"),
        ("QD_DRAWINGS", "-3", "give a whole number from 1, or 'all'"),
        ("QD_DRAWINGS", "1.5", "give a whole number from 1, or 'all'"),
        ("QD_EPOCHS", "0", "give a whole number from 1"),
        ("QD_CLASS_SETS", "{2", "name a TOML file, or give JSON"),
        ("QD_SCHEDULE_TIME", "25:00", "give hour and minute, like 06:00"),
        ("QD_SCHEDULE_TIME", "noon", "give hour and minute, like 06:00"),
        ("QD_SCHEDULE_WEEKDAY", "Caturday", "give one of sunday, monday"),
        ("QD_SCHEDULE_ZONE", "Europe/Atlantis", "give a time zone like Europe/Berlin"),
        ("QD_SCHEDULE_ZONE", "../etc/passwd", "give a time zone like Europe/Berlin"),
        ("QD_SCHEDULE", "daily", "set QD_SCHEDULE_TIME"),
        ("QD_HTTP_ATTEMPTS", "0", "give a whole number from 1"),
        ("QD_HTTP_READ_TIMEOUT", "inf", "give a number above 0"),
        ("QD_PROMOTION_MARGIN", "0", "give a share above 0 and below 1"),
        ("QD_PROMOTION_MARGIN", "nan", "give a share above 0 and below 1"),
        ("QD_ABANDONED_AFTER", "0", "give a number of seconds above 0"),
        ("QD_WEBHOOK_URL", "file:///etc/passwd", "give an address that begins with https://"),
        ("QD_WEBHOOK_URL", "https://", "give an address that begins with https://"),
        ("QD_WEBHOOK_URL", "http://[::1", "give an address that begins with https://"),
        ("QD_DAGSTER_STORAGE", "mysql://db/x", "give an address like postgresql://"),
        ("QD_DAGSTER_STORAGE", "postgresql://db", "give an address like postgresql://"),
        ("QD_ENGINE", "spark", "give 'local', 'ray', 'k8s' or 'celery'"),
        ("QD_ENGINE_RUNS", "0", "give a whole number from 1"),
        ("QD_PUBLIC_MLFLOW", "mlflow", "give an address that begins with https://"),
        ("QD_UI_HOST", "example.org", "give an IPv4 address of this machine"),
        ("QD_UI_HOST", "::1", "give an IPv4 address of this machine"),
        ("QD_UI_HOST", "0.0.0.0/0", "give an IPv4 address of this machine"),
        ("QD_UI_HOST", "127.0.0.1:80", "give an IPv4 address of this machine"),
        ("QD_PUBLIC_HOST", "https://example.org", "give a host name or an address"),
        ("QD_HOME", "~nobody-of-this-name/home", "give its whole path"),
        ("MLFLOW_TRACKING_URI", "http://[::1", "set it to an address like https://"),
        ("MLFLOW_TRACKING_URI", "example.org:5000", "set it to http://example.org:5000"),
        ("MLFLOW_TRACKING_URI", "./mlruns", "set it to sqlite:///FILE"),
    ],
)
def test_a_setting_that_is_not_valid_is_refused_in_one_sentence_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, remedy: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(BadSetting) as refused:
        Settings.load()
    assert refused.value.culprit == name
    assert refused.value.remedy.startswith(remedy)
    assert "\n" not in str(refused.value)


def test_an_option_that_is_not_valid_is_refused_by_its_own_name() -> None:
    with pytest.raises(BadSetting, match=r"^drawings is '0': give a whole number"):
        Settings.load(drawings="0")


SECRET = "http://me:topsecret-" + "and-long" * 10


@pytest.mark.parametrize("name", ["source", "store", "tracking_uri", "webhook_url"])
def test_what_may_hold_a_password_is_not_shown_when_it_is_refused(file: Path, name: str) -> None:
    for value in (f"['{SECRET}@host']", f"'ftp{SECRET}'"):
        file.write_text(f"{name} = {value}")
        try:
            Settings.load()
        except BadSetting as refused:
            assert "topsecret" not in str(refused)  # noqa: PT017 (some are refused later)


def test_the_schedules_tick_when_they_are_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QD_SCHEDULE_TIME", "21:05")
    monkeypatch.setenv("QD_SCHEDULE_WEEKDAY", "Friday")
    monkeypatch.setenv("QD_SCHEDULE_ZONE", "Asia/Tokyo")
    schedule = Settings.load().schedule
    assert (schedule.daily, schedule.weekly) == ("5 21 * * *", "5 21 * * 5")
    assert schedule.zone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://mlflow.example.org", "https://mlflow.example.org"),
        ("https://me:secret@mlflow.example.org:8080/base", "https://mlflow.example.org:8080/base"),
        ("http://mlflow.example.org:5000/", "http://mlflow.example.org:5000"),
        ("http://0.0.0.0:5000", "http://127.0.0.1:5000"),
        ("http://[::]:5000", "http://127.0.0.1:5000"),
    ],
)
def test_links_to_a_tracking_server_hold_no_password(uri: str, shown: str) -> None:
    assert Settings.load(tracking_uri=uri).mlflow_ui == shown


@pytest.mark.parametrize(
    ("settings", "host"),
    [
        ({"ui_host": "0.0.0.0"}, "127.0.0.1"),  # noqa: S104 (what it means)
        ({"ui_host": "192.0.2.7"}, "192.0.2.7"),
        ({"ui_host": "0.0.0.0", "public_host": "qd.example.org"}, "qd.example.org"),  # noqa: S104
        ({"public_host": "qd.example.org"}, "qd.example.org"),
    ],
)
def test_links_name_an_address_that_a_browser_can_open(settings: dict[str, str], host: str) -> None:
    assert Settings.load(**settings).mlflow_ui == f"http://{host}:5000"


@pytest.mark.parametrize("tracking_uri", [None, "http://mlflow:5000"])
def test_links_to_mlflow_may_have_an_address_of_their_own(tracking_uri: str | None) -> None:
    settings = Settings.load(public_mlflow="https://qd.example/mlflow/", tracking_uri=tracking_uri)
    assert settings.mlflow_ui == "https://qd.example/mlflow"


def test_a_child_process_reads_the_very_same_settings(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / "settings.toml").write_text(
        "epochs = 4\n[http]\nread_timeout = 2.5\n[class_sets]\nown = ['cow', 'The Eiffel Tower']\n"
    )
    monkeypatch.setenv("QD_SETTINGS", "settings.toml")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@mlflow.example.org")
    monkeypatch.setenv("QD_WEBHOOK_URL", "https://example.org/hook")
    settings = Settings.load(home="data", drawings="all")
    child = settings.child_environment()
    assert child["PATH"] == os.environ["PATH"]
    (elsewhere / "other").mkdir()
    os.chdir(elsewhere / "other")
    for name in list(os.environ):
        monkeypatch.delenv(name)
    for name, text in child.items():
        monkeypatch.setenv(name, text)
    assert Settings.load() == settings


@pytest.mark.parametrize("name", ["what?", "a#b", "50%", "x" * 200 + "/" + "y" * 200])
def test_a_home_that_sqlite_cannot_name_is_told(tmp_path: Path, name: str) -> None:
    settings = Settings.load(home=tmp_path / name)
    with pytest.raises(BadSetting, match="QD_HOME"):
        settings.prepare_home()
    assert list(tmp_path.iterdir()) == []
