"""
Worker: the process that extracts and loads, one order at a time.

    python -m orc_executor.worker [--in FD] [--out FD] [--keys FD] [--offline]

    main thread    order → extract, load → answer
    attendant      reads the pipe: answers Ping and passes Stop on while the main thread loads, tells progress, and
                   ends the process when the pipe does, whatever the main thread is at

Before it reads anything it takes on the sandbox, see `sandbox.py`; offline, it has no network.

An idle worker is small: DuckDB, Arrow and the HTTP client are imported by the first order that needs them. The
settings come from the environment, see `worker_settings`.
"""

import argparse
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

import msgspec

from orc_domain.extract import parse_extractor
from orc_domain.extractors.inline import InlineExtract
from orc_domain.load import parse_loader
from orc_domain.loaders.discard import DiscardLoad
from orc_domain.rejection import Rejected
from orc_domain.run_messages import TaskResult
from orc_executor.attendant import Attendant
from orc_executor.beneath import HAS_DESCRIPTOR_PATHS
from orc_executor.errors import Internal, OutcomeUnknown, OutOfMemory, TaskError, TaskStopped
from orc_executor.frames import Answer, Failed, Loaded, NoReceipt, Stopped
from orc_executor.paths import Folders
from orc_executor.sandbox import confine, die_with_parent, limit_resources, read_online
from orc_executor.scratch import Scratch
from orc_executor.secrets import Secrets
from orc_executor.underway import Reach, Underway
from orc_executor.worker_settings import WorkerSettings, forget_all_else
from orc_runtime.master_keys import MasterKey, parse_master_keys
from orc_runtime.settings import Secret, read_settings

if TYPE_CHECKING:
    from orc_executor.engine import Engine

EXIT_UNCERTAIN = 75
"""The process ended in its commit: only the receipt tells whether it happened."""


class Worker:
    """Performs orders; what it opens stays open for the next one."""

    def __init__(self, settings: WorkerSettings, reach: Reach, *, is_confined: bool = False) -> None:
        self._settings, self._reach, self._is_confined = settings, reach, is_confined
        self._engine: Engine | None = None

    def serve(self, attendant: Attendant) -> None:
        """Take orders until the pipe ends or what was opened can no longer be trusted."""
        while True:
            underway = attendant.next_task()
            answer = self.perform(underway)
            underway.clean_up()
            self._reach.secrets.forget()
            attendant.answer(answer)
            if (self._engine is not None and self._engine.is_broken) or getattr(answer, "fatal", False):
                break
        self._reach.scratch.remove()

    def perform(self, underway: Underway) -> Answer:
        """Do one order and say how it ended; ends the process when a commit's outcome is not known."""
        try:
            return self._perform(underway)
        except TaskStopped:
            # DuckDB tells no more than that it was interrupted.
            return self._failed(underway.too_late, underway) if underway.too_late else Stopped()
        except TaskError as error:
            return self._failed(error, underway)
        except OutcomeUnknown as unknown:
            self._end_uncertain(str(unknown))
        except Rejected as error:
            return self._failed(Internal(f"the config cannot be used: {error.field}: {error}"), underway)
        except MemoryError:
            return self._failed(OutOfMemory("the worker's memory does not suffice"), underway, fatal=True)
        except Exception as error:  # noqa: BLE001 - whatever it is, it ends the attempt and not the process
            _complain(self._reach.secrets.redact(traceback.format_exc()))
            return self._failed(Internal(f"{type(error).__name__}: {error}"), underway, fatal=True)

    def _perform(self, underway: Underway) -> Answer:
        order = underway.order
        self._reach.secrets.stored = order.stored
        if self._is_confined and (folder := self._reach.folders.made_anew()):
            # The next attempt is another worker's.
            message = f"{folder} was made anew since the worker started, which may not reach it now"
            return Failed("worker_died", message, retryable=True, fatal=True)
        extractor, loader = parse_extractor(order.extractor_config), parse_loader(order.loader_config)
        if underway.preview is not None:
            from orc_executor.preview import preview  # noqa: PLC0415 - an idle worker is small

            shown = loader if underway.preview.with_target else None
            return preview(extractor, shown, self._opened_engine(), underway)
        if isinstance(loader, DiscardLoad):
            if order.settle:
                return NoReceipt()
            if isinstance(extractor, InlineExtract):
                return _counted(extractor, underway)
        from orc_executor.transfer import transfer  # noqa: PLC0415

        return transfer(extractor, loader, self._opened_engine(), underway)

    def _opened_engine(self) -> "Engine":
        from orc_executor.engine import Engine  # noqa: PLC0415

        if self._engine is None:
            # With descriptors as paths all that it touches has a name in the scratch folder.
            folders = () if HAS_DESCRIPTOR_PATHS else self._reach.folders.all
            self._engine = Engine(self._settings, folders, self._reach.scratch)
            # What libraries keep for a while has nowhere else to go.
            os.environ["TMPDIR"] = tempfile.tempdir = str(self._reach.scratch.plain("tmp"))
        return self._engine

    def _failed(self, error: TaskError, underway: Underway, *, fatal: bool = False) -> Failed:
        is_broken = fatal or (self._engine is not None and self._engine.is_broken)
        if is_broken and underway.is_committing:
            self._end_uncertain(str(error))
        message = self._reach.secrets.redact(error.message)
        return Failed(error.kind, message, error.retryable, fatal=is_broken)

    def _end_uncertain(self, reason: str) -> NoReturn:
        _complain(self._reach.secrets.redact(f"the commit's outcome is not known: {reason}"))
        os._exit(EXIT_UNCERTAIN)


def _complain(text: str) -> None:
    """Say something to the executor's log."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _counted(extractor: InlineExtract, underway: Underway) -> Loaded:
    size = len(msgspec.json.encode(extractor.rows))
    return Loaded(TaskResult(rows=len(extractor.rows), bytes=size, seconds=underway.seconds()))


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve the pipe until it ends."""
    parser = argparse.ArgumentParser(
        description="A worker process of the executor; started by it, not by hand."
    )
    parser.add_argument("--in", dest="source", type=int, default=0, help="descriptor to read orders from")
    parser.add_argument("--out", dest="sink", type=int, default=1, help="descriptor to write answers to")
    parser.add_argument("--keys", type=int, help="descriptor to read master keys from, to its end")
    parser.add_argument("--offline", action="store_true", help="have no network")
    options = parser.parse_args(arguments)
    die_with_parent()
    settings = read_settings(WorkerSettings, os.environ)
    limit_resources(settings)
    keys = () if options.keys is None else _read_keys(options.keys)
    for folder in (settings.data_dir, settings.scratch):
        folder.mkdir(parents=True, exist_ok=True)
    walls = confine(settings, offline=options.offline)
    reach = Reach(
        Folders(
            settings.data_dir,
            settings.file_roots,
            settings.file_roots_except,
            () if options.offline else tuple(read_online(settings)),
        ),
        Scratch(settings.scratch),
        Secrets(os.environ, settings.secrets_dir, keys),
        settings.egress,
    )
    pipes = _own_pipes(options.source, options.sink)
    attendant = Attendant(*pipes, reach, is_confined=walls.landlock)
    attendant.start()
    Worker(settings, reach, is_confined=walls.landlock).serve(attendant)


def _read_keys(source: int) -> tuple[MasterKey, ...]:
    with open(source, encoding="ascii") as file:
        return parse_master_keys("the executor's pipe", Secret(file.read()))


def _own_pipes(source: int, sink: int) -> tuple[int, int]:
    """Move the pipes away from the standard descriptors, where any library may read or print."""
    own_source, own_sink = os.dup(source), os.dup(sink)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return own_source, own_sink


if __name__ == "__main__":
    forget_all_else()
    main()
