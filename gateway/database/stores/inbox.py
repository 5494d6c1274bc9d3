"""What agencies said: the bytes as they came, the answers read from them, and those whose filing is not known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, bindparam, delete, exists, func, insert, or_, select, text, update

from gateway.database.prepared import Prepared
from gateway.database.schema import answer, inbox, message, unmatched
from gateway.database.sealing import ANSWER, INBOX, UNMATCHED
from gateway.database.types import AnyRow, database_now

_INSERT = Prepared(insert(inbox))
_KEEP = Prepared(insert(inbox).values(state="received", due_at=database_now(bindparam("retake"))))
_HEAD = [column for column in inbox.c if column.name != "body"]
_TAKE = Prepared(
    select(*_HEAD).where(inbox.c.id == bindparam("id"), text("inbox.state = 'received'")).with_for_update(of=inbox)
)
_LYING = Prepared(
    select(inbox.c.id)
    .where(
        text("inbox.state = 'received'"),
        # a time farther ahead than any was written before the clock was set back
        or_(inbox.c.due_at <= database_now(), inbox.c.due_at > database_now(2 * bindparam("retake"))),
    )
    .order_by(inbox.c.due_at)
    .limit(bindparam("at_most"))
)
_BEGUN = Prepared(
    update(inbox)
    .where(inbox.c.id == bindparam("of"), text("state = 'received'"))
    .values(attempts=inbox.c.attempts + 1, due_at=database_now(bindparam("retake")))
    .returning(inbox.c.attempts)
)
_PUT_BACK = Prepared(
    update(inbox)
    .where(inbox.c.id == bindparam("of"))
    .values(state="received", attempts=0, due_at=database_now(), reason_zh=None, reason_en=None)
)
_ADMIT = Prepared(
    update(inbox)
    .where(inbox.c.id == bindparam("of"), inbox.c.problem.is_not(None))
    .values(problem=None, signature=bindparam("new_signature"))
)
_REMOVE = Prepared(
    delete(inbox).where(
        inbox.c.id == bindparam("of"),
        ~exists().where(answer.c.inbox_id == inbox.c.id),
        ~exists().where(unmatched.c.inbox_id == inbox.c.id),
    )
)
_SAME = Prepared(
    select(inbox.c.id, inbox.c.state)
    .where(
        inbox.c.agency == bindparam("agency"),
        inbox.c.sha256 == bindparam("sha256"),
        func.coalesce(inbox.c.name, "") == bindparam("name"),
        inbox.c.id != bindparam("but"),
        inbox.c.state != "received",
    )
    .order_by(inbox.c.id)
)
_SET_STATE = Prepared(
    update(inbox)
    .where(inbox.c.id == bindparam("of"))
    .values(state=bindparam("new_state"), reason_zh=bindparam("new_reason_zh"), reason_en=bindparam("new_reason_en"))
)
_GET = Prepared(select(inbox).where(inbox.c.id == bindparam("id")), sealing=INBOX)
_FAULTY = Prepared(
    select(
        inbox.c.id,
        inbox.c.agency,
        inbox.c.name,
        inbox.c.state,
        inbox.c.reason_zh,
        inbox.c.reason_en,
        inbox.c.received_at,
    )
    .where(text("inbox.state <> 'done'"), text("inbox.state <> 'received'"))
    .order_by(inbox.c.id.desc())
    .limit(bindparam("at_most"))
)
_INSERT_ANSWER = Prepared(insert(answer))
_ANSWERS_IN_FORCE = Prepared(
    select(answer)
    .join(message, message.c.id == answer.c.message_id)
    .where(answer.c.declaration_id == bindparam("declaration_id"), message.c.current.is_(True)),
    sealing=ANSWER,
)
_ANSWERS_OF = Prepared(select(answer).where(answer.c.declaration_id == bindparam("declaration_id")), sealing=ANSWER)
_DOCUMENTS_OF = Prepared(
    select(
        inbox.c.id,
        inbox.c.agency,
        inbox.c.state,
        inbox.c.sha256,
        inbox.c.received_at,
        func.coalesce(inbox.c.size, func.length(inbox.c.body)).label("size"),
        func.min(answer.c.message).label("messages"),
        func.max(answer.c.version).label("version"),
    )
    .join(answer, answer.c.inbox_id == inbox.c.id)
    .where(answer.c.declaration_id == bindparam("declaration_id"))
    .group_by(inbox.c.id)
    .order_by(inbox.c.id)
)
_BY_KEY = Prepared(
    select(answer.c.id, answer.c.declaration_id, answer.c.message_id, answer.c.inbox_id, answer.c.response).where(
        answer.c.agency == bindparam("agency"), answer.c.key == bindparam("key")
    ),
    sealing=ANSWER,
)
_UNKNOWN = Prepared(
    select(answer).where(text("NOT answer.known")).order_by(answer.c.id.desc()).limit(bindparam("at_most")),
    sealing=ANSWER,
)
_SET_KNOWN = Prepared(update(answer).where(answer.c.id == bindparam("of")).values(known=True))
_INSERT_UNMATCHED = Prepared(insert(unmatched))
_UNMATCHED_BY = {
    name: Prepared(
        select(unmatched)
        .where(
            unmatched.c.agency == bindparam("agency"),
            unmatched.c[name] == bindparam("value"),
            unmatched.c.id > bindparam("after"),
        )
        .order_by(unmatched.c.id)
        .limit(bindparam("at_most")),
        sealing=UNMATCHED,
    )
    for name in ("refers_to", "agency_reference", "unified_number")
}
_UNMATCHED_SINCE = Prepared(
    select(unmatched).where(unmatched.c.id > bindparam("after")).order_by(unmatched.c.id).limit(bindparam("at_most")),
    sealing=UNMATCHED,
)
_LOCK_UNMATCHED = Prepared(select(unmatched.c.id).where(unmatched.c.id == bindparam("id")).with_for_update())
_SOME_UNMATCHED = Prepared(select(unmatched.c.id).where(unmatched.c.agency == bindparam("agency")).limit(1))
_REMOVE_UNMATCHED = Prepared(delete(unmatched).where(unmatched.c.id == bindparam("of")))
_LEFT = Prepared(select(func.count()).select_from(unmatched).where(unmatched.c.inbox_id == bindparam("inbox_id")))
_UNMATCHED_KEY = Prepared(
    select(unmatched.c.id).where(
        unmatched.c.agency == bindparam("agency"),
        unmatched.c.key == bindparam("key"),
        unmatched.c.inbox_id == bindparam("inbox_id"),
    )
)


def add(connection: Connection, row: dict[str, Any]) -> None:
    _INSERT.run(connection, INBOX.sealed(connection, row))


def keep(connection: Connection, row: dict[str, Any], retake: float) -> None:
    """A document in state `received`: nothing but its bytes is known. Not taken up within `retake` seconds it is looked for."""
    _KEEP.run(connection, {**INBOX.sealed(connection, row), "retake": retake})


def take(connection: Connection, inbox_id: str) -> AnyRow | None:
    """The document without its bytes, locked, if nobody has taken it up yet."""
    return _TAKE.first(connection, {"id": inbox_id})


def lying(connection: Connection, at_most: int, retake: float) -> list[str]:
    """Documents that somebody should have taken up by now, oldest first."""
    return [row.id for row in _LYING.all(connection, {"at_most": at_most, "retake": retake})]


def begun(connection: Connection, inbox_id: str, retake: float) -> int:
    """Counts an attempt to take a document up; returns how many there were, 0 when it is taken up."""
    return int(_BEGUN.scalar(connection, {"of": inbox_id, "retake": retake}) or 0)


def put_back(connection: Connection, inbox_id: str) -> None:
    """To be taken up again, by the tables of now."""
    _PUT_BACK.run(connection, {"of": inbox_id})


def admit(connection: Connection, inbox_id: str, signature: str | None) -> None:
    """Its signature is taken by now: what kept its channel from taking it up is gone."""
    _ADMIT.run(connection, {"of": inbox_id, "new_signature": signature})


def remove(connection: Connection, inbox_id: str) -> None:
    """A document that repeats an earlier one word for word; kept when something was read from it before."""
    if not _REMOVE.run(connection, {"of": inbox_id}):
        set_state(connection, inbox_id, "done")


def same(connection: Connection, agency: str, sha256: str, name: str | None, but: str = "") -> AnyRow | None:
    """The first other document of these bytes under this name that was taken up before."""
    return _SAME.first(connection, {"agency": agency, "sha256": sha256, "name": name or "", "but": but})


def get(connection: Connection, inbox_id: str) -> AnyRow | None:
    return _GET.first(connection, {"id": inbox_id})


def set_state(
    connection: Connection, inbox_id: str, state: str, reason_zh: str | None = None, reason_en: str | None = None
) -> None:
    _SET_STATE.run(
        connection, {"of": inbox_id, "new_state": state, "new_reason_zh": reason_zh, "new_reason_en": reason_en}
    )


def faulty(connection: Connection, at_most: int) -> Sequence[AnyRow]:
    """Documents that could not be read or matched, newest first."""
    return _FAULTY.all(connection, {"at_most": at_most})


def add_answer(connection: Connection, row: dict[str, Any]) -> None:
    _INSERT_ANSWER.run(connection, ANSWER.sealed(connection, row))


def by_key(connection: Connection, agency: str, key: str) -> Sequence[AnyRow]:
    """Answers already taken under this key: their ids, messages and documents."""
    return _BY_KEY.all(connection, {"agency": agency, "key": key})


def answers_in_force(connection: Connection, declaration_id: str) -> Sequence[AnyRow]:
    """The answers to those messages of a declaration that are in force."""
    return _ANSWERS_IN_FORCE.all(connection, {"declaration_id": declaration_id})


def answers_of(connection: Connection, declaration_id: str) -> Sequence[AnyRow]:
    """All answers to a declaration, those to older versions too."""
    return _ANSWERS_OF.all(connection, {"declaration_id": declaration_id})


def documents_of(connection: Connection, declaration_id: str) -> Sequence[AnyRow]:
    """The documents that held answers to a declaration, without their bytes; `messages` names what they are."""
    return _DOCUMENTS_OF.all(connection, {"declaration_id": declaration_id})


def unknown(connection: Connection, at_most: int) -> Sequence[AnyRow]:
    """Answers with a code no table holds, newest first."""
    return _UNKNOWN.all(connection, {"at_most": at_most})


def set_known(connection: Connection, answer_id: str) -> None:
    _SET_KNOWN.run(connection, {"of": answer_id})


def add_unmatched(connection: Connection, row: dict[str, Any]) -> None:
    """Keeps an answer without a filing; nothing to do when this document's answer is kept already."""
    key = {name: row[name] for name in ("agency", "key", "inbox_id")}
    if _UNMATCHED_KEY.first(connection, key) is None:
        _INSERT_UNMATCHED.run(connection, UNMATCHED.sealed(connection, row))


def some_unmatched(connection: Connection, agency: str) -> bool:
    """Whether any answer of this agency waits for its filing."""
    return _SOME_UNMATCHED.first(connection, {"agency": agency}) is not None


def unmatched_since(connection: Connection, after: str, at_most: int) -> Sequence[AnyRow]:
    """Answers that wait for their filing, of all agencies, those behind the id `after`."""
    return _UNMATCHED_SINCE.all(connection, {"after": after, "at_most": at_most})


def awaits(connection: Connection, agencies: Sequence[str], reference: str) -> bool:
    """Whether an answer of one of these agencies waits for this reference."""
    values = [{"agency": agency, "value": reference, "at_most": 1, "after": ""} for agency in agencies]
    return any(_UNMATCHED_BY["refers_to"].first(connection, each) is not None for each in values)


def lock_unmatched(connection: Connection, unmatched_id: str) -> bool:
    """Whether this answer still waits; nobody else takes it up until this transaction has ended."""
    return _LOCK_UNMATCHED.first(connection, {"id": unmatched_id}) is not None


def unmatched_by(
    connection: Connection, agency: str, kind: str, value: str, at_most: int, after: str = ""
) -> Sequence[AnyRow]:
    """Unmatched answers that bear a number, those behind the id `after`; `kind`: refers_to, agency_reference or
    unified_number."""
    values = {"agency": agency, "value": value, "at_most": at_most, "after": after}
    return _UNMATCHED_BY[kind].all(connection, values)


def remove_unmatched(connection: Connection, unmatched_id: str, inbox_id: str) -> bool:
    """Takes an answer out of the unmatched; True when its document has none left."""
    _REMOVE_UNMATCHED.run(connection, {"of": unmatched_id})
    return not _LEFT.scalar(connection, {"inbox_id": inbox_id})
