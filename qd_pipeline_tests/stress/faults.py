"""The table of faults: each with the tests that provoke it.

`RELIABILITY.md` states what is promised of each; `make stress` runs the full counts and prints
how often each was provoked, and how it went.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from rich.console import Console
from rich.table import Table

FAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "killed at any moment": (
        "stress/test_kill.py",
        "storage/test_local.py::test_what_a_killed_writer",
        "storage/test_local.py::test_content_that_was_stored",
    ),
    "Ctrl-C at any moment": ("cli/test_interruption.py", "orchestration/test_sigint.py"),
    "server fails for a while or for good": (
        "quickdraw/download/test_http.py::test_a_fault_that_",
        "quickdraw/download/test_http.py::test_retry_after",
        "quickdraw/download/test_http.py::test_a_refused_connection",
        "quickdraw/download/test_http.py::test_an_unknown_host",
        "quickdraw/download/test_http.py::test_a_silent_server",
        "quickdraw/download/test_http.py::test_a_download_beyond_the_deadline",
    ),
    "server sends what it should not": (
        "quickdraw/download/test_http.py::test_a_fault_that_stays_the_same",
        "quickdraw/download/test_http.py::test_a_line_without_end",
        "quickdraw/download/test_download.py::test_the_official_bucket_must",
    ),
    "file changes between two requests": (
        "quickdraw/download/test_http.py::test_a_file_that_changes",
        "quickdraw/download/test_http.py::test_a_part_of_another_file",
        "quickdraw/download/test_http.py::test_another_part",
        "quickdraw/download/test_download.py::test_the_next_run_begins_again",
    ),
    "interrupted download": (
        "quickdraw/download/test_http.py::test_a_reset_download",
        "quickdraw/download/test_download.py::test_the_next_run_resumes",
        "quickdraw/download/test_download.py::test_what_a_killed_download",
        "quickdraw/download/test_download.py::test_bytes_that_were_damaged",
    ),
    "two runs of one partition": (
        "stress/test_concurrency.py::test_two_runs",
        "storage/test_store.py::test_of_two_writers",
        "storage/test_store.py::test_writers_at_the_same_moment",
        "storage/test_local.py::test_two_writers",
        "quickdraw/download/test_download.py::test_several_at_once",
        "quickdraw/download/test_download.py::test_a_download_in_use",
    ),
    "disk full, read-only, forbidden, file-size limit": (
        "stress/test_disk.py::test_a_limit",
        "stress/test_disk.py::test_a_full_disk",
        "stress/test_disk.py::test_a_home_of",
        "stress/test_disk.py::test_a_part_of_the_home",
        "stress/test_disk.py::test_a_disk_that",
        "quickdraw/download/test_download.py::test_a_file_size_limit",
        "quickdraw/download/test_download.py::test_a_full_disk",
        "quickdraw/download/test_download.py::test_a_folder_that_may_not",
    ),
    "bad lines": (
        "quickdraw/test_strokes.py::test_a_bad_line",
        "quickdraw/test_strokes.py::test_a_truncated_last_line",
        "quickdraw/test_strokes.py::test_of_duplicates",
        "quickdraw/test_strokes.py::test_a_line_of_100_mb",
        "quickdraw/test_strokes.py::test_a_byte_order_mark",
        "quickdraw/test_strokes.py::test_every_line_is_counted",
    ),
    "mutated lines": (
        "quickdraw/test_ndjson.py::test_mutated_lines",
        "quickdraw/test_ndjson.py::test_nothing_is_read_or_written",
    ),
    "stored file cut short or with a bit turned": (
        "stress/test_disk.py::test_a_damaged_file",
        "stress/test_disk.py::test_what_is_damaged",
        "storage/test_store.py::test_a_damaged_file",
        "storage/test_store.py::test_a_manifest",
    ),
    "MLflow unreachable or dying": ("tracking/test_spool.py", "tracking/test_pending_logs.py"),
    "stores that MLflow refuses": ("tracking/test_stores.py",),
    "home moved or copied": ("tracking/test_relocation.py",),
    "training killed that held the slot of its pool": ("orchestration/test_pool.py",),
    "training killed after an epoch": (
        "stress/test_killed_training.py",
        "learning/training/test_checkpoint.py",
        "orchestration/test_chain.py::test_a_training_that_was_stopped",
    ),
    "step tried again": (
        "tracking/test_tracker.py::test_the_run_of_a_process_killed",
        "tracking/test_tracker.py::test_a_failed_run",
        "orchestration/test_data_stages.py::test_a_step_that_is_tried_again",
        "tracking/test_spool.py::test_a_run_whose_server_died_and_then_itself",
    ),
    "daemon killed in a backfill": ("stress/test_daemon.py",),
    "many partitions at once": ("stress/test_concurrency.py::test_many_partitions",),
    "model served without the checkout": (
        "stress/test_served_model.py",
        "serving/test_mlflow_model.py::test_it_carries",
    ),
    "odd clock, language, place, user, code": (
        "tracking/test_tracker.py::test_a_run_of_another_machine",
        "stress/test_conditions.py",
        "stress/test_concurrency.py::test_two_runs",
        "storage/test_lease.py",
        "storage/test_local.py::test_a_clock_that_is",
        "quickdraw/test_kernel_cache.py",
        "quickdraw/download/test_download.py::test_a_folder_with_a_long_name",
    ),
    "names and links that lead elsewhere": (
        "test_security.py::test_no_name_from_outside",
        "cli/test_refusals.py::test_a_bad_choice",
        "storage/test_store.py::test_no_name_leads",
        "storage/test_local.py::test_a_link",
        "storage/test_store.py::test_a_manifest_that_leads",
        "quickdraw/download/test_source.py::test_a_category_cannot_lead_elsewhere",
    ),
    "code in data": (
        "test_security.py::test_nothing_of_ours",
        "test_security.py::test_arrays_are_loaded",
        "learning/test_classifier.py::test_a_network_that_carries_code",
        "learning/reports/test_evaluation_report.py::test_text_from_the_data",
    ),
    "secrets in what is kept or shown": (
        "test_security.py::test_errors_show",
        "test_security.py::test_a_tracking_servers_password",
        "quickdraw/download/test_source.py::test_secrets",
        "quickdraw/download/test_source.py::test_a_password_reaches",
        "quickdraw/download/test_http.py::test_passwords_and_tokens",
        "tracking/test_credentials.py",
        "test_settings.py::test_what_may_hold_a_password",
        "test_settings.py::test_links_to_a_tracking_server",
    ),
}
"""By fault, the beginnings of the names of its tests."""


def files() -> list[str]:
    """Return the files of these tests, relative to the project's folder."""
    places = {place.partition("::")[0] for places in FAULTS.values() for place in places}
    return sorted(f"qd_pipeline_tests/{file}" for file in places)


def provokes(test: str, fault: str) -> bool:
    """Return whether a test, by its node id, provokes a fault."""
    return any(f"qd_pipeline_tests/{name}" in test for name in FAULTS[fault])


def show(outcomes: Iterable[tuple[str, str, int]]) -> None:
    """Print the table.

    Args:
        outcomes: Node id, outcome and times that it provoked its fault, of each test.
    """
    results = list(outcomes)
    table = Table("fault", "times provoked", "outcome", title="Faults provoked")
    for fault in FAULTS:
        ran = [result for result in results if provokes(result[0], fault)]
        times = sum(count for _, outcome, count in ran if outcome != "skipped")
        found = {outcome for _, outcome, _ in ran}
        said = {name: sum(outcome == name for _, outcome, _ in ran) for name in sorted(found)}
        words = ", ".join(f"{count} {name}" for name, count in said.items())
        table.add_row(fault, f"{times:,}", words or "not run")
    Console(width=100).print(table)


if __name__ == "__main__":
    Console(soft_wrap=True).print(*files(), highlight=False)
