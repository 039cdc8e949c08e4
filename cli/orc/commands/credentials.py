"""`orc credentials`: make the Secret a cluster's stack lives by."""

import json
import os
from typing import Annotated

from cyclopts import Parameter

from orc.cluster import NAME, create, namespace_of, secret


def credentials(*, kubernetes: Annotated[bool, Parameter(negative="")] = False) -> int:
    """
    Print a new Secret, with passwords nobody has seen, or create it in the cluster.

    Parameters
    ----------
    kubernetes
        Create it through the API server of the cluster we run in, unless it is there.
    """
    manifest = secret(namespace_of(os.environ))
    if not kubernetes:
        print(json.dumps(manifest, indent=2))
        return 0
    print(
        f"{NAME} created"
        if create(manifest, os.environ)
        else f"{NAME} is there already and was left as it is"
    )
    return 0
