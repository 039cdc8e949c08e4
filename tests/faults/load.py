"""A steady load: a few callers that keep asking for runs, each of them answered before the next."""

import threading
from typing import Self

from faults.client import Client


class Load:
    """Callers in threads, until stopped."""

    def __init__(self, client: Client, jobs: list[dict], callers: int, pause_seconds: float) -> None:
        self.accepted: list[str] = []
        self.errors: list[str] = []
        self._client, self._jobs, self._pause_seconds = client, jobs, pause_seconds
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(callers)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        # Callers insist, and what they insist on must be started again meanwhile.
        while any(thread.is_alive() for thread in self._threads):
            self._client.machine.rest(0.1)
        assert self.errors == []

    def _ask(self, number: int) -> None:
        while not self._stopping.wait(self._pause_seconds):
            try:
                self.accepted.append(self._client.run(self._jobs[number % len(self._jobs)]))
            except AssertionError as error:
                self.errors.append(str(error))
                return
