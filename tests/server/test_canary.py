"""Given a policy for a canary wave, then only they have it until it is released or the server holds it."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest

from aipolicy.core.audience import rollout_place
from aipolicy.core.model import Context, Done, Outcome
from aipolicy.core.published import PolicyAnswer
from aipolicy.core.publishing import Published, ReleaseRequest, Step
from aipolicy.state.starts import SafeModeNote
from aipolicy_server.canary import CanaryWatch
from aipolicy_server.clock import from_us
from aipolicy_server.store import rollouts
from server_lab import Device, Lab, outcome, problem

BEFORE = "name: ours\nbanned: [claude-code]\n"
NEW = "name: ours\nmode: block\nbanned: [claude-code, cursor]\n"
CONTEXT = Context(now=from_us(0), device="", hostname="", os="", owner=None)


def place(hostname: str) -> float:
    found = rollout_place("ours", msgspec.structs.replace(CONTEXT, hostname=hostname))
    assert found is not None
    return float(found)


NAMES = sorted((f"pc-{number}" for number in range(400)), key=place)
EARLY, LATE = NAMES[:4], NAMES[200:204]
PERCENT = place(EARLY[-1]) + 0.01


class Fleet:
    """Four machines of the wave and four others, which all have the policy before."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        lab.publish(BEFORE)
        self.devices = {name: lab.enrol(name) for name in (*EARLY, *LATE)}
        for name in self.devices:
            self.check_in(name, published=1)

    def check_in(self, name: str, **said: Any) -> int:
        """Which number the device is told."""
        told = self.devices[name].check_in(hostname=name, **said).policy
        self.lab.flush()
        return told.number if told else 0

    def told(self) -> dict[str, int]:
        return {name: self.check_in(name, published=1) for name in self.devices}

    def publish(self, **forecast: int) -> Published:
        return self.lab.publish(NEW, 1, canary=PERCENT, **forecast)

    def take(self, *names: str) -> None:
        """They enforce it from now on."""
        for name in names:
            assert self.check_in(name, published=2, policy=self.version) == 2

    @property
    def version(self) -> str:
        return str(self.lab.get("/policies")["rows"][0]["version"])

    def look(self) -> str:
        """Why the server holds it now; empty where it does not."""
        watch = CanaryWatch(self.lab.store, self.lab.clock)
        portal = self.lab.http.portal
        assert portal is not None
        found = portal.call(watch.look)
        return found.reason if found else ""

    def page(self, path: str) -> str:
        """A page, to a browser that is signed in."""
        http = self.lab.http
        session = http.get("/", params={"token": self.lab.admin_token}).cookies["aipolicy_session"]
        return http.get(path, headers={"cookie": f"aipolicy_session={session}"}).text

    def step(self) -> dict[str, object]:
        step = self.lab.get("/policies")["rows"][0]["step"]
        return dict(step)


@pytest.fixture
def fleet(lab: Lab) -> Fleet:
    return Fleet(lab)


def answer(device: Device) -> PolicyAnswer:
    return msgspec.json.decode(device.policy("").content, type=PolicyAnswer)


def test_the_wave_is_told_of_it_and_the_others_keep_the_one_before(fleet: Fleet) -> None:
    done = fleet.publish()
    assert done.step is not None
    assert done.step.step is Step.CANARY
    assert fleet.told() == {**dict.fromkeys(EARLY, 2), **dict.fromkeys(LATE, 1)}
    assert (answer(fleet.devices[EARLY[0]]).content, answer(fleet.devices[LATE[0]]).content) == (NEW, BEFORE)
    assert fleet.look() == ""


def test_a_release_gives_it_to_everybody(fleet: Fleet) -> None:
    fleet.publish()
    lab = fleet.lab
    reply = lab.post("/policies/2/release", ReleaseRequest(reason="it was fine"))
    assert reply.status_code == 200, reply.text
    assert set(fleet.told().values()) == {2}
    assert fleet.step()["step"] == "everybody"
    again = lab.post("/policies/2/release", ReleaseRequest())
    assert problem(again) == (409, "not-in-a-wave")


def test_what_was_published_for_everybody_is_in_no_wave(fleet: Fleet) -> None:
    reply = fleet.lab.post("/policies/1/release", ReleaseRequest())
    assert problem(reply) == (409, "not-in-a-wave")
    assert fleet.lab.get("/policies")["rows"][0]["step"] is None


def test_a_refusal_in_the_wave_holds_it(fleet: Fleet) -> None:
    fleet.publish()
    fleet.take(EARLY[0])
    fleet.check_in(EARLY[1], published=1, refused=2, refused_why="policy.yaml:3: unknown tool 'cursor'")
    assert "1 machine of the wave refused it: policy.yaml:3" in fleet.look()
    assert (fleet.step()["step"], fleet.step()["by"]) == ("held", "the server")
    # whoever has it keeps it, nobody else gets it any more
    assert fleet.check_in(EARLY[0], published=2) == 2
    assert {fleet.check_in(name, published=1) for name in (*EARLY[1:], *LATE)} == {1}
    assert fleet.look() == ""  # held once
    assert "Policy number 2 is held" in fleet.page("/")
    page = fleet.page("/policy")
    assert "Held" in page
    assert "refused it" in page


def test_safe_mode_in_the_wave_holds_it(fleet: Fleet) -> None:
    fleet.publish()
    fleet.take(*EARLY)
    words = f"{SafeModeNote.PART}: 3 starts within ten minutes went wrong"
    assert words.startswith(rollouts.SAFE_MODE)
    fleet.check_in(EARLY[2], published=1, refused=2, refused_why="set aside", ceiling=words)
    assert fleet.look() == "1 machine of the wave went into safe mode"


def test_a_brake_on_a_machine_of_the_wave_says_nothing_against_it(fleet: Fleet) -> None:
    fleet.publish()
    fleet.take(*EARLY)
    fleet.check_in(EARLY[2], published=2, ceiling="local brake: pulled by root")
    assert fleet.look() == ""


def test_a_wave_that_goes_silent_holds_it_and_a_night_does_not(fleet: Fleet) -> None:
    fleet.publish()
    fleet.take(*EARLY)
    fleet.lab.clock.advance(hours=1)
    assert fleet.look() == ""  # all are silent: a night
    for name in LATE:
        fleet.check_in(name, published=1)
    fleet.take(EARLY[0])
    assert "3 of 4 machines of the wave went silent, 0% of the others are" in fleet.look()


def blocked(version: str) -> Outcome:
    banned = outcome("cursor", done=Done.ENDED)
    return msgspec.structs.replace(banned, verdict=msgspec.structs.replace(banned.verdict, policy=version))


def test_more_blocks_than_the_plan_foresaw_hold_it(fleet: Fleet) -> None:
    fleet.publish(forecast_machines=0, forecast_devices=8)
    fleet.take(*EARLY)
    now = fleet.lab.clock() + timedelta(minutes=5)
    fleet.devices[EARLY[0]].send(blocked(fleet.version), blocked(fleet.version), at=now)
    fleet.devices[EARLY[1]].send(blocked("0123456789ab"), at=now)  # by the policy before
    fleet.devices[LATE[0]].send(blocked(fleet.version), at=now)  # not of the wave
    assert fleet.look() == ""
    fleet.devices[EARLY[1]].send(blocked(fleet.version), at=now)
    assert "2 machines of the wave stopped something by it, and the plan foresaw 0" in fleet.look()


def test_as_many_as_foreseen_are_no_reason(fleet: Fleet) -> None:
    fleet.publish(forecast_machines=8, forecast_devices=8)
    fleet.take(*EARLY)
    for name in EARLY:
        fleet.devices[name].send(blocked(fleet.version), at=fleet.lab.clock() + timedelta(minutes=5))
    assert fleet.look() == ""


def test_a_held_one_can_be_released_or_followed_by_another(fleet: Fleet) -> None:
    fleet.publish()
    fleet.check_in(EARLY[1], published=1, refused=2, refused_why="no")
    assert fleet.look()
    later = fleet.lab.publish(BEFORE + "# again\n", 2)
    assert later.step is None
    assert set(fleet.told().values()) == {3}


def test_before_any_policy_for_everybody_the_others_have_none(lab: Lab) -> None:
    lab.publish(NEW, canary=PERCENT)
    early, late = lab.enrol(EARLY[0]), lab.enrol(LATE[0])
    assert early.check_in(hostname=EARLY[0]).policy is not None
    assert late.check_in(hostname=LATE[0]).policy is None
    assert problem(late.policy("")) == (404, "no-policy")


@pytest.mark.parametrize("percent", [0, -1, 101, 1e9])
def test_a_wave_is_a_part_of_all(sqlite_lab: Lab, percent: float) -> None:
    reply = sqlite_lab.ask_to_publish(NEW, 0, canary=percent)
    assert reply.status_code == 422
