"""`python -m aipolicy` is the command `aipolicy`."""

from aipolicy.cli import main

main(prog_name="aipolicy")
