"""What can be done to many leads beside what can be done to any records: give them out by the rules, plan touches."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils.dateparse import parse_date

from crm.activities.gate import CODE, bars_of, channel_of, first_bar
from crm.activities.models import NextTouch
from crm.bulk.operations import FormRequest, Operation, Task, done, gone, judged, refused, serve
from crm.core.errors import Refused
from crm.core.permissions import may
from crm.jobs.kinds import Row
from leads.assignment import assign_leads, refuse_assignment
from leads.forms import NextTouchForm
from leads.models import Lead
from leads.working import plan_touches


class Assign(Operation):
    """Give leads that nobody owns to those whose turn it is."""

    name = "assign"
    label = "Assign by the rules…"
    button = "Assign"
    hint = "Open leads that nobody owns go to whose turn it is by the handbook's rules. The count is of those."

    def form(self, request: FormRequest) -> forms.Form:
        return forms.Form(request.data)

    def title(self, plural: str, count: int, facts: Mapping[str, Any]) -> str:
        return f"Assign {count:,} {plural} by the rules"

    def judge(self, task: Task) -> list[Row]:
        bars = bars_of("lead", task.ids)
        return judged(task, lambda lead: refuse_assignment(lead, task.actor, bars.get(lead.pk, ())))

    def run(self, task: Task) -> list[Row]:
        found: dict[int, Any] = Lead.objects.in_bulk(list(task.ids))
        rows = []
        for one in assign_leads(task.ids, actor=task.actor, at=task.at, via=task.via):
            lead = found.get(one.record_id)
            if lead is None:
                rows.append(gone(Lead, one.record_id))
            elif one.refusal is not None:
                rows.append(refused(lead, one.refusal))
            elif one.given is not None:
                rows.append(done(lead, "assigned" if one.given.owner else "queued", one.given.why))
        return rows


class PlanTouches(Operation):
    """Set the one next touch of each lead, in place of the one it had."""

    name = "next_touch"
    label = "Set next touch…"
    button = "Set the next touch of"
    hint = "It takes the place of what was planned."

    def form(self, request: FormRequest) -> forms.Form:
        return NextTouchForm(request.data, at=request.at)

    def facts(self, form: forms.Form, data: Mapping[str, Any]) -> dict[str, Any]:
        """The day as it was read: the browser writes it in its own way."""
        values = form.cleaned_data
        return {"due_on": values["due_on"].isoformat(), "kind": values["next_kind"], "what": values["what"]}

    def title(self, plural: str, count: int, facts: Mapping[str, Any]) -> str:
        return f"Set the next touch of {count:,} {plural}"

    def judge(self, task: Task) -> list[Row]:
        channel = channel_of(str(task.facts["kind"]))
        bars = bars_of("lead", task.ids)

        def why_not(lead: Lead) -> Refused | None:
            if not may(task.actor, "change", NextTouch(lead=lead)):
                return Refused("forbidden", "What is next is planned by the lead's owner, their team or a manager.")
            bar = first_bar(bars.get(lead.pk, ()), channel)
            return Refused(CODE, bar.sentence) if bar else None

        return judged(task, why_not)

    def run(self, task: Task) -> list[Row]:
        due_on = parse_date(str(task.facts["due_on"])) or date.max
        found: dict[int, Any] = Lead.objects.in_bulk(list(task.ids))
        rows = []
        for one in plan_touches(
            task.ids,
            due_on=due_on,
            kind=str(task.facts["kind"]),
            text=str(task.facts["what"]),
            actor=task.actor,
            at=task.at,
            via=task.via,
        ):
            lead = found.get(one.record_id)
            if lead is None or (one.touch is None and one.refusal is None):
                rows.append(gone(Lead, one.record_id))
            elif one.refusal is not None:
                rows.append(refused(lead, one.refusal))
            else:
                rows.append(done(lead, "planned", str(one.touch)))
        return rows


ASSIGN = serve(Assign())
PLAN = serve(PlanTouches())
