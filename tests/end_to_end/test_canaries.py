"""
A secret never rests in clear: canaries in every place for secrets, through sources that tell them, are found nowhere.

The stack is one of its own, where a login is needed. Everything it keeps is looked through at the end: the log, the files
of Postgres and NATS, read tables, logs, DuckDB files, scratch folders, and every answer it gave. What is left out is what
holds secrets by its purpose: the files that a person puts them into, and where `orc up` keeps its own passwords.
"""

import asyncio
import os
import secrets
import signal
from pathlib import Path
from urllib.parse import quote, urlsplit

import httpx
import pytest
from support.rest import Rest, into, task, until
from support.servers import execute
from support.stack import stack_running
from support.telltale import Canary, found_in, telltale

from orc.master_key_file import add_key

NAMES = (
    "bearer", "basic", "header", "query", "client", "params", "key-id", "key", "session", "urls", "target", "shape",
    "bootstrap", "password", "literal", "granted", "rotated",
)  # fmt: skip
FROM_ENVIRONMENT, FROM_FILE = ("header", "params", "urls"), ("basic", "key", "target")
INLINE = {"type": "inline", "rows": [{"n": 1}]}
DISCARD = {"type": "discard"}
ONCE = {"attempts_max": 1}


class Vigil:
    """A stack, what was hidden in it, and all that it said."""

    def __init__(self, stack, canaries, source):
        self.home, self.stack = Path(stack.home), stack
        self.canaries, self.source = canaries, source
        self.url = f"http://127.0.0.1:{source.server_port}"
        self.said = []
        self.rest = Rest(stack.url)
        self.rest.http = httpx.Client(
            base_url=stack.url, timeout=15, trust_env=False, event_hooks={"response": [self._note]}
        )
        self.given = {}
        """What is told once, to whom it is for: tokens and keys."""

    def _note(self, answer):
        answer.read()
        self.said.append((str(answer.request.url), answer.text + str(answer.headers)))

    def tell(self, method, path, body, *names):
        """Ask for what is told once; the answer is for whom it is for."""
        answer = self.rest.http.request(method, path, json=body)
        assert answer.is_success, answer.text
        self.said.pop()
        self.given |= {f"{name} of {path}": answer.json()[name] for name in names}
        return answer.json()

    def api(self, path, **more):
        return {"type": "api", "url": f"{self.url}/{path}", **more}

    def wanted(self):
        found = {name: canary.spellings() for name, canary in self.canaries.items()}
        found |= {name: [text.encode()] for name, text in self.given.items()}
        for name, url in self.stack.env.items():
            if password := urlsplit(url).password:
                found[name] = [password.encode()]
        return found


def secret(name):
    return {"secret": name}


@pytest.fixture(scope="module")
def vigil(tmp_path_factory):
    canaries = {name: Canary(name) for name in NAMES}
    home = tmp_path_factory.mktemp("vigil") / "home"
    (home / "secrets").mkdir(parents=True, mode=0o700)
    texts = {name: canary.text for name, canary in canaries.items()}
    nowhere = "127.0.0.1:1/x"
    for name in ("urls", "target"):
        texts[name] = f"postgresql://somebody:{quote(texts[name], safe='')}@{nowhere}"
    for name in FROM_FILE:
        (home / "secrets" / name).write_text(texts[name] + "\n")
    environ = {f"ORC_SECRET_{name.upper()}": texts[name] for name in FROM_ENVIRONMENT}
    with (
        telltale(texts["granted"]) as source,
        stack_running(home, ORC_AUTH="required", ORC_BOOTSTRAP_SECRET=texts["bootstrap"], **environ) as stack,
    ):
        vigil = Vigil(stack, canaries, source)
        admin = {"username": "admin", "password": texts["password"]}
        vigil.tell("POST", "/auth/bootstrap", {"secret": texts["bootstrap"], **admin})
        session = vigil.tell("POST", "/auth/login", admin, "token", "refresh_token")
        vigil.rest.http.headers["Authorization"] = f"Bearer {session['token']}"
        for name in set(NAMES[:12]) - {*FROM_ENVIRONMENT, *FROM_FILE} | {"rotated"}:
            assert vigil.rest.http.put(f"/secrets/{name}", json={"value": texts[name]}).status_code == 200
        yield vigil


def extractors(vigil):
    """Return every way in which a config takes secrets, each told back in another way."""
    auths = {
        "bearer": {"type": "bearer", "token": secret("bearer")},
        "basic": {"type": "basic", "username": "me", "password": secret("basic")},
        "header": {"type": "header", "name": "X-Mine", "value": secret("header")},
        "query": {"type": "api_key", "name": "k", "location": "query", "key": secret("query")},
    }
    found = {
        f"{name} {path}": vigil.api(path, auth=auth)
        for name, auth in auths.items()
        for path in ("refuse", "redirect", "malformed")
    }
    # Rows are the source's own: where they go is not for us to say, but what we say of them is.
    for name, auth in auths.items():
        found[f"{name} cast"] = vigil.api("cast", auth=auth, columns={"n": "bigint"})
        found[f"{name} host"] = vigil.api("host", auth=auth)
    for send in ("header", "body"):
        for token in ("token", "refuse"):
            found[f"oauth2 {send} {token}"] = vigil.api(
                "refuse",
                auth={
                    "type": "oauth2_client_credentials", "token_url": f"{vigil.url}/{token}",
                    "client_id": "me", "client_secret": secret("client"), "send": send,
                },
            )  # fmt: skip
    found["headers"] = vigil.api("refuse", headers={"X-Other": secret("params")})
    found["params"] = vigil.api("refuse", params={"p": secret("params")})
    found["s3"] = {
        "type": "csv", "path": "s3://bucket/a.csv",
        "storage": {
            "region": "x", "endpoint": vigil.url, "access_key_id": secret("key-id"),
            "secret_access_key": secret("key"), "session_token": secret("session"),
        },
    }  # fmt: skip
    found["https"] = {
        "type": "csv", "path": f"{vigil.url}/refuse.csv", "storage": {"headers": {"X-File": secret("bearer")}},
    }  # fmt: skip
    found["sql"] = {"type": "sql", "connection": secret("urls"), "query": "SELECT 1"}
    found["sql, no URL"] = {"type": "sql", "connection": secret("shape"), "query": "SELECT 1"}
    return found


def literals(vigil):
    """Return configs with a secret where a reference belongs."""
    text = vigil.canaries["literal"].text
    host = vigil.url.removeprefix("http://")
    return [
        vigil.api("x", auth={"type": "bearer", "token": text}),
        vigil.api("x", auth={"type": "basic", "username": "me", "password": text}),
        vigil.api("x", headers={"Authorization": f"Bearer {text}"}),
        vigil.api("x", params={"api_key": text}),
        vigil.api(f"x?token={quote(text)}"),
        {"type": "api", "url": f"http://me:{quote(text, safe='')}@{host}/x"},
        {"type": "csv", "path": "s3://b/k", "storage": {"region": "x", "secret_access_key": text}},
        {
            "type": "sql",
            "connection": f"postgresql://me:{quote(text, safe='')}@{host}/x",
            "query": "SELECT 1",
        },
    ]


def test_no_canary_is_found(vigil):
    """Jobs that use every secret, and fail by sources that tell it, leave none of them anywhere."""
    rest = vigil.rest
    runs = []
    for name, extractor in extractors(vigil).items():
        job = rest.create_job(name, task(extractor, into(f"{secrets.token_hex(4)}.duckdb", "t")), retry=ONCE)
        runs.append(rest.run(job))
    for name in ("bearer", "basic", "query"):
        told = extractors(vigil)[f"{name} refuse"] | {"url": f"{vigil.url}/rows"}
        named = rest.run(rest.create_job(f"{name} rows", task(told)))
        assert rest.finished(named)["status"] == "success"
        assert "***" in str(rest.get(f"/runs/{named['run_id']}/tasks"))
        shown = rest.http.post("/tasks/preview", json={"extractor_config": told})
        assert "***" in shown.text
    target = {"type": "postgres", "connection": secret("target"), "table_name": "t"}
    runs.append(rest.run(rest.create_job("target", task(INLINE, target), retry=ONCE)))
    runs.append(
        rest.run(
            rest.create_job("missing", task(vigil.api("x", auth={"type": "bearer", "token": secret("no")})))
        )
    )
    good = rest.create_job(
        "good",
        task(vigil.api("good", auth={"type": "bearer", "token": secret("bearer")}), into("good.duckdb", "t")),
    )
    assert rest.finished(rest.run(good))["status"] == "success"
    for name, extractor in extractors(vigil).items():
        preview = rest.http.post(
            "/tasks/preview", json={"extractor_config": extractor, "loader_config": DISCARD}
        )
        assert preview.status_code in {200, 422, 502, 503, 504}, (name, preview.text)
    for extractor in literals(vigil):
        body = {"job_name": "literal", "schedule": "@manual", "tasks": [task(extractor)]}
        assert rest.http.post("/jobs", json=body).status_code == 400
        assert rest.http.post("/tasks/preview", json={"extractor_config": extractor}).status_code == 400
    vigil.tell("POST", "/auth/api-keys", {"name": "canary", "scopes": ["jobs:read"]}, "key")
    wrong = {"username": "admin", "password": vigil.canaries["literal"].text}
    assert rest.http.post("/auth/login", json=wrong).status_code == 401
    assert rest.http.put("/secrets/No", json={"value": vigil.canaries["literal"].text}).status_code == 400
    assert rest.http.put("/secrets/x", json={"value": [vigil.canaries["literal"].text]}).status_code == 400

    ended = [rest.finished(run) for run in runs]
    # A sign that the sources were told: what is never sent is found nowhere either.
    told = "\n".join(vigil.source.seen)
    assert all(
        vigil.canaries[name].core in told
        for name in ("bearer", "header", "query", "params", "client", "granted")
    )
    assert {run["status"] for run in ended} == {"failed"}
    (message,) = [run["error_message"] for run in ended if "'no'" in (run["error_message"] or "")]
    assert all(place in message for place in ("ORC_SECRET_NO", "secrets/no", "secret store"))
    for run in runs:
        rest.get(f"/runs/{run['run_id']}/tasks")
        rest.get(f"/runs/{run['run_id']}/events")
    for path in ("/jobs", "/runs", "/secrets", "/auth/users", "/auth/api-keys"):
        rest.get(path)
    assert len(rest.get("/events", limit=1000)) > len(runs)

    assert searched(vigil) == []


def searched(vigil):
    """Return where anything is found that should not be."""
    wanted = vigil.wanted()

    asyncio.run(execute(vigil.stack.env["ORC_POSTGRES_SUPERUSER_URL"], "CHECKPOINT"))
    home = vigil.home
    kept = {
        home / "secrets",
        home / "state.json",
        home / "run" / "env",
        home / "nats" / "nats.conf",
        home / "master.key",
    }
    hits = found_in(home, wanted, kept) + found_in(home.with_suffix(".log").parent, wanted, {home})
    hits += [
        f"{name} in the answer of {url}"
        for url, text in vigil.said
        for name, spellings in wanted.items()
        if any(spelling.decode() in text for spelling in spellings)
    ]
    return hits


def test_another_master_key(vigil):
    """With a new first line jobs go on; sealed anew they need the old line no more, nor do sessions."""
    rest, key_file = vigil.rest, vigil.home / "master.key"
    auth = {"type": "bearer", "token": secret("rotated")}
    job = rest.create_job("rotating", task(vigil.api("good", auth=auth), into("rotated.duckdb", "t")))

    def works():
        assert rest.finished(rest.run(job))["status"] == "success"
        return vigil.source.seen[-1]

    assert vigil.canaries["rotated"].core in works()
    newest = add_key(key_file)
    again(vigil, "auth", "executor")
    works()
    done = rest.http.post("/secrets/rewrap").json()
    assert (done["master_key_id"], done["left"], done["unopened"]) == (newest, 0, [])
    assert done["rewrapped"] == len(rest.get("/secrets"))
    assert done["signing_keys"] >= 1
    key_file.write_text(key_file.read_text().splitlines(keepends=True)[0])
    again(vigil, "auth", "executor")
    vigil.tell("POST", "/auth/login", {"username": "admin", "password": vigil.canaries["password"].text})
    assert vigil.canaries["rotated"].core in works()


def again(vigil, *names):
    """Have services start again and wait until they answer."""
    for name in names:
        before = vigil.stack.pid(name)
        os.kill(before, signal.SIGTERM)
        until(
            lambda name=name, before=before: vigil.stack.pid(name) not in {None, before} or None,
            f"{name} to start",
        )
    until(lambda: vigil.rest.http.get("/secrets").status_code == 200 or None, "auth to answer")
