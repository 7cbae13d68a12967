"""The cast, the clock and the database of every test."""

from __future__ import annotations

import fcntl
import gc
import hashlib
import os
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.template import Context, Template
from django.test import TransactionTestCase
from django.test.signals import template_rendered

from crm.handbook import SHIPPED
from crm.people.models import Team, User
from tests.factories import make_user
from tests.migrating import at_ease

# A Wednesday morning in Los Angeles, when everybody is at work.
NOW = datetime(2026, 3, 4, 18, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parent.parent


def pytest_configure(config: pytest.Config) -> None:
    """Passwords are hashed quickly here: as slowly as in production would take a second of every test.

    Each worker has a folder of files of its own: jobs of two have the same numbers.
    """
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    folder = tempfile.TemporaryDirectory(prefix="plumb-files-")
    config.add_cleanup(folder.cleanup)
    settings.MEDIA_ROOT = folder.name


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What is marked `soak` is left to the long form, which is part of no ordinary run.

    In continuous integration nothing may be skipped for want of a part: a skip there is a failure.
    """
    if not os.environ.get("CRM_SOAK"):
        config.hook.pytest_deselected(items=[item for item in items if item.get_closest_marker("soak")])
        items[:] = [item for item in items if not item.get_closest_marker("soak")]
    if os.environ.get("CI") == "true":
        config.stash[SKIPS] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """All that was imported stays: without it, and with more patience, collecting garbage costs next to nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


SKIPS = pytest.StashKey[list[str]]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Any:
    outcome = yield
    report = outcome.get_result()
    if report.skipped and SKIPS in item.config.stash and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in continuous integration: {report.longrepr}"


@pytest.fixture(scope="session", autouse=True)
def _context_of_whole_pages(django_test_environment: None) -> None:
    """`response.context` holds what a page was made of; copying it for each of its hundreds of parts takes long."""

    def render(self: Template, context: Context) -> str:
        if context.template is self:
            template_rendered.send(sender=self, template=self, context=context)
        rendered: str = self.nodelist.render(context)
        return rendered

    Template._render = render  # type: ignore[attr-defined]


# --- the database -----------------------------------------------------------------------------------------------------


def _schema_hash() -> str:
    digest = hashlib.sha256()
    tables = [*ROOT.glob("*/migrations/*.py"), *ROOT.glob("crm/*/migrations/*.py"), SHIPPED]
    # What roles may do is kept when the shipped handbook is applied.
    rights = [*ROOT.glob("*/policies.py"), *ROOT.glob("crm/*/policies.py"), ROOT / "crm/checkups/rights.py"]
    for path in sorted([*tables, *rights]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


@pytest.fixture(scope="session")
def django_db_setup(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """A clone of one migrated template per worker: migrating takes seconds, cloning a moment."""
    template = f"plumb_template_{_schema_hash()}"
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = f"test_plumb_{worker}_{os.getpid()}"
    with django_db_blocker.unblock():
        maintenance = settings.DATABASES["default"]["NAME"]
        lock_path = Path(tempfile.gettempdir()) / f"{template}_{os.getuid()}.lock"
        with lock_path.open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [template])
                known = cursor.fetchone()
                if not known:
                    cursor.execute(f'DROP DATABASE IF EXISTS "{template}_making" WITH (FORCE)')
                    cursor.execute(f'CREATE DATABASE "{template}_making"')
            if not known:
                _use(f"{template}_making")
                with at_ease():
                    call_command("migrate", verbosity=0)
                _use(maintenance)
                with connection.cursor() as cursor:
                    cursor.execute(f'ALTER DATABASE "{template}_making" RENAME TO "{template}"')
        with connection.cursor() as cursor:
            cursor.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
            # Two who wait for one another are found out at once, not after a second.
            cursor.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '50ms'")
        _use(name)
        _remember_what_is_fresh()
        yield
        _use(maintenance)
        with connection.cursor() as cursor:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connections.close_all()


def _use(name: str) -> None:
    connections.close_all()
    settings.DATABASES["default"]["NAME"] = name
    connection.settings_dict["NAME"] = name


# Nobody writes to these but migrations.
LEFT_ALONE = {"django_migrations", "django_content_type", "auth_permission"}
_fresh: dict[str, bytes] = {}  # table -> its rows in a fresh installation, as COPY writes them


def _remember_what_is_fresh() -> None:
    """Keep the rows that every installation starts with, tabs, list views and layouts among them."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table not in LEFT_ALONE:
                with cursor.copy(f'COPY "{table}" TO STDOUT') as rows:
                    _fresh[table] = b"".join(rows)


def _delete_what_was_written(self: TransactionTestCase) -> None:
    """After a test with real transactions: delete all rows and put back the fresh ones, as they were.

    TRUNCATE of all tables takes far longer, and so does seeding them anew.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # Without foreign keys and triggers in this transaction only: order does not matter, nothing is logged.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(";".join(f'DELETE FROM "{table}"' for table in _fresh))
        for table, rows in _fresh.items():
            if rows:
                with cursor.copy(f'COPY "{table}" FROM STDIN') as copy:
                    copy.write(rows)


TransactionTestCase._fixture_teardown = _delete_what_was_written  # type: ignore[attr-defined]


# --- the cast ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def now() -> datetime:
    """The moment the test happens."""
    return NOW


@pytest.fixture
def team(db: None) -> Team:
    """The team of Alice and Bob."""
    return Team.objects.create(name="North")


@pytest.fixture
def alice(team: Team) -> User:
    """An SDR: she owns the lead."""
    return make_user("alice", role="sdr", team=team)


@pytest.fixture
def bob(team: Team) -> User:
    """An SDR on Alice's team."""
    return make_user("bob", role="sdr", team=team)


@pytest.fixture
def charlie(db: None) -> User:
    """An SDR of another team: he may not."""
    return make_user("charlie", role="sdr", team=Team.objects.create(name="South"))


@pytest.fixture
def ann(db: None) -> User:
    """An AE who takes opportunities over."""
    return make_user("ann", role="ae")


@pytest.fixture
def mona(db: None) -> User:
    """A sales manager."""
    return make_user("mona", role="manager")


@pytest.fixture
def root(db: None) -> User:
    """The administrator."""
    return make_user("root", role="administrator")


@pytest.fixture
def robot(db: None) -> User:
    """A service account."""
    return make_user("robot", role="service", is_service=True)
