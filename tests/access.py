"""Who gets which answer from which page: asked of every page there is, compared with a committed table.

The table (`tests/access_baseline.json`) is written anew by `WRITE_BASELINES=1 pytest tests/core/test_admin_access.py`;
its diff is then read like code, because that is what it is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import models, transaction
from django.template.backends.django import Template
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils.safestring import mark_safe

from crm.people.models import Team, User
from crm.site import site
from tests.factories import make_user
from tests.samples import SAMPLES

ROLES = ("anonymous", "sdr", "ae", "manager", "administrator", "service", "inactive")
BASELINE = Path(__file__).with_name("access_baseline.json")
WRITING = bool(os.environ.get("WRITE_BASELINES"))
# Pages every admin has; others are asked one by one under their names.
STANDARD = ("changelist", "add", "change", "delete", "history")
BULK = ("leads_lead", "accounts_account", "accounts_contact", "contracts_opportunity")
# An id that nothing has: which ids there are depends on what ran before.
NOBODYS = 10**9
# What a page needs besides the id of a record.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "admin:contracts_opportunity_move": {"verb": "advance"},
    "admin:leads_lead_move": {"verb": "qualify"},
    **{f"admin:{kind}_bulk": {"operation": "reassign"} for kind in BULK},
    **{f"admin:{page}": {"pk": NOBODYS} for page in ("job", "job_answer", "job_results", "job_file")},
    "hook": {"kind": "chat", "source": "1"},
    "api_problem": {"code": "missing_scope"},
    "api_program": {"name": "follower.py"},
    "admin:workspace_layout": {"kind": "account"},
    "admin:workspace_tabs": {"role": "sdr"},
    **{f"admin:view_{page}": {"pk": 0} for page in ("change", "delete", "share", "pin")},
    "admin:set_password": {"uidb64": "MQ", "token": "x-y"},
    "admin:app_list": {"app_label": "leads"},
    "admin:view_on_site": {"content_type_id": 1, "object_id": 1},
}
# Answered without a login: the login itself, what it needs, who has been given a link, the form for people outside,
# what is signed, and what errors mean.
OUTSIDE = {"enquire", "enquire_received", "hook", "api_problems", "api_problem"}
PUBLIC = {"admin:login", "admin:jsi18n", "admin:logout", "admin:set_password", "", "admin:*", *OUTSIDE}


def cast(owner_team: Team) -> dict[str, User | None]:
    """One person of each role; the SDR is on the team of the records' owner, the AE on none."""
    people: dict[str, User | None] = {"anonymous": None}
    for role in ROLES[1:]:
        key = {"inactive": "manager"}.get(role, role)
        team = owner_team if role == "sdr" else None
        people[role] = make_user(
            f"access-{role}", role=key, team=team, is_active=role != "inactive", is_service=role == "service"
        )
    return people


def client_of(user: User | None) -> Client:
    """A browser of this person; the session of somebody who may not log in is there all the same."""
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user, backend="crm.people.backends.EmailBackend")
    return client


def answer(client: Client, method: str, address: str, data: dict[str, Any] | None = None) -> str:
    """What a page answers, in one word; whatever it wrote is undone."""
    with transaction.atomic(), pytest.MonkeyPatch.context() as patch:
        # What a page says is asked elsewhere; drawing each for every role takes most of the time.
        patch.setattr(Template, "render", lambda self, context=None, request=None: mark_safe(""))
        response = getattr(client, method)(address, data or {})
        transaction.set_rollback(True)
    if response.status_code == 302 and response.headers["Location"].startswith(reverse("admin:login")):
        return "login"
    return {200: "yes", 204: "yes", 302: "yes", 403: "no", 404: "absent", 405: "not so", 409: "refused"}.get(
        response.status_code, str(response.status_code)
    )


def model_answers(label: str, owner: User, stranger: User, people: dict[str, User | None]) -> dict[str, dict[str, str]]:
    """Each standard page of one kind of record, for each role: of the owner's team's record and of a stranger's."""
    make = SAMPLES[label]
    ours, theirs = make(owner), make(stranger)
    table: dict[str, dict[str, str]] = {}
    for role, user in people.items():
        client = client_of(user)
        asked = {
            "list": ("get", page_address(ours, "changelist"), None),
            "add": ("get", page_address(ours, "add"), None),
            "add, sent": ("post", page_address(ours, "add"), {"nothing": "filled in"}),
        }
        # Only who is on the owner's team is to be told apart from others; for the rest each record is somebody else's.
        for whose, record in (("ours", ours), ("theirs", theirs))[0 if role == "sdr" else 1 :]:
            version = {"version": str(getattr(record, "version", ""))}
            asked |= {
                f"page of {whose}": ("get", page_address(record, "change"), None),
                f"page of {whose}, sent": ("post", page_address(record, "change"), version),
                f"delete {whose}": ("get", page_address(record, "delete"), None),
                f"delete {whose}, sent": ("post", page_address(record, "delete"), {"post": "yes"}),
                f"history of {whose}": ("get", page_address(record, "history"), None),
            }
        for page, (method, address, data) in asked.items():
            table.setdefault(page, {})[role] = answer(client, method, address, data)
    return table


def page_address(record: models.Model, page: str) -> str:
    """The address of a standard page of a record."""
    args = [] if page in ("changelist", "add") else [record.pk]
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_{page}", args=args)


def all_urls() -> dict[str, URLPattern]:
    """Every address of the project by its name."""
    return dict(_walk(get_resolver().url_patterns, ""))


def _walk(patterns: list[Any], namespace: str) -> Iterator[tuple[str, URLPattern]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, inner)
        else:
            yield f"{namespace}{pattern.name or ('*' if namespace else '')}", pattern


def special_urls() -> dict[str, URLPattern]:
    """The addresses that are not standard pages of a registered model."""
    standard = {
        f"admin:{kind._meta.app_label}_{kind._meta.model_name}_{page}" for kind in site._registry for page in STANDARD
    }
    # The API has keys and no roles: tests/sync/test_closed.py asks each of its addresses.
    return {
        name: pattern for name, pattern in all_urls().items() if name not in standard and not name.startswith("api:")
    }


def address_of(name: str, pattern: URLPattern, records: dict[str, models.Model]) -> str | None:
    """An address of this pattern, about a record of the kind its name says; None for a catch-all."""
    if name in ("", "admin:*"):
        return None
    wanted = dict(ARGUMENTS.get(name, {}))
    for argument in pattern.pattern.converters:
        if argument not in wanted:
            kind = kind_in(name)
            wanted[argument] = records[kind].pk if kind else NOBODYS
    return reverse(name, kwargs=wanted)


def kind_in(name: str) -> str:
    """The label of the model that an address is about, read from its name (`admin:leads_lead_claim`); else nothing."""
    rest = name.removeprefix("admin:")
    for kind in site._registry:
        if rest.startswith(f"{kind._meta.app_label}_{kind._meta.model_name}_"):
            return kind._meta.label
    return ""


def baseline() -> dict[str, Any]:
    """The committed table."""
    found: dict[str, Any] = json.loads(BASELINE.read_text()) if BASELINE.exists() else {"models": {}, "urls": {}}
    return found


def write(section: str, key: str, value: Any) -> None:
    """Put one part of the table down anew."""
    table = baseline()
    table[section][key] = value
    BASELINE.write_text(json.dumps(table, indent=1, sort_keys=True) + "\n")
