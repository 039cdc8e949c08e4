"""`orc login --sso` waits for a browser, and for nobody else who holds the line."""

import socket
from threading import Thread
from urllib.parse import parse_qs, urlsplit

import httpx

from orc import sso


def test_a_connection_that_says_nothing_keeps_no_ticket_out(monkeypatch):
    """Browsers open connections ahead and leave them unused: the ticket on the next one is taken."""
    monkeypatch.setattr(sso._Handler, "timeout", 0.1)
    silent = list[socket.socket]()

    def browse(url: str) -> None:
        port = int(parse_qs(urlsplit(url).query)["port"][0])
        silent.append(socket.create_connection(("127.0.0.1", port)))
        Thread(target=httpx.get, args=(f"http://127.0.0.1:{port}/?ticket=t",), kwargs={"timeout": 30}).start()

    monkeypatch.setattr(sso.webbrowser, "open", browse)
    ticket, _ = sso.log_in_by_browser("http://gateway.example", lambda _url: None)
    silent[0].close()
    assert ticket == "t"
    assert sso.SILENCE_SECONDS_MAX < sso.WAIT_SECONDS_MAX
