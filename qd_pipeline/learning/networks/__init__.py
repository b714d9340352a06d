"""Network architectures: functions that build untrained networks, in a registry.

To add a network, write a function of the class count and of what it takes in: `side` for
bitmaps, `length` for sequences, or both, with the values that it is trained on as defaults; and
decorate it with `@network`, in a module that is imported here. Its name is then a setting
everywhere, and so is the width of its hidden dense layer if it has an argument `units`. Its last
layer is a dense softmax (`build` checks it). Its docstring states its origin, its parameters and
its cost; measured accuracies stand in `docs/benchmarks/learning.json` alone.
"""

from qd_pipeline.learning.networks import bitmap, stroke
from qd_pipeline.learning.networks.input_spec import InputSpec
from qd_pipeline.learning.networks.registry import (
    NETWORKS,
    UNITS,
    build,
    check_name,
    check_units,
    default_units,
    input_spec,
    network,
)

__all__ = [
    "NETWORKS",
    "UNITS",
    "InputSpec",
    "bitmap",
    "build",
    "check_name",
    "check_units",
    "default_units",
    "input_spec",
    "network",
    "stroke",
]
