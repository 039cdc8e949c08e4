"""The house's own rules, checked."""

import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("libs/*/*"), *ROOT.glob("services/*/*"), ROOT / "cli" / "orc"]
LINES_MAX = 300
FORBIDDEN_NAMES = {"utils", "util", "common", "core", "helpers", "misc"}


def python_files(*folders: Path) -> list[Path]:
    return [path for folder in folders for path in folder.rglob("*.py")]


def test_boundaries_between_packages_hold():
    """No service imports another, the libraries know no service, the domain is pure."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_files_stay_small():
    """No source file is longer than 300 lines."""
    files = python_files(*SOURCES, ROOT / "tests", ROOT / "benchmarks", ROOT / "release")
    assert [
        str(path.relative_to(ROOT)) for path in files if len(path.read_text().splitlines()) > LINES_MAX
    ] == []


def test_no_folder_or_module_is_a_drawer():
    """Nothing is named utils, common, core or helpers."""
    assert [path for path in python_files(*SOURCES) if {path.stem, *path.parts} & FORBIDDEN_NAMES] == []


def test_the_domain_reads_no_clock_and_draws_no_chance():
    """In the domain, time and identity are arguments (rule 7)."""
    forbidden = {"now", "utcnow", "today", "uuid4", "uuid1", "uuid7", "random", "time_ns", "monotonic"}
    found = []
    for path in python_files(ROOT / "libs" / "domain"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = (
                    node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
                )
                if name in forbidden:
                    found.append(f"{path.name}:{node.lineno} {name}")
    assert found == []


def test_statements_open_with_a_sentence_and_are_single():
    """Every SQL file that code loads holds one statement with a comment on top that says what it is for."""
    files = [
        path for folder in SOURCES for name in ("sql", "queries") for path in folder.rglob(f"{name}/*.sql")
    ]
    assert files
    assert [path.name for path in files if not path.read_text().lstrip().startswith("--")] == []


def test_repository_names_no_machine_and_no_registry():
    """No file that is kept holds a machine's path or a package registry's address."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    words = [f"/{name}/" for name in ("work", "farm", "root")] + [
        "py" + "pi.org",
        "python" + "hosted.org",
    ]
    found = []
    for name in filter(None, tracked):
        path = ROOT / name
        if path.suffix in {".gz", ".parquet"} or not path.is_file():
            continue
        text = path.read_text(errors="replace")
        found += [f"{name}: {word}" for word in words if word in text]
    assert found == []
