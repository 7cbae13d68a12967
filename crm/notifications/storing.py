"""Storing what people are told and messages that are to leave, in one statement each whatever their number."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.db import connection

from crm import handbook
from crm.core.text import tidy
from crm.jobs import wake

TASK = "crm.notifications.tasks.deliver"
LONGEST = 255
# The database's clock says when a message is due, so that no process with a wrong one holds it back.
ADD = """
    INSERT INTO notifications_delivery
        (medium, kind, key, to_id, room, title, text, address, lines, message_id, state, made_at, next_at, give_up_at,
         attempts, last_error)
    SELECT medium, kind, key, to_id, room, title, text, address, lines::jsonb, message_id, 'waiting', %s,
        statement_timestamp(), statement_timestamp() + %s, 0, ''
    FROM unnest(
        %s::text[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[],
        %s::uuid[]
    ) AS given (medium, kind, key, to_id, room, title, text, address, lines, message_id)
    ON CONFLICT DO NOTHING
"""


# Told by another at the same moment: the second row of a person and cause is none.
TELL = """
    INSERT INTO notifications_notification (to_id, kind, key, title, text, address, at)
    SELECT to_id, kind, key, title, text, address, %s
    FROM jsonb_to_recordset(%s) AS given (to_id bigint, kind text, key text, title text, text text, address text)
    ON CONFLICT DO NOTHING
"""


# Words, and the path of this server that they are about; empty for none.
Lines = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person is told. `key` names the cause: the same one is told once. `address` is a path of this server.

    `lines` are what a message says after the text, each with a path of its own; the bell tells the text alone.
    """

    to_id: int
    kind: str
    key: str
    title: str
    text: str = ""
    address: str = ""
    lines: Lines = ()


@dataclass(frozen=True, slots=True)
class Message:
    """One message for one person or room; the columns of a delivery."""

    medium: str
    kind: str
    key: str
    to_id: int | None
    room: str
    title: str
    text: str
    address: str
    lines: Lines = ()


def one_line(text: str) -> str:
    """A title: one line, whatever somebody typed as their name, and no longer than the column."""
    return " ".join(tidy(printable(text)).split())[:LONGEST].rstrip()


def printable(text: str) -> str:
    """Without control characters, but for the ends of lines: they show nothing, and end headers."""
    if text.isprintable():
        return text
    return "".join(" " if unicodedata.category(sign) == "Cc" and sign != "\n" else sign for sign in text)


def paragraphs(text: str) -> str:
    """A text as it is stored: its lines, without what cannot be shown."""
    return tidy(printable(text))


def add_notifications(notices: Sequence[Notice], *, at: datetime) -> None:
    """Store them; what somebody was told already is not stored again."""
    if not notices:
        return
    rows = [
        {
            "to_id": one.to_id,
            "kind": one.kind,
            "key": one.key[:LONGEST],
            "title": one_line(one.title),
            "text": paragraphs(one.text),
            "address": one.address[:500],
        }
        for one in notices
    ]
    with connection.cursor() as cursor:
        cursor.execute(TELL, [at, orjson.dumps(rows).decode()])


def add_deliveries(messages: Sequence[Message], *, at: datetime) -> int:
    """Store them and wake a worker once the transaction is committed; how many were not there."""
    if not messages:
        return 0
    tries = timedelta(days=handbook.current().notices.try_days)
    columns: list[Any] = [
        [one.medium for one in messages],
        [one.kind for one in messages],
        [one.key[:LONGEST] for one in messages],
        [one.to_id for one in messages],
        [one.room for one in messages],
        [one_line(one.title) for one in messages],
        [paragraphs(one.text) for one in messages],
        [one.address[:500] for one in messages],
        [orjson.dumps([[one_line(words), path] for words, path in one.lines]).decode() for one in messages],
        [uuid.uuid4() for _ in messages],
    ]
    given: list[Any] = [at, tries, *columns]
    with connection.cursor() as cursor:
        cursor.execute(ADD, given)
        added = int(cursor.rowcount)
    if added:
        wake.on_commit(TASK)
    return added
