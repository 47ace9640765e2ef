"""What management gives: read from a registry and from managed preferences, and where it counts."""

import plistlib
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from aipolicy.cli import inputs
from aipolicy.platforms.local_peer import uid_in_xucred
from aipolicy.platforms.management import PREFERENCES, Managed, in_preferences, in_registry
from aipolicy.settings import SettingsError, load
from host import FakeMachine

LOCAL, SECRET, POLICIES = r"SOFTWARE\aipolicy", r"SOFTWARE\aipolicy\Secret", r"SOFTWARE\Policies\aipolicy"


class Registry:
    """The part of `winreg` that is used. closed: keys that only administrators may read."""

    HKEY_LOCAL_MACHINE, KEY_READ, KEY_WOW64_64KEY = -2, 0x20019, 0x0100

    def __init__(self, keys: Mapping[str, Mapping[str, object]], closed: tuple[str, ...] = ()) -> None:
        self._keys, self._closed = keys, closed

    def OpenKey(self, root: int, path: str, reserved: int, access: int) -> Any:
        assert (root, reserved) == (self.HKEY_LOCAL_MACHINE, 0)
        assert access & self.KEY_WOW64_64KEY  # a 32-bit Python would be shown another place
        if path in self._closed:
            raise PermissionError(13, "Access is denied")
        if path not in self._keys:
            raise FileNotFoundError(2, "The system cannot find the file specified")
        return nullcontext(list(self._keys[path].items()))

    def QueryInfoKey(self, key: Any) -> tuple[int, int, int]:
        return 0, len(key.enter_result), 0

    def EnumValue(self, key: Any, number: int) -> tuple[str, object, int]:
        return (*key.enter_result[number], 1)


def test_group_policy_is_above_what_the_installer_wrote() -> None:
    registry = Registry(
        {
            LOCAL: {"server": "https://installer", "proxy": "", "state": r"C:\ProgramData\aipolicy\state"},
            SECRET: {"enrolment_secret": "s3cret"},
            POLICIES: {"server": "https://policy", "scan_every_s": 600, "tags": ["lab", "ci"]},
        }
    )
    settings = load(None, {}, in_registry(registry))
    assert settings.server == "https://policy"
    assert settings.proxy is None  # an MSI writes a property that nobody gave as an empty text
    assert settings.state == r"C:\ProgramData\aipolicy\state"
    assert (settings.scan_every_s, settings.tags) == (600, ("lab", "ci"))
    assert settings.enrolment_secret == "s3cret"
    assert "s3cret" not in repr(settings)


def test_who_may_not_read_the_secret_has_the_other_settings() -> None:
    registry = Registry({LOCAL: {"server": "https://x"}, SECRET: {"enrolment_secret": "s"}}, closed=(SECRET,))
    settings = load(None, {}, in_registry(registry))
    assert (settings.server, settings.enrolment_secret) == ("https://x", None)


def test_a_profile_gives_settings_and_what_is_about_itself_is_none(tmp_path: Path) -> None:
    file = tmp_path / Path(PREFERENCES).name
    file.write_bytes(plistlib.dumps({"server": "https://x", "tags": ["a"], "PayloadUUID": "0", "ca": ""}))
    assert list(in_preferences(str(file))) == [
        Managed(place=str(file), name="server", value="https://x"),
        Managed(place=str(file), name="tags", value=("a",)),
    ]


@pytest.mark.parametrize("content", [b"", b"<plist>", b"bplist00", b"\xff\xfe<"])
def test_preferences_that_cannot_be_read_give_nothing_and_that_is_said(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "damaged.plist"
    file.write_bytes(content)
    assert list(in_preferences(str(file))) == []
    assert str(file) in caplog.text


def test_without_a_profile_there_is_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert list(in_preferences(str(tmp_path / "none.plist"))) == []
    assert not caplog.text


def test_management_is_above_the_file_and_below_environment_and_flags(tmp_path: Path) -> None:
    file = tmp_path / "agent.yaml"
    file.write_text("server: https://file\nproxy: http://file\nca: /file\nstate: /file\n")
    given = [Managed(place="m", name=name, value=f"/{name}") for name in ("server", "proxy", "ca")]
    settings = load(str(file), {"AIPOLICY_PROXY": "http://environment"}, given, server="https://flag")
    assert (settings.server, settings.proxy, settings.ca) == ("https://flag", "http://environment", "/ca")
    assert settings.state == "/file"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("servr", "x", r"HKLM\SOFTWARE\Policies\aipolicy: unknown setting 'servr'"),
        ("guard", "yes", "guard is auto, on or off"),
        ("tags", "a", "tags is a list of words"),
        ("server", ("a",), "server is one text"),
    ],
)
def test_a_wrong_one_is_named_with_its_place(name: str, value: str | tuple[str, ...], words: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(None, {}, [Managed(place=rf"HKLM\{POLICIES}", name=name, value=value)])
    assert words in str(error.value)


def test_the_secret_itself_is_taken_from_management_alone(tmp_path: Path) -> None:
    """agent.yaml is for everybody to read, and an environment is handed on to children."""
    file = tmp_path / "agent.yaml"
    file.write_text("enrolment_secret: s3cret\n")
    with pytest.raises(SettingsError, match="unknown setting") as error:
        load(str(file), {})
    assert "s3cret" not in str(error.value)
    assert load(None, {"AIPOLICY_ENROLMENT_SECRET": "s3cret"}).enrolment_secret is None


def test_the_commands_ask_the_machine_they_run_on(tmp_path: Path) -> None:
    machine = FakeMachine(tmp_path)
    machine.settings.append(Managed(place="m", name="tags", value=("engineering",)))
    assert inputs.surroundings(machine).tags == {"engineering"}


def test_who_asks_on_macos_is_read_as_the_kernel_lays_it() -> None:
    """struct xucred: version, uid, number of groups, 16 groups; 76 bytes."""
    answer = (0).to_bytes(4, "little") + (501).to_bytes(4, "little") + (1).to_bytes(2, "little") + bytes(66)
    assert uid_in_xucred(answer) == 501
    for wrong in (b"", answer[:-1], b"\x01" + answer[1:]):
        with pytest.raises(OSError, match="does not tell"):
            uid_in_xucred(wrong)
