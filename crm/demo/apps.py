"""A small company to look around in: `manage.py load_demo`."""

from django.apps import AppConfig


class DemoConfig(AppConfig):
    name = "crm.demo"
    label = "demo"
