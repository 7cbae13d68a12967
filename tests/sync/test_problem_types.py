"""Every code that is answered is explained, and `type` leads to the explanation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from crm.core.api.fields import column_field
from crm.core.api.problem_types import problem_type, problem_types
from crm.core.api.problems import CODE_OF, Problem
from crm.core.api.resources import resources
from crm.people.models import User
from tests.keys import program
from tests.sync.test_keys import problem

ROOT = Path(settings.BASE_DIR)
# What makes an error, and which of its arguments is the code.
MAKERS = {"Refused": 0, "Missing": 0, "bad_request": 0, "_refuse": 0, "Problem": 1, "Flaw": 1, "Unreadable": 0}
# Of the same name in other modules, without a code or of errors that are no answers.
OTHERS = {"Problem": "crm.core.api.problems", "Unreadable": "crm.sync.bulk"}
CODE = re.compile(r"[a-z][a-z0-9_]*")
# Few modules are worth a second look: reading a tree takes long.
WORTH_IT = re.compile(rf"\b(?:{'|'.join(MAKERS)})\(|\bCODE =")


def texts_of(node: ast.expr | None) -> Iterator[str]:
    """The texts that an expression may be; of one that is put together, with x for the parts."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts_of(node.body)
        yield from texts_of(node.orelse)
    elif isinstance(node, ast.JoinedStr):
        yield "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)


def codes_in(path: Path) -> Iterator[str]:
    """Every code that a module answers with."""
    text = path.read_text()
    if not WORTH_IT.search(text):
        return
    tree = ast.parse(text)
    imported = {
        name.asname or name.name: node.module or ""
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(isinstance(one, ast.Name) and one.id == "CODE" for one in node.targets):
            yield from texts_of(node.value)
        if not isinstance(node, ast.Call):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name not in MAKERS or (name in OTHERS and not imported.get(name, "").startswith(OTHERS[name])):
            continue
        place, named = MAKERS[name], {keyword.arg: keyword.value for keyword in node.keywords}
        yield from texts_of(node.args[place] if len(node.args) > place else named.get("code"))


def test_every_code_of_the_code_base_is_explained() -> None:
    found: dict[str, str] = {}
    for folder in ("crm", "leads", "accounts", "contracts"):
        for path in (ROOT / folder).rglob("*.py"):
            if "migrations" not in path.parts:
                found |= {code: path.name for code in codes_in(path) if CODE.fullmatch(code)}
    assert len(found) > 250, "the patterns still find them"
    unsaid = {code: where for code, where in sorted(found.items()) if problem_type(code) is None}
    assert unsaid == {}, "crm/core/api/problems.toml lacks them"


def test_what_the_framework_answers_is_explained() -> None:
    of_fields = {
        code
        for view in resources().values()
        for name, column in view.serializer_class.names.items()
        if column != "kept"
        for code in column_field(
            view.model._meta.get_field(column),  # type: ignore[arg-type]
            name=name,
            read_only=False,
            required=True,
        ).error_messages
    }
    assert {"required", "null", "type"} <= of_fields
    assert {code for code in of_fields | set(CODE_OF.values()) if problem_type(code) is None} == set()


@pytest.mark.django_db
def test_a_problem_s_type_is_a_page_that_anybody_may_read(alice: User) -> None:
    answer = program(alice, "nothing:read")("GET", "leads/")
    told = problem(answer)
    assert told["type"] == "/api/problems/missing_scope/"
    page = Client().get(told["type"]).content.decode()
    assert "The key lacks the scope that" in page
    everything = Client().get("/api/problems/").content.decode()
    assert [code for code in problem_types() if f"<code>{code}</code>" not in everything] == []
    family = Client().get(Problem(409, "needs_nurture_reason", "").as_json()["type"])
    assert "<code>needs_nurture_reason</code>" in family.content.decode()
    for none in ("no_such_code_at_all", "needs_", "Needs_owner", "a" * 200):
        assert Client().get(f"/api/problems/{none}/").status_code == 404
