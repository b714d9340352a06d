"""The store of partitions, on a disk or in an object store: each one complete, or not there."""

from qd_pipeline.storage.partition import Partition
from qd_pipeline.storage.reading import PartitionReader
from qd_pipeline.storage.staging import StagedPartition
from qd_pipeline.storage.store import PartitionStore

__all__ = [
    "Partition",
    "PartitionReader",
    "PartitionStore",
    "StagedPartition",
]
