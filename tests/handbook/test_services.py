"""Putting a handbook in force: once, by one of two processes at once, and with its seeds or not at all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, IntegrityError, close_old_connections, connection
from django.db.models.signals import post_migrate

from crm.handbook import SHIPPED, current, services, use
from crm.handbook.apps import apply_after_migrating
from crm.handbook.document import Handbook
from crm.handbook.models import HandbookVersion
from crm.handbook.reader import read
from crm.handbook.services import apply_handbook, is_applied, register_seed


@pytest.fixture(autouse=True)
def seeds(monkeypatch: pytest.MonkeyPatch) -> list[services.Seed]:
    """Only the seeds of the test."""
    registered: list[services.Seed] = []
    monkeypatch.setattr(services, "_seeds", registered)
    return registered


@pytest.fixture
def another(written: Callable[..., Path]) -> Handbook:
    return read(written(("mql_employees = 500", "mql_employees = 200")))


@pytest.mark.django_db
def test_it_was_applied_by_migrating() -> None:
    version = HandbookVersion.objects.get()
    assert (version.sha256, version.text) == (current().sha256, SHIPPED.read_text(encoding="utf-8"))
    assert version.applied_by_name == ""
    assert is_applied()


@pytest.mark.django_db
def test_it_stores_the_same_text_once(now: datetime) -> None:
    before = HandbookVersion.objects.get()
    assert apply_handbook(at=now, by_name="Root") == before
    assert HandbookVersion.objects.count() == 1


@pytest.mark.django_db
def test_it_stores_another_text_as_a_new_version(now: datetime, another: Handbook) -> None:
    with use(another):
        assert not is_applied()
        version = apply_handbook(at=now, by_name="Root")
        assert is_applied()
    assert (version.text, version.applied_at, version.applied_by_name) == (another.text, now, "Root")
    assert str(version) == f"Handbook of 2026-03-04 18:00 UTC ({another.sha256[:12]})"
    assert not is_applied()


@pytest.mark.django_db
def test_it_takes_an_earlier_text_up_again(now: datetime, another: Handbook) -> None:
    with use(another):
        apply_handbook(at=now)
    apply_handbook(at=now + timedelta(hours=1))
    assert HandbookVersion.objects.count() == 3
    assert is_applied()


@pytest.mark.django_db
def test_it_runs_every_seed_in_order_each_time(now: datetime) -> None:
    ran: list[tuple[str, Handbook, datetime]] = []

    @register_seed
    def first(handbook: Handbook, *, at: datetime) -> None:
        ran.append(("first", handbook, at))

    @register_seed
    def second(handbook: Handbook, *, at: datetime) -> None:
        ran.append(("second", handbook, at))

    register_seed(first)
    apply_handbook(at=now)
    apply_handbook(at=now)
    assert ran == [("first", current(), now), ("second", current(), now)] * 2


@pytest.mark.django_db
def test_it_stores_no_version_whose_seeds_failed(now: datetime, another: Handbook) -> None:
    @register_seed
    def fails(handbook: Handbook, *, at: datetime) -> None:
        raise RuntimeError("no table")

    with use(another), pytest.raises(RuntimeError):
        apply_handbook(at=now)
    assert HandbookVersion.objects.count() == 1


@pytest.mark.django_db
def test_it_waits_for_the_last_app_because_seeds_need_what_migrating_makes() -> None:
    last = [config for config in apps.get_app_configs() if config.models_module is not None][-1]
    assert apply_after_migrating in post_migrate._live_receivers(last)[0]
    assert apply_after_migrating not in post_migrate._live_receivers(apps.get_app_config("handbook"))[0]


@pytest.mark.django_db
def test_it_is_not_applied_while_migrations_are_left_to_do(another: Handbook) -> None:
    with use(another):
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'people'")
        apply_after_migrating(using=DEFAULT_DB_ALIAS)
        assert not is_applied()


@pytest.mark.django_db
def test_it_refuses_a_hash_that_is_none(now: datetime) -> None:
    with pytest.raises(IntegrityError, match="handbook_version_hash"):
        HandbookVersion.objects.create(text="", sha256="", applied_at=now)


@pytest.fixture
def versions_kept() -> Iterator[None]:
    """Versions outlive the clean-up after transactional tests, so this leaves them as they were."""
    last = HandbookVersion.objects.latest("id").pk
    yield
    HandbookVersion.objects.filter(pk__gt=last).delete()


@pytest.mark.django_db(transaction=True)
def test_it_is_stored_once_by_two_processes_at_once(now: datetime, another: Handbook, versions_kept: None) -> None:
    waited = threading.Event()

    @register_seed
    def hold_until_the_other_waits(handbook: Handbook, *, at: datetime) -> None:
        deadline = time.monotonic() + 10
        while not waited.is_set() and time.monotonic() < deadline:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
                if cursor.fetchone():
                    waited.set()

    def work() -> None:
        close_old_connections()
        try:
            apply_handbook(at=now)
        finally:
            connection.close()

    with use(another):
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert waited.is_set(), "the two never met, so this proved nothing"
    assert HandbookVersion.objects.filter(sha256=another.sha256).count() == 1
