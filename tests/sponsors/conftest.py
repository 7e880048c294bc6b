import datetime as dt
from types import SimpleNamespace

import pytest
from django.db import connection

from sponsors.signals import study_changed
from tests.factories import TermFactory


@pytest.fixture
def words(db):
    """A small vocabulary, by code with dashes as underscores."""
    terms = {}

    def add(scheme, code, label, **fields):
        terms[code.replace("-", "_")] = TermFactory.create(
            scheme__code=scheme, code=code, label=label, **fields
        )

    def mesh(code, label, number, tree):
        add("condition", code, label, external_code=number, tree_numbers=[tree])

    mesh("asthma", "Asthma", "D001249", "C08.127.108")
    mesh("bronchial-diseases", "Bronchial Diseases", "D001982", "C08.127")
    mesh("breast-neoplasms", "Breast Neoplasms", "D001943", "C04.588.180")
    add("phase", "phase-2", "Phase 2", attributes={"ctgov": ["PHASE2"]})
    add("phase", "phase-2-3", "Phase 2/3", attributes={"ctgov": ["PHASE2", "PHASE3"]})
    add("modality", "drug", "Drug", attributes={"ctgov_interventions": ["DRUG"]})
    add("modality", "device", "Device", attributes={"ctgov_interventions": ["DEVICE"]})
    add("population", "paediatric", "Paediatric")
    add("population", "elderly", "Elderly")
    add("population", "healthy-volunteers", "Healthy volunteers")
    add("country", "pl", "Poland")
    add("country", "fr", "France")
    add("country", "de", "Germany", synonyms=["Deutschland"])
    add("regulator", "ema", "EMA")
    add("service", "monitoring", "Monitoring")
    add("service", "data-management", "Data management", parent=None)
    add("technology", "edc", "EDC")
    add(
        "service",
        "old-monitoring",
        "Site visits",
        deprecated_on=dt.date(2026, 1, 1),
        replaced_by=terms["monitoring"],
    )
    return SimpleNamespace(**terms)


@pytest.fixture
def announced():
    """Collect the studies announced as changed, with the transaction's state."""
    heard = []

    def listen(sender, study_id, **kwargs):
        heard.append((study_id, connection.in_atomic_block))

    study_changed.connect(listen)
    yield heard
    study_changed.disconnect(listen)
