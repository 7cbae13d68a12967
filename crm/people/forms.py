"""Forms about people."""

from __future__ import annotations

import zoneinfo
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django import forms
from django.contrib.auth.password_validation import password_validators_help_text_html, validate_password
from django.utils.text import capfirst
from unfold.forms import AuthenticationForm
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from crm import handbook
from crm.core.admin_edit import RecordForm
from crm.core.admin_fields import PersonChoice
from crm.core.errors import Refused
from crm.people.leaving import Owned, field_of
from crm.people.models import User
from crm.people.services import refuse_losing_last_administrator


class LoginForm(AuthenticationForm):  # type: ignore[misc]
    """Email and password; the answer does not tell which of them was wrong."""

    error_messages = AuthenticationForm.error_messages | {
        "invalid_login": "Nobody who may log in has this email and password. Capitals count in the password."
    }


def zone_choices() -> list[tuple[str, str]]:
    """Every time zone, the company's first."""
    company = handbook.current().company.zone
    zones = sorted(name for name in zoneinfo.available_timezones() if "/" in name and not name.startswith("Etc/"))
    return [("", f"The company's ({company.replace('_', ' ')})"), *((zone, zone.replace("_", " ")) for zone in zones)]


class ProfileForm(RecordForm):
    """What everybody may change about themselves."""

    zone = forms.TypedChoiceField(
        label="Time zone", required=False, choices=zone_choices, widget=UnfoldAdminSelectWidget, empty_value=""
    )

    class Meta:
        model = User
        fields = ("first_name", "last_name", "zone")
        widgets = {"first_name": UnfoldAdminTextInputWidget, "last_name": UnfoldAdminTextInputWidget}


class UserForm(RecordForm):
    """A person as administrators change them."""

    zone = ProfileForm.base_fields["zone"]

    def clean_role(self) -> str:
        """Somebody must be left who runs setup."""
        role: str = self.cleaned_data["role"]
        keeps = role in {one.key for one in handbook.current().roles_with("administrator")}
        if self.instance.pk and not keeps:
            try:
                refuse_losing_last_administrator(User.objects.get(pk=self.instance.pk))
            except Refused as error:
                raise forms.ValidationError(error.message) from error
        return role


class NewUserForm(UserForm):
    """A new person: with a first password, or with a link by which they set their own."""

    password = forms.CharField(
        label="First password",
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text="Leave it empty to get a link by which they set their own. " + password_validators_help_text_html(),
    )

    def clean_password(self) -> str:
        """A password, if there is one, as good as any other."""
        password: str = self.cleaned_data["password"]
        if password:
            validate_password(password, self.instance)
        return password

    def _post_clean(self) -> None:
        # The instance holds a hash; the form's plain text must never be set on it.
        password = self.cleaned_data.pop("password", None)
        super()._post_clean()
        if password is not None:
            self.cleaned_data["password"] = password


class DeactivateForm(forms.Form):
    """Who takes over what somebody leaves, if need be each kind of it by somebody else, and why they left."""

    heir = PersonChoice(
        User.objects.none(),
        label="Hand over to",
        required=False,
        empty_label="Choose a colleague",
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, *args: Any, user: User, owned: Sequence[Owned], at: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        people = User.objects.to_choose(at=at).exclude(pk=user.pk)
        self.fields["heir"].queryset = people  # type: ignore[attr-defined]
        # One query for all of the selects.
        self._people = {str(one.pk): one for one in people} if owned else {}
        names = [(pk, PersonChoice.said(one)) for pk, one in self._people.items()]
        self.owned = owned
        for one in owned:
            ways = [(f"way:{way.key}", way.label) for way in one.ways if way.offered(user)]
            if len(owned) > 1 or ways:
                self.fields[field_of(one.key)] = forms.ChoiceField(
                    label=capfirst(one.words),
                    required=False,
                    choices=[("", "To the same colleague"), *ways, *names],
                    widget=UnfoldAdminSelectWidget,
                )
        self.fields["reason"] = forms.CharField(
            label="Note", required=False, max_length=1000, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2})
        )

    def facts(self) -> dict[str, Any]:
        """What was chosen, as the domain call takes it."""
        values = self.cleaned_data
        chosen = {one.key: str(values.get(field_of(one.key), "")) for one in self.owned}
        heirs = {
            key: value.removeprefix("way:") if value.startswith("way:") else self._people[value]
            for key, value in chosen.items()
            if value
        }
        return {"heir": values["heir"], "heirs": heirs, "reason": values["reason"]}
