"""The checks of the database server."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from crm.core.checks import check_database, judge_server
from tests.children import database_url, run


def test_it_takes_the_servers_we_know() -> None:
    for number in (150000, 160004, 170002, 180001):
        assert judge_server(number, "x", "UTF8", "C.UTF-8", folds=True) == []


def test_it_names_everything_that_is_wrong_with_a_server() -> None:
    found = judge_server(140011, "14.11", "LATIN1", "C", folds=False)
    assert [error.id for error in found] == ["core.E005", "core.E006", "core.E007"]
    assert all(error.hint for error in found)
    assert found[0].msg == "PostgreSQL 14.11 is too old."


@pytest.mark.django_db
def test_it_asks_the_server_only_when_the_database_may_be_used() -> None:
    assert check_database(databases=None) == []
    assert check_database(databases=["default"]) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param("ENCODING 'UTF8' LOCALE 'C'", "core.E007", marks=pytest.mark.soak),
        pytest.param("ENCODING 'LATIN1' LOCALE 'C'", "core.E006", marks=pytest.mark.soak),
    ],
)
def test_migrate_refuses_a_database_it_cannot_work_with(made: str, said: str) -> None:
    name = f"{connection.settings_dict['NAME']}_odd"
    with psycopg.connect(database_url("postgres"), autocommit=True) as server:
        server.execute(f'CREATE DATABASE "{name}" {made} TEMPLATE template0')
        try:
            ended = run("manage.py", "migrate", DATABASE_URL=database_url(name))
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    assert ended.returncode == 1
    assert said in ended.stderr
    assert "HINT" in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.django_db
def test_migrate_says_when_there_is_no_server() -> None:
    ended = run("manage.py", "migrate", DATABASE_URL="postgres://me:secret@127.0.0.1:1/plumb")
    assert ended.returncode == 1
    assert "core.E004" in ended.stderr
    assert "secret" not in ended.stderr
    assert "Traceback" not in ended.stderr
