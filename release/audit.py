"""
The audit gate: no known vulnerability in what requirements.lock names, but for dated exceptions.

    ask about a version that is known to be vulnerable ──▶ the service says so?  no: nothing here can tell (NOT AUDITED)
    pip-audit over requirements.lock ──▶ findings ──▶ each is excepted until a day, or fails the gate

A service that knows nothing answers like one that finds nothing: an index's mirror without advisories is enough. So it
is believed only after it named a vulnerability that has been public for years.

    python -m release.audit [--strict] [--osv-url URL]

Exit codes: 0 clean, or not audited without --strict; 1 findings, or a list that is out of date; 3 not audited with --strict.
"""

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from release.lock import LOCK

EXCEPTIONS = Path(__file__).parent / "audit-exceptions.toml"
KNOWN_VULNERABLE = "requests==2.19.1"
"""Its advisory (CVE-2018-18074) is as old as the databases."""
AUDIT_SECONDS_MAX = 600
CONTROL_SECONDS_MAX = 60
EXCEPTION_DAYS_MAX = 92
"""How far ahead an exception's last day may lie: it is to be looked at again, not forgotten."""
CLEAN, FOUND, NOT_AUDITED = 0, 1, 3


class Vulnerability(Struct, frozen=True):
    """One advisory that fits a package."""

    id: str
    aliases: tuple[str, ...] = ()
    fix_versions: tuple[str, ...] = ()


class Dependency(Struct, frozen=True):
    """What pip-audit says of one package."""

    name: str
    version: str = ""
    vulns: tuple[Vulnerability, ...] = ()
    skip_reason: str | None = None
    """Set when the package was not looked at; then there is no version either."""


class Report(Struct, frozen=True):
    """The output of `pip-audit --format json`."""

    dependencies: tuple[Dependency, ...]


class Exemption(Struct, frozen=True, forbid_unknown_fields=True):
    """A vulnerability that we live with until a day."""

    id: str
    """As pip-audit names it, or one of its aliases (CVE-…, GHSA-…)."""
    package: str
    reason: str
    until: date
    """The last day on which it counts."""


class Exemptions(Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    exception: tuple[Exemption, ...] = ()


def judge(report: Report, exemptions: Sequence[Exemption], today: date) -> list[str]:
    """Return a sentence for each thing that fails the gate; none is a clean audit."""
    faults: list[str] = []
    used: set[Exemption] = set()
    for dependency in report.dependencies:
        if dependency.skip_reason is not None:
            faults.append(f"{dependency.name} was not audited: {dependency.skip_reason}")
        for vulnerability in dependency.vulns:
            names = {vulnerability.id, *vulnerability.aliases}
            fitting = [e for e in exemptions if e.package == dependency.name and e.id in names]
            used.update(fitting)
            if not any(exemption.until >= today for exemption in fitting):
                faults.append(_finding(dependency, vulnerability, fitting))
    faults += [
        f"{EXCEPTIONS.name}: {e.id} of {e.package} fits nothing that was found: take it out"
        for e in exemptions
        if e not in used
    ]
    faults += [
        f"{EXCEPTIONS.name}: {e.id} of {e.package} lasts until {e.until}: {EXCEPTION_DAYS_MAX} days ahead is the most"
        for e in exemptions
        if e.until - today > timedelta(days=EXCEPTION_DAYS_MAX)
    ]
    return faults


def _finding(dependency: Dependency, vulnerability: Vulnerability, fitting: Sequence[Exemption]) -> str:
    fix = " or ".join(vulnerability.fix_versions) or "no version yet"
    expired = f"; its exception ended on {max(e.until for e in fitting)}" if fitting else ""
    names = ", ".join((vulnerability.id, *vulnerability.aliases))
    return f"{dependency.name} {dependency.version}: {names}, fixed in {fix}{expired}"


def read_exemptions(text: str) -> tuple[Exemption, ...]:
    """Read the list of exceptions; raises msgspec.ValidationError naming the field."""
    return msgspec.toml.decode(text, type=Exemptions).exception


def ask(requirements: Path, *options: str, seconds_max: int) -> Report | None:
    """Run pip-audit over a requirements file; None when it could not do its work, which it then has said on stderr."""
    command = [str(Path(sys.executable).parent / "pip-audit"), "--requirement", str(requirements)]
    command += ["--disable-pip", "--no-deps", "--format", "json", "--desc", "off", "--aliases", "on"]
    command += ["--progress-spinner", "off", *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=seconds_max)
    except subprocess.TimeoutExpired:
        sys.stderr.write(f"pip-audit did not end within {seconds_max} s\n")
        return None
    try:
        return msgspec.json.decode(done.stdout, type=Report)
    except msgspec.DecodeError:
        # The last line of a trace says what went wrong.
        sys.stderr.write(f"pip-audit: {(done.stderr.strip() or 'no output').splitlines()[-1][:500]}\n")
        return None


def can_tell(options: Sequence[str]) -> bool:
    """Say whether the service names the vulnerability that every service knows."""
    with tempfile.TemporaryDirectory() as folder:
        control = Path(folder, "control.txt")
        control.write_text(f"{KNOWN_VULNERABLE}\n")
        report = ask(control, *options, seconds_max=CONTROL_SECONDS_MAX)
    return report is not None and any(dependency.vulns for dependency in report.dependencies)


def main(arguments: Sequence[str]) -> int:
    """Audit the lock, print what fails, return the exit code."""
    parser = argparse.ArgumentParser(prog="audit", description="audit requirements.lock")
    parser.add_argument(
        "--strict", action="store_true", help="fail when no service can be asked: for a release"
    )
    parser.add_argument("--osv-url", help="where an OSV service answers, in place of the public ones")
    parser.add_argument("--lock", type=Path, default=LOCK)
    parser.add_argument("--exceptions", type=Path, default=EXCEPTIONS)
    given = parser.parse_args(arguments)
    exemptions = read_exemptions(given.exceptions.read_text(encoding="utf-8"))
    own = ["--vulnerability-service", "osv", "--osv-url", given.osv_url]
    services = [own] if given.osv_url else [["--vulnerability-service", name] for name in ("pypi", "osv")]
    service = next((options for options in services if can_tell(options)), None)
    if service is None:
        return _not_audited(strict=given.strict)
    report = ask(given.lock, "--require-hashes", *service, seconds_max=AUDIT_SECONDS_MAX)
    if report is None:
        # It answered a moment ago: a gate that cannot finish stays shut.
        return FOUND
    faults = judge(report, exemptions, datetime.now(UTC).date())
    for fault in faults:
        print(fault, file=sys.stderr)
    print(
        f"audited {len(report.dependencies)} packages: {len(faults)} to look at, {len(exemptions)} exceptions"
    )
    return FOUND if faults else CLEAN


def _not_audited(*, strict: bool) -> int:
    rule = "*" * 78
    print(
        f"{rule}\nNOT AUDITED: no vulnerability service that names {KNOWN_VULNERABLE} can be reached from here.\n"
        "Nothing is known of vulnerabilities in requirements.lock. A release needs `make audit STRICT=1`\n"
        f"where one can be reached (or OSV_URL=https://… of your own).\n{rule}",
        file=sys.stderr,
    )
    return NOT_AUDITED if strict else CLEAN


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
