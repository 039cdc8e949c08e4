"""Definitions are judged by what they say literally: addresses and ports, under the settings of the workers."""

import pytest
from gateway.conftest import job_body

FIELD = "tasks[0].extractor_config"


def job(**config):
    return job_body(tasks=[{"extractor_config": config, "loader_config": {"type": "discard"}}])


def api(url, **more):
    return job(type="api", url=url, **more)


REFUSED = {
    "private address": (api("http://10.0.0.1/"), "url", "ORC_EGRESS_ALLOW"),
    "private address in disguise": (api("http://[::ffff:a00:1]/"), "url", "ORC_EGRESS_ALLOW"),
    "metadata": (api("http://[fd00:ec2::254]/"), "url", "never allowed"),
    "port of a name": (api("http://example.com:8080/"), "url", "ORC_EGRESS_PORTS"),
    "port of an address": (api("https://8.8.8.8:22/"), "url", "ORC_EGRESS_PORTS"),
    "port of a token server": (
        api(
            "https://example.com/",
            auth={
                "type": "oauth2_client_credentials", "token_url": "https://example.com:8443/", "client_id": "c", "client_secret": {"secret": "s"},
            },
        ),
        "auth.token_url",
        "ORC_EGRESS_PORTS",
    ),
    "parent": (api("http://10.0.0.1/{parent.a}", parent={"url": "http://10.0.0.1/"}), "url", "ORC_EGRESS_ALLOW"),
    "file": (job(type="csv", path=["https://example.com/a.csv", "HTTP://127.1/a.csv"]), "path[1]", "ORC_EGRESS_ALLOW"),
    "file after a space": (job(type="csv", path=" http://127.1/a.csv"), "path", "ORC_EGRESS_ALLOW"),
    "store": (
        job(type="csv", path="s3://bucket/a", storage={"endpoint": "http://10.0.0.1:9000", "anonymous": True}),
        "storage.endpoint",
        "ORC_EGRESS_ALLOW",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "place", "said"), REFUSED.values(), ids=REFUSED)
async def test_what_can_never_be_reached_is_refused(client, body, place, said):
    """400 naming the field and the setting, when a job is created and when it is changed; nothing is appended."""
    made = (await client.post("/jobs", json=api("https://example.com/"))).json()
    changed = await client.put(f"/jobs/{made['job_id']}", json=body, headers={"if-match": '"1"'})
    for answer in (await client.post("/jobs", json=body), changed):
        (fault,) = answer.json()["errors"]
        assert (answer.status_code, fault["field"], said in fault["detail"]) == (
            400,
            f"{FIELD}.{place}",
            True,
        )
    assert (await client.get(f"/jobs/{made['job_id']}")).json()["version"] == 1


async def test_settings_let_more_through(start_gateway):
    """As for the workers: networks, hosts, ports; a name that may resolve to what is listed is left to them."""
    gateway = await start_gateway(
        egress_allow=("10.0.0.0/8:9000", "*.internal.example"), egress_ports=(8080,), egress_public=False
    )
    urls = {
        "http://10.0.0.1:9000/": 200, "http://10.0.0.1/": 400, "http://a.internal.example:77/": 200, "http://8.8.8.8/": 400,
        "http://example.com:9000/": 200, "http://example.com:8080/": 400, "http://169.254.169.254:9000/": 400,
    }  # fmt: skip
    async with gateway.client() as client:
        answers = {url: (await client.post("/jobs", json=api(url))).status_code for url in urls}
    assert answers == urls


async def test_a_preview_is_judged_alike(client):
    """No executor is asked."""
    answer = await client.post(
        "/tasks/preview", json={"extractor_config": {"type": "api", "url": "http://127.1/"}}
    )
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "extractor_config.url")
