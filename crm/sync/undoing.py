"""Ids elsewhere follow what is undone, so that the same file can be imported again; keys are never given back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from django.db import connection

from crm.history.undoing import REMOVE, RESTORE, Asked, Wanted, bars_undo, follows_undo, is_import
from crm.sync.models import ApiKey, Webhook, WebhookHost

# The ids of removed records, kept aside in case that is undone as well.
ASIDE = "undone "


@bars_undo(ApiKey)
def api_keys(wanted: list[Wanted], asked: Asked) -> None:
    """A revoked key never works again."""
    for one in wanted:
        one.refuse("refused", "api_key", "What was done to API keys is never undone: make a new one.")


@bars_undo(Webhook)
def webhooks(wanted: list[Wanted], asked: Asked) -> None:
    """A stopped webhook never works again, and its queue stands where it was told to."""
    for one in wanted:
        one.refuse("refused", "webhook", "What was done to webhooks is never undone: change it on its page.")


@bars_undo(WebhookHost)
def webhook_hosts(wanted: list[Wanted], asked: Asked) -> None:
    """Where anything may be sent is decided by itself."""
    for one in wanted:
        one.refuse("refused", "webhook_host", "Which hosts are allowed is never undone: allow or remove one there.")


@follows_undo
def external_ids(done: Iterable[Wanted], asked: Asked) -> None:
    """Put aside the ids of removed records, take up those of restored ones, forget what an undone file said."""
    ids: dict[tuple[str, str], list[int]] = defaultdict(list)
    changed: dict[str, list[tuple[int, list[str]]]] = defaultdict(list)
    for one in done:
        ids[one.object, one.action].append(one.record_id)
        changed[one.object].append((one.record_id, sorted(one.values)))
    for (name, action), found in ids.items():
        if action == REMOVE:
            _rename(name, f"{ASIDE}{name}", found)
        elif action == RESTORE:
            _rename(f"{ASIDE}{name}", name, found)
    if is_import(asked.transaction):
        _forget(changed)


def _rename(name: str, into: str, ids: list[int]) -> None:
    """What has that name already was made by a later import: of the two, the id names the record that is here."""
    taken = "DELETE FROM sync_externalid t USING sync_externalid e WHERE e.object = %s AND e.record_id = ANY(%s)"
    same = " AND t.object = %s AND t.system = e.system AND t.value = e.value"
    with connection.cursor() as cursor:
        if into.startswith(ASIDE):
            cursor.execute(taken + same, [name, ids, into])
        cursor.execute(
            "UPDATE sync_externalid e SET object = %s WHERE e.object = %s AND e.record_id = ANY(%s) AND NOT EXISTS"
            " (SELECT FROM sync_externalid t WHERE t.object = %s AND t.system = e.system AND t.value = e.value)",
            [into, name, ids, into],
        )


def _forget(changed: dict[str, list[tuple[int, list[str]]]]) -> None:
    """The values that an undone file gave are not known any more, so that it may give them again."""
    with connection.cursor() as cursor:
        for name, rows in changed.items():
            cursor.execute(
                "UPDATE sync_externalid e SET seen = e.seen - string_to_array(c.columns, ',')"
                " FROM unnest(%s::bigint[], %s::text[]) AS c (id, columns) WHERE e.object = %s AND e.record_id = c.id",
                [[pk for pk, _ in rows], [",".join(columns) for _, columns in rows], name],
            )
