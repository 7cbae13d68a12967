"""Kinds of records and their pages, as the change log names them."""

from __future__ import annotations

from django.apps import apps
from django.db import models
from django.urls import NoReverseMatch, reverse


def kind_of(name: str) -> type[models.Model] | None:
    """The model that the change log calls by this name; None once it is gone from the code."""
    return next((kind for kind in apps.get_models() if kind._meta.model_name == name), None)


def kind_name(name: str) -> str:
    """A kind of record in a person's words."""
    kind = kind_of(name)
    return str(kind._meta.verbose_name) if kind else name


def address_of(record: models.Model | None) -> str:
    """Where the record's page is, if it has one."""
    if record is None:
        return ""
    try:
        return reverse(f"admin:{record._meta.app_label}_{record._meta.model_name}_change", args=[record.pk])
    except NoReverseMatch:
        return ""
