"""Loaded before Django's settings: tests run on a PostgreSQL of their own that forgets to be durable."""

from __future__ import annotations

import os
import sys
from pathlib import Path

os.environ.setdefault("DEBUG", "true")  # not production; the runner turns DEBUG itself off
os.environ.setdefault("SECRET_KEY", "only-for-tests")
os.environ.setdefault("LOG_LEVEL", "WARNING")
# The synchronous browser driver keeps an event loop in the thread that tests use the database from.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# What tests and their many child processes import is compiled once, whoever asked Python to leave nothing behind.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

if "DATABASE_URL" not in os.environ:
    from crm.local.postgres import database

    server = database(Path(__file__).resolve().parent.parent, name="test")
    host = str(server["HOST"]).replace("/", "%2F")
    os.environ["DATABASE_URL"] = f"postgres://{server['USER']}@{host}:{server['PORT']}/{server['NAME']}"
