"""Pages about people that are no record's form: one's own profile, and taking somebody's access away or giving it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.views import PasswordResetConfirmView
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse, reverse_lazy
from django.views.decorators.http import require_http_methods, require_POST
from unfold.widgets import UnfoldAdminPasswordWidget

from crm import handbook
from crm.core.admin import moment, refusal_words, user_of
from crm.core.edit import edit_of
from crm.core.errors import Refused, Stale
from crm.core.permissions import may
from crm.people.absences import absences_of
from crm.people.forms import DeactivateForm, ProfileForm
from crm.people.leaving import deactivate_user, owned_by, what_ends
from crm.people.models import User
from crm.people.profile_parts import parts_of
from crm.people.services import password_link_parts, reactivate_user, save_profile
from crm.site import site


@site.page("profile/", "profile")
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """One's own name and time zone; role and team are shown."""
    form_class: Any = type("OwnProfile", (ProfileForm,), {"edit": edit_of(request), "Meta": ProfileForm.Meta})

    def fresh() -> Any:
        user = User.objects.select_related("team").get(pk=user_of(request).pk)
        return form_class(request.POST if request.method == "POST" else None, instance=user)

    form = fresh()
    if request.method == "POST" and form.is_valid():
        try:
            typed = {name: form.cleaned_data[name] for name in form.changed_data}
            save_profile(form.instance, values=typed, at=moment(request))
        except Stale:
            form = fresh()
            form.is_valid()
        else:
            messages.success(request, "Your profile is saved.")
            return HttpResponseRedirect(reverse("admin:profile"))
    today = handbook.current().today(moment(request))
    context = {
        "title": "Your profile",
        "form": form,
        "edit": form.edit,
        "opened_version": form.instance.version,
        "absences": absences_of(form.instance, today=today),
        "today": today,
        "parts": parts_of(form.instance),
    }
    return TemplateResponse(request, "admin/people/profile.html", {**site.each_context(request), **context})


def _user_to_change(request: HttpRequest, pk: int) -> User:
    user = get_object_or_404(User, pk=pk)
    if not may(user_of(request), "change", user):
        raise PermissionDenied
    return user


def page_of(user: User) -> str:
    """The page of a user."""
    return reverse("admin:people_user_change", args=[user.pk])


@require_http_methods(["GET", "HEAD", "POST"])
def deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask who takes over, then take the access away."""
    user = _user_to_change(request, pk)
    owned = owned_by(user)
    form = DeactivateForm(
        request.POST if request.method == "POST" else None, user=user, owned=owned, at=moment(request)
    )
    if request.method == "POST" and form.is_valid():
        try:
            deactivate_user(user, actor=user_of(request), at=moment(request), via="admin", **form.facts())
        except Refused as error:
            fields = [item.field for item in error.missing if item.field in form.fields]
            form.add_error(fields[0] if fields else None, refusal_words(error))
        else:
            messages.success(request, f"{user} can no longer log in, and everything of theirs is handed over.")
            return HttpResponseRedirect(page_of(user))
    context = {"title": f"Deactivate {user}", "form": form, "person": user, "owned": owned, "ends": what_ends(user)}
    page = {"back": page_of(user), **context}
    return TemplateResponse(request, "admin/people/deactivate.html", {**site.each_context(request), **page})


@require_POST
def reactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """Give the access back."""
    user = _user_to_change(request, pk)
    reactivate_user(user, actor=user_of(request), at=moment(request), via="admin")
    messages.success(request, f"{user} can log in again.")
    return HttpResponseRedirect(page_of(user))


@require_POST
def password_link(request: HttpRequest, pk: int) -> HttpResponse:
    """Make a link by which somebody sets their own password, and show it once."""
    user = _user_to_change(request, pk)
    tell_password_link(request, user)
    return HttpResponseRedirect(page_of(user))


def tell_password_link(request: HttpRequest, user: User) -> None:
    """Show the link to whoever asked for it: they pass it on."""
    uid, token = password_link_parts(user)
    link = request.build_absolute_uri(reverse("admin:set_password", args=[uid, token]))
    messages.info(request, f"Give this link to {user}; it works once, for three days: {link}")


class SetPassword(PasswordResetConfirmView):
    """Where such a link leads: public, because who has no password cannot log in."""

    template_name = "admin/people/set_password.html"
    success_url = reverse_lazy("admin:login")
    extra_context = {"title": "Set your password", "site_title": "Plumb"}

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)
        for field in form.fields.values():
            field.widget = UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
        return form

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {**site.each_context(self.request), **super().get_context_data(**kwargs)}

    def form_valid(self, form: Any) -> HttpResponse:
        messages.success(self.request, "Your password is set: log in with it.")
        return super().form_valid(form)


site.page("set-password/<uidb64>/<token>/", "set_password", public=True)(SetPassword.as_view())
