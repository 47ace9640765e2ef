"""Three servers on one PostgreSQL behind nginx, one killed under load: nothing is lost, nothing is twice.

`benchmarks/many_servers.py` does the same with 32 clients of 1,000 batches each, and measures.
"""

from pathlib import Path

import pytest

from many_servers import Site
from nginx import NEEDS_NGINX
from postgres import why_not

pytestmark = [*NEEDS_NGINX, pytest.mark.skipif(bool(why_not()), reason=why_not())]


def test_one_of_three_servers_killed_under_load_loses_and_doubles_nothing(tmp_path: Path) -> None:
    with Site.open(tmp_path, servers=3) as site:
        site.run(clients=6, batches=60, events=10, kill_at=0.3).check()
