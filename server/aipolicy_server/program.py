"""How this program is called where it runs: what messages tell people to type."""

import sys
from typing import Final

NAME: Final = "aipolicy-server" if getattr(sys, "frozen", False) else "aipolicy server"
"""The package has a program of its own; elsewhere the server is a verb of `aipolicy`."""
