"""Where the tests of the packages find what `make packages-test` has built."""

import os
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[1]
PACKAGING = CHECKOUT / "packaging/agent"
BUNDLE = CHECKOUT / "build/bundle/aipolicy"
SERVER_PACKAGING = CHECKOUT / "packaging/server"
SERVER_BUNDLE = CHECKOUT / "build/server-bundle/aipolicy-server"
DIST = CHECKOUT / "dist"

NEEDS_PACKAGES = pytest.mark.skipif(
    "AIPOLICY_PACKAGES" not in os.environ, reason="two minutes of building: `make packages-test`"
)


def built(pattern: str) -> Path:
    """The one package of this kind."""
    [package] = DIST.glob(pattern)
    return package
