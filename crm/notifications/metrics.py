"""Figures for Prometheus: how many messages wait, since when, and how many were given up."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import DatabaseError
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from crm.jobs.metrics import registry
from crm.notifications.models import Delivery


class Deliveries(Collector):
    """Asks the database when somebody scrapes."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            waiting = Delivery.objects.waiting().aggregate(number=Count("pk"), since=Min("made_at"))
            dead = Delivery.objects.given_up().count()
        except DatabaseError:
            return
        messages = GaugeMetricFamily("plumb_deliveries", "Messages that nobody has got.", labels=["state"])
        messages.add_metric(["waiting"], waiting["number"])
        messages.add_metric(["given_up"], dead)
        yield messages
        age = (timezone.now() - waiting["since"]).total_seconds() if waiting["since"] else 0
        yield GaugeMetricFamily("plumb_delivery_waiting_seconds", "Age of the oldest message that waits.", age)


registry.register(Deliveries())
