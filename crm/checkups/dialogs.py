"""The dialogs of a finding: one view for every verb, with JavaScript in a dialog, without it a full page.

GET asks and changes nothing; POST makes one domain call and translates its answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View

from crm.checkups.again import look_again
from crm.checkups.assigning import title_of
from crm.checkups.dialog_forms import FindingForm
from crm.checkups.fixes import Fix, digest_of, fix_of
from crm.checkups.fixing import fix_finding, preview_fix
from crm.checkups.locking import WHO, last_step
from crm.checkups.models import Finding
from crm.checkups.verbs import FIX, LOOK, VERBS, Verb
from crm.checkups.words import subjects_of
from crm.core.asking import moment, user_of
from crm.core.dialogs import Asked, dialog, leave, url_of
from crm.core.errors import Missing, Refused, Stale
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.jobs.models import Job

VIA = "admin"
PARTIAL = "checkups/finding_dialog_form.html"
CONFLICTS = ("gone", "stale", "no_fix", "cannot_fix")


class FindingDialog(View):
    """One verb of one finding."""

    site: Any = None
    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.at: datetime = moment(request)
        self.actor = user_of(request)
        found = Finding.objects.select_related("assignee").filter(pk=kwargs["pk"]).first()
        if found is None or kwargs["verb"] not in VERBS:
            raise Http404("There is no such finding, or nothing of that name to do with one.")
        if not may(self.actor, "view", found):
            raise PermissionDenied
        self.finding: Finding = found
        self.verb: Verb = VERBS[kwargs["verb"]]
        self.seen = last_step(found)
        self.job: Job | None = None
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What it asks for; of a fix, what it would change."""
        if blocked := self.why_not():
            return self.answer(self.form(None), blocked=[blocked])
        if self.verb.name == FIX:
            return self.show_fix(None)
        return self.answer(self.form(None))

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do it, or say everything that will not do at its field."""
        form = self.form(request.POST)
        if self.verb.name == FIX and (request.POST.get("look") or not request.POST.get("digest")):
            return self.show_fix(request.POST)
        if wrong := problems_of(form):
            return self.refuse(Refused("missing_facts", " ".join(item.message for item in wrong), wrong))
        try:
            self.carry_out(form)
        except Refused as refusal:
            if refusal.code == "not_found":
                raise Http404("There is no such finding.") from refusal
            return self.refuse(refusal)
        return leave(request, self.after())

    def carry_out(self, form: Any) -> None:
        """The one domain call, and what is said of it."""
        seen = whole_number(self.request.POST.get("seen", ""))
        frame: dict[str, Any] = {"actor": self.actor, "at": self.at, "via": VIA}
        if self.verb.name == LOOK:
            self.tell_look(look_again(self.finding, at=self.at))
        elif self.verb.name == FIX:
            digest = self.request.POST["digest"]
            fixed = fix_finding(self.finding, facts=form.cleaned_data, digest=digest, seen=seen, **frame)
            self.job = fixed.job
            if fixed.job is None:
                label = found.label if (found := fix_of(self.finding)) is not None else self.verb.label
                self.tell_look(fixed.again, f"{label}: {fixed.said}" if fixed.said else "Nothing was left to change")
        else:
            messages.success(self.request, self.verb.do(self.finding, form.values(), seen, frame))

    def tell_look(self, again: Any, said: str = "") -> None:
        """Whether it is gone now."""
        begin = f"{said}. " if said else ""
        if again.gone:
            messages.success(self.request, f"{begin}Looked at again: it is gone.")
        elif again.unknown:
            messages.warning(self.request, f"{begin}Whether it is gone is not known: {again.unknown}")
        else:
            messages.warning(self.request, f"{begin}Looked at again: it is still there. See below what is found now.")

    # --- what is shown ------------------------------------------------------------------------------------------------

    def form(self, data: Any) -> Any:
        """The verb's own form."""
        if self.verb.name == FIX and (found := fix_of(self.finding)) is not None:
            return found.form(self.finding, data)
        form: FindingForm = self.verb.form(data, at=self.at, finding=self.finding)
        return form

    def why_not(self) -> str:
        """Why it cannot be done now, in a sentence."""
        if self.finding.state == Finding.State.FIXED:
            return "It is gone: a checkup does not find it any more."
        if not self.verb.allowed(self.actor, self.finding):
            return WHO.get(self.verb.right, WHO["fix"])
        found = fix_of(self.finding) if self.verb.name == FIX else None
        if self.verb.name == FIX:
            return found.why_not(self.finding, self.actor) if found else "Nothing puts this right by itself."
        return ""

    def show_fix(self, data: Any) -> HttpResponse:
        """What the fix would change, side by side; first what it has to be told, if there is something."""
        found = fix_of(self.finding)
        form = self.form(data)
        if found is None or (form.fields and not form.is_bound):
            return self.answer(form, fix=found)
        if wrong := problems_of(form):
            return self.refuse(Refused("missing_facts", " ".join(item.message for item in wrong), wrong))
        facts = self.facts(form)
        try:
            changes = preview_fix(self.finding, facts=facts, actor=self.actor, at=self.at)
        except Refused as refusal:
            return self.refuse(refusal)
        return self.answer(form, fix=found, changes=changes)

    def refuse(self, refusal: Refused) -> HttpResponse:
        """The dialog again, with what will not do; what others did meanwhile is shown, and may be decided on anew."""
        self.finding.refresh_from_db()
        form = self.form(self.request.POST)
        if isinstance(refusal, Stale):
            self.seen = last_step(self.finding)
            if self.verb.name == FIX:
                changes = preview_fix(self.finding, facts=self.facts(form), actor=self.actor, at=self.at)
                return self.answer(form, refusal, fix=fix_of(self.finding), changes=changes, stale=refusal.message)
            return self.answer(form, refusal, stale=refusal.message)
        found = fix_of(self.finding) if self.verb.name == FIX else None
        blocked = [item.message for item in refusal.missing if item.field not in form.fields]
        return self.answer(form, refusal, fix=found, blocked=blocked if refusal.missing else [refusal.message])

    def facts(self, form: Any) -> Mapping[str, Any]:
        """What a fix was told, as far as it will do."""
        return form.cleaned_data if form.is_valid() else {}

    def answer(
        self,
        form: Any,
        refusal: Refused | None = None,
        *,
        blocked: list[str] | None = None,
        fix: Fix | None = None,
        changes: Any = None,
        stale: str = "",
        status: int = 0,
    ) -> TemplateResponse:
        """The dialog, with what was refused at its field and what has no field on top."""
        problems = refusal.missing if refusal else ()
        asked = [Asked(field, tuple(one for one in problems if one.field == field.name)) for field in form]
        first = next((item for item in asked if item.problems), asked[0] if asked else None)
        if first is not None:
            first.field.field.widget.attrs["autofocus"] = True
        posted, given = self.request.POST, self.request.GET
        context = {
            "title": fix.label if fix else self.verb.label,
            "verb": self.verb,
            "finding": self.finding,
            "finding_title": title_of(self.finding),
            "named": subjects_of([self.finding])[0],
            "record_url": url_of(self.finding, "change"),
            "asked": asked,
            "blocked": blocked or [],
            "fix": fix,
            "changes": changes,
            "digest": digest_of(changes) if changes else "",
            "stale": stale,
            "seen": self.seen if stale else whole_number(posted.get("seen", "")) or self.seen,
            "next": posted.get("next", "") or given.get("next", ""),
        }
        conflict = 409 if refusal is not None and refusal.code in CONFLICTS else 0
        return dialog(
            self.request,
            context,
            refusal,
            site=self.site,
            partial=PARTIAL,
            page="checkups/finding_dialog.html",
            status=status or conflict,
        )

    def after(self) -> str:
        """Where to go: to the job that has to be confirmed, where it was asked from, else the finding's page."""
        if self.job is not None:
            return reverse("admin:job", args=[self.job.pk])
        wanted = self.request.POST.get("next", "")
        if wanted and url_has_allowed_host_and_scheme(wanted, {self.request.get_host()}, self.request.is_secure()):
            return wanted
        return url_of(self.finding, "change")


def problems_of(form: Any) -> list[Missing]:
    """What was typed in and will not do, by its field."""
    return [
        Missing("invalid", str(text), name if name in form.fields else "")
        for name, texts in form.errors.items()
        for text in texts
    ]
