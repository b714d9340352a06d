"""Connections to Dagster's database stay open, by an address that names the plugin."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import NullPool, create_engine, event, text

from qd_pipeline.orchestration.kept_connections import kept


def test_two_connections_are_kept_where_dagster_asks_for_none(tmp_path: Path) -> None:
    opened = []
    engine = create_engine(kept(f"sqlite:///{tmp_path / 'runs.db'}"), poolclass=NullPool)
    event.listen(engine, "connect", lambda connection, _record: opened.append(connection))
    for _ in range(3):
        with engine.connect() as outer, engine.connect() as inner:
            assert [each.execute(text("SELECT 1")).scalar() for each in (outer, inner)] == [1, 1]
    assert len(opened) == 2


def test_a_connection_that_has_died_is_replaced(tmp_path: Path) -> None:
    engine = create_engine(kept(f"sqlite:///{tmp_path / 'runs.db'}"), poolclass=NullPool)
    opened: list[Any] = []
    event.listen(engine, "connect", lambda connection, _record: opened.append(connection))
    for _ in range(2):
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    (first,) = opened
    assert isinstance(first, sqlite3.Connection)
    first.close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
    assert len(opened) == 2


def test_a_process_keeps_the_connections_of_the_instance_that_it_opened_last(
    tmp_path: Path,
) -> None:
    closed: list[Any] = []
    engines = []
    for number in range(9):
        engine = create_engine(kept(f"sqlite:///{tmp_path / 'runs.db'}"), poolclass=NullPool)
        event.listen(engine, "close", lambda connection, _record: closed.append(connection))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar() == 1
        engines.append(engine)
        assert len(closed) == max(0, number - 2)
    # An earlier one can still be asked.
    with engines[0].connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar() == 1
