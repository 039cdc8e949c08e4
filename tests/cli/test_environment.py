"""Each service is told what is its own and nothing else."""

import pytest

from orc.embedded.environment import (
    ROLES,
    SERVICES,
    database_variable,
    external_urls,
    is_external,
    service_environment,
)
from orc.embedded.errors import SettingsWrong

URLS = {
    **{database_variable(role): f"postgresql://{role}:pw-{role}@127.0.0.1:5/orc" for role in ROLES},
    **{f"ORC_NATS_{service.upper()}_URL": f"nats://{service}:pw@127.0.0.1:6" for service in SERVICES},
    "ORC_NATS_URL": "nats://operator:pw@127.0.0.1:6",
    "ORC_POSTGRES_SUPERUSER_URL": "postgresql://postgres:root@127.0.0.1:5/orc",
}
DEFAULTS = {"ORC_AUTH": "optional", "ORC_FILE_ROOTS": "/here", "ORC_HOME": "/home"}


@pytest.mark.parametrize("service", SERVICES)
def test_service_gets_its_own_urls_alone(service):
    """Whatever our own environment holds, a service sees its role and its user and no other password."""
    environment = service_environment(service, URLS | {"PATH": "/bin"}, URLS, DEFAULTS)
    assert environment == DEFAULTS | {
        "PATH": "/bin",
        "ORC_DATABASE_URL": URLS[f"ORC_{service.upper()}_DATABASE_URL"],
        "ORC_NATS_URL": URLS[f"ORC_NATS_{service.upper()}_URL"],
        "PYTHONUNBUFFERED": "1",
    }


@pytest.mark.parametrize(
    ("name", "holder"),
    [
        ("ORC_SECRET_GITHUB_TOKEN", "executor"),
        ("ORC_BOOTSTRAP_SECRET", "auth"),
        ("ORC_BOOTSTRAP_SECRET_FILE", "auth"),
        ("ORC_OIDC_CLIENT_SECRET", "auth"),
    ],
)
def test_a_secret_goes_to_one_service_alone(name, holder):
    """Only the process that uses a secret is given it."""
    given = {name: "x"}
    holders = [
        name for name in SERVICES if given.items() <= service_environment(name, given, URLS, DEFAULTS).items()
    ]
    assert holders == [holder]


@pytest.mark.parametrize("given", [{}, {"ORC_MASTER_KEY_FILE": "/theirs"}, {"ORC_MASTER_KEY_COMMAND": "kms"}])
def test_master_keys_go_to_auth_and_the_executor(given):
    """Ours unless a person names others, by either setting; to whoever seals or opens, and to nobody else."""
    defaults = DEFAULTS | {"ORC_MASTER_KEY_FILE": "/home/master.key"}
    expected = given or {"ORC_MASTER_KEY_FILE": "/home/master.key"}
    for service in SERVICES:
        environment = service_environment(service, given, URLS, defaults)
        found = {name: value for name, value in environment.items() if "MASTER_KEY" in name}
        assert found == (expected if service in {"auth", "executor"} else {})


def test_settings_of_a_person_win_and_roots_add_up():
    """What was set stays, an empty variable counts as not set, and the file roots come before our own."""
    given = {"ORC_AUTH": "required", "ORC_HOME": "", "ORC_FILE_ROOTS": "/a:/b"}
    environment = service_environment("gateway", given, URLS, DEFAULTS)
    assert (environment["ORC_AUTH"], environment["ORC_HOME"], environment["ORC_FILE_ROOTS"]) == (
        "required",
        "/home",
        "/a:/b:/here",
    )


def test_a_url_that_is_no_servers_is_passed_on():
    """Only those with passwords are kept back."""
    given = {"ORC_OIDC_REDIRECT_URL": "https://orc.example/auth/oidc/callback"}
    assert given.items() <= service_environment("auth", given, URLS, DEFAULTS).items()


def test_external_needs_both():
    """One of the two external URLs alone is an error that names it."""
    assert not is_external({})
    assert is_external({"ORC_DATABASE_URL": "x", "ORC_NATS_URL": "y"})
    with pytest.raises(SettingsWrong, match="ORC_NATS_URL is set alone"):
        is_external({"ORC_NATS_URL": "y"})


def test_external_urls_follow_from_who_may_create_roles():
    """Given the URL of an administrator alone, every role's own follows from it."""
    admin = "postgresql://admin:pw@db.example:5433/ingest?sslmode=require"
    given = {"ORC_DATABASE_URL": admin, "ORC_NATS_URL": "nats://x:4222"}
    urls = external_urls(given, {role: f"pw-{role}" for role in ROLES})
    expected = {
        database_variable(role): f"postgresql://{role}:pw-{role}@db.example:5433/ingest?sslmode=require"
        for role in ROLES
    }
    assert urls == expected | {"ORC_POSTGRES_SUPERUSER_URL": admin, "ORC_NATS_URL": "nats://x:4222"}


def test_external_urls_that_are_missing_are_all_named():
    """Without an administrator each service's URL has to be given, and all that are missing are named at once."""
    given = {
        "ORC_DATABASE_URL": "postgresql://orc_migrate:pw@db/orc",
        "ORC_NATS_URL": "nats://x",
        "ORC_AUTH_DATABASE_URL": "postgresql://orc_auth:pw@db/orc",
    }
    with pytest.raises(SettingsWrong) as caught:
        external_urls(given, {})
    assert "ORC_GATEWAY_DATABASE_URL, ORC_SCHEDULER_DATABASE_URL, ORC_EXECUTOR_DATABASE_URL" in str(
        caught.value
    )
