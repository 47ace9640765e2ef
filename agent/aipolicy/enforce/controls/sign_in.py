"""The enforced way to sign in of Gemini CLI and its descendants: one that does not exist leaves none."""

from collections.abc import Mapping, Sequence

from aipolicy.enforce.controls.control import Ban, Setting, Wanted, of


def files(tool: str, places: Mapping[str, str], bans: Sequence[Ban], system: str) -> tuple[Wanted, ...]:
    """The system settings of `tool`, whose error prints the enforced way: that is where the words stand."""
    ban = of(tool, bans)
    path = ("security", "auth", "enforcedType")
    settings = (Setting(path=path, value=ban.words, signed=True),) if ban else ()
    return (
        Wanted(file=places[system], form="json", settings=settings, effect="refuses to start with a prompt"),
    )
