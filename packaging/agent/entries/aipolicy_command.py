"""The program `aipolicy`."""

from aipolicy.cli import main

main(prog_name="aipolicy")
