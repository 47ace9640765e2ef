"""The program `aipolicy-inside`: the look into one container."""

import sys

from aipolicy.observe.inside import main

sys.exit(main())
