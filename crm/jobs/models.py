"""Signs of life of what works outside requests."""

from __future__ import annotations

from django.db import models

from crm.core.text import Line


class Heartbeat(models.Model):
    """When a part last worked: `beat` sent a heartbeat, `worker` ran one. Brokers cannot all be asked, rows can."""

    part = Line(max_length=20, blank=False, unique=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.part} at {self.at:%Y-%m-%d %H:%M:%S}"
