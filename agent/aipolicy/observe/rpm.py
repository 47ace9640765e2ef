"""rpm packages that are installed, as rpm itself says."""

from typing import Final

from aipolicy.core.model import Unseen
from aipolicy.core.wire import printable
from aipolicy.observe.look import Look, Seen
from aipolicy.observe.system_package import package_of_system
from aipolicy.platforms.linux_packages import installed_rpms

NAME: Final = "rpm"


def observe(look: Look) -> Seen:
    if look.running is None:
        return  # that would mean to run a container's own rpm
    found = installed_rpms(look.machine.root, look.wanted.rpm)
    if isinstance(found, Unseen):
        yield found
        return
    for rpm in found:
        yield package_of_system(look, "rpm", rpm.name, printable(rpm.version), rpm.files)
