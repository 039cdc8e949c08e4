"""
The files that are made of the matrix of rights, `orc_runtime/rights.toml`:

    deploy/base/nats-config.yaml    what the cluster's NATS reads; its fingerprint stands in deploy/base/nats.yaml
    deploy/orc-nats-ator.yaml       the same two, as kustomize renders them
    docs/rights.md                  who may do what, as tables

    python -m orc.rights_files      writes them, from the repository's folder (`make rights`)
"""

import json
import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from orc.cluster import password_variable
from orc.embedded.nats import USERS, configured
from orc_runtime.rights import Rights, rights

LISTEN, MONITOR, STORE = "0.0.0.0:4222", "127.0.0.1:8222", "/data"
"""The monitor tells everything to everybody, so only the pod itself reaches it."""
CONFIG_MAP, SERVER = Path("deploy/base/nats-config.yaml"), Path("deploy/base/nats.yaml")
RENDERED, PAGE = Path("deploy/orc-nats-ator.yaml"), Path("docs/rights.md")
_MARK = re.compile(r"(orc-nats-ator/rights: )\S+")
_RENDERED_DATA = re.compile(r"(?<=\ndata:\n  nats\.conf: \|\n)(?:    .*\n)+")


def nats_conf() -> str:
    """Return the configuration of the cluster's server; it finds the passwords in its environment."""
    content = configured({user: f"${password_variable(user)}" for user in USERS}, listen=LISTEN, store=STORE)
    text = json.dumps(content | {"http": MONITOR}, indent=2)
    for user in USERS:
        # Quoted it would be the password itself.
        text = text.replace(f'"${password_variable(user)}"', f"${password_variable(user)}")
    return text + "\n"


def written(root: Path) -> dict[Path, str]:
    """Return what each file under `root` is to hold."""
    conf = nats_conf()
    data = "".join(f"    {line}\n" for line in conf.splitlines())
    # The pod carries the fingerprint, so that another configuration starts the server anew.
    mark = sha256(conf.encode()).hexdigest()[:16]
    marked = {
        path: _MARK.sub(rf"\g<1>{mark}", (root / path).read_text("utf-8")) for path in (SERVER, RENDERED)
    }
    return {
        CONFIG_MAP: f"{_CONFIG_MAP}data:\n  nats.conf: |\n{data}",
        SERVER: marked[SERVER],
        RENDERED: _RENDERED_DATA.sub(lambda _: data, marked[RENDERED]),
        PAGE: page(),
    }


_CONFIG_MAP = """# Made by `make rights` of libs/runtime/orc_runtime/rights.toml; changed there.
apiVersion: v1
kind: ConfigMap
metadata:
  name: nats-config
"""


def page() -> str:
    """Return docs/rights.md."""
    matrix = rights()
    return "\n\n".join((_HEAD, *_nats(matrix), *_postgres(matrix))) + "\n"


_HEAD = """# Rights

Made by `make rights` of `libs/runtime/orc_runtime/rights.toml`; changed there. What is not in these tables is refused, by the
servers themselves; `tests/rights/` tries every cell with the credentials of each service."""


def _nats(matrix: Rights) -> Iterable[str]:
    yield "## NATS"
    for name, user in matrix.nats.items():
        barred = f"\n- but not: {_code(user.publish_not)}" if user.publish_not else ""
        yield f"### {name}\n\n- publishes: {_code(user.publish)}{barred}\n- subscribes to: {_code(user.subscribe)}"


def _postgres(matrix: Rights) -> Iterable[str]:
    postgres = matrix.postgres
    roles = [role for role in postgres.database if role not in {"orc_owner", "orc_migrate"}]
    yield "## Postgres\n\n`orc_owner` owns all of it and cannot log in; `orc_migrate` becomes it and has nothing else."
    yield "### The database\n\n" + _table(["role", "verbs"], postgres.database.items())
    yield "### Tables\n\n" + _table(["table", *roles], _cells(postgres.tables, roles))
    yield "### Functions\n\n" + _table(
        ["function", "who may call it"],
        [(f"`{name}`", ", ".join(callers) or "–") for name, callers in postgres.functions.items()],
    )
    yield "### Events\n\n" + _table(
        ["role", "appends"], [(role, _code(events)) for role, events in postgres.appends.items()]
    )


def _cells(tables: Mapping[str, Mapping[str, str]], roles: list[str]) -> Iterable[tuple[str, ...]]:
    for name, holders in tables.items():
        yield (f"`{name}`", *(holders.get(role, "–") for role in roles))


def _table(heads: list[str], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _code(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "nothing"


if __name__ == "__main__":
    for path, text in written(Path()).items():
        path.write_text(text, encoding="utf-8")
