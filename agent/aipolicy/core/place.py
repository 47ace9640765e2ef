"""Where a thing lies when it lies in a container: `CONTAINER:/path`, as `docker cp` writes it.

Two containers have the same paths, so what is found there is told apart by its whole place.
"""

import re
from typing import Final

IN_CONTAINER: Final = " in a container"
"""What the form of a finding there ends with."""

_PLACE: Final = re.compile(r"(.+?):(/.*)", re.DOTALL)
_HOME: Final = re.compile(r"(?<=[\w.-]):/home/[^/:]+(?=/|$)")


def place_in(container: str | None, path: str) -> str:
    """`path` of the container; without a container it is one of this machine. `deb:name` is no path."""
    return path if container is None or not path.startswith("/") else f"{container}:{path}"


def container_of(place: str) -> str | None:
    """The container that a place lies in, None for one of this machine."""
    found = _PLACE.fullmatch(place)
    return found.group(1) if found else None


def without_home(text: str) -> str:
    """Homes in a container as `~`: the machine's own accounts do not know them."""
    return _HOME.sub(":~", text)
