"""The section of the handbook file about rituals: what is done again and again, how often, by whom, with which page."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from crm.handbook.entries import Entry, Section, Sentence
from crm.handbook.promises import Weekday
from crm.handbook.schema import Object, TabKey
from crm.handbook.values import Key, Label


class Opens(Section):
    """What a ritual is worked in: the page of a tab, or a list view by its kind of record and key.

    With both, the page is opened, and the head of the list leads to the ritual.
    """

    page: TabKey | None = None
    object: Object | None = None
    view: Key | None = None


class Ritual(Entry):
    """Something that is done so many times a period (P4).

    `times` at least, `most_times` where more are welcome; `every`: so many periods are one, counted from the one that
    `since` lies in. `days`, `month_day`: when it is due, else its times are spread over the working days. A day that is
    closed is passed over by what is daily; what has more time moves to the next open day, unless `on_holidays`.
    `dri`: the email of a user or the key of a role. `done_by`: it is done when the program has done that.
    """

    description: Sentence
    per: Literal["day", "week", "month", "quarter"]
    times: Annotated[int, Field(ge=1, le=20)] = 1
    most_times: Annotated[int, Field(ge=2, le=31)] | None = None
    every: Annotated[int, Field(ge=1, le=52)] = 1
    since: date | None = None
    days: tuple[Weekday, ...] = ()
    month_day: Annotated[int, Field(ge=1, le=31)] | None = None
    dri: Label
    opens: Opens
    on_holidays: bool = False
    done_by: Literal["checkup"] | None = None
    on: bool = True
