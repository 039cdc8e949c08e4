"""
A folder of Parquet files, loaded so that its manifest changes in one step.

    look     receipt? else the state, and a fence, so that no earlier attempt, however long it slept, loads after us
    load     receipt? → state still the same? → fence → write out of sight → put in place → manifest: the commit
             → remove what it names no more

Killed before the commit, the dataset is as it was, and the next who comes sweeps; killed after it, only the sweeping is
left to do. See docs/adr/0011 for what a reader sees who asks the folder and not the manifest.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import structs

from orc_domain.loaders.parquet import ParquetLoad
from orc_domain.run_messages import TaskResult
from orc_executor.beneath import open_below, path_of
from orc_executor.engine import Engine
from orc_executor.errors import TargetUnusable
from orc_executor.extractors.source import Source
from orc_executor.loaders.parquet.files import (
    check_count,
    check_free,
    place,
    remove,
    sweep,
    unfinished_folder,
)
from orc_executor.loaders.parquet.manifest import Manifest, load_id, read_manifest, write_manifest
from orc_executor.loaders.parquet.writing import Output, ParquetWriter
from orc_executor.loaders.rows import let_go
from orc_executor.loaders.target import Known, StateMoved, place_of
from orc_executor.locks import Patience, file_lock
from orc_executor.receipts import Receipt
from orc_executor.sql_names import folded
from orc_executor.state import TaskState
from orc_executor.state import following as after
from orc_executor.underway import Underway


class ParquetFolder:
    """Loads a source into its folder, once."""

    def __init__(self, config: ParquetLoad, engine: Engine, underway: Underway) -> None:
        self._config, self._engine, self._underway = config, engine, underway
        self._order = underway.order
        self._place = place_of(underway.reach.folders.target_folder(config.path), config.path, underway)
        self._folder = Path(self._place.real)
        """While it is locked, a path that leads to the folder that was opened, and to no other."""

    def look(self) -> Known:
        """Return the receipt or the state, and hold back earlier attempts; raises TaskError."""
        with self._locked() as manifest:
            receipt = manifest.receipt(self._order)
            held = manifest if receipt else manifest.holding_back(self._order)
            if held is not manifest:
                write_manifest(self._folder, held, self._config.path)
            return Known(receipt, manifest.state(self._order))

    def load(self, source: Source, state: TaskState | None) -> tuple[Receipt, bool]:
        """Return the receipt, and whether an earlier attempt had written it; raises TaskError, TaskStopped, StateMoved."""
        with self._locked() as manifest:
            if (receipt := manifest.receipt(self._order)) is not None:
                return receipt, True
            if state is not None and manifest.state(self._order).version != state.version:
                raise StateMoved
            held = manifest.holding_back(self._order)
            unfinished = unfinished_folder(self._folder, load_id(self._order), self._config.path)
            try:
                link = self._underway.pins.folder(self._folder, unfinished)
                return self._load(source, state, held, link), False
            finally:
                # Whatever became of it, what the manifest does not name goes at once; else the next load sweeps.
                with suppress(OSError):
                    self._clean(manifest)

    def _load(self, source: Source, state: TaskState | None, manifest: Manifest, unfinished: Path) -> Receipt:
        config, load, learned = self._config, load_id(self._order), source.learned()
        is_added = config.write_disposition == "append" and bool(manifest.columns)
        if is_added and _folded(manifest.partition_by) != _folded(config.partition_by):
            raise TargetUnusable(
                f"{config.path}: its files are partitioned by {_listed(manifest.partition_by)}, partition_by says "
                f"{_listed(config.partition_by)}: a dataset has one way, which write_disposition replace can change"
            )
        following = manifest
        if learned.is_unchanged:
            result = TaskResult(rows=0, seconds=self._underway.seconds())
            state = None if state is None else after(state, learned)
        else:
            wanted = manifest.columns if is_added else None
            writer = ParquetWriter(config, self._engine, self._underway, manifest, wanted=wanted, state=state)
            try:
                output = writer.write(source, self._folder, unfinished)
                state = None if state is None else output.rows.advance(self._engine, state, learned)
            finally:
                let_go(self._engine)
            kept = manifest.files if is_added else ()
            check_count(len(kept) + len(output.files), config.path)
            placed = place(output.files, unfinished, self._folder, load, config.path)
            following = structs.replace(
                manifest, columns=output.columns, partition_by=config.partition_by, files=(*kept, *placed)
            )
            result = self._told(output, state)
        if state is not None:
            states = {**manifest.states, str(self._order.task_id): state}
            following = structs.replace(following, states=states)
        following, receipt = following.proving(self._order, result)
        self._underway.commit_begins()
        write_manifest(self._folder, following, config.path)
        return receipt

    def _told(self, output: Output, state: TaskState | None) -> TaskResult:
        rows, size = sum(file.rows for file in output.files), output.rows.scan.bytes
        self._underway.rows, self._underway.bytes = rows, size
        return TaskResult(
            rows=rows,
            bytes=size,
            seconds=self._underway.seconds(),
            cursor=output.rows.cursor(state),
            bad_rows=output.bad_rows,
        )

    def _clean(self, before: Manifest) -> None:
        after = read_manifest(self._folder, self._config.path) or before
        named = {file.path for file in after.files}
        remove(self._folder, [file.path for file in before.files if file.path not in named])
        sweep(self._folder, after.files)

    @contextmanager
    def _locked(self) -> Iterator[Manifest]:
        """Have the folder alone, made and swept; raises TargetLocked, TargetUnusable, NoSpace."""
        name, patience = self._config.path, Patience(self._underway.wait_until, self._underway.check_stop)
        place = self._place
        with file_lock(place, patience), self._opened():
            try:
                manifest = read_manifest(self._folder, name)
                if manifest is None:
                    data_dir = Path(self._underway.reach.folders.data_dir)
                    check_free(self._folder, Path(place.real), data_dir, name)
                    # The folder is ours before anything is in it: what is found there without a manifest is not.
                    manifest = write_manifest(self._folder, Manifest(), name)
                sweep(self._folder, manifest.files)
            except OSError as error:
                raise TargetUnusable(f"{name}: the folder cannot be used: {error.strerror}") from error
            yield manifest

    @contextmanager
    def _opened(self) -> Iterator[None]:
        """Have the folder open, made where there is none; raises TargetUnusable."""
        try:
            opened = open_below(os.dup(self._place.folder), self._place.base, make=True)
        except OSError as error:
            raise TargetUnusable(
                f"{self._config.path}: the folder cannot be used: {error.strerror}"
            ) from error
        try:
            self._folder = Path(path_of(opened, self._place.real))
            yield
        finally:
            os.close(opened)


def _folded(names: Sequence[str]) -> list[str]:
    return [folded(name) for name in names]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) or "nothing"
