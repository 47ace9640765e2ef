"""Admin tokens, the browsers signed in with them, and the enrolment secrets that admins hand out.

Only hashes are kept. Making tokens and comparing them is left to `tokens` and `access`.
"""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from aipolicy.core.model import Record
from aipolicy_server.clock import from_us
from aipolicy_server.store import schema

_admins = schema.admins.c
_sessions = schema.sessions.c
_secrets = schema.secrets.c


def admin_hashes(connection: Connection) -> dict[str, str]:
    """Name of each admin token, by its hash."""
    return {row.hash: row.name for row in connection.execute(sa.select(_admins.hash, _admins.name))}


def set_admin(connection: Connection, name: str, token_hash: str, now_us: int) -> None:
    """Makes this the admin token of that name. Browsers of what it replaces are signed out.

    The same token under another name is replaced too: the machine has another name now.
    """
    same = sa.or_(_admins.name == name, _admins.hash == token_hash)
    rows = connection.execute(sa.select(_admins.name, _admins.hash).where(same))
    found = {row.name: row.hash for row in rows}
    if found == {name: token_hash}:
        return
    connection.execute(sa.delete(schema.sessions).where(_sessions.admin.in_(found)))
    connection.execute(sa.delete(schema.admins).where(_admins.name.in_(found)))
    connection.execute(sa.insert(schema.admins), {"name": name, "hash": token_hash, "created": now_us})


def add_session(connection: Connection, session_hash: str, admin: str, now_us: int, until_us: int) -> None:
    """Notes a browser that signed in, and forgets those whose time is over."""
    connection.execute(sa.delete(schema.sessions).where(_sessions.expires <= now_us))
    connection.execute(
        sa.insert(schema.sessions),
        {"hash": session_hash, "admin": admin, "created": now_us, "expires": until_us},
    )


def session_admin(connection: Connection, session_hash: str, now_us: int) -> str | None:
    """Name of the admin token that this browser signed in with; None where it is not signed in."""
    query = sa.select(_sessions.admin).where(_sessions.hash == session_hash, _sessions.expires > now_us)
    return connection.execute(query).scalar()


def remove_session(connection: Connection, session_hash: str) -> None:
    """Signs a browser out."""
    connection.execute(sa.delete(schema.sessions).where(_sessions.hash == session_hash))


class SecretRow(Record, frozen=True, kw_only=True):
    """An enrolment secret, without itself. uses_left, expires: null when it has no such bound."""

    name: str
    created: datetime
    expires: datetime | None
    uses_left: int | None
    revoked: datetime | None


def secrets(connection: Connection) -> Sequence[SecretRow]:
    """Every enrolment secret, oldest first."""
    query = sa.select(*schema.secrets.columns).order_by(_secrets.created, _secrets.name)
    return [
        SecretRow(
            name=row.name,
            created=from_us(row.created),
            expires=None if row.expires is None else from_us(row.expires),
            uses_left=row.uses_left,
            revoked=None if row.revoked is None else from_us(row.revoked),
        )
        for row in connection.execute(query)
    ]


def add_secret(
    connection: Connection,
    name: str,
    secret_hash: str,
    now_us: int,
    *,
    expires_us: int | None = None,
    uses: int | None = None,
) -> bool:
    """Adds an enrolment secret. False: there is one of that name, withdrawn or not; it stays as it is."""
    if connection.execute(sa.select(_secrets.name).where(_secrets.name == name)).first() is not None:
        return False
    connection.execute(
        sa.insert(schema.secrets),
        {"name": name, "hash": secret_hash, "created": now_us, "expires": expires_us, "uses_left": uses},
    )
    return True


def revoke_secret(connection: Connection, name: str, now_us: int) -> bool:
    """Withdraws a secret; devices enrolled with it stay. False: none of that name that is still good."""
    done = connection.execute(
        sa.update(schema.secrets)
        .where(_secrets.name == name, _secrets.revoked.is_(None))
        .values(revoked=now_us)
    )
    return done.rowcount == 1
