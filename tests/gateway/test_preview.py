"""A schedule is said back in words, with its next instants."""

from datetime import datetime


async def test_preview(client):
    """Words, the five next instants in UTC, strictly in the future, and as many as asked for."""
    answer = await client.post(
        "/schedules/preview", json={"schedule": "0 0 9 * * 1-5", "timezone": "Europe/Berlin"}
    )
    preview = answer.json()
    instants = [datetime.fromisoformat(text) for text in preview["next"]]
    assert answer.status_code == 200
    assert (preview["schedule"], preview["timezone"], len(instants)) == ("0 0 9 * * 1-5", "Europe/Berlin", 5)
    assert "09:00:00" in preview["description"]
    assert instants == sorted(set(instants))
    assert {instant.astimezone().weekday() for instant in instants} <= set(range(5))
    many = await client.post("/schedules/preview", json={"schedule": "* * * * *", "count": 100})
    assert len(many.json()["next"]) == 100


async def test_manual_schedule_has_no_instants(client):
    """By hand only: in words, and no instants."""
    preview = (await client.post("/schedules/preview", json={"schedule": "@manual"})).json()
    assert (preview["description"], preview["next"]) == ("by hand only", [])
