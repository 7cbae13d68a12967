"""Global search and the command palette; its module `admin` registers the pages."""

from django.apps import AppConfig


class SearchConfig(AppConfig):
    name = "crm.search"
    label = "search"
