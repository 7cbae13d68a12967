"""The dialogs of an enquiry: one view for every verb, with JavaScript in a dialog, without it a full page.

GET asks and changes nothing; POST makes one domain call and translates its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django_htmx.http import HttpResponseClientRedirect

from crm.core.asking import moment, user_of
from crm.core.dialogs import REFUSED_HEADER, STATUS, Asked, url_of
from crm.core.errors import Missing, Refused
from crm.core.permissions import may
from crm.enquiries import dialog_forms as ask
from crm.enquiries.answering import answer_enquiry
from crm.enquiries.attaching import attach_enquiry, details_known
from crm.enquiries.claiming import claim_enquiry
from crm.enquiries.holding_up import hold_up, resume
from crm.enquiries.models import Enquiry
from crm.enquiries.subjects import title_of
from crm.enquiries.voiding import unvoid_enquiry, void_enquiry
from crm.enquiries.waiting import standing_of, with_verdict
from crm.people.models import User

VIA = "admin"
Do = Callable[..., object]


@dataclass(frozen=True, slots=True)
class Verb:
    """Something to do with an enquiry: what it is called, what it asks, the call it makes, and what is said after."""

    name: str
    label: str
    right: str
    form: type[ask.EnquiryForm]
    do: Do
    fits: Callable[[Enquiry], bool]
    icon: str
    note: str = ""


def _attach(enquiry: Enquiry, *, record: str = "", term: str = "", **frame: Any) -> object:
    found = ask.person_named(record)
    if found is None:
        said = "Choose whose it is."
        raise Refused("missing_facts", said, [Missing("needs_record", said, "record")])
    return attach_enquiry(enquiry, found, **frame)


def _waits(enquiry: Enquiry) -> bool:
    clock = enquiry.clock
    return clock is not None and clock.stopped_at is None and clock.voided_at is None


def _stands_still(enquiry: Enquiry) -> bool:
    return _waits(enquiry) and enquiry.clock is not None and enquiry.clock.paused_at is not None


VERBS: Mapping[str, Verb] = {
    one.name: one
    for one in (
        Verb(
            "answer",
            "Log the response",
            "answer",
            ask.AnswerForm,
            answer_enquiry,
            lambda enquiry: enquiry.voided_at is None,
            "reply",
        ),
        Verb(
            "claim",
            "Claim",
            "claim",
            ask.NothingForm,
            claim_enquiry,
            lambda enquiry: enquiry.responsible is None and enquiry.voided_at is None,
            "back_hand",
        ),
        Verb(
            "hold_up",
            "Hold up",
            "pause",
            ask.HoldForm,
            hold_up,
            lambda enquiry: _waits(enquiry) and not _stands_still(enquiry),
            "pause",
            "The clock stands still until it is resumed.",
        ),
        Verb(
            "resume",
            "Resume",
            "resume",
            ask.NoteForm,
            resume,
            lambda enquiry: _stands_still(enquiry) and not enquiry.barred,
            "play_arrow",
            "The clock runs again, its times moved by the time it stood still.",
        ),
        Verb(
            "details",
            "Details known",
            "change",
            ask.DetailsForm,
            details_known,
            lambda enquiry: enquiry.about is None,
            "person_add",
            "With an email or a LinkedIn profile URL their record is found, or the lead is made.",
        ),
        Verb(
            "attach",
            "Attach to another",
            "change",
            ask.AttachForm,
            _attach,
            lambda enquiry: True,
            "link",
            "It is of this lead or contact after all; the clock runs on.",
        ),
        Verb(
            "void",
            "Void",
            "void",
            ask.VoidForm,
            void_enquiry,
            lambda enquiry: enquiry.voided_at is None,
            "block",
            "It is no request of anybody: its clock ends without a verdict, and it is counted apart.",
        ),
        Verb(
            "unvoid",
            "Undo the voiding",
            "unvoid",
            ask.NoteForm,
            unvoid_enquiry,
            lambda enquiry: enquiry.voided_at is not None,
            "undo",
            "Its clock runs on as if it had never been voided.",
        ),
    )
}


def verbs_for(enquiry: Enquiry, user: User) -> list[Verb]:
    """What this person can do with it now."""
    return [one for one in VERBS.values() if one.fits(enquiry) and may(user, one.right, enquiry)]


class EnquiryDialog(View):
    """One verb of one enquiry."""

    site: Any = None
    http_method_names = ["get", "post", "head", "options"]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.at: datetime = moment(request)
        self.actor = user_of(request)
        found = with_verdict(Enquiry.objects.with_people()).filter(pk=kwargs["pk"]).first()
        if found is None:
            return self.gone()
        self.enquiry: Any = found
        if not may(self.actor, "view", found):
            raise PermissionDenied
        if kwargs["verb"] not in VERBS:
            raise Http404("There is nothing of that name to do with an enquiry.")
        self.verb = VERBS[kwargs["verb"]]
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What it asks for."""
        blocked = "" if self.verb in verbs_for(self.enquiry, self.actor) else self.why_not()
        return self.answer(self.form(None), blocked=[blocked] if blocked else [])

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Do it, or say everything that is missing at its field."""
        form = self.form(request.POST)
        if request.POST.get("look"):
            return self.answer(form)
        wrong = [
            Missing("invalid", str(text), name if name in form.fields else "")
            for name, texts in form.errors.items()
            for text in texts
        ]
        if wrong:
            return self.refuse(Refused("missing_facts", " ".join(item.message for item in wrong), wrong))
        try:
            self.verb.do(self.enquiry, **form.values(), actor=self.actor, at=self.at, via=VIA)
        except Refused as refusal:
            if refusal.code == "not_found":
                return self.gone()
            return self.refuse(refusal)
        self.tell()
        return self.go(self.after())

    def form(self, data: Any) -> ask.EnquiryForm:
        """The verb's own form."""
        return self.verb.form(data, at=self.at, enquiry=self.enquiry)

    def why_not(self) -> str:
        """Why it cannot be done now."""
        if not self.verb.fits(self.enquiry):
            return f"As it stands there is nothing to do here: {self.standing().words}."
        return "This is done by whose it is, their team or a manager."

    def standing(self) -> Any:
        """How the enquiry stands."""
        return standing_of(self.enquiry, at=self.at)

    def tell(self) -> None:
        """Say how it stands now."""
        self.enquiry = with_verdict(Enquiry.objects.with_people()).get(pk=self.enquiry.pk)
        title = title_of(self.enquiry)
        said = {
            "claim": f"{title} is yours.",
            "attach": f"It is of {self.enquiry.about} now.",
            "details": f"It is of {self.enquiry.about} now.",
        }.get(self.verb.name) or f"{title}: {_lower(self.standing().words)}."
        if self.verb.name == "answer" and _waits(self.enquiry):
            messages.warning(self.request, f"Logged. {title} is still to be answered: this was no response.")
        else:
            messages.success(self.request, said)

    def after(self) -> str:
        """Where to go: where it was asked from, else the enquiry's page."""
        wanted = self.request.POST.get("next", "")
        if wanted and url_has_allowed_host_and_scheme(wanted, {self.request.get_host()}, self.request.is_secure()):
            return wanted
        return url_of(self.enquiry, "change")

    def go(self, url: str) -> HttpResponse:
        """Leave the dialog for a page."""
        return HttpResponseClientRedirect(url) if self.request.htmx else HttpResponseRedirect(url)  # type: ignore[attr-defined]

    def refuse(self, refusal: Refused) -> HttpResponse:
        """The dialog again, with what will not do."""
        form = self.form(self.request.POST)
        blocked = [item.message for item in refusal.missing if item.field not in form.fields]
        if not refusal.missing:
            blocked = [refusal.message]
        status = STATUS.get(refusal.code, 409 if refusal.code in ("already_owned", "voided", "not_voided") else 200)
        response = self.answer(form, problems=refusal.missing, blocked=blocked, status=status)
        response.headers[REFUSED_HEADER] = ",".join(refusal.codes)
        return response

    def answer(
        self,
        form: ask.EnquiryForm,
        *,
        problems: Any = (),
        blocked: list[str] | None = None,
        status: int = 200,
    ) -> TemplateResponse:
        """The dialog, with what was refused at its field and what has no field on top."""
        asked = [Asked(field, tuple(one for one in problems if one.field == field.name)) for field in form]
        first = next((item for item in asked if item.problems), asked[0] if asked else None)
        if first is not None:
            first.field.field.widget.attrs["autofocus"] = True
        htmx = self.request.htmx  # type: ignore[attr-defined]
        context = {
            **(self.site.each_context(self.request) if self.site and not htmx else {}),
            "title": self.verb.label,
            "verb": self.verb,
            "enquiry": self.enquiry,
            "enquiry_title": title_of(self.enquiry),
            "standing": self.standing(),
            "record_url": url_of(self.enquiry, "change"),
            "asked": asked,
            "blocked": blocked or [],
            "next": self.request.POST.get("next", "") or self.request.GET.get("next", ""),
            "partial_name": "enquiries/dialog_form.html",
        }
        name = "enquiries/dialog_form.html" if htmx else "enquiries/dialog.html"
        return TemplateResponse(self.request, name, context, status=status)

    def gone(self) -> TemplateResponse:
        """There is no such enquiry, or no longer."""
        raise Http404("There is no such enquiry.")


def _lower(words: str) -> str:
    return words[:1].lower() + words[1:]
