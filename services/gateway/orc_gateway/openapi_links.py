"""Links of the OpenAPI document: which answer tells the id that another operation asks for."""

from typing import Any

_LINKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "createJob": (
        "job_id",
        (
            *("getJob", "changeJob", "deleteJob", "pauseJob", "resumeJob", "runJob", "listVersions"),
            *("listTicks", "whyTick", "createBackfill", "listBackfills", "getCursor", "setCursor"),
        ),
    ),
    "runJob": ("run_id", ("getRun", "listRunTasks", "listRunEvents", "cancelRun", "retryRun")),
    "createBackfill": ("backfill_id", ("getBackfill", "listBackfillRuns", "cancelBackfill")),
}
"""By the operation that makes something: the field that names it, and the operations that take it in their path."""


def add_links(operations: dict[str, dict[str, Any]]) -> None:
    """Add the links to the operations' answers; `operations` is all there are, by id."""
    for name, (field, targets) in _LINKS.items():
        answers = operations[name]["responses"]
        made = answers[min(status for status in answers if status.startswith("2"))]
        made["links"] = {
            target: {"operationId": target, "parameters": {field: f"$response.body#/{field}"}}
            for target in targets
        }
