"""Users over the API: `/api/v1/users/`. Nobody is deleted: they are deactivated, and what is theirs handed over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar

from django.http import Http404
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from crm import handbook
from crm.core.api.fields import NO_SUCH
from crm.core.api.problems import Flaw, Problem, invalid
from crm.core.api.queries import KeyOf, RecordFilters, RecordId, Words, YesNo
from crm.core.api.scopes import declare_scopes
from crm.core.api.serializers import READ, RecordSerializer
from crm.core.api.views import RecordViewSet, record_id
from crm.core.api.writes import VIA
from crm.core.errors import Refused
from crm.people.forms import zone_choices
from crm.people.leaving import deactivate_user
from crm.people.models import User, role_choices
from crm.people.services import reactivate_user, refuse_losing_last_administrator

declare_scopes(
    "users",
    read="See users",
    write="Make users, change and deactivate them; for keys of administrators",
)

SENT = "email first_name last_name role team_id time_zone is_service".split()


class UserSerializer(RecordSerializer):
    """Somebody who works here, or a program that does."""

    model = User
    names: ClassVar[Mapping[str, str]] = {
        **READ,
        **{name: name.removesuffix("_id") for name in SENT},
        "time_zone": "zone",
        "is_active": "is_active",
    }
    writable = SENT
    needed = ("email", "role")
    refused: ClassVar[Mapping[str, tuple[str, str]]] = {
        "is_active": ("deactivate", "Access is taken by POST /api/v1/users/{id}/deactivate/, given by …/reactivate/."),
        "is_service": ("read_only", "“is_service” is set when a user is made."),
    }

    def sendable(self) -> set[str]:
        """Whether it is a program is said once."""
        return super().sendable() - ({"is_service"} if self.instance is not None else set())

    def judge(self, values: dict[str, Any]) -> Iterable[Flaw]:
        """The zone is one there is; somebody is left who runs setup."""
        zone = values.get("zone", "")
        if zone and zone not in dict(zone_choices()):
            yield Flaw(
                "time_zone", "invalid_choice", f"Select a valid choice. {zone} is not one of the available choices."
            )
        keeps = {one.key for one in handbook.current().roles_with("administrator")}
        if self.instance is not None and "role" in values and values["role"] not in keeps:
            try:
                refuse_losing_last_administrator(self.instance)
            except Refused as refused:
                yield Flaw("role", refused.code, refused.message)


class UserFilters(RecordFilters):
    """What users are found by."""

    email = KeyOf("email_key", function="email_key", help_text="With this address, however it is written.")
    role = Words("role", role_choices, help_text="One or more roles, between commas.")
    team_id = RecordId("team_id", help_text="Of this team; null: of none.")
    is_active = YesNo("is_active", help_text="true: who has access; false: who has left.")
    is_service = YesNo("is_service", help_text="true: programs; false: people.")


class UserViewSet(RecordViewSet):
    """Users."""

    resource = "users"
    followed = True
    model = User
    serializer_class = UserSerializer
    filterset_class = UserFilters
    scopes: ClassVar[Mapping[str, str]] = {"deactivate": "write", "reactivate": "write", "destroy": "write"}

    def make(self, values: dict[str, Any]) -> Any:
        """Without a password: people set their own by a link, programs use a key."""
        user = User(**values)
        user.set_unusable_password()
        return user

    def destroy(self, request: Request, pk: str) -> Response:
        """Never: 409 says what to do instead."""
        self.remove(self.user(pk).pk, None)
        return Response(status=204)

    def remove(self, pk: int, known: Any) -> None:
        """Never."""
        words = "Users are deactivated, never deleted: POST /api/v1/users/ID/deactivate/."
        raise Problem(409, "deactivated_only", words)

    def user(self, pk: str) -> User:
        """The user of an address."""
        found = User.objects.filter(pk=record_id(pk)).first()
        if found is None:
            raise Http404
        return found

    @action(detail=True, methods=["post"])
    def deactivate(self, request: Request, pk: str) -> Response:
        """Take somebody's access away; `heir_id` gets what they own, `reason` says why."""
        self.no_query()
        user, body = self.user(pk), self.body()
        flaws = [
            Flaw(name, "unknown_field", f"“{name}” is no field: heir_id, reason.")
            for name in body
            if name not in ("heir_id", "reason")
        ]
        heir, reason = body.get("heir_id"), body.get("reason", "")
        if not isinstance(reason, str) or "\x00" in reason:
            flaws.append(Flaw("reason", "type", "Send a text."))
        person = None
        if heir is not None:
            known = isinstance(heir, int) and not isinstance(heir, bool) and 0 < heir < 2**63
            person = User.objects.filter(pk=heir).first() if known else None
            if person is None:
                flaws.append(Flaw("heir_id", "invalid_choice", NO_SUCH))
        if flaws:
            raise invalid(flaws)
        deactivate_user(user, heir=person, actor=self.actor, at=self.at, via=VIA, reason=reason)
        return self.answer(user.pk)

    @action(detail=True, methods=["post"])
    def reactivate(self, request: Request, pk: str) -> Response:
        """Give somebody their access back; what was handed over stays where it is."""
        self.no_query()
        user = self.user(pk)
        reactivate_user(user, actor=self.actor, at=self.at, via=VIA)
        return self.answer(user.pk)
