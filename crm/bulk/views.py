"""Choosing what to do with a selection, and with which facts; counting, confirming and doing is the job's page."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views import View

from crm.bulk.moving import MoveRows, offers
from crm.bulk.operations import FormRequest, Operation, operation_named
from crm.bulk.selection import Selection, in_list_order, read_selection
from crm.core.asking import moment, user_of
from crm.core.dialogs import Asked
from crm.core.door import find_verb
from crm.core.errors import Missing, Refused
from crm.core.locks import hold
from crm.core.permissions import may
from crm.core.text import tidy
from crm.jobs.models import Job
from crm.jobs.pages import HERE, job_address, work_now
from crm.jobs.services import start_job
from crm.jobs.slices import IdSlices, slices_of_ids
from crm.workspace.lists import ListsMixin

LONGEST_TOKEN = 64


class BulkPage(View):
    """One operation on one selection. GET asks its facts, POST starts the job that counts, and goes to its page."""

    model_admin: Any = None
    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.kind = self.model_admin.model
        self.user, self.at = user_of(request), moment(request)
        found = operation_named(kwargs["operation"])
        if found is None or found.name not in self.model_admin.bulk:
            raise Http404("There is no such operation.")
        self.operation: Operation = found
        if not may(self.user, "view", self.kind):
            raise PermissionDenied
        try:
            self.selection: Selection = read_selection(request, self.model_admin)
        except Refused as refusal:
            messages.warning(request, refusal.message)
            return HttpResponseRedirect(self.list_url(""))
        self.verb = request.GET.get("verb", "")
        try:
            self.given = {"verb": self.verb, "label": find_verb(self.kind, self.verb).label} if self.verb else {}
        except Refused as unknown:
            raise Http404(unknown.message) from None
        if barred := self.barred(self.given):
            return self.page("bulk/refused.html", {"refusal": barred}, status=403)
        return super().dispatch(request, *args, **kwargs)

    def barred(self, facts: dict[str, Any]) -> Refused | None:
        """Why this operation is not for this person and so many rows."""
        return self.operation.bar(self.user, self.kind, facts, self.selection.count, self.at)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Offer the moves, or ask the facts."""
        if isinstance(self.operation, MoveRows) and not self.verb:
            counted = self.selection.count <= HERE
            all_of_them = offers(self.kind, self.selection.rows, count=counted, actor=self.user, at=self.at)
            found = [replace(one, barred=self.barred({"verb": one.verb.name})) for one in all_of_them]
            return self.page("bulk/choose.html", {"offers": found, "address": request.get_full_path()})
        return self.ask(self.form(None))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Freeze the selection as a job and count; a form that was sent twice makes one job."""
        if isinstance(self.operation, MoveRows) and not self.verb:
            return self.get(request)
        form = self.form(request.POST)
        if not form.is_valid() and self.operation.strict:
            return self.ask(form, status=400)
        token = tidy(request.POST.get("token", ""))[:LONGEST_TOKEN] or uuid.uuid4().hex
        job = self.start(form, token)
        return HttpResponseRedirect(job_address(work_now(job)))

    def start(self, form: forms.Form, token: str) -> Job:
        """The job of this form, made once."""
        meta = self.kind._meta
        facts = {**self.given, **self.operation.facts(form, self.request.POST)}
        plural, singular = str(meta.verbose_name_plural), str(meta.verbose_name)
        count = self.selection.count
        with transaction.atomic():
            hold(("job", f"{self.user.pk}:{token}"))
            known = Job.objects.filter(by=self.user, input__token=token).order_by("-id")[:1].first()
            if known is not None:
                return known
            return start_job(
                f"bulk.{self.operation.name}",
                title=self.operation.title(singular if count == 1 else plural, count, facts),
                by=self.user,
                at=self.at,
                input={
                    "model": meta.label_lower,
                    "object": str(meta.model_name),
                    "singular": singular,
                    "plural": plural,
                    "facts": facts,
                    "spoken": self.operation.spoken(form),
                    "filter": self.selection.words,
                    "list": self.list_url(self.selection.list_query),
                    "again": self.request.get_full_path(),
                    "confirm": f"{facts['label']}:" if "label" in facts else self.operation.button,
                    "typed": self.operation.typed,
                    "token": token,
                },
                slices=self.slices(),
                preview=True,
                woken=count > HERE,
            )

    def slices(self) -> IdSlices | list[dict[str, list[int]]]:
        """The selected rows in parts, in the list's own order where the operation keeps it."""
        size = self.operation.size
        if not self.operation.ordered:
            return slices_of_ids(self.selection.rows, size)
        rows = in_list_order(self.request, self.model_admin, self.selection)
        if isinstance(rows, list):
            return [{"ids": rows[begin : begin + size]} for begin in range(0, len(rows), size)]
        return slices_of_ids(rows, size, ordered=True)

    def form(self, data: Any) -> forms.Form:
        """The operation's form."""
        columns, view = self.shown()
        rows, count = self.selection.rows, self.selection.count
        return self.operation.form(
            FormRequest(self.kind, rows, count, self.user, self.at, data, self.verb, columns, view)
        )

    def shown(self) -> tuple[tuple[str, ...], str]:
        """The fields that the list shows, and the name of its view."""
        if not isinstance(self.model_admin, ListsMixin):
            return (), ""
        chosen = self.model_admin.chosen(self.request)
        return tuple(field.name for field in chosen.fields), chosen.view.title

    def ask(self, form: forms.Form, *, status: int = 200) -> HttpResponse:
        """The facts for all of them, each with what is wrong with it."""
        asked = [
            Asked(field, tuple(Missing("invalid", str(error), field.name) for error in field.errors)) for field in form
        ]
        context = {
            "asked": asked,
            "errors": form.non_field_errors() if form.is_bound else [],
            "token": self.request.POST.get("token", "") or uuid.uuid4().hex,
            "label": self.given.get("label") or self.operation.label.rstrip("…"),
            "needs": find_verb(self.kind, self.verb).needs if self.verb else self.operation.hint,
            "address": self.request.get_full_path(),
        }
        return self.page("bulk/ask.html", context, status=status)

    def list_url(self, query: str) -> str:
        """The list the selection came from."""
        meta = self.kind._meta
        address = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
        return f"{address}?{query}" if query else address

    def page(self, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
        """One step as a page of the admin."""
        meta = self.kind._meta
        count = self.selection.count
        shared = {
            **self.model_admin.admin_site.each_context(self.request),
            "title": self.operation.label.rstrip("…"),
            "operation": self.operation,
            "count": count,
            "noun": str(meta.verbose_name if count == 1 else meta.verbose_name_plural),
            "plural": str(meta.verbose_name_plural),
            "selection": self.selection,
            "counts_here": count <= HERE,
            "list_url": self.list_url(self.selection.list_query),
        }
        return TemplateResponse(self.request, template, shared | context, status=status)
