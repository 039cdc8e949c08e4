"""A Parquet folder as its readers have it: by its manifest, and by a pattern."""

import json

import duckdb


def dataset(path="lake", **more):
    """Load into the folder."""
    return {"type": "parquet", "path": path, **more}


def manifest(worker, path="lake"):
    return json.loads((worker.data_dir / path / "_orc" / "manifest.json").read_text())


def named(worker, path="lake"):
    """List the files that the manifest names."""
    return sorted(file["path"] for file in manifest(worker, path)["files"])


def present(worker, path="lake"):
    """List the files that a pattern finds."""
    folder = worker.data_dir / path
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*.parquet"))


def rows(worker, sql="SELECT * FROM found", path="lake"):
    """Query what the pattern finds."""
    with duckdb.connect() as connection:
        connection.execute(
            f"CREATE VIEW found AS FROM read_parquet('{worker.data_dir / path}/**/*.parquet', hive_partitioning = true)"
        )
        return connection.execute(sql).fetchall()


def left(worker, path="lake"):
    """List what is in the folder beside its manifest and data."""
    return sorted(one.name for one in (worker.data_dir / path).iterdir() if one.name.startswith("."))
