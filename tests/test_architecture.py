"""The layers, where a linter cannot see them: foreign keys are imports too."""

import subprocess
import sys

import pytest
from django.apps import apps
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

LEVELS = {"accounts": 0, "common": 0, "catalog": 1, "sponsors": 2, "matching": 3}


def own_models():
    return [model for model in apps.get_models() if model._meta.app_label in LEVELS]


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model.__name__)
def test_relations_point_down_only(model):
    here = LEVELS[model._meta.app_label]
    for field in model._meta.get_fields():
        if field.is_relation and not field.auto_created and field.related_model:
            label = field.related_model._meta.app_label
            assert LEVELS.get(label, 0) <= here, f"{field} points up to {label}"


@pytest.mark.parametrize("model", own_models(), ids=lambda model: model.__name__)
def test_every_ordering_ends_in_a_unique_field(model):
    ordering = [name.lstrip("-") for name in model._meta.ordering]
    assert ordering, "an unordered list changes between two looks"
    unique_together = {
        frozenset(constraint.fields)
        for constraint in model._meta.constraints
        if getattr(constraint, "fields", None) and constraint.condition is None
    }
    fields = {field.attname: field.name for field in model._meta.concrete_fields}
    named = [fields.get(name, name) for name in ordering]
    is_unique = named[-1] == "pk" or model._meta.get_field(named[-1]).unique
    assert is_unique or any(fields <= set(named) for fields in unique_together)


def test_the_engine_runs_without_django():
    code = (
        "import sys; sys.modules['django'] = None\n"
        "import matching.engine, matching.engine.inputs, matching.engine.results\n"
        "assert not [m for m in sys.modules if m.startswith('catalog')]\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.django_db
def test_migrations_are_applied_and_linear():
    executor = MigrationExecutor(connection)
    assert not executor.loader.detect_conflicts()
    assert not executor.migration_plan(executor.loader.graph.leaf_nodes())
