"""Each service's NATS user can do its part and no other's."""

import asyncio

import nats
import pytest
from nats.js.errors import APIError

from orc.embedded.nats import FILE_BYTES_MAX, USERS, Nats


async def refused(url: str, subject: str) -> bool:
    """Publish as a user and say whether the server refused it."""
    heard = asyncio.get_running_loop().create_future()

    async def on_error(error: Exception) -> None:
        if "permissions violation" in str(error).lower() and not heard.done():
            heard.set_result(error)

    client = await nats.connect(url, error_cb=on_error, allow_reconnect=False)
    try:
        await client.publish(subject, b"")
        # The server answers in order: once it has answered the ping, a refusal has arrived as well.
        await client.flush()
        await client.flush()
        return heard.done()
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("user", "allowed", "others"),
    [
        ("gateway", "orc.commands.run.request", "orc.events.run.started"),
        ("gateway", "orc.auth.login", "orc.work.default"),
        ("gateway", "orc.preview.default", "orc.progress.x"),
        ("executor", "_INBOX_gateway.x", "orc.preview.default"),
        ("auth", "_INBOX_gateway.x", "orc.commands.job.create"),
        ("scheduler", "orc.work.default", "orc.commands.job.create"),
        ("executor", "orc.progress.x", "orc.work.default"),
        ("executor", "orc.poke.log", "$JS.API.STREAM.DELETE.ORC_EVENTS"),
        ("gateway", "orc.projected", "$JS.API.STREAM.PURGE.ORC_COMMANDS"),
    ],
)
async def test_users_speak_for_themselves_alone(nats_server, user, allowed, others):
    """A service may publish what is its own to say and is refused what is another's."""
    assert not await refused(nats_server.urls[user], allowed)
    assert await refused(nats_server.urls[user], others)


async def test_nobody_comes_in_without_a_password(nats_server):
    """A client without credentials is turned away."""
    with pytest.raises(nats.errors.Error, match=r"(?i)authorization"):
        await nats.connect(f"nats://127.0.0.1:{nats_server.port}", allow_reconnect=False)


async def test_streams_have_bounds(nats_server, nats_url):
    """JetStream keeps no more than it was given, whatever the size of the machine."""
    client = await nats.connect(nats_url)
    try:
        with pytest.raises(APIError, match="insufficient storage"):
            await client.jetstream().add_stream(name="huge", subjects=["huge"], max_bytes=FILE_BYTES_MAX + 1)
    finally:
        await client.close()


def test_configuration_is_private(tmp_path):
    """The file with the passwords is ours alone."""
    server = Nats(tmp_path / "nats", port=1, passwords=dict.fromkeys(USERS, "x"))
    server.prepare()
    server.prepare()
    (configuration,) = (tmp_path / "nats").iterdir()
    assert configuration.stat().st_mode & 0o777 == 0o600
