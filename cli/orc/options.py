"""What every command takes, and where it finds the stack it speaks to."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from orc.embedded.home import DEFAULT, read_env
from orc.errors import NotLocal

DEFAULT_URL = "http://127.0.0.1:8080"


@Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """Options of every command."""

    url: Annotated[str | None, Parameter(env_var="ORC_URL")] = None
    """Where the gateway is; by default the stack of ORC_HOME, else http://127.0.0.1:8080."""

    json: Annotated[bool, Parameter(negative="")] = False
    """Print JSON instead of tables."""

    @property
    def home(self) -> Path:
        """The folder of the local stack, whether or not one has run there."""
        return Path(os.environ.get("ORC_HOME") or DEFAULT)

    @property
    def gateway(self) -> str:
        """The URL to speak to."""
        return (self.url or read_env(self.home).get("ORC_URL") or DEFAULT_URL).rstrip("/")

    def database_url(self, *variables: str) -> str:
        """Return the first URL that is set, in the environment or by the local stack; raises NotLocal."""
        written = read_env(self.home)
        for source in (os.environ, written):
            for variable in variables:
                if source.get(variable):
                    return source[variable]
        raise NotLocal(variables[0], self.home)


NO_OPTIONS = Options()
