"""Where the embedded broker's messages go."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from pgmq.base import PGMQConfig
from psycopg.conninfo import conninfo_to_dict

from crm.celery import app
from crm.jobs.broker import conn_string, is_embedded, transport_options
from crm.jobs.schedule import SCHEDULE


@pytest.mark.parametrize(
    "host",
    ["/tmp/a b", "/tmp/it's", "/tmp/back\\slash", "database.example.com"],
    ids=["blank", "quote", "slash", "name"],
)
def test_it_survives_what_the_client_does_to_an_address(host: str) -> None:
    given = {"HOST": host, "PORT": "5433", "NAME": "plumb", "USER": "us er", "PASSWORD": "p'w \\"}
    taken_apart_and_joined = PGMQConfig(conn_string=conn_string(given), init_extension=False).dsn
    assert conninfo_to_dict(taken_apart_and_joined) == {
        "host": host,
        "port": "5433",
        "dbname": "plumb",
        "user": "us er",
        "password": "p'w \\",
    }


def test_it_leaves_out_what_is_not_given() -> None:
    assert "password" not in conn_string({"NAME": "plumb", "PASSWORD": ""})


def test_no_task_may_run_longer_than_its_message_is_hidden(settings: Any) -> None:
    """Else it would be run again while it still runs."""
    assert settings.CELERY_TASK_TIME_LIMIT < settings.VISIBILITY_TIMEOUT
    options = transport_options(settings.DATABASES["default"], visibility_timeout=300)
    assert options["visibility_timeout"] == 300
    assert options["init_extension"] is False


def test_remote_control_is_off_where_its_queues_cannot_be() -> None:
    assert is_embedded(app.conf.broker_url)
    assert app.conf.worker_enable_remote_control is False


def test_everything_beat_sends_is_a_task() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in SCHEDULE.values()} <= set(app.tasks)


@pytest.mark.django_db
def test_the_queue_is_there_after_migrating() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT queue_name FROM pgmq.list_queues()")
        assert ("celery",) in cursor.fetchall()
