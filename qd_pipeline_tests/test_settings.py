"""Settings from the environment."""

from pathlib import Path

import pytest

from qd_pipeline.errors import BadSetting, HomeFailed
from qd_pipeline.settings import Settings


def test_nothing_set_means_the_sample_in_the_projects_own_home() -> None:
    settings = Settings.from_environment({})
    assert settings.home == Path.cwd() / ".qd"
    assert settings.source == "sample"
    assert set(settings.class_sets) == {"2", "4", "8"}
    assert settings.tracking_uri == f"sqlite:///{Path.cwd()}/.qd/mlflow.db"
    assert settings.mlflow_ui == "http://127.0.0.1:5000"


def test_a_tracking_server_has_pages_of_its_own() -> None:
    settings = Settings.from_environment({"MLFLOW_TRACKING_URI": "https://mlflow.example.org"})
    assert settings.mlflow_ui == "https://mlflow.example.org"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "x", "5000 "])
def test_a_port_that_is_none_is_refused(port: str) -> None:
    with pytest.raises(BadSetting, match="QD_MLFLOW_PORT"):
        Settings.from_environment({"QD_MLFLOW_PORT": port})


def test_a_home_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings.from_environment({"QD_HOME": str(tmp_path / "file" / "home")})
    with pytest.raises(HomeFailed, match="cannot be written"):
        settings.prepare_home()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("QD_SCHEDULE_TIME", "25:00"),
        ("QD_SCHEDULE_TIME", "noon"),
        ("QD_SCHEDULE_WEEKDAY", "Caturday"),
        ("QD_SCHEDULE_ZONE", "Europe/Atlantis"),
        ("QD_SCHEDULE_ZONE", "../etc/passwd"),
        ("QD_PROMOTION_MARGIN", "0"),
        ("QD_PROMOTION_MARGIN", "nan"),
        ("QD_WEBHOOK_URL", "file:///etc/passwd"),
        ("QD_WEBHOOK_URL", "https://"),
        ("QD_WEBHOOK_URL", "http://[::1"),
        ("MLFLOW_TRACKING_URI", "http://[::1"),
        ("QD_HOME", "~nobody-of-this-name/home"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(BadSetting, match=name):
        Settings.from_environment({name: text})


def test_the_schedules_tick_when_they_are_told_to() -> None:
    settings = Settings.from_environment(
        {
            "QD_SCHEDULE_TIME": "21:05",
            "QD_SCHEDULE_WEEKDAY": "Friday",
            "QD_SCHEDULE_ZONE": "Asia/Tokyo",
        }
    )
    timetable = settings.timetable
    assert (timetable.daily, timetable.weekly) == ("5 21 * * *", "5 21 * * 5")
    assert timetable.zone == "Asia/Tokyo"


@pytest.mark.parametrize("host", ["example.org", "::1", "0.0.0.0/0", "127.0.0.1:80"])
def test_a_host_that_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(BadSetting, match="QD_UI_HOST"):
        Settings.from_environment({"QD_UI_HOST": host})


def test_links_to_a_tracking_server_hold_no_password() -> None:
    uri = "https://me:secret@mlflow.example.org:8080/base"
    settings = Settings.from_environment({"MLFLOW_TRACKING_URI": uri})
    assert settings.mlflow_ui == "https://mlflow.example.org:8080/base"


@pytest.mark.parametrize("name", ["what?", "a#b", "50%", "x" * 200 + "/" + "y" * 200])
def test_a_home_that_sqlite_cannot_name_is_told(tmp_path: Path, name: str) -> None:
    settings = Settings.from_environment({"QD_HOME": str(tmp_path / name)})
    with pytest.raises(BadSetting, match="QD_HOME"):
        settings.prepare_home()
    assert list(tmp_path.iterdir()) == []
