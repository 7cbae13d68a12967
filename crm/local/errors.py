"""What this package raises: one sentence for the person at the terminal, never a traceback."""

from __future__ import annotations


class LocalError(Exception):
    """Something a person has to put right. Its text is one sentence that says what was found and what to do."""


class PostgresError(LocalError):
    """The embedded PostgreSQL cannot be found, started, reached or stopped."""
