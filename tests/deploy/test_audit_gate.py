"""The gate for known vulnerabilities: what pip-audit says, judged by a dated list of exceptions."""

import json
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest
from support.web_server import WebServer

from release import audit
from release.audit import EXCEPTIONS, Report, judge, read_exemptions

TODAY = date(2026, 3, 10)

# As pip-audit 2.10 prints it (--format json --desc off --aliases on).
RECORDED = """{"dependencies": [
  {"name": "litestar", "version": "2.17.0", "vulns": [
    {"id": "PYSEC-2025-1", "fix_versions": ["2.18.0"], "aliases": ["CVE-2025-59152", "GHSA-hm36-ffrh-c77c"]}]},
  {"name": "msgspec", "version": "0.22.0", "vulns": []}], "fixes": []}"""
SKIPPED = """{"dependencies": [
  {"name": "msgspec", "skip_reason": "Dependency not found on PyPI and could not be audited: msgspec (0.22.0)"}],
  "fixes": []}"""


def exemptions(package="litestar", advisory="CVE-2025-59152", until="2026-04-01"):
    return read_exemptions(
        f'[[exception]]\nid = "{advisory}"\npackage = "{package}"\nreason = "no proxy"\nuntil = {until}\n'
    )


def judged(recorded: str, *lists) -> list[str]:
    return judge(msgspec.json.decode(recorded, type=Report), [each for one in lists for each in one], TODAY)


def test_a_vulnerability_that_no_exception_names_fails():
    """It is named with all its names and with the version that mends it."""
    assert judged(RECORDED) == [
        "litestar 2.17.0: PYSEC-2025-1, CVE-2025-59152, GHSA-hm36-ffrh-c77c, fixed in 2.18.0"
    ]


@pytest.mark.parametrize("name", ["PYSEC-2025-1", "CVE-2025-59152", "GHSA-hm36-ffrh-c77c"])
def test_an_exception_holds_by_any_name_until_its_day_is_over(name):
    """On its last day it counts; on the next it fails, and says when it ended."""
    assert judged(RECORDED, exemptions(advisory=name, until="2026-03-10")) == []
    (fault,) = judged(RECORDED, exemptions(advisory=name, until="2026-03-09"))
    assert fault.endswith("fixed in 2.18.0; its exception ended on 2026-03-09")


def test_an_exception_of_another_package_excuses_nothing():
    """The same advisory in another package is another matter, and the entry is one that fits nothing."""
    assert [fault.split(":")[0] for fault in judged(RECORDED, exemptions(package="msgspec"))] == [
        "litestar 2.17.0",
        "audit-exceptions.toml",
    ]


def test_an_exception_that_fits_nothing_fails():
    """What was mended is taken off the list."""
    assert judged(RECORDED, exemptions(), exemptions(advisory="CVE-2020-1")) == [
        "audit-exceptions.toml: CVE-2020-1 of litestar fits nothing that was found: take it out"
    ]


def test_an_exception_cannot_last_for_ever():
    """Its day is at most three months ahead."""
    (fault,) = judged(RECORDED, exemptions(until="2026-06-11"))
    assert fault == (
        "audit-exceptions.toml: CVE-2025-59152 of litestar lasts until 2026-06-11: 92 days ahead is the most"
    )


def test_a_package_that_was_not_looked_at_fails():
    """What pip-audit skips is not passed over in silence."""
    assert judged(SKIPPED) == [
        "msgspec was not audited: Dependency not found on PyPI and could not be audited: msgspec (0.22.0)"
    ]


def test_an_entry_needs_its_reason_and_its_day():
    """An entry without a reason, without a day, or with a word that means nothing is refused by name."""
    with pytest.raises(msgspec.ValidationError, match="reason"):
        read_exemptions('[[exception]]\nid = "CVE-1"\npackage = "x"\nuntil = 2026-01-01\n')
    with pytest.raises(msgspec.ValidationError, match="until"):
        read_exemptions('[[exception]]\nid = "CVE-1"\npackage = "x"\nreason = "y"\n')
    with pytest.raises(msgspec.ValidationError, match="expires"):
        read_exemptions('[[exception]]\nid = "CVE-1"\nexpires = 2026-01-01\n')


def test_the_kept_list_can_be_read():
    """The file in the repository is one that the gate understands."""
    assert isinstance(read_exemptions(EXCEPTIONS.read_text()), tuple)


def advisory(package: str) -> dict:
    affected = {
        "package": {"name": package, "ecosystem": "PyPI"},
        "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}],
    }
    return {"vulns": [{"id": f"TEST-{package}", "summary": "s", "affected": [affected]}]}


def service(*vulnerable: str) -> WebServer:
    """Answer as OSV does, knowing of these packages alone."""

    def answer(asked):
        package = json.loads(asked.body)["package"]["name"]
        return advisory(package) if package in vulnerable else {}

    return WebServer(answer)


@pytest.fixture
def lock(tmp_path):
    path = tmp_path / "requirements.lock"
    path.write_text(f"msgspec==0.22.0 \\\n    --hash=sha256:{'a' * 64}\n")
    return path


def gate(lock, url, *arguments):
    empty = lock.with_name("exceptions.toml")
    if not empty.exists():
        empty.write_text("")
    return audit.main(["--osv-url", url, "--lock", str(lock), "--exceptions", str(empty), *arguments])


def test_gate_opens_for_a_clean_lock_and_shuts_for_a_vulnerable_one(lock, capfd):
    """The real pip-audit, asked of a real service: clean is 0, a finding 1 and named, an exception opens again."""
    with service("requests") as knows:
        assert gate(lock, knows.url, "--strict") == audit.CLEAN
    with service("requests", "msgspec") as knows:
        assert gate(lock, knows.url) == audit.FOUND
        assert "msgspec 0.22.0: TEST-msgspec, fixed in 9.9" in capfd.readouterr().err
        until = datetime.now(UTC).date() + timedelta(days=30)
        lock.with_name("exceptions.toml").write_text(
            f'[[exception]]\nid = "TEST-msgspec"\npackage = "msgspec"\nreason = "tried"\nuntil = {until}\n'
        )
        assert gate(lock, knows.url, "--strict") == audit.CLEAN


def test_a_service_that_knows_nothing_is_not_believed(lock, capfd):
    """Without an answer to what every service knows, nothing was audited: said loudly, and no release."""
    with service() as ignorant:
        assert gate(lock, ignorant.url) == audit.CLEAN
        assert "NOT AUDITED" in capfd.readouterr().err
        assert gate(lock, ignorant.url, "--strict") == audit.NOT_AUDITED


def test_a_service_that_cannot_be_reached_is_said(lock, capfd):
    """Nobody listens there: the build goes on, a release does not."""
    with service() as gone:
        url = gone.url
    assert gate(lock, url, "--strict") == audit.NOT_AUDITED
    assert "NOT AUDITED" in capfd.readouterr().err


def test_a_service_that_breaks_off_shuts_the_gate(lock):
    """Once it could tell, an audit that does not come to its end is no clean one."""

    def answer(asked):
        package = json.loads(asked.body)["package"]["name"]
        return advisory(package) if package == "requests" else (500, {}, b"")

    with WebServer(answer) as breaks:
        assert gate(lock, breaks.url) == audit.FOUND
