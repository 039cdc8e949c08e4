"""SQL statements live in files, one each; this reads them."""

from importlib.resources import files


def load(package: str, name: str, folder: str = "sql") -> str:
    """Return the text of `<package>/<folder>/<name>.sql`; raises FileNotFoundError when there is none."""
    return files(package).joinpath(folder, f"{name}.sql").read_text(encoding="utf-8")
