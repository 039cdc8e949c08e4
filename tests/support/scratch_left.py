"""What workers keep in their scratch folders, which lie deeper than a path is long."""

import os


def left_of_tasks(data_dir):
    """Return the names of what tasks left there: the folders of the engine, and what makes them deep, are the worker's."""
    kept = {"lock", "engine", "target", "plain-tmp"}
    return sorted(
        name
        for _, folders, files, _ in os.fwalk(data_dir / ".scratch")
        for name in (*folders, *files)
        if name not in kept and not name.startswith(("worker-", "___", "workers"))
    )
