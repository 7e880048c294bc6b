"""The demo's people, tenants and studies: fictional, made once, then left alone."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from catalog.choices import SizeClass, StudyType
from cro_portal.accounts.demo import DEMO_ACCOUNTS, DEMO_PASSWORD, DemoAccount
from cro_portal.accounts.models import User
from sponsors.choices import Importance, Role, SponsorKind
from sponsors.models import Membership, Sponsor, Study
from sponsors.services import create_study
from sponsors.wanted import Wanted

NAMESPACE = uuid.UUID("a0b7c1c4-3c9d-5a55-8a0e-2f6c7f0f9a11")
CURATORS = "Curators"
MUST, HIGH, MEDIUM, LOW = (
    Importance.MUST,
    Importance.HIGH,
    Importance.MEDIUM,
    Importance.LOW,
)


@dataclass(frozen=True)
class DemoStudy:
    """A fictional study: plain fields, and what it needs."""

    title: str
    fields: dict[str, object]
    needs: tuple[Wanted, ...]


@dataclass(frozen=True)
class DemoTenant:
    """A fictional sponsor and who belongs to it, by mail address."""

    name: str
    kind: SponsorKind
    size: SizeClass
    members: tuple[tuple[str, Role], ...]  # the first owns it
    studies: tuple[DemoStudy, ...]


BIOTECH_STUDIES = (
    DemoStudy(
        "DBT-101 with chemotherapy in advanced breast cancer (fictional)",
        {
            "study_type": StudyType.INTERVENTIONAL,
            "design": "Randomized, parallel, double-blind, treatment",
            "participants": 480,
            "n_sites": 84,
            "start_date": dt.date(2027, 3, 1),
            "end_date": dt.date(2030, 6, 30),
            "min_age_years": 18,
            "is_rare_disease": False,
            "further_studies": 2,
            "sponsor_size": SizeClass.SMALL,
        },
        (
            Wanted("condition", "breast-neoplasms", HIGH),
            Wanted("therapeutic_area", "c04", HIGH),
            Wanted("phase", "phase-3", MUST),
            Wanted("country", "us", MUST, 0.35),
            Wanted("country", "de", HIGH, 0.2),
            Wanted("country", "es", HIGH, 0.15),
            Wanted("country", "pl", HIGH, 0.2),
            Wanted("country", "in", MEDIUM, 0.1),
            Wanted("regulator", "fda", HIGH),
            Wanted("regulator", "ema", HIGH),
            Wanted("service", "clinical-monitoring", MUST),
            Wanted("service", "data-management", HIGH),
            Wanted("service", "biostatistics", HIGH),
            Wanted("service", "pharmacovigilance", MEDIUM),
            Wanted("technology", "edc", HIGH),
            Wanted("technology", "rbqm-system", LOW),
            Wanted("modality", "antibody-drug-conjugate", MEDIUM),
            Wanted("certification", "ich-gcp", MEDIUM),
        ),
    ),
    DemoStudy(
        "DBT-207 gene therapy in Duchenne muscular dystrophy (fictional)",
        {
            "study_type": StudyType.INTERVENTIONAL,
            "design": "Single group, open label, treatment",
            "participants": 24,
            "n_sites": 7,
            "start_date": dt.date(2027, 1, 15),
            "end_date": dt.date(2029, 12, 31),
            "sex": "MALE",
            "min_age_years": 4,
            "max_age_years": 12,
            "is_rare_disease": True,
            "sponsor_size": SizeClass.SMALL,
        },
        (
            Wanted("condition", "muscular-dystrophy-duchenne", MUST),
            Wanted("therapeutic_area", "c10", HIGH),
            Wanted("phase", "phase-1-2", HIGH),
            Wanted("country", "us", HIGH, 0.5),
            Wanted("country", "gb", HIGH, 0.25),
            Wanted("country", "fr", MEDIUM, 0.25),
            Wanted("regulator", "fda", HIGH),
            Wanted("service", "patient-recruitment", HIGH),
            Wanted("service", "regulatory-submissions", HIGH),
            Wanted("service", "medical-monitoring", MEDIUM),
            Wanted("technology", "epro", MEDIUM),
            Wanted("modality", "gene-therapy", MUST),
            Wanted("population", "paediatric", HIGH),
        ),
    ),
)
DEVICE_STUDIES = (
    DemoStudy(
        "Demo Loop monitor in heart failure, after the mark (fictional)",
        {
            "study_type": StudyType.INTERVENTIONAL,
            "design": "Randomized, parallel, open label, device feasibility",
            "participants": 260,
            "n_sites": 30,
            "start_date": dt.date(2027, 5, 1),
            "end_date": dt.date(2029, 5, 31),
            "min_age_years": 18,
            "is_rare_disease": False,
            "sponsor_size": SizeClass.MID,
        },
        (
            Wanted("condition", "heart-failure", HIGH),
            Wanted("therapeutic_area", "c14", MEDIUM),
            Wanted("phase", "phase-na", HIGH),
            Wanted("country", "de", MUST, 0.5),
            Wanted("country", "nl", HIGH, 0.25),
            Wanted("country", "se", MEDIUM, 0.25),
            Wanted("service", "clinical-monitoring", HIGH),
            Wanted("service", "pmcf", HIGH),
            Wanted("technology", "wearables", MEDIUM),
            Wanted("modality", "medical-device", MUST),
            Wanted("certification", "iso-14155", MEDIUM),
        ),
    ),
)
BIOTECH = "Demo Biotech (fictional)"
DEVICES = "Demo Devices (fictional)"
TENANTS = (
    DemoTenant(
        BIOTECH,
        SponsorKind.BIOTECH,
        SizeClass.SMALL,
        (
            ("sponsor@demo.example", Role.OWNER),
            ("procurement@demo.example", Role.PROCUREMENT),
        ),
        BIOTECH_STUDIES,
    ),
    DemoTenant(
        DEVICES,
        SponsorKind.DEVICE,
        SizeClass.MID,
        (("admin@demo.example", Role.OWNER),),
        DEVICE_STUDIES,
    ),
)


@dataclass(frozen=True)
class DemandReport:
    """How many of the demo's people, tenants and studies had to be made."""

    users: int
    tenants: int
    studies: int


@transaction.atomic
def load_demo_demand() -> DemandReport:
    """Make the demo's people, tenants and studies that are not there yet.

    What is there stays as people changed it; passwords are not set back.

    Raises
    ------
    ValidationError
        When the vocabulary lacks a term that a demo study needs.
    """
    before = Sponsor.objects.filter(pk__in=[demo_id(t.name) for t in TENANTS]).count()
    users = sum(_user(account) for account in DEMO_ACCOUNTS)
    studies = sum(len(_tenant(tenant)) for tenant in TENANTS)
    tenants = len(TENANTS) - before
    return DemandReport(users=users, tenants=tenants, studies=studies)


def demo_id(tenant: str) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"sponsor/{tenant}")


def _user(account: DemoAccount) -> bool:
    if User.objects.filter(email__iexact=account.email).exists():
        return False
    user = User.objects.create_user(
        account.email,
        DEMO_PASSWORD,
        name=account.name,
        is_staff=account.is_staff,
        is_superuser=account.is_superuser,
    )
    if account.is_staff and not account.is_superuser:
        user.groups.add(curators())
    return True


def curators() -> Group:
    """Give the group that keeps the catalogue; vocabularies it reads and changes."""
    group, is_new = Group.objects.get_or_create(name=CURATORS)
    if is_new:
        catalogue = Permission.objects.filter(content_type__app_label="catalog")
        group.permissions.set(
            catalogue.exclude(codename__in=["delete_scheme", "delete_term"])
        )
    return group


def _tenant(tenant: DemoTenant) -> list[Study]:
    """Make a tenant with its members and studies; nothing when it is there."""
    sponsor, is_new = Sponsor.objects.get_or_create(
        pk=demo_id(tenant.name),
        defaults={"name": tenant.name, "kind": tenant.kind, "size": tenant.size},
    )
    if not is_new:
        return []
    people = [User.objects.get(email=email) for email, _ in tenant.members]
    Membership.objects.bulk_create(
        Membership(sponsor=sponsor, user=person, role=role)
        for person, (_, role) in zip(people, tenant.members, strict=True)
    )
    return [
        create_study(
            sponsor=sponsor,
            by=people[0],
            values={"title": study.title, **study.fields},
            requirements=study.needs,
        )
        for study in tenant.studies
    ]
