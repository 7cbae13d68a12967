"""The broker without a server of its own: pgmq queues in the same PostgreSQL.

The settings read this, so nothing here needs Django to be set up. pgmq is plain SQL (migration
`0002_install_message_queue`), no extension; what it does to a worker that was killed is the same as Redis does: its
messages come back after the visibility timeout.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.conninfo import make_conninfo

PGMQ = "pgmq"
ADDRESS = "pgmq://plumb@postgresql/plumb"  # nobody connects to it: `conn_string` says where
SCHEMES = (PGMQ, "redis", "rediss", "sentinel", "amqp", "amqps")


def is_embedded(url: str) -> bool:
    """Whether messages queue in the database."""
    return url.startswith(f"{PGMQ}://")


def transport_options(database: Mapping[str, Any], *, visibility_timeout: int) -> dict[str, Any]:
    """Kombu's options for pgmq on Django's database; `visibility_timeout` in seconds."""
    return {
        # As words, not as an address: the transport drops a socket's folder from an address.
        "conn_string": conn_string(database),
        "init_extension": False,
        "wait_time_seconds": 1,
        "visibility_timeout": visibility_timeout,
        "pool_size": 3,
    }


def conn_string(database: Mapping[str, Any]) -> str:
    """libpq's key=value words for an entry of Django's DATABASES.

    Each value is quoted twice: the client takes the words apart and puts them together again without quotes, and a
    project's folder may have a blank in its name.
    """
    given = {"host": "HOST", "port": "PORT", "dbname": "NAME", "user": "USER", "password": "PASSWORD"}
    values = {key: str(database.get(name) or "") for key, name in given.items()}
    return make_conninfo(**{key: quoted(value) for key, value in values.items() if value})


def quoted(value: str) -> str:
    """A value as it is written among libpq's words."""
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
