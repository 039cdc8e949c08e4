"""
What the OpenAPI document allows and forbids, asked by Schemathesis with every check it has, as each role.

    by default          about fifty requests for each, in seconds: examples, random ones, and chains along the links
    ORC_FUZZ_CASES=n    about n for each, and every boundary of every parameter (`make fuzz`)
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import msgspec
import pytest
from gateway.people import first_admin, key, person
from gateway.test_task_preview import SHOWN

from orc_domain.previews import PreviewShown
from orc_gateway.openapi import document

CASES = int(os.environ.get("ORC_FUZZ_CASES", "50"))
PHASES = "examples,fuzzing,stateful" if CASES <= 1000 else "examples,coverage,fuzzing,stateful"
SEED = os.environ.get("ORC_FUZZ_SEED", "1")
SECONDS_MAX = 120 + CASES
LINE_MAX = 500
CONFIG = Path(__file__).with_name("schemathesis.toml")
ROLES = {
    "anybody": ("optional", None),
    "stranger": ("required", None),
    "viewer": ("required", "viewer"),
    "operator": ("required", "operator"),
    "admin": ("required", "admin"),
}


async def preview(_data):
    """Answer as an executor that could look."""
    return msgspec.json.encode(PreviewShown(SHOWN))


@pytest.mark.parametrize("who", ROLES)
async def test_as(start_gateway, tmp_path, who):
    """No answer is 5xx, undeclared, of another shape or type than declared, or lets through what is declared invalid."""
    mode, role = ROLES[who]
    gateway = await start_gateway(auth=True, mode=mode)
    await (await gateway.broker.connect()).serve("orc.preview.default", "executors", preview)
    described = json.loads(document(gateway.front._app))
    (tmp_path / "openapi.json").write_text(json.dumps(described))
    operations = sum(len(methods) for methods in described["paths"].values())
    async with gateway.served() as client:
        sent = []
        if role is not None:
            # A key, whom no logout and no rotation ends on the way.
            admin = await first_admin(client, start_gateway.bootstrap)
            _, owner = await person(client, admin, "fuzz", role)
            made = await key(client, owner, "*")
            sent = ["--header", f"Authorization: Bearer {made['key']}"]
        program = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIG), "run", "openapi.json"),
            *("--url", str(client.base_url), "--checks", "all", "--phases", PHASES, "--no-color"),
            *("--seed", SEED, "--max-examples", str(-(-CASES // operations)), *sent),
            cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS_MAX):
                told, _ = await program.communicate()
        finally:
            if program.returncode is None:
                program.kill()
    assert program.returncode == 0, "\n".join(line[:LINE_MAX] for line in told.decode().splitlines())
