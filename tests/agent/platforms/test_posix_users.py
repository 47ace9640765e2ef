"""Given accounts and folders, then whose homes are looked into."""

from pathlib import Path

from aipolicy.platforms.posix_users import (
    Account,
    Folder,
    account_from,
    account_of,
    accounts_behind,
    homes_of,
    users_here,
)


def account(name: str, uid: int, home: str, shell: str = "/bin/bash") -> Account:
    return Account(name=name, uid=uid, gid=uid, home=home, shell=shell)


def homes(accounts: list[Account], folders: dict[str, Folder], far: str = "/net") -> dict[str, str]:
    users = homes_of(
        accounts,
        os_name="linux",
        folder_at=folders.get,
        out_of_reach=lambda path: "nfs" if path.startswith(far) else None,
    )
    return {user.name: user.home for user in users}


def folder(inode: int, uid: int) -> Folder:
    return Folder(device=1, inode=inode, uid=uid)


def test_people_and_root_have_homes_services_have_not() -> None:
    accounts = [
        account("root", 0, "/root"),
        account("daemon", 1, "/usr/sbin", "/usr/sbin/nologin"),
        account("www", 33, "/var/www", "/usr/sbin/nologin"),
        account("nobody", 65534, "/nonexistent", "/usr/sbin/nologin"),
        account("alice", 1000, "/home/alice"),
        account("gone", 1001, "/home/gone"),
        account("kiosk", 1002, "/home/kiosk", "/usr/sbin/nologin"),
        account("lives-in-slash", 1003, "/"),
    ]
    folders = {
        "/root": folder(1, 0),
        "/usr/sbin": folder(2, 0),
        "/var/www": folder(3, 33),
        "/home/alice": folder(4, 1000),
        "/home/kiosk": folder(5, 1002),
        "/": folder(6, 0),
    }
    assert homes(accounts, folders) == {"root": "/root", "alice": "/home/alice", "kiosk": "/home/kiosk"}


def test_a_login_name_that_is_no_text_ended_the_scan_with_an_error() -> None:
    for name, shown in (("ev\x1b[31mil", "ev\\x1b[31mil"), ("n\udcff", "n\\xff"), ("zoë", "zoë")):
        found = account_from((name, "x", 1000, 1000, "", "/home/\udcff", "/bin/sh"))
        assert (found.name, found.home) == (shown, "/home/\udcff")


def test_nobody_lives_in_the_kernels_own_folders() -> None:
    accounts = [
        account("p", 1001, "/proc/self/cwd"),
        account("d", 1002, "/dev/shm"),
        account("a", 1003, "/home/a"),
    ]
    everywhere = {one.home: folder(number, one.uid) for number, one in enumerate(accounts)}
    assert homes(accounts, everywhere) == {"a": "/home/a"}


def test_a_build_agent_logs_in_and_has_a_home_of_its_own() -> None:
    accounts = [
        account("jenkins", 110, "/var/lib/jenkins"),
        account("shared", 111, "/var/lib/other"),
    ]
    folders = {"/var/lib/jenkins": folder(1, 110), "/var/lib/other": folder(2, 0)}
    assert homes(accounts, folders) == {"jenkins": "/var/lib/jenkins"}


def test_a_shared_home_is_looked_into_once_and_is_its_owners() -> None:
    accounts = [
        account("a", 1001, "/home/shared"),
        account("b", 1002, "/home/shared/"),
        account("c", 1003, "/home/link"),
    ]
    folders = {"/home/shared": folder(1, 1002), "/home/link": folder(1, 1002)}
    assert homes(accounts, folders) == {"b": "/home/shared"}


def test_a_home_that_may_hang_is_named_without_touching_it() -> None:
    asked: list[str] = []
    users = homes_of(
        [account("n", 1000, "/net/n")],
        os_name="linux",
        folder_at=lambda path: asked.append(path),
        out_of_reach=lambda _path: "nfs",
    )
    assert [user.home for user in users] == ["/net/n"]
    assert asked == []


def test_accounts_of_a_directory_are_found_by_their_folders() -> None:
    found = accounts_behind(
        {
            "/home/CORP/x": folder(1, 4_000_000),
            "/home/alice": folder(2, 1000),
            "/home/lost+found": folder(3, 0),
        },
        [account("alice", 1000, "/home/alice")],
    )
    assert [(a.name, a.uid, a.home) for a in found] == [("4000000", 4_000_000, "/home/CORP/x")]


def test_an_account_that_is_not_known_is_none() -> None:
    assert account_of(4_123_456_789) is None
    assert account_of(-5) is None
    assert account_of(1 << 70) is None


def test_without_rights_only_oneself_with_ones_home_variable(tmp_path: Path) -> None:
    users = users_here(
        admin=False,
        uid=4_123_456_789,
        home_variable=str(tmp_path),
        os_name="linux",
        out_of_reach=lambda _path: None,
    )
    assert [(user.uid, user.home) for user in users] == [(4_123_456_789, str(tmp_path))]
