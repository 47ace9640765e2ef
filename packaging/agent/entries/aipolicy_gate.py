"""The program `aipolicy-gate`: the exec gate and its deadman, with nothing but the standard library."""

import sys

from aipolicy.enforce.guard.deadman import main

sys.exit(main(sys.argv[1:]))
