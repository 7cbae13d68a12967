"""What the description declares is read, and what it does not declare is refused: parameters, headers, answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from crm.people.models import User
from tests.enquiries.asking import ask as enquire
from tests.factories import START, make_account, make_contact, make_lead, make_opportunity
from tests.keys import Program, program

pytestmark = pytest.mark.django_db
# Every followed resource has these alike.
ALIKE = re.compile(r"/api/v1/(?!leads/)\w+/(?:jobs|bulk|export|by)/")
# A wrong one is no reason not to answer: it is answered without it.
PASSED_OVER = {"X-Request-ID", "Accept-Encoding"}
PLACES = {"verb": "nurture", "system": "erp", "number": "1", "key": "none"}


@pytest.fixture(scope="module")
def description() -> Any:
    """What `/api/schema/` says."""
    return SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]


@pytest.fixture
def ask(root: User, alice: User) -> Program:
    """A program that may do everything, and something of most kinds."""
    make_lead(owner=alice)
    make_contact(account=make_account(owner=alice))
    make_opportunity(owner=alice)
    enquire(START, received_at=START)
    return program(root)


def operations(description: Any) -> Iterator[tuple[str, str, Any]]:
    """Method, address and description of each operation that is asked."""
    for path, methods in description["paths"].items():
        if path.startswith("/api/v1/") and not ALIKE.match(path):
            for method, said in methods.items():
                yield method.upper(), path, said


def address(path: str) -> str:
    """An address of it, of a record that is there."""
    return re.sub(r"{(\w+)}", lambda place: PLACES.get(place[1], "1"), path).removeprefix("/api/v1/")


def parameters(description: Any, said: Any, where: str) -> list[str]:
    """The names of the parameters that are declared there."""
    known = description["components"]["parameters"]
    found = [known[one["$ref"].rpartition("/")[2]] if "$ref" in one else one for one in said.get("parameters", ())]
    return [one["name"] for one in found if one["in"] == where]


def test_undeclared_parameters_are_refused_and_declared_ones_known(description: Any, ask: Program) -> None:
    wrong = []
    for method, path, said in operations(description):
        if (answer := ask(method, f"{address(path)}?no_such_parameter=1", {})).status_code < 400:
            wrong.append(f"{method} {path} takes any parameter: {answer.status_code}")
        query = "&".join(f"{name}=x" for name in parameters(description, said, "query"))
        answer = ask(method, f"{address(path)}?{query}", {})
        if answer.status_code >= 400 and query:
            found = json.loads(answer.content)
            if "unknown_parameter" in {found["code"], *(flaw["code"] for flaw in found["errors"])}:
                wrong.append(f"{method} {path} declares what it does not know: {found['detail']}")
    assert wrong == []


def test_declared_headers_are_read(description: Any, ask: Program) -> None:
    wrong, read = [], set()
    for method, path, said in operations(description):
        for name in set(parameters(description, said, "header")) - PASSED_OVER:
            answer = ask(method, address(path), {}, **{name: "no such thing"})
            if answer.status_code < 400:
                wrong.append(f"{method} {path} passes {name} over")
            elif json.loads(answer.content)["code"] == "invalid_header":
                read.add(name)
    assert wrong == []
    assert read >= {"If-Match", "If-None-Match", "Idempotency-Key"}


def test_every_answer_is_declared_with_its_request_id(description: Any) -> None:
    for method, path, said in operations(description):
        assert {"400", "401", "403", "429", "503"} <= set(said["responses"]), (method, path)
        assert "X-Request-ID" in parameters(description, said, "header"), (method, path)
        for code, answer in said["responses"].items():
            assert "X-Request-ID" in answer["headers"], (method, path, code)
        assert "Retry-After" in said["responses"]["429"]["headers"]


def test_every_operation_is_told_apart_and_said_in_words(description: Any) -> None:
    wordless = []
    for path, methods in description["paths"].items():
        for method, said in methods.items():
            where = f"{method.upper()} {path}"
            parts = {one["name"]: one for one in said["parameters"] if "$ref" not in one}
            texts = [said.get("summary"), *(one.get("description") for one in parts.values())]
            texts += [answer["description"] for answer in said["responses"].values()]
            wordless += [where for text in texts if not text]
    assert wordless == []
    assert [path for path in description["paths"] if not path.startswith("/api/v1/")] == [], "a page is no operation"
    leads = description["paths"]["/api/v1/leads/"]
    listed = {one["name"]: one for one in leads["get"]["parameters"] if "name" in one}
    assert leads["get"]["summary"] == "List leads"
    users = description["paths"]["/api/v1/users/{id}/"]
    assert users["delete"]["summary"] == "Never: 409 says what to do instead"
    assert listed["updated_since"]["schema"]["format"] == "date-time"
    assert "engaged" in listed["lead_status"]["schema"]["items"]["enum"]
    assert "Location" in leads["post"]["responses"]["201"]["headers"]
    put = description["paths"]["/api/v1/leads/by/{system}/{external_id}/"]["put"]
    assert "Location" in put["responses"]["201"]["headers"]
    bulk = description["paths"]["/api/v1/leads/bulk/"]["post"]
    assert "application/x-ndjson" in bulk["requestBody"]["content"]
    assert "JSON only" not in bulk["responses"]["415"]["description"]
