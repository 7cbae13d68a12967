"""Records read by the ids that other systems know them by."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from crm.api import RESOURCES
from crm.core.acting import acting
from crm.people.models import User
from crm.sync.models import ExternalId
from tests.factories import START, make_lead
from tests.keys import program
from tests.samples import SAMPLES

pytestmark = pytest.mark.django_db
ODD = ["00Q/1 2?#&=%2F", "a//b/", "moves", "é" * 255, "e\u0301'\"\\;--", "..", "\u202e\U0001f600", "by/x/y"]


def name_elsewhere(record: object, system: str, value: str) -> None:
    """Say what another system calls a record."""
    with acting(actor=User.objects.system(), via="test", at=START):
        ExternalId.objects.create(
            object=record._meta.model_name,  # type: ignore[attr-defined]
            system=system,
            value=value,
            record_id=record.pk,  # type: ignore[attr-defined]
        )


def test_every_followed_record_is_read_by_its_id_elsewhere_as_by_its_own(root: User) -> None:
    ask = program(root)
    for view in RESOURCES:
        if not view.followed:
            continue
        record = SAMPLES[view.model._meta.label](root)
        name_elsewhere(record, "erp", "4711")
        ours = ask("get", f"{view.resource}/{record.pk}/")
        theirs = ask("get", f"{view.resource}/by/erp/4711/")
        assert (theirs.status_code, theirs.content, theirs["ETag"]) == (200, ours.content, ours["ETag"]), view.resource
        assert ask("get", f"{view.resource}/by/erp/4711", if_none_match=ours["ETag"]).status_code == 304
        some = ask("get", f"{view.resource}/by/erp/4711/?fields=id").json()
        assert set(some) == {"id", "version"} & set(ours.json())
        assert ask("get", f"{view.resource}/by/crm/4711/").status_code == 404
    assert program(root, "accounts:read")("get", "leads/by/erp/4711/").json()["code"] == "missing_scope"


def test_an_id_may_be_any_text_and_what_can_be_none_is_said(root: User) -> None:
    ask, lead = program(root), make_lead()
    for place, odd in enumerate(ODD):
        system = ["moves", "a b", "%2F", "sales#force"][place % 4]
        name_elsewhere(lead, system, odd)
        found = ask("get", f"leads/by/{quote(system, safe='')}/{quote(odd, safe='')}/")
        assert found.status_code == 200, (odd, found.content)
        assert found.json()["id"] == lead.pk
    for wrong in ("erp/" + "x" * 256, "s" * 51 + "/1", "erp/%00", "erp/a%00b", "%00/1", "erp/%20"):
        answer = ask("get", f"leads/by/{wrong}/")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), wrong
    for missing in ("erp/%FF%FE", "erp/a%0Ab", "erp/%0A", "erp/%ED%A0%80", "erp/", "erp", "/1", "erp//", "erp/a%0A"):
        answer = ask("get", f"leads/by/{missing}")
        assert answer.status_code in (400, 404), (missing, answer.content)
        assert answer["Content-Type"] == "application/problem+json"
