"""The filter of a list that a number of some page opens: the very rows that the number counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import parse_qsl

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.db import models
from django.http import HttpRequest

from crm.core.admin_list import OneFilter
from crm.core.asking import moment
from crm.core.errors import Refused

# The value of a number that is asked for without any parameter.
EVERYTHING = "all"


class NumberFilter(OneFilter):
    """What a number counts. It is no choice of the list: only such a number sets it.

    Its one value is the number's own question as parameters of an address: `names` are those there are.
    """

    names: ClassVar[Collection[str]] = ()

    def read(self, given: Mapping[str, str], *, at: datetime) -> Any:
        """What is asked for.

        Raises:
            Refused: for what no number says.
        """
        raise NotImplementedError

    def words(self, asked: Any) -> str:
        """What is asked for as people say it."""
        raise NotImplementedError

    def counted(self, asked: Any, *, at: datetime) -> models.Q:
        """The rows that the number counts."""
        raise NotImplementedError

    def options(self, request: HttpRequest) -> list[tuple[str, str]]:
        return []

    def has_output(self) -> bool:
        return bool(self.picked)

    def choices(self, changelist: Any) -> Any:
        """What is in force, and the way to clear it."""
        cleared = changelist.get_query_string(remove=[self.parameter_name])
        yield {"selected": False, "query_string": cleared, "display": "All"}
        yield {"selected": True, "query_string": changelist.get_query_string(), "display": self.spoken()}

    def spoken(self) -> str:
        """The number in words."""
        try:
            return self.words(self.asked(self.request))
        except Refused:
            return "unknown"

    def asked(self, request: HttpRequest) -> Any:
        """What the address says, read once.

        Raises:
            Refused: for what no number says.
        """
        if "read_once" not in self.__dict__:
            text = self.picked[0] if self.picked else EVERYTHING
            given = dict(parse_qsl(text))
            if text != EVERYTHING and not given:
                raise Refused("unknown_parameter", f"That is no figure of {self.title}.")
            if unknown := set(given) - set(self.names):
                said = f"There is no {', '.join(sorted(unknown))} in the figures of {self.title}."
                raise Refused("unknown_parameter", said)
            self.__dict__["read_once"] = self.read(given, at=moment(request))
        return self.__dict__["read_once"]

    def queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> models.QuerySet[Any]:
        """The rows that it counts.

        Raises:
            IncorrectLookupParameters: for what no number says; it must not mean "everything".
        """
        if not self.picked:
            return queryset
        try:
            asked = self.asked(request)
        except Refused as refused:
            messages.warning(request, f"{refused.message} The list is shown unfiltered.")
            raise IncorrectLookupParameters from refused
        if "rows" not in self.__dict__:
            self.__dict__["rows"] = self.counted(asked, at=moment(request))
        return queryset.filter(self.__dict__["rows"])

    def as_conditions(self) -> list[dict[str, Any]]:
        """A view keeps no figures: they are of one moment."""
        return []
