"""The program `aipolicy-server`. Root becomes the service's account first, so that no file is ever root's."""

import os
import pwd

ACCOUNT = "aipolicy-server"
CONFIG = "/etc/aipolicy-server/server.yaml"


def become(name: str) -> None:
    """For good. Nothing happens where we are not root, or where there is no such account."""
    if os.geteuid() != 0:
        return
    try:
        account = pwd.getpwnam(name)
    except KeyError:
        return
    os.initgroups(name, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(account.pw_uid, account.pw_uid, account.pw_uid)
    os.umask(0o077)


if __name__ == "__main__":
    become(ACCOUNT)
    if os.path.exists(CONFIG):
        os.environ.setdefault("AIPOLICY_SERVER_CONFIG", CONFIG)
    from aipolicy_server.cli import server  # not before: root runs none of it

    server(prog_name=ACCOUNT)
