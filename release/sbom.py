"""
The bill of materials: what is installed in this very environment, as CycloneDX 1.6 JSON.

    installed distributions ──▶ each must be in requirements.lock at that version ──▶ components with the lock's hashes

It is read from the environment, not from what was asked for, and runs in it without anything that is not there anyway.
Of a component the hashes of every file that the lock admits are given: the installed one is among them.

    python -m release.sbom [--output FILE]
"""

import argparse
import json
import sys
import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import Distribution, distributions
from os import environ
from pathlib import Path
from typing import Any

from release.lock import LOCK, Locked, normal, read

OWN = "orc-nats-ator"
UNLOCKED = frozenset({OWN})
"""Not from an index: it is what the bill is of."""
_SPACE = uuid.UUID("5b0f6a51-6ad5-5f0b-8bb0-0f7a2f1f7d1e")


class NotLocked(Exception):
    """Something is installed that the lock does not name: nobody looked at it."""

    def __init__(self, strangers: Iterable[str]) -> None:
        super().__init__(f"installed, but not in requirements.lock: {', '.join(sorted(strangers))}")


def bill(installed: Iterable[Distribution], locked: Iterable[Locked], written: datetime) -> dict[str, Any]:
    """Return the whole document, the same for the same environment and instant. Raises NotLocked."""
    pins = {(entry.name, entry.version): entry for entry in locked}
    found = {normal(each.name): each for each in installed}
    strangers = [
        f"{name} {each.version}"
        for name, each in found.items()
        if name not in UNLOCKED and (name, each.version) not in pins
    ]
    if strangers:
        raise NotLocked(strangers)
    own = found.pop(OWN)
    components = [_component(found[name], pins[name, found[name].version]) for name in sorted(found)]
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": written.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "component": {
                **_named(own, "application"),
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            },
        },
        "components": components,
    }
    # The number follows from what is described: the same environment has the same bill.
    return document | {"serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, json.dumps(document, sort_keys=True))}"}


def _named(distribution: Distribution, kind: str) -> dict[str, Any]:
    name = normal(distribution.name)
    url = f"pkg:pypi/{name}@{distribution.version}"
    return {"type": kind, "bom-ref": url, "name": name, "version": distribution.version, "purl": url}


def _component(distribution: Distribution, pin: Locked) -> dict[str, Any]:
    described = _named(distribution, "library")
    files = [
        {
            "type": "distribution",
            "url": f"{described['purl']}?checksum={each}",
            "hashes": [{"alg": "SHA-256", "content": each.removeprefix("sha256:")}],
        }
        for each in sorted(pin.hashes)
    ]
    licences = distribution.metadata.get_all("License-Expression") or []
    return {
        **described,
        **({"licenses": [{"expression": licences[0]}]} if licences else {}),
        "externalReferences": files,
    }


def instant(environment: Mapping[str, str]) -> datetime:
    """Return when the bill says it was written: SOURCE_DATE_EPOCH when that is set, else now."""
    epoch = environment.get("SOURCE_DATE_EPOCH")
    return datetime.fromtimestamp(int(epoch), UTC) if epoch else datetime.now(UTC)


def main(arguments: Sequence[str]) -> int:
    """Write the bill of this environment; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="sbom", description="write the bill of materials of this environment"
    )
    parser.add_argument("--output", type=Path, help="a file; by default it is printed")
    parser.add_argument("--lock", type=Path, default=LOCK)
    given = parser.parse_args(arguments)
    try:
        document = bill(distributions(), read(given.lock.read_text(encoding="utf-8")), instant(environ))
    except NotLocked as error:
        print(error, file=sys.stderr)
        return 1
    text = json.dumps(document, indent=2, sort_keys=True) + "\n"
    if given.output is None:
        print(text, end="")
    else:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(text, encoding="utf-8")
        print(f"{given.output}: {len(document['components'])} components", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
