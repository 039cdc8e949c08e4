"""Plugins of the tests: what they do is in their config."""

from contextlib import contextmanager
from types import MappingProxyType

import pyarrow as pa

from orc_executor.plugins import (
    ExtractorConfig,
    LoaderConfig,
    SecretRef,
    SourceUnavailable,
)


class WaysConfig(ExtractorConfig, frozen=True, tag="ways"):
    """An extractor that does what it is told."""

    do: str
    """What."""
    secret: SecretRef | None = None
    """One to be asked for."""
    url: str = ""
    """One to be fetched."""


class Ways:
    """Does what its config says."""

    config = WaysConfig

    def batches(self, config, context):
        """Yield what is named."""
        return getattr(self, config.do)(config, context)

    def rows(self, config, context):
        yield [{"n": 1, "note": "a"}]
        yield []
        yield [{"n": 2.5, "more": [1, 2]}]

    def arrow(self, config, context):
        yield pa.table({"n": pa.array([1, 2], pa.int32()), "s": pa.array(["a", "b"]).dictionary_encode()})
        yield pa.record_batch({"n": pa.array([3], pa.int32()), "s": pa.array(["c"])})

    def widening(self, config, context):
        yield pa.table({"nothing": pa.nulls(1)})
        yield pa.table({"n": pa.array([1], pa.int32()), "at": pa.nulls(1), "l": [[]]})
        yield pa.table({"n": pa.array([2**40]), "late": ["x"]})
        yield pa.table({"at": pa.array([5], pa.timestamp("us")), "n": [0.5], "l": [[7]]})
        yield pa.table({"n": pa.array([9], pa.int8())})

    def clash(self, config, context):
        yield pa.table({"n": [1]})
        yield pa.table({"n": ["one"]})

    def twins(self, config, context):
        yield pa.table({"n": [1], "N": [1]})

    def mixed(self, config, context):
        yield pa.table({"n": [1]})
        yield [{"n": 1}]

    def nonsense(self, config, context):
        yield {"n": 1}

    def nothing(self, config, context):
        return []

    def failing(self, config, context):
        yield [{"n": 1}]
        raise ValueError(f"no more: {context.secret(config.secret)}")

    def unavailable(self, config, context):
        raise SourceUnavailable("the well is dry")

    def exiting(self, config, context):
        raise SystemExit(4)

    def eating(self, config, context):
        raise MemoryError

    def printing(self, config, context):
        print("this goes to no pipe of frames" * 10)  # noqa: T201
        yield [{"n": 1}]

    def endless(self, config, context):
        n = 0
        while True:
            n += 1
            yield [{"n": n, "text": "x" * 1000}] * 100

    def fetching(self, config, context):
        answer = context.http.get(config.url, params={"key": "k3y"}).raise_for_status()
        yield answer.json()

    def streaming(self, config, context):
        with context.http.stream("GET", config.url) as answer:
            yield [{"bytes": sum(len(part) for part in answer.iter_bytes())}]

    def telling(self, config, context):
        (context.scratch / "mine.txt").write_text("x")
        window = context.window
        found = [path.name for path in context.files("*.txt")]
        yield [{"cursor": context.cursor, "start": window and window.start.isoformat(), "files": found}]


class BasketConfig(LoaderConfig, frozen=True, tag="basket"):
    """A loader into memory of the process, that may misbehave."""

    do: str = "well"
    """How."""


class Basket:
    """Keeps rows and marks in the class: a worker process is a server to itself."""

    config = BasketConfig
    rows, marks = (), MappingProxyType({})

    @contextmanager
    def transaction(self, config, context):
        """Commit by assignment."""
        one = BasketTransaction(config, dict(Basket.marks), list(Basket.rows))
        if config.do == "failing":
            raise RuntimeError("the basket has a hole")
        try:
            yield one
        except Exception:
            if config.do == "hiding":
                return
            raise
        if config.do == "uncertain":
            raise ConnectionError("the line broke in the commit")
        Basket.marks, Basket.rows = one.marks, one.rows


class BasketTransaction:
    """Copies of rows and marks."""

    def __init__(self, config, marks, rows):
        self.do, self.marks, self.rows = config.do, marks, rows

    def get(self, names):
        """Return the marks."""
        if self.do == "forgetful":
            return dict.fromkeys(names, "garbled")
        return {name: self.marks[name] for name in names if name in self.marks}

    def put(self, marks):
        """Add marks."""
        self.marks.update(marks)

    def write(self, rows):
        """Add rows, all or as many as it cares for."""
        if self.do == "hiding":
            raise OSError("told to nobody")
        if self.do == "lazy":
            rows.read_next_batch()
            return
        self.rows += rows.read_all().to_pylist()
