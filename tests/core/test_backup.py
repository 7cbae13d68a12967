"""A backup made with PostgreSQL's own programs is put back whole, and the CRM goes on in it.

`pg_restore` and upkeep of the database look for functions in no schema: one that an index or a computed column needs,
and that calls another one by its bare name, is not found, and its table does not come back.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from django.db import connection

from crm.history.feed import number_transactions
from crm.local import binaries
from crm.people.models import User
from tests.children import database_url, run
from tests.samples import SAMPLES

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
ROWS = "SELECT count(*), md5(COALESCE(string_agg(t::text, E'\\n' ORDER BY t::text), '')) FROM {} t"


def program(name: str) -> str:
    """A program of PostgreSQL that is as new as the server, by its path."""
    major = connection.cursor().connection.info.server_version // 10_000
    folders = [Path(path).parent for path in [shutil.which(name)] if path]
    folders += [Path(f"/usr/lib/postgresql/{major}/bin")]
    if package := binaries.wheel_package():
        folders.append(package / "pginstall" / "bin")
    for folder in folders:
        if (folder / name).is_file():
            said = subprocess.run([folder / name, "--version"], capture_output=True, text=True, check=False).stdout
            if said and int(said.split()[2].split(".")[0]) >= major:
                return str(folder / name)
    pytest.skip(f"there is no {name} of PostgreSQL {major} here")


@pytest.fixture
def restored(tmp_path: Path, root: User) -> Iterator[str]:
    """The address of a database that was restored from a backup of this one, with a record of every kind in it."""
    for make in SAMPLES.values():
        make(root)
    number_transactions()
    name, file = f"{connection.settings_dict['NAME']}_restored", tmp_path / "backup"
    with psycopg.connect(database_url(), autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}"')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    try:
        words = [program("pg_dump"), "--format=custom", "--file", str(file), database_url()]
        subprocess.run(words, check=True, capture_output=True)
        words = [program("pg_restore"), "--exit-on-error", "--no-owner", "--dbname", database_url(name), str(file)]
        done = subprocess.run(words, check=False, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        yield database_url(name)
    finally:
        with psycopg.connect(database_url(), autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_backup_is_put_back_whole_and_the_database_is_kept_up(restored: str) -> None:
    with psycopg.connect(database_url()) as here, psycopg.connect(restored, autocommit=True) as there:
        tables = [row[0] for row in here.execute(TABLES)]
        assert len(tables) > 80
        for table in tables:
            statement = ROWS.format(f'"{table}"')
            assert here.execute(statement).fetchone() == there.execute(statement).fetchone(), table
        # As the server itself does it since version 17.
        there.execute("SET search_path = pg_catalog, pg_temp")
        there.execute("ANALYZE")
        for table in ("leads_lead", "accounts_contact", "accounts_account", "enquiries_enquiry"):
            there.execute(f"REINDEX TABLE public.{table}")


def test_the_crm_goes_on_in_a_restored_database(restored: str) -> None:
    done = run("manage.py", "migrate", "--check", DATABASE_URL=restored)
    assert done.returncode == 0, done.stderr
    with psycopg.connect(restored) as there:
        there.execute("UPDATE leads_lead SET email = 'Anew@Globex.example', city = 'Reno'")
        changed = there.execute("SELECT DISTINCT email_key FROM leads_lead").fetchall()
        told = there.execute("SELECT count(*) FROM history_change WHERE what ? 'city'").fetchone()
        leads = there.execute("SELECT count(*) FROM leads_lead").fetchone()
    assert changed == [("anew@globex.example",)]
    assert told == leads != (0,)
