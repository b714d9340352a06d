"""A plugin of SQLAlchemy that keeps connections open: `postgresql://…?plugin=qd_kept_connections`.

By default Dagster opens two to five connections to PostgreSQL for each event, which took a third of
the processor time of a run of the data stages, and has no setting for it. A plugin that the address
names works in each process that reads the address: runs, daemon and web server. The address that
Dagster's Helm chart writes does not name it.
"""

import os
from collections import deque
from typing import Any, Final
from weakref import ReferenceType, ref

from sqlalchemy import URL, CreateEnginePlugin, Engine, QueuePool, make_url

_NAME: Final = "qd_kept_connections"
"""As pyproject.toml names it."""

_ENGINES: Final = 3
"""Of one instance: for its runs, its events and its schedules."""

_last: deque[ReferenceType[Engine]] = deque()
# What its parent has opened is not a child's to close.
os.register_at_fork(after_in_child=_last.clear)


class KeptConnections(CreateEnginePlugin):
    """Replaces the pool of an engine, whatever it was to be, by one that keeps two connections.

    Dagster asks for a second one while it works with the first. One that has died is replaced when
    it is asked for, for the server may have been restarted.

    A process keeps those of the instance that it opened last. A code server opens one for each tick
    of a sensor, and leaves it to the garbage collector with its connections.
    """

    def __init__(self, url: URL, kwargs: dict[str, Any]) -> None:
        super().__init__(url, kwargs)
        kwargs |= {
            "poolclass": QueuePool,
            "pool_size": 2,
            "max_overflow": 20,
            "pool_pre_ping": True,
            "pool_recycle": 60,  # some networks drop what is idle for minutes, without a word
        }

    def update_url(self, url: URL) -> URL:
        """Leave the address as it is, without the plugin's name."""
        return url

    def engine_created(self, engine: Engine) -> None:
        """Close what an earlier instance has kept."""
        _last.append(ref(engine))
        while len(_last) > _ENGINES:
            if earlier := _last.popleft()():
                earlier.dispose()


def kept(url: str) -> str:
    """Return the address of a database with this plugin.

    >>> kept("postgresql+psycopg2://qd@db:5432/dagster")
    'postgresql+psycopg2://qd@db:5432/dagster?plugin=qd_kept_connections'
    """
    named = make_url(url).update_query_pairs([("plugin", _NAME)], append=True)
    return named.render_as_string(hide_password=False)
