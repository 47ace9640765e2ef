"""POST /v1/checkin: before a device's first scan has ended nobody says that nothing banned is on it."""

import pytest

from server_lab import Device, Lab


def unscanned(lab: Lab) -> list[str]:
    """Ids of the devices that are shown so."""
    lab.flush()
    shown: list[str] = [one["id"] for one in lab.get("/devices", unscanned=1)["rows"]]
    assert lab.get("/overview")["unscanned"] == len(shown)
    return shown


def test_a_device_counts_until_its_first_scan_has_ended(lab: Lab) -> None:
    device, other = lab.enrol(), lab.enrol()
    device.check_in(scanned=False)
    other.check_in(scanned=True)
    assert unscanned(lab) == [device.id]
    device.check_in(scanned=True)
    assert unscanned(lab) == []


def test_one_that_starts_anew_has_told_what_it_found_before(lab: Lab) -> None:
    device = lab.enrol()
    device.check_in(scanned=True)
    lab.flush()
    device.check_in(scanned=False)
    assert unscanned(lab) == []


@pytest.mark.parametrize("before", [True, False])
def test_an_agent_of_before_that_does_not_tell_changes_nothing(lab: Lab, before: bool) -> None:
    device: Device = lab.enrol()
    device.check_in()
    assert unscanned(lab) == []
    device.check_in(scanned=before)
    lab.flush()
    device.check_in()
    assert unscanned(lab) == ([] if before else [device.id])
