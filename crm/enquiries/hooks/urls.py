"""The addresses under `/hooks/`: with a slash at the end or without. Of any other it is not said that it is none."""

from __future__ import annotations

from django.urls import re_path

from crm.enquiries.hooks.views import Hook

urlpatterns = [
    re_path("^(?P<kind>[^/]+)/(?P<source>[^/]+)/?$", Hook.as_view(), name="hook"),
]
