"""
An API as an example of the extractor `api` describes it.

It answers what the config can read (pages, records where its paths lead, CSV, tokens, validators) and refuses what the
config does not ask for: without its parameters, headers, body or credentials a question is a 400 or 401, as elsewhere.
"""

import json
from base64 import b64decode
from contextlib import contextmanager
from urllib.parse import parse_qsl, urlsplit

from support.config_pages import worth
from support.example_answers import ETAG, page, records_count
from support.example_fields import at_path, merged, record_of
from support.example_questions import PARENT_FIELD, Asking, body_of, filled, fits, has_credentials
from support.web_server import web_server


class ExampleApi:
    """`next_answers` are given to the next questions for records, before those that fit."""

    def __init__(self, config):
        self._config, self.next_answers, self.refusals, self.asked = config, [], [], []
        parent = config.get("parent")
        self._parents = parent and {**parent, "type": "api"}
        self.parent_records = self._parent_records()

    @contextmanager
    def serving(self):
        """Serve, and give the config that leads here."""
        with web_server(self._answer) as server:
            self.url, self.asked = server.url, server.asked
            yield self._leading(self._config)

    def rows(self):
        """Return how many records there are."""
        return len(self.parent_records or [None]) * records_count(self._config)

    def _leading(self, value):
        """Put this server's address in the place of others."""
        if not isinstance(value, dict):
            return value
        return {
            name: urlsplit(inner)._replace(scheme="http", netloc=self.url.partition("//")[2]).geturl()
            if name in {"url", "token_url"}
            else self._leading(inner)
            for name, inner in value.items()
        }

    def _parent_records(self):
        if self._parents is None:
            return []
        texts = json.dumps([self._config.get(word) for word in ("url", "params", "body")])
        names = {*PARENT_FIELD.findall(texts), *self._parents.get("include", ())}
        return [
            {name: nth if name == "id" else f"{name.replace('.', '-')}-{nth}" for name in names}
            for nth in range(records_count(self._parents))
        ]

    def _answer(self, asked):
        auth = self._config.get("auth", {})
        if asked.path == urlsplit(auth.get("token_url", "")).path != "":
            return self._token(auth, asked)
        given = {**asked.query, **body_of(self._config, asked)}
        if self._parents is not None and asked.path == urlsplit(self._parents["url"]).path:
            return self._parents_page(asked, given)
        wanted = [self._asking(record) for record in self.parent_records or [{}]]
        fitting = [nth for nth, asking in enumerate(wanted) if fits(asking, asked, given)]
        if not fitting or not self._has_headers(asked):
            return self._refuse(
                400, f"{asked.method} {asked.path} {asked.query} {asked.headers} {asked.body}"
            )
        if not has_credentials(auth, asked):
            return self._refuse(401, f"{asked.headers} {asked.query}")
        if self.next_answers:
            return self.next_answers.pop(0)
        if self._config.get("conditional") and asked.headers.get("if-none-match") == ETAG:
            return 304, {}, b""
        return page(
            self._config, asked, given, lambda nth: record_of(self._config, nth), fitting[0] * 100_000
        )

    def _refuse(self, status, why):
        self.refusals.append(why)
        return status, {}, b"not what the example asks"

    def _has_headers(self, asked):
        if asked.method != self._config.get("method", "GET"):
            return False
        headers = filled(self._config.get("headers", {}), {})
        return all(asked.headers.get(name.lower()) == text for name, text in headers.items())

    def _asking(self, record):
        config = self._config
        return Asking(
            filled(urlsplit(config["url"]).path, record),
            filled(config.get("params", {}), record),
            filled(config.get("body"), record),
        )

    def _parents_page(self, asked, given):
        asking = Asking(asked.path, filled(self._parents.get("params", {}), {}))
        if not fits(asking, asked, given):
            return self._refuse(400, f"parent: {asked.query}")
        return page(self._parents, asked, given, lambda nth: opened_up(self.parent_records[nth]), 0)

    def _token(self, auth, asked):
        form = dict(parse_qsl(asked.body.decode()))
        client = auth["client_id"], worth(auth["client_secret"]["secret"])
        if auth.get("send") == "body":
            said = form.get("client_id"), form.get("client_secret")
        else:
            said = tuple(b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode().split(":"))
        asked_for = {name: auth[name] for name in ("scope", "audience") if name in auth}
        if (
            said != client
            or form.get("grant_type") != "client_credentials"
            or not asked_for.items() <= form.items()
        ):
            return self._refuse(401, f"token: {form}")
        return {"access_token": "a-token", "token_type": "Bearer", "expires_in": 3600}


def opened_up(record):
    """Return a record with objects in the place of dotted names."""
    found = {}
    for name, value in record.items():
        found = merged(found, at_path(f"$.{name}", value))
    return found
