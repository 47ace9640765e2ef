"""Looking around: every place where an AI tool can lie or run, one file per kind of place.

`look_everywhere` is the whole look, `walk_everywhere` and `observe_all` are its halves; the other functions
look at one path, one process, or say where installs appear. Nothing here raises: a place that could not be
looked into is an Unseen.
"""

from aipolicy.observe.everywhere import (
    OBSERVERS,
    Observer,
    install_roots,
    look_everywhere,
    observe_all,
    walk_everywhere,
)
from aipolicy.observe.loose import Disguises
from aipolicy.observe.single import look_at_path, look_at_process

__all__ = [
    "OBSERVERS",
    "Disguises",
    "Observer",
    "install_roots",
    "look_at_path",
    "look_at_process",
    "look_everywhere",
    "observe_all",
    "walk_everywhere",
]
