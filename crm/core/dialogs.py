"""The dialog of a move: one view for every verb of every flow, with JavaScript in a dialog, without it a full page.

GET asks what the verb's own form asks and changes nothing; POST makes one call of the door and translates its answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from crm.core.door import LONGEST_REASON, decide, find_verb, move
from crm.core.errors import Missing, Refused, Stale
from crm.core.flow import Ask, Facts, Stateful
from crm.core.meanwhile import Meanwhile, changes_after
from crm.core.offers import VIA, may_take_back, state_label, target_label
from crm.core.permissions import may
from crm.core.text import whole_number
from crm.core.ways import way_back

if TYPE_CHECKING:
    from crm.history.models import Move
    from crm.people.models import User

STATUS = {"forbidden": 403, "not_from_here": 409, "stale": 409}
REFUSED_HEADER = "Plumb-Refused"
# Sent along by a page that stays where it is when a move is made, and is told of it.
IN_PLACE = "in_place"
Response = TypeVar("Response", bound=HttpResponse)


class NoteForm(forms.Form):
    """The reason every move may carry, and some must."""

    reason = forms.CharField(
        label="Note", required=False, max_length=LONGEST_REASON, widget=forms.Textarea(attrs={"rows": 2})
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """One field of the dialog, what is wrong with it, and whether the move cannot be made without it."""

    field: forms.BoundField
    problems: tuple[Missing, ...] = ()
    needed: bool = False


def url_of(record: Any, page: str, *args: Any) -> str:
    """The address of a record's page in the admin: `change`, or one that its admin adds (`move`, `claim` ...)."""
    return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_{page}", args=[record.pk, *args])


def status_of(refusal: Refused | None) -> int:
    """The status of a page that shows a refusal; what is merely missing is asked for by an ordinary one."""
    return STATUS.get(refusal.code, 200) if refusal else 200


def told(response: Response, refusal: Refused | None) -> Response:
    """The answer, with the codes of what was refused in a header."""
    if refusal:
        response.headers[REFUSED_HEADER] = ",".join(refusal.codes)
    return response


def leave(request: HttpRequest, url: str, refusal: Refused | None = None) -> HttpResponse:
    """Go on to a page, from a dialog as well."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return told(HttpResponseClientRedirect(url) if htmx else HttpResponseRedirect(url), refusal)


def dialog(
    request: HttpRequest,
    context: dict[str, Any],
    refusal: Refused | None,
    *,
    site: Any,
    partial: str,
    page: str = "core/move.html",
    status: int = 0,
) -> TemplateResponse:
    """With JavaScript the dialog alone, without it a page around it. `status` is said instead of the refusal's."""
    whole = not request.htmx  # type: ignore[attr-defined]
    context = {**(site.each_context(request) if site and whole else {}), "partial_name": partial, **context}
    name = page if whole else partial
    return told(TemplateResponse(request, name, context, status=status or status_of(refusal)), refusal)


def now_words(record: Any, made: Move) -> str:
    """What a record is now, in a sentence that names it."""
    return f"{record} is now {state_label(type(record), made.to_state)}."


def moved(record: Any, made: Move, *, said: str, actor: User, at: datetime) -> dict[str, Any]:
    """What a page that stays where it is learns of a move: what to say, and the dialog that undoes it, if any."""
    back = way_back(record, made.from_state, actor=actor, at=at)
    undo = {}
    if back is not None:
        address = f"{url_of(record, 'move', back.verb.name)}?version={record.version}&{IN_PLACE}=1"
        undo = {"label": back.verb.label, "url": address}
    return {
        "record": record.pk,
        "from": made.from_state,
        "to": made.to_state,
        "version": record.version,
        "said": said,
        "undo": undo,
    }


class MoveDialog(View):
    """One move of one record. `kind` is given by the admin that mounts it; a verb with more to ask has a subclass."""

    kind: ClassVar[type[Stateful]]
    site: Any = None
    template_name = "core/move.html"
    partial_name = "core/move_form.html"
    http_method_names = ["get", "post", "head", "options"]

    def setup(self, request: HttpRequest, *args: Any, **kwargs: Any) -> None:
        super().setup(request, *args, **kwargs)
        self.at: datetime = timezone.now()
        self.actor: User = request.user  # type: ignore[assignment]

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.record: Any = self.kind._base_manager.filter(pk=kwargs["pk"]).first()
        if self.record is None:
            return self.gone()
        if not may(self.actor, "view", self.record):
            raise PermissionDenied
        try:
            self.info = find_verb(self.kind, kwargs["verb"])
        except Refused as unknown:
            raise Http404(unknown.message) from None
        self.kind.prepare_moves([self.record])
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What the move asks for."""
        refusal = decide(self.record, self.info, self.ask())
        if refusal and refusal.code == "missing_facts":
            return self.answer(self.form(None), asks=refusal.missing)
        return self.answer(self.form(None), refusal=refusal)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Make the move, or say everything that is missing at its field."""
        facts = self.sent()
        try:
            made = move(
                self.record,
                self.info.name,
                actor=self.actor,
                at=self.at,
                via=VIA,
                reason=request.POST.get("reason", ""),
                version=self.opened_version(),
                **facts,
            )
        except Refused as refusal:
            if refusal.code == "not_found":
                return self.gone()
            self.record.refresh_from_db()
            return self.answer(self.form(request.POST), refusal=refusal)
        if request.POST.get(IN_PLACE):
            answer = HttpResponse(status=204)
            return trigger_client_event(
                answer, "plumb:moved", moved(self.record, made, said=self.said(made), actor=self.actor, at=self.at)
            )
        self.tell(made)
        return self.go(self.after(made))

    def sent(self) -> dict[str, Any]:
        """The facts as they were sent; what the verb does not ask for is left out."""
        names = self.info.facts(record=self.record, at=self.at).fields
        return {name: self.request.POST[name] for name in names if name in self.request.POST}

    def ask(self) -> Ask:
        """The question put to the door before any fact is given."""
        return Ask(self.actor, self.at, VIA)

    def opened_version(self) -> int | None:
        """The version of the record that the user looked at."""
        text = self.request.POST.get("version", "") or self.request.GET.get("version", "")
        return whole_number(text)

    def form(self, data: Any) -> Facts:
        """The verb's own form: filled in as it was sent, or with what is most likely."""
        form = self.info.facts(data, record=self.record, at=self.at, initial=self.initial())
        for field in form.fields.values():
            if isinstance(field, forms.ModelChoiceField):
                field.empty_label = "Choose one"
        return form

    def initial(self) -> dict[str, Any]:
        """What is most likely, by field: what the link says, the record's own value; as owner, who asks."""
        names = self.info.facts(record=self.record, at=self.at).fields
        known = {name: value for name in names if (value := getattr(self.record, name, None)) not in ("", None)}
        linked = {name: self.request.GET[name] for name in names if name in self.request.GET}
        return ({"owner": self.actor.pk} if "owner" in names else {}) | known | linked

    def said(self, made: Move) -> str:
        """What the record is now, for a page that shows others as well."""
        return now_words(self.record, made)

    def tell(self, made: Move) -> None:
        """Say what the record is now, and how to undo a slip."""
        now = state_label(self.kind, made.to_state)
        back = ""
        if self.can_take_back():
            link = url_of(self.record, "move", "take_back")
            back = format_html(' <a href="{}" data-dialog class="pl-link">Take back</a>', link)
        # On another record's page it is said whose status is meant.
        elsewhere = self.after(made) != url_of(self.record, "change")
        messages.success(
            self.request, format_html("{} {}.{}", f"{self.record} is now" if elsewhere else "Now", now, back)
        )

    def can_take_back(self) -> bool:
        """Whether the last move can be taken back by who asks, without more."""
        return may_take_back(self.record, self.actor, self.at)

    def after(self, made: Move) -> str:
        """Where to go once the move is made."""
        wanted = self.request.POST.get("next", "")
        if wanted and url_has_allowed_host_and_scheme(wanted, {self.request.get_host()}, self.request.is_secure()):
            return wanted
        return url_of(self.record, "change")

    def go(self, url: str) -> HttpResponse:
        """Leave the dialog for a page."""
        return leave(self.request, url)

    def answer(
        self, form: Facts, *, refusal: Refused | None = None, asks: Sequence[Missing] = (), status: int = 0
    ) -> TemplateResponse:
        """The dialog, with what was refused at its field and what has no field on top."""
        note = NoteForm(form.data if form.is_bound else None)
        fields = [*form, note["reason"]]
        problems = refusal.missing if refusal else ()
        needed = {item.field for item in (*asks, *problems)}
        names = {field.name for field in fields}
        asked = [Asked(f, tuple(p for p in problems if p.field == f.name), f.name in needed) for f in fields]
        blocked = [item.message for item in (*asks, *problems) if item.field not in names]
        if refusal and not refusal.missing and not isinstance(refusal, Stale):
            blocked.append(refusal.message)
        first = next((item for item in asked if item.problems), asked[0])
        first.field.field.widget.attrs["autofocus"] = True
        stale = isinstance(refusal, Stale)
        version = self.record.version if stale or not self.opened_version() else self.opened_version()
        context = {
            "title": self.info.label,
            "record": self.record,
            "record_url": url_of(self.record, "change"),
            "kind_name": str(self.kind._meta.verbose_name),
            "verb": self.info,
            "asked": asked,
            "blocked": blocked,
            "from_label": state_label(self.kind, self.record.current_state),
            "to_label": target_label(self.record, self.info, self.ask()),
            "version": version,
            "next": self.request.POST.get("next", "") or self.request.GET.get("next", ""),
            "in_place": self.request.POST.get(IN_PLACE, "") or self.request.GET.get(IN_PLACE, ""),
            "meanwhile": self.meanwhile() if stale else None,
            **self.more(form),
        }
        drawn: dict[str, Any] = {"partial": self.partial_name, "page": self.template_name, "status": status}
        return dialog(self.request, context, refusal, site=self.site, **drawn)

    def gone(self) -> TemplateResponse:
        """The record was deleted, perhaps while its dialog was open: there is only the list to go to."""
        if not self.request.htmx:  # type: ignore[attr-defined]
            raise Http404("There is no such record.")
        meta = self.kind._meta
        context = {
            "kind_name": str(meta.verbose_name),
            "plural": str(meta.verbose_name_plural),
            "list_url": reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist"),
        }
        return TemplateResponse(self.request, "core/gone.html", context, status=404)

    def meanwhile(self) -> Sequence[Meanwhile]:
        """What others did to the record since it was opened."""
        return changes_after(self.record, self.opened_version() or self.record.version)

    def more(self, form: Facts) -> dict[str, Any]:
        """What a dialog of its own shows beside the fields."""
        return {}
