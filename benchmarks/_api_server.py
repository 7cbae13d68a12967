"""Plumb as in production, with two more addresses that the API's benchmarks compare it with, and one about itself.

`/plain/` is what a list costs at least here: the same rows by psycopg and orjson in a plain Django view under the same
middleware, for anybody. `/model-serializer/` is the list as Django REST framework's own parts make it, with the same
key. `/memory/` says the most that this process ever had in memory, in bytes.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from crm.wsgi import application as application  # noqa: I001 - it sets Django up

import orjson
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.permissions import IsAuthenticated
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ModelSerializer

from crm import urls
from leads.api import LeadSerializer
from leads.models import Lead

COLUMNS = LeadSerializer.columns()
ROWS = 100


def plain(request: HttpRequest) -> HttpResponse:
    """A hundred leads, every field the API has."""
    names = list(COLUMNS)
    columns = {field.attname: field.column for field in Lead._meta.concrete_fields}
    listed = ", ".join(f'"{columns.get(name, name)}"' for name in COLUMNS.values())
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {listed} FROM leads_lead ORDER BY id LIMIT {ROWS}")
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return HttpResponse(orjson.dumps({"results": rows}), content_type="application/json")


class Fields(ModelSerializer[Lead]):
    """Every field the API has."""

    class Meta:
        model = Lead
        fields = [column.removesuffix("_id") for column in COLUMNS.values()]


class ModelSerializerList(ListAPIView[Lead]):
    """A hundred leads by a ModelSerializer."""

    serializer_class = Fields
    permission_classes = [IsAuthenticated]
    renderer_classes = [JSONRenderer]
    pagination_class = None

    def get_queryset(self) -> Any:
        return Lead.objects.order_by("id")[:ROWS]


def memory(request: HttpRequest) -> HttpResponse:
    """Linux counts kilobytes, macOS bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return HttpResponse(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit))


urls.urlpatterns += [
    path("plain/", plain),
    path("model-serializer/", ModelSerializerList.as_view()),
    path("memory/", memory),
]
