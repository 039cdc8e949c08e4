"""
The gateway's REST, as the commands need it.

Every POST carries an `Idempotency-Key`, so asking again after a lost answer or a 503 cannot do a thing twice.
"""

import json
import re
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, suppress
from typing import Any, Self
from uuid import UUID, uuid4

import httpx
import msgspec
from msgspec import Struct

from orc.errors import NotFound, Refused, Unreachable
from orc.options import Options
from orc.tokens import Tokens, find_token

TIMEOUT_SECONDS = 10.0
TRIES_MAX = 5
PAUSE_SECONDS_MAX = 2.0
LIST_MAX = 1000
SILENCE_SECONDS_MAX = 45.0
"""A stream says at least every 15 seconds that it is there; after three times that it is taken for broken."""


_NOBODY = httpx.Auth()
"""Sends nothing beside the request."""


class _Somebody(httpx.Auth):
    """Sends the token of now, as a command may run for longer than one lives; of one that is refused, the next."""

    def __init__(self, token: Callable[[str | None], str | None]) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        token = self._token(None)
        answer = yield _bearing(token, request)
        if answer.status_code == httpx.codes.UNAUTHORIZED and token is not None:
            following = self._token(token)
            if following not in {None, token}:
                yield _bearing(following, request)


def _bearing(token: str | None, request: httpx.Request) -> httpx.Request:
    if token is not None:
        request.headers["Authorization"] = f"Bearer {token}"
    return request


class ServerEvent(Struct, frozen=True):
    """One event of an SSE stream."""

    id: str | None
    """Position in the log; None for what is not in the log, as progress."""
    name: str
    data: str


class Gateway:
    """A gateway at a URL; use it as a context manager."""

    def __init__(self, options: Options, *, is_somebody: bool = True) -> None:
        """Send the token that is kept or set, unless it is for nobody in particular, as a login is."""
        self.url = options.gateway
        # A proxy for the outside world is not the way to a gateway on loopback.
        self._client = httpx.Client(base_url=self.url, timeout=TIMEOUT_SECONDS, trust_env=False)
        self._home = options.home
        if is_somebody:
            self._client.auth = _Somebody(self._token)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **params: Any) -> Any:
        """Return the JSON at a path; raises Refused or Unreachable."""
        given = {name: value for name, value in params.items() if value is not None}
        return self._ask("GET", path, params=given)

    def post(self, path: str, body: Any = None, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Any:
        """Ask once, however often the answer is lost; raises Refused or Unreachable."""
        headers = {"Idempotency-Key": str(uuid4())}
        return self._ask("POST", path, json=body, headers=headers, timeout=timeout_seconds)

    def put(self, path: str, body: Any, version: int | None = None) -> Any:
        """Replace what is at a path, or this version of it; raises Refused (412 when it has changed) or Unreachable."""
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        return self._ask("PUT", path, json=body, headers=headers)

    def delete(self, path: str) -> Any:
        """Remove what is at a path, whatever its version; raises Refused or Unreachable."""
        return self._ask("DELETE", path, headers={"If-Match": "*"})

    def follow(self, path: str, after: str | None = None, **params: Any) -> Iterator[ServerEvent]:
        """Yield a stream's events until it ends or breaks; raises Refused or Unreachable before its first."""
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": after} if after is not None else {})
        given = {name: value for name, value in params.items() if value is not None}
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS_MAX)
        request = self._client.build_request("GET", path, headers=headers, params=given, timeout=timeout)
        try:
            answer = self._client.send(request, stream=True)
        except httpx.TransportError as error:
            raise Unreachable(self.url, _words(error)) from error
        with closing(answer):
            if answer.is_error:
                answer.read()
                raise _refused(answer)
            # Whoever follows asks again after the last event it saw.
            with suppress(httpx.TransportError):
                yield from read_events(answer.iter_lines())

    def _token(self, refused: str | None) -> str | None:
        return find_token(self._home, self.url, self._refresh, refused=refused)

    def _refresh(self, refresh_token: str) -> Tokens | None:
        """Return the next tokens; None when the session is over. Asked once: the token is used up by it."""
        try:
            answer = self._client.post("/auth/refresh", json={"refresh_token": refresh_token}, auth=_NOBODY)
        except httpx.TransportError as error:
            raise Unreachable(self.url, _words(error)) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            return None
        if answer.is_error:
            raise _refused(answer)
        return msgspec.json.decode(answer.content, type=Tokens)

    def job_id(self, job: str) -> str:
        """Return the id of a job given by name or id; raises NotFound."""
        if _is_uuid(job):
            return job
        ids = [str(known["job_id"]) for known in self.get("/jobs") if known["job_name"] == job]
        if len(ids) != 1:
            raise NotFound("job", job, len(ids))
        return ids[0]

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        for left in reversed(range(TRIES_MAX)):
            try:
                answer = self._client.request(method, path, **request)
            except httpx.TransportError as error:
                if left == 0 or isinstance(error, httpx.ConnectError):
                    raise Unreachable(self.url, _words(error)) from error
                continue
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or left == 0:
                break
            time.sleep(min(_seconds(answer.headers.get("Retry-After")), PAUSE_SECONDS_MAX))
        if answer.is_error:
            raise _refused(answer)
        return answer.json() if answer.content else None


def read_events(lines: Iterator[str]) -> Iterator[ServerEvent]:
    """Parse an SSE stream (WHATWG HTML, section 9.2) into events; comments keep the line alive and are dropped."""
    last_id: str | None = None
    name, data, is_new = "message", list[str](), False
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "id":
                last_id, is_new = value, True
            case "event":
                name = value
            case "data":
                data.append(value)
        if not line:
            if data:
                yield ServerEvent(last_id if is_new else None, name, "\n".join(data))
            name, data, is_new = "message", [], False


def _refused(answer: httpx.Response) -> Refused:
    try:
        problem = answer.json()
    except json.JSONDecodeError:
        return Refused(answer.status_code, answer.text.strip()[:500] or answer.reason_phrase)
    if not isinstance(problem, dict):
        return Refused(answer.status_code, str(problem)[:500])
    detail = problem.get("detail") or problem.get("title") or answer.reason_phrase
    fault: dict[str, Any] = next(iter(problem.get("errors") or ()), {})
    field = fault.get("field")
    # Some details begin with the field already.
    return Refused(answer.status_code, str(detail).removeprefix(f"{field}: "), field, fault.get("valid"))


def _words(error: httpx.TransportError) -> str:
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__


def _seconds(retry_after: str | None) -> float:
    return float(retry_after) if retry_after and retry_after.isdecimal() else 1.0


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
