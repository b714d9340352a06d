"""Have Dagster's daemon look for backfills every other second, not every half minute.

Python imports this at its start where the folder is on `PYTHONPATH`; Dagster has no setting for it.
"""

import sys

if any(argument.endswith("dagster-daemon") for argument in sys.orig_argv):
    from dagster._daemon import controller

    controller.DEFAULT_DAEMON_INTERVAL_SECONDS = 2
