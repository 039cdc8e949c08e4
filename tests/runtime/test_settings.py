"""Settings come from the environment, all faults at once, secrets unseen."""

from pathlib import Path
from typing import Annotated, ClassVar, Literal

import msgspec
import pytest

from orc_runtime.settings import (
    Described,
    Secret,
    ServiceSettings,
    SettingsError,
    describe,
    read_settings,
    setting,
)


class Sample(ServiceSettings, frozen=True, kw_only=True):
    SERVICE: ClassVar[str] = "sample"

    slots: Annotated[int, setting("Slots.", ge=1)] = 2
    ratio: float = 0.5
    mode: Annotated[Literal["a", "b"], setting("Mode.", env=("ORC_SAMPLE_MODE",))] = "a"
    data_dir: Path | None = None
    roots: Annotated[tuple[Path, ...], setting("Roots.", separator=":")] = ()
    allow: tuple[str, ...] = ("loopback", "private")


REACHABLE = {"ORC_DATABASE_URL": "postgresql://shared", "ORC_NATS_URL": "nats://shared"}


def test_defaults():
    """What is not set has its default."""
    expected = Sample(database_url=Secret("postgresql://shared"), nats_url=Secret("nats://shared"))

    assert expected == read_settings(Sample, REACHABLE)


def test_every_type():
    """Numbers, booleans, paths, choices and lists are read from text."""
    environ = {
        "ORC_SAMPLE_DATABASE_URL": "postgresql://own",
        "ORC_DATABASE_URL": "postgresql://shared",
        "ORC_NATS_URL": "nats://shared",
        "ORC_SLOTS": "7",
        "ORC_RATIO": "0.25",
        "ORC_SAMPLE_MODE": "b",
        "ORC_DATA_DIR": "/data",
        "ORC_ROOTS": "/one:/two words",
        "ORC_ALLOW": "loopback, 10.0.0.0/8",
        "ORC_LOG_JSON": "true",
    }

    expected = Sample(
        database_url=Secret("postgresql://own"),
        nats_url=Secret("nats://shared"),
        slots=7,
        ratio=0.25,
        mode="b",
        data_dir=Path("/data"),
        roots=(Path("/one"), Path("/two words")),
        allow=("loopback", "10.0.0.0/8"),
        log_json=True,
    )
    assert expected == read_settings(Sample, environ)


def test_all_faults_together():
    """Every fault is reported, naming its variable and what would be valid."""
    with pytest.raises(SettingsError) as caught:
        read_settings(Sample, {"ORC_SLOTS": "0", "ORC_RATIO": "much", "ORC_SAMPLE_MODE": "c"})

    assert caught.value.faults == (
        "ORC_SAMPLE_DATABASE_URL or ORC_DATABASE_URL is not set: Postgres, as this service's own role.",
        "ORC_NATS_SAMPLE_URL or ORC_NATS_URL is not set: NATS, with this service's user.",
        "ORC_SLOTS: Expected `int` >= 1",
        "ORC_RATIO: Expected `float`, got `str`",
        "ORC_SAMPLE_MODE: Invalid enum value 'c'",
    )


def test_empty_is_not_set():
    """A variable set to nothing counts as not set, as make and Kubernetes pass them on."""
    assert read_settings(Sample, {**REACHABLE, "ORC_SLOTS": ""}).slots == 2


def test_secret_is_never_shown():
    """No way of printing settings shows a secret."""
    settings = read_settings(Sample, {**REACHABLE, "ORC_DATABASE_URL": "postgresql://u:hush@h/d"})

    shown = f"{settings} {settings!r} {settings.database_url} {[settings.database_url]}"
    assert "hush" not in shown
    assert settings.database_url.reveal() == "postgresql://u:hush@h/d"
    with pytest.raises(TypeError):
        msgspec.json.encode(settings)


def test_describe():
    """Each setting tells its variables, default and meaning."""
    assert [*describe(Sample)[:1], *describe(Sample)[7:10], describe(Sample)[-1]] == [
        Described(
            ("ORC_SAMPLE_DATABASE_URL", "ORC_DATABASE_URL"),
            "required",
            "Postgres, as this service's own role.",
        ),
        Described(("ORC_SLOTS",), "2", "Slots."),
        Described(("ORC_RATIO",), "0.5", ""),
        Described(("ORC_SAMPLE_MODE",), "a", "Mode."),
        Described(("ORC_ALLOW",), "loopback,private", ""),
    ]
