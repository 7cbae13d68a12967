"""Figures for Prometheus that no request counts: connections of the database, waiting messages, signs of life."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Min
from django.utils import timezone
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from crm.jobs import broker
from crm.jobs.models import Heartbeat, Job

Figures = Callable[[], Iterator[GaugeMetricFamily]]
_more: list[Figures] = []


def measures(figures: Figures) -> Figures:
    """Have these figures told too; usable as a decorator."""
    if figures not in _more:
        _more.append(figures)
    return figures


class Operation(Collector):
    """Asks the database when somebody scrapes."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        try:
            yield from self.ask()
            up = 1
        except DatabaseError:
            up = 0
        yield GaugeMetricFamily("plumb_database_up", "Whether the database answers.", up)

    def ask(self) -> Iterator[GaugeMetricFamily]:
        """How far the database's connections and the queue are used, and how long beat and worker have been silent."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT COALESCE(state, 'other'), count(*) FROM pg_stat_activity"
                " WHERE datname = current_database() GROUP BY 1"
            )
            used = GaugeMetricFamily("plumb_database_connections", "Connections by what they do.", labels=["state"])
            for state, number in cursor.fetchall():
                used.add_metric([state], number)
            yield used
            cursor.execute("SELECT current_setting('max_connections')::int")
            yield GaugeMetricFamily("plumb_database_connections_limit", "Most connections.", cursor.fetchone()[0])
            cursor.execute("SELECT count(*) FROM history_transaction WHERE pos IS NULL")
            yield GaugeMetricFamily(
                "plumb_feed_unnumbered", "Transactions without a place in the feed.", cursor.fetchone()[0]
            )
            jobs = GaugeMetricFamily("plumb_jobs", "Jobs that have not ended.", labels=["state"])
            for state, number in Job.objects.unfinished().values_list("state").annotate(n=Count("pk")).order_by():
                jobs.add_metric([state], number)
            yield jobs
            oldest = Job.objects.claimable().filter(lease=None).aggregate(asked=Min("asked_at"))["asked"]
            waits = (timezone.now() - oldest).total_seconds() if oldest else 0
            yield GaugeMetricFamily("plumb_job_waiting_seconds", "Age of the oldest job that no worker has.", waits)
            if broker.is_embedded(settings.CELERY_BROKER_URL):
                cursor.execute("SELECT queue_length, COALESCE(oldest_msg_age_sec, 0) FROM pgmq.metrics('celery')")
                length, age = cursor.fetchone()
                yield GaugeMetricFamily("plumb_queue_length", "Messages nobody has finished.", length)
                yield GaugeMetricFamily("plumb_queue_age_seconds", "Age of the oldest message.", age)
        silent = GaugeMetricFamily("plumb_silent_seconds", "Since the last sign of life.", labels=["part"])
        for part, at in Heartbeat.objects.values_list("part", "at"):
            silent.add_metric([part], (timezone.now() - at).total_seconds())
        yield silent
        for figures in _more:
            yield from figures()


registry = CollectorRegistry()
registry.register(Operation())


def operation() -> bytes:
    """These figures in Prometheus's text."""
    return generate_latest(registry)
