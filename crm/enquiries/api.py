"""Enquiries over the API: `/api/v1/enquiries/`.

They are received, and then answered, voided, held up, claimed and attached by the same calls as on their pages. Nobody
edits or deletes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from django.db.models import F, Func, Q, TextField
from django.db.models.functions import Now
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm.core.acting import acting, retry_deadlocks
from crm.core.api.etags import Condition, condition
from crm.core.api.problems import Flaw, invalid, not_there
from crm.core.api.queries import Before, KeyOf, RecordFilters, RecordId, Since, Words
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import RecordSerializer
from crm.core.api.views import RecordViewSet, record_id
from crm.core.api.writes import VIA
from crm.core.door import stale_since
from crm.core.errors import Refused, Stale
from crm.enquiries.answering import answer_enquiry
from crm.enquiries.api_facts import EnquirySchema, read
from crm.enquiries.attaching import attach_enquiry, details_known
from crm.enquiries.claiming import claim_enquiry
from crm.enquiries.holding_up import hold_up, resume
from crm.enquiries.incoming import Incoming
from crm.enquiries.models import Enquiry, channel_choices
from crm.enquiries.receiving import receive_enquiry
from crm.enquiries.voiding import unvoid_enquiry, void_enquiry
from leads.models import Lead

declare_scopes(
    "enquiries",
    read="See enquiries, and their clocks",
    write="Send enquiries; without “read” only id and version come back",
    move="Answer, void, hold up, claim and attach enquiries",
)
ACTIONS = ("void", "unvoid", "hold_up", "resume", "claim", "attach", "respond")
WAITING, HELD_UP, ANSWERED, VOIDED, UNPROMISED = "waiting", "held_up", "answered", "voided", "unpromised"
STATES: dict[str, tuple[str, Q]] = {
    WAITING: (
        "Waiting for an answer",
        Q(
            clock__isnull=False,
            clock__stopped_at=None,
            clock__voided_at=None,
            clock__paused_at=None,
            voided_at=None,
        ),
    ),
    HELD_UP: ("Held up", Q(clock__paused_at__isnull=False, voided_at=None)),
    ANSWERED: ("Answered", Q(clock__stopped_at__isnull=False, voided_at=None)),
    VOIDED: ("Voided", Q(voided_at__isnull=False)),
    UNPROMISED: ("No answer is promised: no clock runs", Q(clock=None, voided_at=None)),
}


def state_choices() -> list[tuple[str, str]]:
    """What an enquiry can be in."""
    return [(key, said) for key, (said, _) in STATES.items()]


TIME = {"type": ["string", "null"], "format": "date-time"}
ID = {"type": ["integer", "null"]}
CLOCK: dict[str, Any] = {
    "type": ["object", "null"],
    "description": "Until when they are answered; null: nothing is promised.",
    "properties": {
        "id": {"type": "integer"},
        "policy": {"type": "string"},
        "verdict": {"type": "string", "enum": ["open", "met", "breached", "voided"]},
        "in_business_hours": {"type": "boolean", "description": "Whether it came within business hours."},
        **dict.fromkeys(("started_at", "target_at", "limit_at", "paused_at", "stopped_at", "voided_at"), TIME),
        "worked_seconds": {
            "type": ["integer", "null"],
            "description": "Business time until the first response; what it was held up is not in it.",
        },
    },
}


OWN_COLUMNS = (
    "id version created_at updated_at channel priority received_at subject text name company email linkedin_url phone"
    " came_by system external_id meeting_at voided_at void_reason void_note barred"
).split()
OTHERS = "lead contact account opportunity owner queue clock answer voided_by".split()


class EnquirySerializer(RecordSerializer):
    """A request that somebody waits for an answer to."""

    model = Enquiry
    names: ClassVar[Mapping[str, str]] = {
        **{name: name for name in OWN_COLUMNS},
        **{f"{name}_id": name for name in OTHERS},
    }


class InState(Words):
    """Enquiries in one of these states."""

    def filter(self, qs: Any, value: Any) -> Any:
        found = Q()
        for key in value or ():
            found |= STATES[key][1]
        return qs.filter(found) if value else qs


class EnquiryFilters(RecordFilters):
    """What enquiries are found by."""

    channel = Words("channel", channel_choices, help_text="One or more channels, between commas.")
    state = InState(
        "id",
        state_choices,
        help_text="One or more, between commas: waiting, held_up, answered, voided; unpromised: no clock runs.",
    )
    lead_id = RecordId("lead_id", help_text="Of this lead; null: of none.")
    contact_id = RecordId("contact_id", help_text="Of this contact; null: of none.")
    account_id = RecordId("account_id", help_text="Of this account's people.")
    opportunity_id = RecordId("opportunity_id", help_text="About this opportunity.")
    email = KeyOf("email_key", function="email_key", help_text="From this address, however it is written.")
    linkedin_url = KeyOf("linkedin_key", function="linkedin_key", help_text="Of this profile, however it is written.")
    received_since = Since("received_at", help_text="Received at this time or later.")
    received_before = Before("received_at", help_text="Received before this time.")


class EnquiryViewSet(RecordViewSet):
    """Enquiries."""

    resource = "enquiries"
    followed = True
    model = Enquiry
    serializer_class = EnquirySerializer
    filterset_class = EnquiryFilters
    schema = EnquirySchema()
    http_method_names = ["get", "head", "post", "options"]
    scopes: ClassVar[Mapping[str, str]] = dict.fromkeys(ACTIONS, "move")
    orderings: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "received_at": ("received_at", "id"),
        "-received_at": ("-received_at", "-id"),
    }
    computed: ClassVar[Mapping[str, Any]] = {
        "state": {"type": "string", "enum": list(STATES)},
        "clock": CLOCK,
        "responsible_id": ID | {"description": "Whose it is, by what it belongs to."},
        "waits_in_id": ID | {"description": "The team in whose queue it waits, while it is nobody's."},
    }

    def compute(self, rows: list[dict[str, Any]]) -> None:
        """Whose each is, and its clock, by the one definition of whether a promise was kept."""
        times = ("limit_at", "paused_at", "stopped_at", "voided_at")
        verdict = Func(
            *(F(f"clock__{name}") for name in times), Now(), function="clock_verdict", output_field=TextField()
        )
        asked = Enquiry.objects.with_people().annotate(verdict=verdict).in_bulk([row["id"] for row in rows])
        for row in rows:
            row.update(computed_of(asked[row["id"]]))  # nobody deletes one

    # --- receiving ----------------------------------------------------------------------------------------------------

    def create(self, request: Request) -> Response:
        """Receive one: 201, or 200 with the one that is here where this message of that system was sent before."""
        return super().create(request)

    def bring_in(self, body: Mapping[str, Any], *, known_as: tuple[str, str] | None = None) -> tuple[int, bool]:
        """Receive one; what the system that sends it calls it may be said beside it."""
        facts = read("create", body)
        facts["received_at"] = facts["received_at"] or self.at
        if known_as is not None:
            facts["system"], facts["external_id"] = known_as
        try:
            receipt = receive_enquiry(Incoming(**facts), came_by="api", actor=self.actor, at=self.at, via=VIA)
        except Refused as refused:
            if refused.code != "missing_facts":
                raise
            # What is sent and will not do is a bad request; every other refusal is as at the other doors.
            raise invalid(Flaw(one.field, one.code, one.message) for one in refused.missing) from refused
        return receipt.enquiry.pk, not receipt.known

    # --- what is done with them ---------------------------------------------------------------------------------------

    def act(self, name: str, pk: str, call: Callable[..., Any]) -> Response:
        """Make one domain call with the facts of the body; with `If-Match` only at that version."""
        self.no_query()
        number, facts, known = record_id(pk), read(name, self.body()), condition(self.request, "If-Match")
        try:
            self.carry_out(number, known, call, facts)
        except Stale as stale:
            raise self.stale(stale) from stale
        return self.answer(number)

    @retry_deadlocks
    def carry_out(self, pk: int, known: Condition | None, call: Callable[..., Any], facts: Mapping[str, Any]) -> None:
        """The domain call.

        Raises:
            Http404: there is no such enquiry.
            Refused: as the call does; `Stale` when it is at none of the versions in `known`.
        """
        with acting(actor=self.actor, via=VIA, at=self.at):
            if known is not None:
                # The lead's row before the enquiry's, as everywhere.
                list(Lead.objects.select_for_update(of=("self",), no_key=True).filter(enquiries=pk).values_list("pk"))
            rows = Enquiry.objects.all() if known is None else Enquiry.objects.select_for_update(of=("self",))
            found = rows.filter(pk=pk).first()
            if found is None:
                raise not_there(Enquiry, pk)
            if known is not None and not known.allows(found.pk, found.version):
                seen = known.version_of(found.pk)
                raise stale_since(found, found.version if seen is None else seen)  # type: ignore[arg-type]
            call(found, **facts, actor=self.actor, at=self.at, via=VIA)

    @action(detail=True, methods=["post"])
    def void(self, request: Request, pk: str) -> Response:
        """It is no request of anybody: its clock ends without a verdict. `reason` is a key of the handbook."""
        return self.act("void", pk, void_enquiry)

    @action(detail=True, methods=["post"])
    def unvoid(self, request: Request, pk: str) -> Response:
        """It was a request after all: its clock runs on; for managers' keys."""
        return self.act("unvoid", pk, unvoid_enquiry)

    @action(detail=True, methods=["post"], url_path="hold-up")
    def hold_up(self, request: Request, pk: str) -> Response:
        """They are to do something first: its clock stands still. `reason` is a key of the handbook."""
        return self.act("hold_up", pk, hold_up)

    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Its clock runs again."""
        return self.act("resume", pk, resume)

    @action(detail=True, methods=["post"])
    def claim(self, request: Request, pk: str) -> Response:
        """Take one that is nobody's: 409 `already_owned` where somebody was quicker."""
        return self.act("claim", pk, claim_enquiry)

    @action(detail=True, methods=["post"])
    def attach(self, request: Request, pk: str) -> Response:
        """It is of this lead or contact; or of whoever these details name, for whom a lead is made if need be."""
        return self.act("attach", pk, attach)

    @action(detail=True, methods=["post"], url_path="answer")
    def respond(self, request: Request, pk: str) -> Response:
        """Log the response, and plan the next touch of the lead; all or nothing. A program's own is no response."""
        return self.act("respond", pk, respond)


def attach(enquiry: Enquiry, *, lead_id: Any, contact_id: Any, actor: Any, at: Any, via: str, **details: str) -> None:
    """Attach it to a record, or to whom the details name.

    Raises:
        Problem: 400 for none or several of them.
    """
    given = [one for one in (lead_id, contact_id) if one is not None]
    if len(given) + any(details.values()) != 1:
        raise invalid([Flaw("", "needs_one", "Give lead_id, or contact_id, or details that name somebody.")])
    if given:
        attach_enquiry(enquiry, given[0], actor=actor, at=at, via=via)
    else:
        details_known(enquiry, **details, actor=actor, at=at, via=via)


def respond(enquiry: Enquiry, *, happened_at: Any, actor: Any, at: Any, via: str, **facts: Any) -> None:
    """Answer it now, unless a time is said."""
    answer_enquiry(enquiry, happened_at=happened_at or at, **facts, actor=actor, at=at, via=via)


def computed_of(enquiry: Any) -> dict[str, Any]:
    """What `expand=computed` adds to one that was read with its people and its verdict."""
    owner, queue, clock = enquiry.responsible, enquiry.waits_in, enquiry.clock
    told = None
    if clock is not None:
        told = {
            "id": clock.pk,
            "policy": clock.policy,
            "verdict": enquiry.verdict,
            "in_business_hours": clock.in_hours,
            "started_at": clock.started_at,
            "target_at": clock.target_at,
            "limit_at": clock.limit_at,
            "paused_at": clock.paused_at,
            "stopped_at": clock.stopped_at,
            "voided_at": clock.voided_at,
            "worked_seconds": clock.worked_seconds,
        }
    return {
        "state": state_of(enquiry),
        "clock": told,
        "responsible_id": owner.pk if owner is not None else None,
        "waits_in_id": queue.pk if queue is not None else None,
    }


def state_of(enquiry: Enquiry) -> str:
    """The one of `STATES` that it is in."""
    clock = enquiry.clock
    if enquiry.voided_at is not None:
        return VOIDED
    if clock is None:
        return UNPROMISED
    if clock.stopped_at is not None:
        return ANSWERED
    return HELD_UP if clock.paused_at is not None else WAITING
