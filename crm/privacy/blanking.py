"""A person's own rows: every column that is about them is emptied, in the records, their parts and the change log."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection
from django.db.models import Q
from psycopg.types.json import Jsonb

from accounts.models import Contact, DriChangeStep
from crm.activities.models import Activity, NextTouch, Task
from crm.core.keys import compute_keys
from crm.enquiries.models import Enquiry
from crm.enquiries.telling import BARRED, RECEIVED
from crm.history.models import Change, Move
from crm.imports.models import HeldRow
from crm.notifications.models import Delivery, Notification
from crm.privacy.everywhere import ERASED, Table, Values, replace_in, tables, take_out
from crm.privacy.noticing import blank_notices
from crm.privacy.persons import ERASED_DOMAIN, FIRST_NAME, LAST_NAME, Person
from crm.privacy.reviewing import blank_items
from crm.sync.models import ExternalId
from leads.models import Conversion, Lead

SHARED = "first_name last_name title email phone phone_key mobile mobile_key linkedin_url website description kept"
# By the change log's names: what is emptied, whatever it holds. What is left says nothing of who they were.
PERSONAL: dict[str, tuple[str, ...]] = {
    "lead": (
        *SHARED.split(),
        "second_email",
        *("street", "city", "state", "postal_code"),
        *(f"{part}_note" for part in ("budget", "authority", "need", "timing")),
    ),
    "contact": (
        *SHARED.split(),
        "personal_email",
        *("department", "twitter_url", "github_url", "orbit_feed_url"),
        *(f"mailing_{part}" for part in ("street", "city", "state", "postal_code")),
    ),
    "activity": ("text", "title", "notes_url", "kept"),
    "task": ("text", "kept"),
    "drichangestep": ("note",),
    "nexttouch": ("text",),
    "conversion": ("note", "answer"),
    "enquiry": (
        *("subject", "text", "name", "company", "email", "linkedin_url", "phone", "phone_key", "void_note", "kept"),
    ),
    "heldrow": ("row", "message"),
}
FREE_FACTS = {"said", "note", "text", "reason", *PERSONAL["lead"], *PERSONAL["contact"]}
# The mark in place of a file's checksums: an import leaves the row alone, and says so.
MARK = {"erased": 1}
HELD_CODE, HELD_BECAUSE = "erased", "The person was erased on request."


def placeholder(pk: int) -> str:
    """The address that no mail reaches: a lead must have one (L1)."""
    return f"erased-{pk}{ERASED_DOMAIN}"


def named(name: str, pk: int) -> dict[str, str]:
    """What stands in place of the name, so that a page has something to show."""
    found = {"first_name": FIRST_NAME, "last_name": LAST_NAME} if name in ("lead", "contact") else {}
    return found | ({"email": placeholder(pk)} if name == "lead" else {})


def blank_records(person: Person) -> dict[str, int]:
    """Empty the leads and contacts themselves, one statement each: a version more, which followers see."""
    counts = {}
    for kind, rows in ((Contact, person.contacts), (Lead, person.leads)):
        name = str(kind._meta.model_name)
        everybody: Any = kind._base_manager
        for row in rows:
            values = {column: _empty(getattr(row, column)) for column in PERSONAL[name]} | named(name, row.pk)
            everybody.filter(pk=row.pk).update(**values)
        counts[kind._meta.db_table] = len(rows)
    return counts


def blank_parts(person: Person) -> tuple[dict[str, int], dict[str, list[int]]]:
    """Empty touches, next touches, receipts and ids elsewhere: how many, and all ids of parts, deleted ones too."""
    leads, contacts = person.ids["lead"], person.ids["contact"]
    with_them = Q(lead__in=leads) | Q(contact__in=contacts)
    own: dict[str, list[int]] = {}
    counts = {}
    near = person.near().pattern()
    blank = {"text": "", "title": "", "notes_url": "", "kept": {}}
    for pk in Activity._base_manager.filter(with_them).order_by("pk").values_list("pk", flat=True):
        Activity._base_manager.filter(pk=pk).update(**blank)
    # A task says what is to be done: an empty one would be none.
    for pk in Task._base_manager.filter(with_them).order_by("pk").values_list("pk", flat=True):
        Task._base_manager.filter(pk=pk).update(text=ERASED, kept={})
    steps = DriChangeStep._base_manager.filter(change__contact__in=contacts)
    counts[DriChangeStep._meta.db_table] = steps.exclude(note="").update(note="")
    own["drichangestep"] = sorted(steps.values_list("pk", flat=True))
    planned = NextTouch._base_manager.filter(lead__in=leads)
    counts[NextTouch._meta.db_table] = planned.exclude(text="").update(text="")
    for receipt in Conversion._base_manager.filter(with_them).order_by("pk"):
        cleaned = _without_copies(replace_in(receipt.receipt, near))
        Conversion._base_manager.filter(pk=receipt.pk).update(note="", answer="", receipt=cleaned)
    asked = with_them | Q(converted_lead__in=leads)
    if emails := sorted(person.keys["email"]):
        asked |= Q(email_key__in=emails)
    empty = {column: {} if column == "kept" else "" for column in PERSONAL["enquiry"]}
    own["enquiry"] = sorted(Enquiry._base_manager.filter(asked).values_list("pk", flat=True))
    counts[Enquiry._meta.db_table] = Enquiry._base_manager.filter(pk__in=own["enquiry"]).update(**empty)
    told = [f"{kind}:{pk}" for pk in own["enquiry"] for kind in (RECEIVED, BARRED)]
    notices: tuple[type[Notification] | type[Delivery], ...] = (Notification, Delivery)
    for notice in notices:
        worded = notice._base_manager.filter(key__in=told).exclude(text="")
        counts[notice._meta.db_table] = worded.update(text="")
    said = Activity._base_manager.filter(enquiry__in=own["enquiry"])
    with_them_or_asked = with_them | Q(pk__in=said.values("pk"))
    said.update(**blank)
    for kind, among in (
        (Activity, with_them_or_asked),
        (Task, with_them),
        (NextTouch, Q(lead__in=leads)),
        (Conversion, with_them),
    ):
        name = str(kind._meta.model_name)
        here = set(kind._base_manager.filter(among).values_list("pk", flat=True))
        counts.setdefault(kind._meta.db_table, len(here))
        own[name] = sorted(here | _deleted_parts(name, leads, contacts))
    counts[ExternalId._meta.db_table] = 0
    for name in ("lead", "contact", "activity", "task"):
        ids = person.ids.get(name) or own.get(name, [])
        rows = ExternalId.objects.filter(object__endswith=name, record_id__in=ids).exclude(seen=MARK)
        counts[ExternalId._meta.db_table] += rows.update(seen=MARK)
    return counts, own


def _without_copies(receipt: Any) -> Any:
    """A receipt keeps which records were used; what was copied from the person is emptied."""
    copied = receipt.get("copied")
    if isinstance(copied, dict) and isinstance(copied.get("contact"), dict):
        copied["contact"] = {name: _empty(value) for name, value in copied["contact"].items()}
    return receipt


def _deleted_parts(name: str, leads: list[int], contacts: list[int]) -> set[int]:
    deleted = Change.objects.filter(object=name, op="D")
    same = Q(what__lead_id__in=leads) | Q(what__contact_id__in=contacts)
    return set(deleted.filter(same).values_list("record_id", flat=True))


def blank_held_rows(person: Person, far: Values) -> tuple[int, list[int]]:
    """Rows that wait for a person and are this one: emptied and discarded, and never held again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.id FROM imports_heldrow h WHERE h.object IN ('lead', 'contact') AND ("
            " (h.object = 'lead' AND h.record_id = ANY(%s)) OR (h.object = 'contact' AND h.record_id = ANY(%s))"
            " OR EXISTS (SELECT FROM unnest(%s::text[]) AS v (v) WHERE strpos(lower(h.row::text), lower(v)) > 0))"
            " ORDER BY h.id FOR UPDATE",
            [person.ids["lead"], person.ids["contact"], far.parts],
        )
        ids = [pk for (pk,) in cursor.fetchall()]
    waiting = 0
    for held in HeldRow._base_manager.filter(pk__in=ids).exclude(code=HELD_CODE).order_by("pk"):
        state = HeldRow.State.DISCARDED if held.state == HeldRow.State.HELD else held.state
        HeldRow._base_manager.filter(pk=held.pk).update(
            row=dict.fromkeys(held.row, ""), message="", code=HELD_CODE, state=state, discarded_because=HELD_BECAUSE
        )
        waiting += 1
    return waiting, ids


def blank_log(own: dict[str, list[int]], near: Values) -> dict[str, int]:
    """Empty the log of these records: old and new values, last images, facts and reasons. Ids, versions, times stay."""
    pattern = near.pattern() if near else None

    def clean(value: Any) -> Any:
        return replace_in(value, pattern) if pattern else value

    changes: list[Any] = []
    for name, ids in own.items():
        personal = set(PERSONAL.get(name, ()))
        for change in Change.objects.filter(object=name, record_id__in=ids, what__isnull=False):
            what = {column: clean(value) for column, value in (change.what or {}).items()}
            for column in personal & set(what):
                values = what[column]
                what[column] = [_kept_blank(v) for v in values] if change.op == "U" else _kept_blank(values)
            if change.op == "D":
                what |= named(name, change.record_id)
            if what != change.what:
                changes.append((Jsonb(what), change.pk))
    moves: list[Any] = []
    for name in ("lead", "contact"):
        for step in Move.objects.filter(object=name, record_id__in=own.get(name, [])):
            facts = {key: _empty(v) if key in FREE_FACTS else clean(v) for key, v in step.facts.items()}
            reason = clean(step.reason)
            if (facts, reason) != (step.facts, step.reason):
                moves.append((Jsonb(facts), reason, step.pk))
    with connection.cursor() as cursor:
        cursor.executemany("UPDATE history_change SET what = %s WHERE id = %s", changes)
        cursor.executemany("UPDATE history_move SET facts = %s, reason = %s WHERE id = %s", moves)
        # What another system recorded of them: the statuses say nothing of who they were.
        cursor.execute(
            "UPDATE history_priorchange SET old = CASE WHEN field = 'Status' THEN old ELSE '' END,"
            " new = CASE WHEN field = 'Status' THEN new ELSE '' END, more = '{}'"
            " WHERE object = 'lead' AND record_id = ANY(%s) AND (field <> 'Status' OR more <> '{}')",
            [own.get("lead", [])],
        )
        prior = cursor.rowcount
    return {"history_change": len(changes), "history_move": len(moves), "history_priorchange": prior}


def blank_near(person: Person, own: dict[str, list[int]]) -> dict[str, int]:
    """Take the names, also a first or last one alone, out of rows that belong to them without being theirs."""
    near = person.near()
    opportunities = {receipt.opportunity_id for receipt in Conversion.objects.filter(pk__in=own.get("conversion", []))}
    touched = " OR ".join("(c.object = %s AND c.record_id = ANY(%s))" for _ in own)
    by_name: dict[str, Table] = {table.name: table for table in tables()}
    counts = {
        "contracts_opportunity": take_out(
            by_name["contracts_opportunity"],
            near,
            where="t.contact_id = ANY(%s) OR t.id = ANY(%s)",
            parameters=[person.ids["contact"], sorted(opportunities)],
            skip=("stage", "type", "currency", "lead_source", "lost_reason"),
        )
    }
    counts |= blank_notices(own.get("enquiry", []), near, by_name)
    # What was promised of these opportunities, as far as it is not their next step now (contracts.triggers).
    counts["contracts_nextstep"] = take_out(
        by_name["contracts_nextstep"],
        near,
        where="t.opportunity_id IN (SELECT o.id FROM contracts_opportunity o WHERE o.contact_id = ANY(%s))"
        " OR t.opportunity_id = ANY(%s)",
        parameters=[person.ids["contact"], sorted(opportunities)],
        skip=("made_by_name", "outcome"),
    )
    counts |= blank_items(person.ids["lead"], person.ids["contact"], sorted(opportunities), near, by_name)
    if own:
        counts["history_transaction"] = take_out(
            by_name["history_transaction"],
            near,
            where=f"t.id IN (SELECT c.transaction_id FROM history_change c WHERE {touched})",
            parameters=[value for item in own.items() for value in item],
            skip=("actor_name", "via", "request", "token"),
        )
    return counts


def blank_ids(far: Values) -> int:
    """Ids elsewhere that are an address, a number or a link of theirs: nothing is found by them any more."""
    values = Values(far.parts)
    needles = [needle.lower() for needle in values.needles()]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, e.value FROM sync_externalid e WHERE EXISTS ("
            "SELECT FROM unnest(%s::text[]) AS v (v) WHERE strpos(lower(e.value), v.v) > 0) FOR UPDATE",
            [needles],
        )
        found = [(f"{ERASED} {pk}", pk) for pk, value in cursor.fetchall() if values.pattern().search(value)]
        cursor.executemany("UPDATE sync_externalid SET value = %s WHERE id = %s", found)
    return len(found)


def hash_keys(person: Person) -> int:
    """Do not contact still holds when nobody can read whom it is about: a keyed hash stands in place of the key."""
    emails = {*person.keys["email"], *compute_keys("email_key", sorted(person.emails))}
    links = {*person.keys["linkedin"], *compute_keys("linkedin_key", sorted(person.links))}
    pairs = [*(("email", key) for key in sorted(emails)), *(("linkedin", key) for key in sorted(links))]
    pairs += [("phone", number) for number in sorted(person.phones | person.keys["phone"]) if number.startswith("+")]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE activities_suppressedkey k SET key = suppressed_hash(k.kind, k.key), value = ''"
            " FROM unnest(%s::text[], %s::text[]) AS p (kind, key) WHERE k.kind = p.kind AND k.key = p.key",
            [[kind for kind, _ in pairs], [key for _, key in pairs]],
        )
        return int(cursor.rowcount)


def _empty(value: Any) -> Any:
    if isinstance(value, str):
        return ""
    return {} if isinstance(value, dict) else [] if isinstance(value, list) else value


def _kept_blank(value: Any) -> Any:
    """Emptied; what stands in place of a value already stays, so that a second time changes nothing."""
    stands = isinstance(value, str) and (value.endswith(ERASED_DOMAIN) or value in (FIRST_NAME, LAST_NAME))
    return value if stands else _empty(value)


def labels(counts: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Counts by table, in the words people have for what is in it; what is zero is left out."""
    from django.apps import apps

    names: dict[str, str] = {}
    for kind in apps.get_models():
        names.setdefault(kind._meta.db_table, str(kind._meta.verbose_name_plural))
    found: dict[str, int] = {}
    for table, many in counts:
        if many:
            label = names.get(table, table)
            found[label] = found.get(label, 0) + many
    return dict(sorted(found.items()))
