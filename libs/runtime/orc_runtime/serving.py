"""An ASGI application under uvicorn, inside a loop that is ours: our signals, our socket, our end."""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Literal

import uvicorn

GRACEFUL_SECONDS_MAX = 3
"""How long requests under way may take to end; then they are cancelled, streams among them."""

BACKLOG_MAX = 512


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave the signals alone: the lifecycle has them."""
        yield


@asynccontextmanager
async def serving(
    app: Any,
    host: str,
    port: int,
    *,
    lifespan: Literal["on", "off"] = "off",
    http: Literal["h11", "httptools"] | type[asyncio.Protocol] = "h11",
) -> AsyncIterator[int]:
    """
    Serve `app` while the block runs and yield the port, a free one for 0; raises OSError when it is taken.

    `http` names one of uvicorn's protocols, or is one's own. Leaving the block closes the socket and ends requests
    under way within `GRACEFUL_SECONDS_MAX`.
    """
    listener = _listen(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            lifespan=lifespan,
            http=http,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_graceful_shutdown=GRACEFUL_SECONDS_MAX,
        )
    )
    async with asyncio.TaskGroup() as group:
        # In a group, a server that fails ends the block instead of leaving it deaf.
        group.create_task(server.serve(sockets=[listener]))
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG_MAX)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
