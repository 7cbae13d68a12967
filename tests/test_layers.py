"""Foreign keys by name and migrations point the way imports do: import-linter cannot see them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from django.apps import AppConfig, apps
from django.conf import settings
from django.db import models
from django.db.migrations.loader import MigrationLoader

ROOT = Path(settings.BASE_DIR)
# Every table's triggers write into the change log's tables: its first migration comes before all.
LOG = ("history", "0001_create_change_log")
# A touch belongs to whatever it was with, so its keys may point up (by name).
MAY_POINT_UP = {"activities"}


def layers() -> list[list[str]]:
    """The layers as pyproject.toml has them, the highest first."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (contract,) = (one for one in contracts if one["type"] == "layers")
    return [[name.strip() for name in re.split(r"[|:]", layer)] for layer in contract["layers"]]


HEIGHT = {name: -place for place, names in enumerate(layers()) for name in names}


def ours() -> list[AppConfig]:
    """The project's own apps."""
    return [
        config
        for config in apps.get_app_configs()
        if Path(config.path).is_relative_to(ROOT) and "venv" not in config.path
    ]


def may_know(app: str, other: str) -> bool:
    """Whether one app may know another: itself, or one further down."""
    return app == other or HEIGHT[apps.get_app_config(app).name] > HEIGHT[apps.get_app_config(other).name]


def keys() -> list[tuple[str, models.Field[object, object]]]:
    """Each relation of the project's models, with its app."""
    return [
        (config.label, field)
        for config in ours()
        for model in config.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.ForeignKey | models.ManyToManyField)
    ]


def test_every_app_has_its_layer() -> None:
    assert len(ours()) > 8
    assert {config.name for config in ours()} <= HEIGHT.keys()


def test_keys_point_down() -> None:
    labels = {config.label for config in ours()}
    wrong = [
        f"{field} to {field.related_model}"
        for app, field in keys()
        if field.related_model is not None
        and not isinstance(field.related_model, str)
        and field.related_model._meta.app_label in labels
        and app not in MAY_POINT_UP
        and not may_know(app, field.related_model._meta.app_label)
    ]
    assert len(keys()) > 20
    assert wrong == []


def test_only_touches_point_up() -> None:
    assert {
        app for app, field in keys() if not isinstance(field.related_model, str) and not may_know_or_foreign(app, field)
    } == MAY_POINT_UP


def may_know_or_foreign(app: str, field: models.Field[object, object]) -> bool:
    """Whether the key points down, or out of the project."""
    other = field.related_model
    assert other is not None
    assert not isinstance(other, str)
    label = other._meta.app_label
    return label not in {config.label for config in ours()} or may_know(app, label)


@pytest.mark.django_db
def test_migrations_depend_on_what_lies_below() -> None:
    labels = {config.label for config in ours()}
    graph = MigrationLoader(None).disk_migrations or {}
    wrong = [
        f"{key} needs {dependency}"
        for key, migration in graph.items()
        if key[0] in labels and key[0] not in MAY_POINT_UP
        for dependency in migration.dependencies
        if dependency[0] in labels and dependency != LOG and not may_know(key[0], dependency[0])
    ]
    assert sum(key[0] in labels for key in graph) > 10
    assert wrong == []


@pytest.mark.django_db
def test_migrations_say_in_their_name_what_they_do_and_can_be_undone() -> None:
    labels = {config.label for config in ours()}
    graph = MigrationLoader(None).disk_migrations or {}
    for (app, name), migration in graph.items():
        if app not in labels:
            continue
        assert re.fullmatch(r"\d{4}_[a-z]+_[a-z_0-9]+", name), f"{app}.{name}"
        assert not re.search(r"_auto_|_initial|_and_more", name), f"{app}.{name}"
        for operation in migration.operations:
            assert operation.reversible, f"{app}.{name}: {operation}"
