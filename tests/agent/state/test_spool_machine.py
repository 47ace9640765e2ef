"""The spool against a model, in any order of telling, sealing, answering, refusing, renewing and dying."""

import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aipolicy.state.identity import Identity
from aipolicy.state.records import Changes, Told
from aipolicy.state.spool import SealedBatch
from sightings import enrolled_store, numbered, open_store
from spool_reading import batch_of, numbers


class SpoolMachine(RuleBasedStateMachine):
    """`told`: how many went in. `arrived`: the ids that the server keeps. `numbers`: what they said."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.generation = 0
        self.store = enrolled_store(self.state)
        self.told = 0
        self.arrived: set[str] = set()
        self.numbers: list[int] = []
        self.bodies: dict[tuple[str, int], bytes] = {}
        self.accepted: dict[str, list[int]] = {}
        self.poison: set[int] = set()
        self.given_up: set[int] = set()

    @property
    def state(self) -> Path:
        return self.folder / f"state-{self.generation}"

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.drain()
            self.store.close()
            shutil.rmtree(self.folder)

    # --- what happens to a spool ---------------------------------------------------------------------------

    @rule(count=st.integers(1, 30), poisoned=st.sets(st.integers(0, 29), max_size=1))
    def tell(self, count: int, poisoned: set[int]) -> None:
        new = range(self.told, self.told + count)
        self.poison |= {n for n in new if n - self.told in poisoned}
        assert self.store.commit(Changes(tell=tuple(Told(about=numbered(n)) for n in new)))
        self.told += count

    @rule(most=st.integers(1, 20))
    def server_answers(self, most: int) -> None:
        self.send(answered=True, most=most)

    @rule(most=st.integers(1, 20))
    def answer_is_lost(self, most: int) -> None:
        self.send(answered=False, most=most)

    @rule()
    def killed(self) -> None:
        """The files as they are, without a close, opened by the next process."""
        before = self.state
        self.generation += 1
        shutil.copytree(before, self.state)
        self.store.close()
        shutil.rmtree(before)
        self.store = open_store(self.state)

    @rule()
    def closed_and_opened(self) -> None:
        self.store.close()
        self.store = open_store(self.state)

    @rule()
    def number_known_with_other_content(self) -> None:
        assert self.store.renew_spool()

    @rule(name=st.sampled_from(["device-1", "device-2"]))
    def enrolled_anew(self, name: str) -> None:
        assert self.store.save_identity(Identity(device=name, token="t"))

    @precondition(lambda self: self.told > 0)
    @rule(seq=st.integers(1, 5))
    def an_answer_to_something_else(self, seq: int) -> None:
        assert not self.store.acknowledge("not this spool", seq)
        assert not self.store.refuse("not this spool", seq)

    # --- what must hold ------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_lost(self) -> None:
        if hasattr(self, "store"):
            assert self.store.pending() + len(self.arrived) + len(self.given_up) >= self.told

    def send(self, *, answered: bool, most: int) -> bool:
        sealed = self.store.next_batch(max_events=most)
        if sealed is None:
            return False
        known = self.bodies.setdefault((sealed.spool, sealed.seq), sealed.body)
        assert known == sealed.body, "a sealed batch never changes"
        if self.poison & set(numbers([batch_of(sealed)])):
            self.refuse(sealed)
        else:
            self.accept(sealed, answered)
        return True

    def refuse(self, sealed: SealedBatch) -> None:
        if sealed.events == 1:
            self.given_up |= self.poison & set(numbers([batch_of(sealed)]))
        assert self.store.refuse(sealed.spool, sealed.seq)

    def accept(self, sealed: SealedBatch, answered: bool) -> None:
        batch = batch_of(sealed)
        seqs = self.accepted.setdefault(sealed.spool, [])
        if sealed.seq not in seqs:
            seqs.append(sealed.seq)
        for event in batch.events:
            assert event.device == batch.device
            if event.id not in self.arrived:
                self.arrived.add(event.id)
                self.numbers += numbers([msgspec.structs.replace(batch, events=(event,))])
        if answered:
            assert self.store.acknowledge(sealed.spool, sealed.seq)

    def drain(self) -> None:
        while self.send(answered=True, most=500):
            pass
        assert self.store.pending() == 0
        for seqs in self.accepted.values():
            assert seqs == list(range(1, len(seqs) + 1)), "from 1, without gaps"
        assert self.numbers == [n for n in range(self.told) if n not in self.given_up], "all, once, in order"
        assert self.given_up == self.poison, "and only what the server will never take is missing"


TestSpool = SpoolMachine.TestCase
TestSpool.settings = settings(max_examples=40, stateful_step_count=25)
