"""What the database is told of the handbook: by what each kind of touch reaches somebody."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from crm.handbook.document import Handbook
from crm.handbook.services import register_seed


@register_seed
def touch_channels(handbook: Handbook, *, at: datetime) -> None:
    """Kinds that left the file are forgotten: who is not to be contacted at all is spared them too."""
    kinds = [(one.key, one.channel or "") for one in handbook.touch.kinds]
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM activities_touch_channel WHERE kind <> ALL (%s)", [[key for key, _ in kinds]])
        cursor.executemany(
            "INSERT INTO activities_touch_channel (kind, channel) VALUES (%s, %s)"
            " ON CONFLICT (kind) DO UPDATE SET channel = EXCLUDED.channel"
            " WHERE activities_touch_channel.channel <> EXCLUDED.channel",
            kinds,
        )
