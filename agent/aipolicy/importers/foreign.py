"""A rule of another product as its reader gives it, before anybody asks which AI tool it is about."""

from enum import StrEnum

from aipolicy.core.model import Record


class Kind(StrEnum):
    """What a rule of another product may say of a program."""

    WORD = "word"
    SIGNER = "signer"
    BUNDLE = "bundle"
    PRODUCT = "product"
    PROGRAM = "program"
    PATH = "path"


class Clue(Record, frozen=True, kw_only=True):
    """word: a name in a plain list. signer: a team id, or the organisation in a certificate. bundle: a bundle
    or signing id. product: a name for people. program: the name of a file. path: where files lie, `*` for any
    part of a name.
    """

    kind: Kind
    value: str


class ForeignRule(Record, frozen=True, kw_only=True):
    """at: where it stands, for people (`line 12`). says: the rule, short.

    bans: else it approves. clues: all hold of the program at once. versions: the range as a policy writes it,
    empty for all. reason: in the rule's own words. lost: what of it a policy cannot say, for people.
    no: why it cannot be carried over, whatever program it is about; empty where it can.
    """

    at: str
    says: str
    bans: bool = True
    clues: tuple[Clue, ...] = ()
    versions: str = ""
    reason: str = ""
    lost: tuple[str, ...] = ()
    no: str = ""


class NotReadable(Exception):
    """The text is not what it was taken for: where, what is wrong, what to do."""
