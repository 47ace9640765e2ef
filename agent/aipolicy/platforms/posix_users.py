"""Whose homes are on a Linux or macOS machine: from the account database, and from the folders that exist."""

import importlib
import os
import stat
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aipolicy.core.model import Record
from aipolicy.core.wire import printable
from aipolicy.platforms.machine import User

_NO_LOGIN = ("/nologin", "/false", "/sync", "/shutdown", "/halt")
_SYSTEM_FOLDERS = """/ /bin /sbin /usr /usr/bin /usr/sbin /usr/games /dev /proc /sys /run /tmp /var /var/empty
    /var/tmp /var/lib /etc /home /opt /srv /nonexistent /boot /lib /Users"""
_NOT_HOMES = frozenset(_SYSTEM_FOLDERS.split())
_KERNELS = ("/proc/", "/sys/", "/dev/")
"""What lies there is another place for each who looks, or memory."""
_FIRST_PERSON = {"linux": 1000, "macos": 500}


class Account(Record, frozen=True, kw_only=True):
    """One line of the account database (passwd)."""

    name: str
    uid: int
    gid: int
    home: str
    shell: str


class Folder(Record, frozen=True, kw_only=True):
    """What stat says of a folder. device, inode: its identity. uid: whose it is."""

    device: int
    inode: int
    uid: int


def folder_at(path: str) -> Folder | None:
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISDIR(found.st_mode):
        return None
    return Folder(device=found.st_dev, inode=found.st_ino, uid=found.st_uid)


def homes_of(
    accounts: Iterable[Account],
    *,
    os_name: str,
    folder_at: Callable[[str], Folder | None],
    out_of_reach: Callable[[str], str | None],
) -> tuple[User, ...]:
    """One User per home folder, in the order of the accounts.

    People and root; system accounts only with a login shell and a home of their own (a build agent has both).
    A home that may hang is taken untouched: whoever walks it reports why it was not looked into.
    """
    best: dict[tuple[int, int] | str, tuple[Account, bool]] = {}
    for account in accounts:
        home = os.path.normpath(account.home or "/")
        if home in _NOT_HOMES or home.startswith(_KERNELS) or not home.startswith("/"):
            continue
        if out_of_reach(home):
            best.setdefault(home, (account, True))
            continue
        folder = folder_at(home)
        if folder is None or not _is_a_place_to_live(account, home, folder, os_name):
            continue
        key = (folder.device, folder.inode)
        owns = folder.uid == account.uid
        if key not in best or (owns and not best[key][1]):
            best[key] = (account, owns)
    return tuple(_user(account) for account, _owns in best.values())


def _is_a_place_to_live(account: Account, home: str, folder: Folder, os_name: str) -> bool:
    if account.uid == 0 or home.startswith(("/home/", "/Users/")):
        return True
    person = account.uid >= _FIRST_PERSON[os_name]
    logs_in = bool(account.shell) and not account.shell.endswith(_NO_LOGIN)
    return person or (logs_in and folder.uid == account.uid)


def _user(account: Account) -> User:
    return User(name=account.name, uid=account.uid, gid=account.gid, home=os.path.normpath(account.home))


def groups_of(name: str) -> frozenset[str]:
    """Every group of an account, those of a directory service as well; one without a name by its number.

    May take as long as the directory service does. Raises LookupError, OSError.
    """
    look_up = importlib.import_module("grp").getgrgid
    found: set[str] = set()
    system: Any = os  # typeshed has it on POSIX only
    for gid in system.getgrouplist(name, _pwd().getpwnam(name)[3]):
        try:
            found.add(printable(look_up(gid)[0]))
        except KeyError:
            found.add(str(gid))
    return frozenset(found)


def accounts_known() -> tuple[Account, ...]:
    """The accounts the system lists. A directory service (LDAP, SSSD) lists none: see `accounts_behind`."""
    return tuple(account_from(entry) for entry in _pwd().getpwall())


def account_of(uid: int) -> Account | None:
    try:
        return account_from(_pwd().getpwuid(uid))
    except (KeyError, OverflowError):
        return None


def _pwd() -> Any:  # typeshed has its functions on POSIX only
    return importlib.import_module("pwd")


def account_from(entry: Any) -> Account:
    """From a line of the account database; the name may come from anywhere and is made printable."""
    return Account(name=printable(entry[0]), uid=entry[2], gid=entry[3], home=entry[5], shell=entry[6])


def accounts_behind(folders: Mapping[str, Folder], known: Iterable[Account]) -> tuple[Account, ...]:
    """Accounts of home folders that no listed account has: asked by uid, else named after the uid."""
    homes = {os.path.normpath(account.home) for account in known}
    found = []
    for path, folder in folders.items():
        if path in homes or folder.uid == 0:
            continue
        account = account_of(folder.uid)
        name = account.name if account else str(folder.uid)
        gid = account.gid if account else -1
        found.append(Account(name=name, uid=folder.uid, gid=gid, home=path, shell=""))
    return tuple(found)


def users_here(
    *,
    admin: bool,
    uid: int,
    home_variable: str | None,
    os_name: str,
    out_of_reach: Callable[[str], str | None],
) -> tuple[User, ...]:
    """Everybody when admin, else oneself. $HOME counts as a home of one's own: tools install there."""
    if admin:
        known = accounts_known()
        accounts = [*known, *accounts_behind(_home_folders(known, out_of_reach), known)]
    else:
        account = account_of(uid)
        accounts = [account] if account else []
    if home_variable and home_variable.startswith("/"):
        me = account_of(uid)
        accounts.append(
            Account(
                name=me.name if me else str(uid),
                uid=uid,
                gid=me.gid if me else -1,
                home=home_variable,
                shell=me.shell if me else "",
            )
        )
    return homes_of(accounts, os_name=os_name, folder_at=folder_at, out_of_reach=out_of_reach)


def _home_folders(known: Iterable[Account], out_of_reach: Callable[[str], str | None]) -> dict[str, Folder]:
    """Folders beside people's homes (/home, /home/DOMAIN): accounts of a directory service are not listed."""
    parents = {"/home", "/Users"} | {
        os.path.dirname(os.path.normpath(account.home))
        for account in known
        if account.home.startswith("/home/")
    }
    found = {}
    for parent in sorted(parents):
        if out_of_reach(parent):
            continue
        try:
            names = sorted(os.listdir(parent))
        except OSError:
            continue
        for name in names:
            path = os.path.join(parent, name)
            if path in parents or out_of_reach(path):
                continue
            folder = folder_at(path)
            if folder is not None:
                found[path] = folder
    return found
