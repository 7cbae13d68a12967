"""The section of the handbook file about other systems that keep a copy of the records here."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from crm.handbook.entries import Section


class Sync(Section):
    """For how long changes are told to who follows them: a cursor that is `feed_days` behind begins anew."""

    feed_days: Annotated[int, Field(ge=7, le=3650)] = 90
