"""Two programs change one record at the same version: one is told that the other was quicker."""

from __future__ import annotations

import pytest

from crm.people.models import User
from leads.models import Lead
from tests.api.conftest import Keyed, send
from tests.factories import make_lead
from tests.races import race


@pytest.mark.django_db(transaction=True)
def test_one_of_two_changes_at_the_same_version_is_refused(root: User, keyed: Keyed) -> None:
    lead = make_lead()
    first, second = keyed(root), keyed(root)
    tag, address = f'"{lead.pk}.1"', f"/api/v1/leads/{lead.pk}/"
    answers = race(
        lambda: send(first, "patch", address, {"first_name": "First"}, **{"if-match": tag}),
        lambda: send(second, "patch", address, {"first_name": "Second"}, **{"if-match": tag}),
        behind="SELECT FROM leads_lead WHERE id = %s FOR UPDATE",
        values=(lead.pk,),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 412]
    assert Lead.objects.get(pk=lead.pk).version == 2
