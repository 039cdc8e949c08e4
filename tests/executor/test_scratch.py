"""Scratch folders of workers that start at once."""

import fcntl

from orc_executor.scratch import Scratch


def test_a_folder_that_is_being_made_is_not_swept_away(tmp_path, monkeypatch):
    """Another worker that starts before the lock is taken may take the folder for a dead one's; then another is made."""
    lock, others = fcntl.flock, [Scratch(tmp_path), Scratch(tmp_path)]

    def late(descriptor, operation):
        if operation == fcntl.LOCK_EX and others:
            others.pop().folder  # noqa: B018 - what counts is that it sweeps
        lock(descriptor, operation)

    monkeypatch.setattr("orc_executor.scratch.fcntl.flock", late)
    ours = Scratch(tmp_path)
    assert ours.subfolder("a").is_dir()
    theirs = Scratch(tmp_path)
    assert theirs.folder.is_dir()
    assert ours.subfolder("b").is_dir()
