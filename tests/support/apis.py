"""Configs and answers of APIs for tests."""


def api(server, path="/items", **more):
    return {"type": "api", "url": f"{server.url}{path}", **more}


def rows(first, last):
    return [{"id": number} for number in range(first, last + 1)]
