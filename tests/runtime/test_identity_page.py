"""docs/identity.md names every scope, role and open route there is."""

from pathlib import Path
from typing import get_args

from orc_runtime.access import SCOPES
from orc_runtime.principal import Role

PAGE = (Path(__file__).parents[2] / "docs" / "identity.md").read_text()


def test_scopes():
    """As they are declared, with what each opens."""
    table = "".join(f"| `{scope}` | {meaning} |\n" for scope, meaning in SCOPES.items())
    assert f"| scope | opens |\n|---|---|\n{table}\n" in PAGE


def test_roles():
    """In their order."""
    places = [PAGE.index(f"\n| {role} | ") for role in get_args(Role)]
    assert places == sorted(places)
