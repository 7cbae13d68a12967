"""The page's button that gives an account a codename."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.codenames import give_codename
from accounts.models import Account
from crm.core.asking import moment, user_of
from crm.core.errors import Refused
from crm.site import site


@site.page("accounts/account/<int:pk>/codename/", "accounts_account_codename")
@require_POST
def codename(request: HttpRequest, pk: int) -> HttpResponse:
    """Give it one at random, and say which."""
    account = Account.objects.filter(pk=pk).first()
    if account is None:
        raise Http404
    try:
        given = give_codename(account, actor=user_of(request), at=moment(request), via="admin")
    except Refused as refused:
        if refused.code == "forbidden":
            raise PermissionDenied(refused.message) from refused
        messages.error(request, refused.message)
    else:
        messages.success(request, f"{account} is called {given} where its name is not to be known.")
    return HttpResponseRedirect(reverse("admin:accounts_account_change", args=[pk]))
