"""Erasing a person reaches what programs left behind: answers, messages, filters, ids elsewhere, and the feed."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from django.utils import timezone

from crm.core.acting import acting
from crm.jobs.models import Job
from crm.people.models import User
from crm.privacy.erasing import erase_person
from crm.privacy.everywhere import search
from crm.sync.exporting.record import KIND
from crm.sync.models import IdempotencyKey, Webhook, WebhookAttempt, WebhookMessage
from leads.models import Lead
from tests.factories import make_lead
from tests.keys import program

pytestmark = pytest.mark.django_db
EMAIL, LINK = "zoë+crm@quill.example", "https://www.linkedin.com/in/zoe-quillfeather"
PERSON: dict[str, Any] = {
    "first_name": "Zoë",
    "last_name": "Quillfeather",
    "email": EMAIL,
    "linkedin_url": LINK,
    "street": "7 Heron Lane",
}
VALUES = ("Zoë", "Quillfeather", "Heron Lane", "quill.example", "zoe-quill", "sailing")


def erase(root: User, lead: Lead) -> None:
    """At the request of the person."""
    erase_person(lead=lead, reason="They asked.", actor=root, at=timezone.now(), via="test")


def test_filters_and_answers_lose_the_person_however_they_are_written(root: User) -> None:
    at = timezone.now()
    lead = make_lead(**PERSON)
    filters = {"email": EMAIL, "q": "Zoë Quillfeather", "linkedin_url": LINK, "lead_status": "new"}
    plain = "&".join(f"{name}={value}" for name, value in filters.items())
    escapes = quote(f'"{EMAIL}", Zoë Quillfeather', safe="")
    written = [plain, urlencode(filters), quote(plain), escapes, urlencode(filters).lower()]
    with acting(actor=root, via="test", at=at):
        for number, text in enumerate(written):
            Job.objects.create(kind=KIND, title="Export over the API", by=root, asked_at=at, input={"filter": text})
            hook = Webhook.objects.create(
                name=f"W{number}", url=f"https://x.example/{number}", user=root, made_by=root, filter=text, salt="x"
            )
            message = WebhookMessage.objects.create(
                webhook=hook, message_id=f"m{number}", event="test", body="{}", made_at=at
            )
            for ascii_only in (True, False):
                said = json.dumps({"got": [filters, text]}, ensure_ascii=ascii_only)
                for answer in (said, said.replace("/", "\\/"), json.dumps(said)):
                    WebhookAttempt.objects.create(message=message, at=at, answer=answer)
    erase(root, lead)
    left = [*Job.objects.values_list("input__filter", flat=True), *Webhook.objects.values_list("filter", flat=True)]
    left += WebhookAttempt.objects.values_list("answer", flat=True)
    for text in left:
        assert not any(word in text.lower() for word in ("zo", "quill", "0eb", "c3%ab")), text
    assert left.count("email=[erased]&q=[erased]&linkedin_url=[erased]&lead_status=new") >= 4
    assert search(VALUES) == []


def test_answers_that_are_sent_again_do_not_tell_of_who_was_erased(root: User) -> None:
    ask = program(root)
    other = make_lead(last_name="Neighbour")
    said = {"evidence": "email.replied", "said": "Likes sailing boats"}
    made = {
        **PERSON,
        "email": "zoe.q@quill.example",
        "company": "Quill",
        "owner_id": root.pk,
        "description": "She likes sailing",
    }
    first = ask("POST", "leads/", made, idempotency_key="leads/")
    pk = first.json()["id"]
    wrong = [{"id": pk, "Quillfeather": 1}, {"id": other.pk, "email": "no address"}]
    sent: dict[str, Any] = {
        "leads/": made,
        "tasks/": {"text": "Talk of sailing", "lead_id": pk, "owner_id": root.pk},
        f"leads/{pk}/moves/work/": {},
        f"leads/{pk}/moves/engage/": {"facts": said},
        "leads/moves/": {"verb": "nurture", "ids": [pk, other.pk], "facts": {"nurture_reason": "no_budget"}},
        "leads/bulk/?operation=update": wrong,
        "tasks/?": {"text": "Go sailing", "lead_id": other.pk, "owner_id": root.pk},
    }
    before = {path: ask("POST", path, body, idempotency_key=path) for path, body in sent.items()}
    answers = [one.status_code for one in before.values()]
    assert answers == [201, 201, 200, 200, 200, 200, 201], before[f"leads/{pk}/moves/work/"].content
    assert "Quillfeather" in str(before["leads/bulk/?operation=update"].json())
    erase(root, Lead.objects.get(pk=pk))
    count = Lead.objects.count()
    after = {path: ask("POST", path, body, idempotency_key=path) for path, body in sent.items()}
    *theirs, moved, written, neighbours = after
    for path in theirs:
        assert (path, after[path].status_code, after[path].json()["code"]) == (path, 410, "gone")
        assert after[path].headers["Idempotent-Replayed"] == "true"
    assert Lead.objects.count() == count, "it is not made again"
    for path in (moved, written):
        rows, were = after[path].json()["results"], before[path].json()["results"]
        assert [(row["outcome"], row["id"]) for row in rows] == [(row["outcome"], row["id"]) for row in were]
        assert rows[1] == were[1]
    assert after[neighbours].content == before[neighbours].content
    kept = str(list(IdempotencyKey.objects.exclude(body=before[neighbours].content.decode()).values()))
    assert not any(word in kept for word in VALUES)


def test_the_feed_tells_nothing_of_who_was_erased_whatever_place_it_is_read_from(root: User) -> None:
    ask = program(root)
    start = ask("GET", "changes/?cursor=now&objects=leads,contacts,tasks").json()["cursor"]
    lead = make_lead(**{**PERSON, "owner": root})
    with acting(actor=root, via="test", at=timezone.now(), reason="Zoë Quillfeather wrote"):
        lead.email, lead.first_name, lead.street = "z.q@quill.example", "Z.", "8 Heron Lane"
        lead.save()
    gone = make_lead(**PERSON)
    with acting(actor=root, via="test", at=timezone.now(), reason="Quillfeather twice"):
        gone.delete()
    by_email = f"leads/by/newsletter/{quote('z.q@quill.example')}/"
    assert (
        ask(
            "PUT", by_email, {"last_name": "Quillfeather", "company": "Quill", "email": "z.q@quill.example"}
        ).status_code
        == 201
    )
    told = ask("GET", f"changes/?cursor={start}").content.decode()
    assert all(word in told for word in ("Heron", "Zoë", "Quillfeather"))
    erase(root, lead)
    assert search(VALUES) == []
    told = ask("GET", f"changes/?cursor={start}").content.decode()
    assert not [word for word in VALUES if word in told]
    assert told.count('"op":"erased"') == 3
    assert ask("GET", by_email).status_code == 404
