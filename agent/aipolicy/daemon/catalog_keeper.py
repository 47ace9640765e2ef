"""The catalog that the daemon starts with: never less than ours because a file of IT's is broken.

It is read once, since marks, observers and the index are made from it: a change counts from the next start.
"""

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from aipolicy.core.model import Record
from aipolicy.core.tools import Catalog
from aipolicy.core.yamlfile import YamlErrors
from aipolicy.state.files import read_small, stamp, write_safely
from aipolicy.tools import load, with_own
from aipolicy.tools.own import MOST_BYTES, own_texts

logger = logging.getLogger(__name__)

_LAST_GOOD: Final = "tools.last-good.json"
_PROVEN: Final = "tools.proven.json"
"""Those that an agent ran well with."""


class StartingCatalog(Record, frozen=True, kw_only=True):
    """catalog: what is known. fault: why IT's files as they are now are not in it, or empty."""

    catalog: Catalog
    fault: str = ""


class _Kept(Record, frozen=True, kw_only=True):
    """The files that were right when they were last read. folder: where they lay."""

    folder: str
    files: Mapping[str, str]


def catalog_at_start(own_dir: str | None, state: Path, aside: str | None = None) -> StartingCatalog:
    """The catalog with IT's files in `own_dir`; where they are wrong, with the last right ones or ours.

    aside: in safe mode the name (see own_sha256) of those of IT's files that are set aside.
    """
    if own_dir is None:
        return StartingCatalog(catalog=load())
    if aside is not None:
        return _in_safe_mode(own_dir, state, aside)
    try:
        files = own_texts(own_dir)
        catalog = with_own(files)
    except YamlErrors as errors:
        return _without(errors, own_dir, state)
    kept = _Kept(folder=own_dir, files=files)
    if kept != _kept(own_dir, state):  # else its reader would take it for another one
        _keep(kept, state)
    return StartingCatalog(catalog=catalog)


def own_sha256(own_dir: str | None) -> str:
    """Names IT's files as they are now, right or wrong; empty where none are wanted."""
    if own_dir is None:
        return ""
    try:
        return _sha256(own_texts(own_dir))
    except YamlErrors as errors:
        return hashlib.sha256(str(errors).encode("utf-8", "replace")).hexdigest()


def _in_safe_mode(own_dir: str, state: Path, aside: str) -> StartingCatalog:
    """With those that an agent ran well with, where they were others, or ours alone."""
    said = f"your own tool files in {own_dir} are set aside in safe mode; "
    proven = _kept(own_dir, state, _PROVEN)
    if proven is not None and _sha256(proven.files) != aside:
        try:
            return StartingCatalog(catalog=with_own(proven.files), fault=said + "those before are used")
        except YamlErrors:  # right for an earlier aipolicy
            pass
    return StartingCatalog(catalog=load(), fault=said + "ours alone are used")


def _sha256(files: Mapping[str, str]) -> str:
    return hashlib.sha256(msgspec.json.encode(files)).hexdigest()


def prove_own(own_dir: str | None, state: Path) -> None:
    """An agent has run well with the files that were kept last."""
    kept = _kept(own_dir, state) if own_dir is not None else None
    if kept is not None and kept != _kept(kept.folder, state, _PROVEN):
        _keep(kept, state, _PROVEN)


def kept_catalog(own_dir: str | None, state: Path) -> Catalog:
    """The catalog that `catalog_at_start` had last; for a reader beside it."""
    kept = _kept(own_dir, state) if own_dir is not None else None
    try:
        return with_own(kept.files) if kept else load()
    except YamlErrors:
        return load()


def catalog_stamp(state: Path) -> tuple[int, ...]:
    """Another one after each change of what `kept_catalog` reads; empty where there is nothing."""
    return stamp(state / _LAST_GOOD)


def _without(errors: YamlErrors, own_dir: str, state: Path) -> StartingCatalog:
    more = len(errors.problems) - 1
    said = f"{errors.problems[0]}" + (f" (and {more} more)" if more else "")
    said += f"; see `aipolicy tools check --tools {own_dir}`"
    kept = _kept(own_dir, state)
    try:
        catalog = with_own(kept.files if kept else {})
    except YamlErrors:  # right for an earlier aipolicy; this one knows a tool that they claim something of
        kept, catalog = None, load()
    staying = "the last right tool files stay in force" if kept else "none of your own tool files is in force"
    logger.error("own tool files rejected problem=%s", said)
    return StartingCatalog(catalog=catalog, fault=f"{said}; {staying}")


def _keep(kept: _Kept, state: Path, name: str = _LAST_GOOD) -> None:
    try:
        write_safely(state / name, msgspec.json.encode(kept))
    except OSError as error:
        logger.warning("the last right tool files could not be kept error=%s", error)


def _kept(own_dir: str, state: Path, name: str = _LAST_GOOD) -> _Kept | None:
    """None where there are none, of this folder, or the disk changed them since."""
    try:
        content = read_small(state / name, 8 * MOST_BYTES)  # JSON escapes make a text longer
        kept = msgspec.json.decode(content, type=_Kept) if content else None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    return kept if kept and kept.folder == own_dir else None
