"""One move for many records: choose it, see how many can make it, give its facts, read what became of each."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views import View

from crm.core.dialogs import Asked, NoteForm, url_of
from crm.core.door import decide, find_verb, move_many
from crm.core.errors import Refused
from crm.core.flow import Ask, Verb
from crm.core.offers import VIA, state_label
from crm.core.permissions import may
from crm.core.text import whole_number

# One transaction, one page of results; more than this is work for a job.
MOST = 500


@dataclass(frozen=True, slots=True)
class Offer:
    """One verb for the selection: how many may make it once its facts are given, and why the others may not."""

    verb: Verb
    able: int
    refusals: Sequence[tuple[str, int]]


class BulkMoves(View):
    """Posted to three times: without a verb it offers them, with one it asks its facts, with `go` it moves."""

    kind: Any = None
    site: Any = None
    chosen: Any = None
    http_method_names = ["get", "post", "head", "options"]

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """There is nothing to move without a selection: back to the list."""
        return HttpResponseRedirect(self.list_url())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Offer, ask or move."""
        if not may(request.user, "view", self.kind):  # type: ignore[arg-type]
            raise PermissionDenied
        self.at = timezone.now()
        ids = self.ids()
        if len(ids) > MOST:
            return self.page("core/bulk_choose.html", {"too_many": f"{MOST} at most can be moved at once.", "ids": []})
        records = list(self.kind._base_manager.filter(pk__in=ids).order_by("pk"))
        name = request.POST.get("verb", "")
        if not name:
            return self.page("core/bulk_choose.html", {"offers": self.offers(records), "ids": ids})
        try:
            info = find_verb(self.kind, name)
        except Refused as unknown:
            return self.page("core/bulk_choose.html", {"too_many": unknown.message, "ids": ids}, status=404)
        if "go" in request.POST:
            return self.move(info, ids)
        return self.ask(info, records, ids)

    def ids(self) -> list[int]:
        """The selection: the list's own, or what the last step handed on."""
        if self.chosen is not None:
            return list(self.chosen.order_by("pk").values_list("pk", flat=True)[: MOST + 1])
        numbers = {whole_number(text) for text in self.request.POST.getlist("ids")}
        return sorted(number for number in numbers if number is not None)

    def offers(self, records: Sequence[Any]) -> list[Offer]:
        """Every verb that at least one of the selection could make."""
        self.kind.prepare_moves(records)
        found = [self.offer(info, records) for info in self.kind.verbs().values() if info.listed]
        return [offer for offer in found if offer.able]

    def offer(self, info: Verb, records: Sequence[Any]) -> Offer:
        """Count the verdicts; what the form will ask is not held against a record yet."""
        refusals: Counter[str] = Counter()
        able = 0
        for record in records:
            refusal = decide(record, info, Ask(self.request.user, self.at, VIA))  # type: ignore[arg-type]
            names = {*info.facts(record=record, at=self.at).fields, "reason"}
            rest = [m.message for m in refusal.missing if m.field not in names] if refusal else []
            if refusal is None or (refusal.code == "missing_facts" and not rest):
                able += 1
            else:
                refusals.update(rest or [refusal.message])
        return Offer(info, able, refusals.most_common())

    def ask(self, info: Verb, records: Sequence[Any], ids: Sequence[int], *, status: int = 200) -> HttpResponse:
        """The facts that all of them are moved with."""
        self.kind.prepare_moves(records)
        # What a verb asks may depend on the status: the fullest form is shown, and each record given what it asks.
        forms = [info.facts(record=record, at=self.at) for record in records if self.can_leave(info, record)]
        form = max(forms, key=lambda one: len(one.fields), default=info.facts(at=self.at))
        fields = [*form, NoteForm()["reason"]]
        context = {
            "verb": info,
            "offer": self.offer(info, records),
            "asked": [Asked(field) for field in fields],
            "ids": ids,
        }
        return self.page("core/bulk_ask.html", context, status=status)

    def move(self, info: Verb, ids: Sequence[int]) -> HttpResponse:
        """Move them, and say what became of each."""
        sent = self.request.POST
        alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
        found = self.kind._base_manager.filter(pk__in=ids).order_by("pk")
        for record in found:
            alike[tuple(info.facts(record=record, at=self.at).fields)].append(record.pk)
        alike[()] += set(ids) - {record.pk for record in found}
        outcomes = [
            outcome
            for names, members in alike.items()
            if members
            for outcome in move_many(
                self.kind,
                members,
                info.name,
                actor=self.request.user,  # type: ignore[arg-type]
                at=self.at,
                via=VIA,
                reason=sent.get("reason", ""),
                facts={name: sent[name] for name in names if name in sent},
            )
        ]
        outcomes.sort(key=lambda outcome: outcome.record_id)
        records = self.kind._base_manager.in_bulk(list(ids))
        rows = [
            {
                "record": records.get(outcome.record_id, f"{self.kind._meta.verbose_name} {outcome.record_id}"),
                "url": url_of(records[outcome.record_id], "change") if outcome.record_id in records else "",
                "to": state_label(self.kind, outcome.move.to_state) if outcome.move else "",
                "refusal": outcome.refusal,
            }
            for outcome in outcomes
        ]
        moved = sum(1 for outcome in outcomes if outcome.move)
        context = {"verb": info, "rows": rows, "moved": moved, "refused": len(rows) - moved, "outcomes": outcomes}
        return self.page("core/bulk_result.html", context)

    def can_leave(self, info: Verb, record: Any) -> bool:
        """Whether the verb leads anywhere from the record's status."""
        return bool(getattr(self.kind, info.name)._django_fsm.has_transition(record.current_state))

    def list_url(self) -> str:
        """The list the selection came from."""
        return reverse(f"admin:{self.kind._meta.app_label}_{self.kind._meta.model_name}_changelist")

    def page(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """One step as a page of the admin."""
        plural = str(self.kind._meta.verbose_name_plural)
        shared = {
            **(self.site.each_context(self.request) if self.site else {}),
            "title": f"Move {plural}",
            "plural": plural,
            "list_url": self.list_url(),
            "action": reverse(f"admin:{self.kind._meta.app_label}_{self.kind._meta.model_name}_move_many"),
        }
        return TemplateResponse(self.request, template, shared | context, status=status)
