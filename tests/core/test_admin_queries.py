"""How many queries each list and page takes: no more than committed, and no more for many rows than for a few.

`WRITE_BASELINES=1 pytest tests/core/test_admin_queries.py` writes `tests/query_baseline.json` anew.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from crm.people.models import User
from crm.site import site
from tests.access import client_of
from tests.samples import SAMPLES

BASELINE = Path(__file__).parent.parent / "query_baseline.json"
MOST = 15
LABELS = sorted(kind._meta.label for kind in site._registry)
NAMES = {kind._meta.label: f"admin:{kind._meta.app_label}_{kind._meta.model_name}" for kind in site._registry}


def queries_of(client: Client, address: str) -> int:
    """How many queries the page takes once what a process keeps is there."""
    client.get(address)
    with CaptureQueriesContext(connection) as taken:
        assert client.get(address).status_code == 200
    return len(taken)


@pytest.mark.parametrize("label", LABELS)
def test_pages_take_no_more_queries_than_committed(label: str, alice: User, root: User) -> None:
    client, name = client_of(root), NAMES[label]
    record = SAMPLES[label](alice)
    found = {
        "list": queries_of(client, reverse(f"{name}_changelist")),
        "page": queries_of(client, reverse(f"{name}_change", args=[record.pk])),
        "history": queries_of(client, reverse(f"{name}_history", args=[record.pk])),
    }
    committed = json.loads(BASELINE.read_text()) if BASELINE.exists() else {}
    if os.environ.get("WRITE_BASELINES"):
        committed[label] = found
        BASELINE.write_text(json.dumps(committed, indent=1, sort_keys=True) + "\n")
    assert label in committed, "a new kind of record: write the baseline and look at it"
    assert all(found[page] <= committed[label][page] for page in found), (found, committed[label])
    assert found["list"] <= MOST


@pytest.mark.parametrize("label", LABELS)
def test_a_list_takes_as_many_queries_for_many_rows_as_for_few(label: str, alice: User, root: User) -> None:
    client, address = client_of(root), reverse(f"{NAMES[label]}_changelist")
    for _ in range(2):
        SAMPLES[label](alice)
    few = queries_of(client, address)
    for _ in range(6):
        SAMPLES[label](alice)
    assert queries_of(client, address) == few
