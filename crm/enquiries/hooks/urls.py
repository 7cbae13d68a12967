"""The addresses under `/hooks/`: with a slash at the end or without. Of any other it is not said that it is none."""

from __future__ import annotations

from django.urls import path

from crm.enquiries.hooks.views import Hook

urlpatterns = [
    path("<str:kind>/<str:source>", Hook.as_view(), name="hook"),
    path("<str:kind>/<str:source>/", Hook.as_view(), name="hook"),
]
