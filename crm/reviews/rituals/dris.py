"""Whose a ritual is: the people behind its DRI, or who stands in for them."""

from __future__ import annotations

from datetime import datetime

from crm.checkups.telling import behind
from crm.handbook.rituals import Ritual
from crm.people.models import User


class Dris:
    """The people behind the DRIs of rituals at a moment, each looked up once; for nobody, administrators."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._known: dict[str, list[User]] = {}

    def of(self, ritual: Ritual) -> list[User]:
        """Who is told of a ritual and answers for it."""
        if ritual.dri not in self._known:
            self._known[ritual.dri] = behind(ritual.dri, at=self.at)
        return self._known[ritual.dri]
