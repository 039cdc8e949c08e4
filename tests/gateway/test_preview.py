"""A schedule is said back in words, with its next instants, what to know of it, and what a downtime would do."""

from datetime import UTC, datetime

from orc_domain.zones import TZDATA

AFTER = "2026-03-28T00:00:00Z"


async def test_preview(client):
    """Words, the next instants in the zone's offset strictly after the given time, and what to know of them."""
    body = {"schedule": "0 30 2 * * *", "timezone": "Europe/Paris", "after": AFTER, "count": 3}
    answer = await client.post("/schedules/preview", json=body)
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "schedule": "0 30 2 * * *",
            "timezone": "Europe/Paris",
            "description": "at 02:30:00 every day (Europe/Paris)",
            "tzdata": TZDATA,
            "next": ["2026-03-28T02:30:00+01:00", "2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"],
            "warnings": [
                ("02:30:00 does not exist on 29 March 2026 in Europe/Paris, where the clocks go from 02:00:00 to 03:00:00: "
                "it fires at 03:00:00 instead (dst.gap: shift)"),
                "02:30:00 comes twice on 25 October 2026 in Europe/Paris: it fires the first time only (dst.overlap: first)",
            ],
            "simulation": None,
        },
    )  # fmt: skip


async def test_preview_of_every_field(client):
    """Each field of a timing counts: further schedules, exclusions, bounds, the dst policy, jitter."""
    body = {
        "schedule": "0 30 2 * * *", "schedules": ["0 0 12 * * *"], "timezone": "Europe/Paris", "after": AFTER,
        "dst": {"gap": "skip"}, "exclude": ["2026-03-30"], "starts_at": "2026-03-28T06:00:00Z",
        "ends_at": "2026-03-31T06:00:00Z", "jitter_seconds": 60,
    }  # fmt: skip
    preview = (await client.post("/schedules/preview", json=body)).json()
    assert preview["next"] == [
        "2026-03-28T12:00:00+01:00",
        "2026-03-29T12:00:00+02:00",
        "2026-03-31T02:30:00+02:00",
    ]
    assert preview["description"].endswith(
        "at 12:00:00 every day (Europe/Paris), except 2026-03-30, from 2026-03-28T06:00:00+00:00, until "
        "2026-03-31T06:00:00+00:00, up to 60 s later"
    )
    assert [said.partition(":")[0] for said in preview["warnings"][1:]] == [
        "excluded",
        "it does not fire before 07",
        "it fires 3 more times, the last time at 02",
        ("each run is asked for up to 60 s after its instant; how much later follows from the job and the instant, and is "
        "the same whenever it is worked out"),
    ]  # fmt: skip


async def test_preview_from_now(client):
    """Without a time to begin at, the instants are to come; as many as asked for, up to a thousand."""
    preview = (await client.post("/schedules/preview", json={"schedule": "* * * * *"})).json()
    assert datetime.fromisoformat(preview["next"][0]) > datetime(2026, 1, 1, tzinfo=UTC)
    assert len(preview["next"]) == 5
    many = await client.post("/schedules/preview", json={"schedule": "* * * * *", "count": 1000})
    assert len(many.json()["next"]) == 1000


async def test_listing_that_costs_too_much_is_refused(client):
    """More instants of costly expressions than can be worked out at once are refused, naming how many can."""
    body = {"schedule": "0 0 l * *", "schedules": ["0 0 * * fri#2"] * 19, "count": 1000}
    problem = (await client.post("/schedules/preview", json=body)).json()
    assert (problem["status"], problem["errors"][0]["field"], problem["errors"][0]["valid"]) == (
        400,
        "count",
        "at most 100",
    )


async def test_manual_schedule_has_no_instants(client):
    """By hand only: in words, and no instants."""
    body = {"schedule": "@manual", "downtime": {"from": AFTER, "to": "2026-03-29T00:00:00Z"}}
    preview = (await client.post("/schedules/preview", json=body)).json()
    assert (preview["description"], preview["next"], preview["warnings"], preview["simulation"]) == (
        "by hand only", [], [], [],
    )  # fmt: skip


async def test_simulated_downtime(client):
    """What a downtime would do is told instant by instant, in the zone's offset, by the policies that are given."""
    body = {
        "schedule": "0 0 * * * *", "timezone": "Europe/Paris", "catch_up": {"mode": "last"},
        "downtime": {"from": "2026-03-29T00:30:00Z", "to": "2026-03-29T03:10:00Z"},
    }  # fmt: skip
    simulation = (await client.post("/schedules/preview", json=body)).json()["simulation"]

    def run(due_at, requested_at):
        return {
            "due_at": due_at, "last_due_at": due_at, "count": 1, "outcome": "run", "reason": None,
            "requested_at": requested_at,
        }  # fmt: skip

    assert simulation == [
        *(run(f"2026-03-29T0{hour}:00:00+01:00", f"2026-03-29T0{hour}:00:00+01:00") for hour in (0, 1)),
        {
            "due_at": "2026-03-29T03:00:00+02:00", "last_due_at": "2026-03-29T04:00:00+02:00", "count": 2,
            "outcome": "skipped", "reason": "missed", "requested_at": None,
        },
        run("2026-03-29T05:00:00+02:00", "2026-03-29T05:10:00+02:00"),
        *(run(f"2026-03-29T0{hour}:00:00+02:00", f"2026-03-29T0{hour}:00:00+02:00") for hour in (6, 7, 8)),
    ]  # fmt: skip
