"""The API asked for what its description allows, and for everything beside it: never a fault of ours, and every
answer as described. In this process, through the web server's own entrance; longer with CRM_SOAK."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from drf_spectacular.generators import SchemaGenerator
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from crm.core.api.scopes import known_scopes
from crm.people.models import User
from crm.wsgi import application
from tests.enquiries.asking import ask
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.keys import make_key

# The server's own entrance closes connections after each request: what is stored has to be committed.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.crash]
SOAK = bool(os.environ.get("CRM_SOAK"))
EXAMPLES = 400 if SOAK else 2
# What every followed resource has alike: asked of leads, and in the long form of all.
ALIKE = re.compile(r"/api/v1/(?!leads/)\w+/(?:jobs|bulk|export|by)/")
ROTATES = "/api/v1/keys/self/secret/"
ENQUIRIES = ("void", "unvoid", "hold-up", "resume", "claim", "attach", "answer")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def description() -> Any:
    """What `/api/schema/` says, read by the fuzzer."""
    said: Any = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]
    schema = schemathesis.openapi.from_dict(said)
    schema.app = application
    return schema


@pytest.fixture
def records(root: User, alice: User) -> None:
    """Something of every kind to find, move, change and delete: ids near one are what a fuzzer tries."""
    for number in range(3):
        make_lead(owner=alice if number else None)
        make_contact(account=make_account(owner=alice))
        make_opportunity(owner=alice)
        ask(START, received_at=START)


def operations(description: Any) -> Iterator[Any]:
    """Every operation that is described."""
    for found in description.get_all_operations():
        operation = found.ok()
        if operation.path.startswith("/api/v1/"):
            yield operation


def asked(description: Any) -> Iterator[Any]:
    """The operations that are asked."""
    return (one for one in operations(description) if SOAK or not ALIKE.match(one.path))


def test_the_description_has_every_address_of_the_moves(description: Any) -> None:
    paths = {operation.path for operation in operations(description)}
    assert len(known_scopes()) >= 8
    assert {"/api/v1/leads/{id}/moves/", "/api/v1/leads/{id}/moves/{verb}/", "/api/v1/leads/moves/"} <= paths
    assert {"/api/v1/leads/{id}/conversion/", "/api/v1/leads/{id}/conversion/preview/"} <= paths
    assert {f"/api/v1/enquiries/{{id}}/{name}/" for name in ENQUIRIES} <= paths


def test_every_post_says_that_it_is_done_once_for_each_key_and_no_name_is_there_twice(description: Any) -> None:
    raw = description.raw_schema
    found = [one for path in raw["paths"].values() for one in path.values()]
    names = [one["operationId"] for one in found]
    assert len(names) == len(set(names))
    for path in raw["paths"].values():
        for method, one in path.items():
            told = {parameter.get("name") for parameter in one["parameters"]}
            assert ("Idempotency-Key" in told, "422" in one["responses"]) == (method == "post",) * 2, one


def test_no_request_meets_a_fault_and_every_answer_is_as_described(description: Any, root: User, records: None) -> None:
    key = make_key(root)
    seen: Counter[int] = Counter()
    wrong: dict[str, str] = {}
    for operation in asked(description):

        @given(case=operation.as_strategy())
        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=not SOAK,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )
        def ask(case: Any) -> None:
            # What gives a key another secret is asked with one of its own.
            sent = make_key(root) if case.path == ROTATES else key
            answer = case.call(headers={"Authorization": f"Bearer {sent}"})
            seen[answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS)

        try:
            ask()
        except Exception as failure:  # the next operation is asked all the same: all that is wrong is told at once
            wrong[operation.label] = "\n".join(map(str, getattr(failure, "exceptions", (failure,))))
    assert wrong == {}, "\n\n".join(f"{label}\n{said}" for label, said in wrong.items())
    # It got in, and it got through: a fuzz that only ever met a closed door would prove nothing.
    assert seen[401] == 0
    assert seen[200] >= 10, seen
    assert seen[400] >= 10, seen
