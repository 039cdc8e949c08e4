"""
Settings: one frozen Struct per service, read once from the environment.

A field `lease_seconds` is `ORC_LEASE_SECONDS` unless its Meta names other variables; of several, the first one set
counts. A variable set to nothing counts as not set. All faults are reported together, none with a secret's value.

    class AuthSettings(SideSettings, frozen=True, kw_only=True):
        SERVICE: ClassVar[str] = "auth"
        token_seconds: Annotated[int, setting("How long a token lives.", ge=1)] = 900
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NoReturn, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields

S = TypeVar("S", bound=Struct)


class Secret:
    """A text that only `reveal` shows; printing, logging or encoding the object never does."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text; call it where it is used and keep no copy."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return repr(self)

    def __format__(self, spec: str) -> str:
        # Whatever is asked for, be it a width: never the text.
        return repr(self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("a Secret is not pickled or copied")

    def __reduce__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __getstate__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)


class SettingsError(Exception):
    """Every fault of the environment, a line each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class Described(Struct, frozen=True):
    """One setting as the documentation shows it."""

    variables: tuple[str, ...]
    """Looked at in this order."""
    default: str
    """As one would write it, `required` when there is none, empty when none is fine."""
    meaning: str


def setting(meaning: str, *, env: Sequence[str] = (), separator: str = ",", **limits: Any) -> Meta:
    """
    Annotate a field: what it means, where it is read if not from its own name, what it may be.

    `{SERVICE}` in a variable's name becomes the Struct's SERVICE in capitals. `limits` are those of msgspec's Meta.
    """
    return Meta(description=meaning, extra={"env": tuple(env), "separator": separator}, **limits)


class ServiceSettings(Struct, frozen=True, kw_only=True):
    """What all four services read."""

    SERVICE: ClassVar[str]

    database_url: Annotated[
        Secret,
        setting(
            "Postgres, as this service's own role.", env=("ORC_{SERVICE}_DATABASE_URL", "ORC_DATABASE_URL")
        ),
    ]
    nats_url: Annotated[
        Secret,
        setting(
            "NATS, with this service's user.",
            env=("ORC_NATS_{SERVICE}_URL", "ORC_NATS_URL"),
        ),
    ]
    nats_ca_file: Annotated[
        str | None, setting("Whose certificate NATS must show; set, nothing is sent in clear.")
    ] = None
    nats_cert_file: Annotated[
        str | None, setting("This service's own certificate, if NATS asks for one.")
    ] = None
    nats_key_file: Annotated[str | None, setting("Its key, if it is not in the same file.")] = None
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], setting("The least severe lines that are written.")
    ] = "info"
    log_json: Annotated[
        bool | None, setting("JSON lines (true) or a person's (false); by default JSON unless on a terminal.")
    ] = None


class SideSettings(ServiceSettings, frozen=True, kw_only=True):
    """What a service reads that has no HTTP of its own: where its health is asked."""

    health_host: Annotated[str, setting("Address of /livez, /readyz and /metrics.")] = "127.0.0.1"
    health_port: Annotated[
        int,
        setting(
            "Port of /livez, /readyz and /metrics; 0 takes a free one.",
            env=("ORC_{SERVICE}_HEALTH_PORT",),
            ge=0,
            le=65535,
        ),
    ]


def read_settings(cls: type[S], environ: Mapping[str, str]) -> S:
    """Build `cls` from the environment; raises SettingsError with every fault at once."""
    values: dict[str, Any] = {}
    faults: list[str] = []
    for field in fields(cls):
        variables = _variables(cls, field)
        name = next((variable for variable in variables if environ.get(variable, "") != ""), None)
        if name is None:
            if field.required:
                faults.append(f"{' or '.join(variables)} is not set: {_meta(field).description}")
            continue
        try:
            values[field.name] = _convert(environ[name], field)
        except msgspec.ValidationError as error:
            faults.append(f"{name}: {error}")
    if faults:
        raise SettingsError(faults)
    return cls(**values)


def describe(cls: type[Struct]) -> list[Described]:
    """Return every setting of a service, for its documentation and the test that holds the two together."""
    return [
        Described(_variables(cls, field), _default(field), _meta(field).description or "")
        for field in fields(cls)
    ]


def _convert(text: str, field: FieldInfo) -> Any:
    """Turn a variable's text into the field's type, within the limits of its Meta."""
    plain = get_args(field.type)[0] if get_origin(field.type) is Annotated else field.type
    value: Any = text
    if get_origin(plain) is tuple:
        value = [part.strip() for part in text.split(_separator(field)) if part.strip()]
    return msgspec.convert(value, field.type, strict=False, dec_hook=_decode)


def _decode(kind: type, value: Any) -> Any:
    return kind(value)


def _meta(field: FieldInfo) -> Meta:
    return next((part for part in get_args(field.type)[1:] if isinstance(part, Meta)), Meta(description=""))


def _separator(field: FieldInfo) -> str:
    return str((_meta(field).extra or {}).get("separator", ","))


def _variables(cls: type[Struct], field: FieldInfo) -> tuple[str, ...]:
    names = (_meta(field).extra or {}).get("env") or (f"ORC_{field.name.upper()}",)
    return tuple(name.format(SERVICE=getattr(cls, "SERVICE", "").upper()) for name in names)


def _default(field: FieldInfo) -> str:
    if field.required:
        return "required"
    value = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
    match value:
        case None | Secret():
            return ""
        case bool():
            return str(value).lower()
        case tuple():
            return _separator(field).join(str(part) for part in value)
    return str(value)
