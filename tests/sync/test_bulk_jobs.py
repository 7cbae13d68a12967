"""Bulk jobs: uploaded in parts, worked in slices, every row answered in exactly one way."""

from __future__ import annotations

from typing import Any

import pytest

from crm.people.models import User
from leads.models import Lead
from tests.keys import program
from tests.sync.bulk_jobs import lead, lines, opened, outcomes, results, worked

pytestmark = pytest.mark.django_db


def test_rows_are_stored_whatever_the_parts_cut_through(root: User) -> None:
    ask = program(root)
    sent = lines(lead(1), lead(2, last_name="Ünal"), lead(1), lead(3, email="no address"), ["no", "object"])
    cut = sent.index("Ü".encode()) + 1
    where = opened(ask, sent[:cut], sent[cut:])
    job = worked(ask, where)
    assert (job["state"], job["rows_done"], job["bytes_done"]) == ("done", 5, len(sent)), job
    assert outcomes(results(ask, where)) == [
        (0, "created", ""),
        (1, "created", ""),
        (2, "rejected", "duplicate_key"),
        (3, "rejected", "invalid"),
        (4, "rejected", "not_an_object"),
    ]
    assert Lead.objects.filter(last_name="Ünal").count() == 1
