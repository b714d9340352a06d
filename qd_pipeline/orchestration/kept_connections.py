"""A plugin of SQLAlchemy that keeps connections open: `postgresql://…?plugin=qd_kept_connections`.

By default Dagster opens two to five connections to PostgreSQL for each event, which took a third of
the processor time of a run of the data stages, and has no setting for it. A plugin that the address
names works in each process that reads the instance's configuration: runs, daemon and web server.
"""

from typing import Any, Final

from sqlalchemy import URL, CreateEnginePlugin, QueuePool, make_url

_NAME: Final = "qd_kept_connections"
"""As pyproject.toml names it."""


class KeptConnections(CreateEnginePlugin):
    """Replaces the pool of an engine by one that keeps two connections open.

    Dagster asks for a second one while it works with the first. One that has died is replaced when
    it is asked for, for the server may have been restarted.
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


def kept(url: str) -> str:
    """Return the address of a database with this plugin.

    >>> kept("postgresql+psycopg2://qd@db:5432/dagster")
    'postgresql+psycopg2://qd@db:5432/dagster?plugin=qd_kept_connections'
    """
    named = make_url(url).update_query_pairs([("plugin", _NAME)])
    return named.render_as_string(hide_password=False)
