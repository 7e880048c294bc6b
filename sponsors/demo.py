"""The demo's tenants, people and studies: all fictional, made once, then left alone."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.db import transaction

from catalog.choices import SizeClass, StudyType
from catalog.models import Term
from cro_portal.accounts.demo import DEMO_ACCOUNTS, DEMO_PASSWORD, DemoAccount
from cro_portal.accounts.models import User
from sponsors.choices import Importance, Role, SponsorKind
from sponsors.models import Membership, Requirement, Sponsor, Study
from sponsors.signals import study_changed

NAMESPACE = uuid.UUID("a0b7c1c4-3c9d-5a55-8a0e-2f6c7f0f9a11")
CURATORS = "Curators"
MUST, HIGH, MEDIUM, LOW = (
    Importance.MUST,
    Importance.HIGH,
    Importance.MEDIUM,
    Importance.LOW,
)


@dataclass(frozen=True)
class DemoTenant:
    """A fictional sponsor and who belongs to it, by mail address."""

    name: str
    kind: SponsorKind
    size: SizeClass
    members: tuple[tuple[str, Role], ...]


@dataclass(frozen=True)
class DemoStudy:
    """A fictional study: plain fields, and needs as (term key, importance, share)."""

    tenant: str
    title: str
    fields: dict[str, object]
    needs: tuple[tuple[str, Importance, float | None], ...]


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
    ),
    DemoTenant(
        DEVICES,
        SponsorKind.DEVICE,
        SizeClass.MID,
        (("admin@demo.example", Role.OWNER),),
    ),
)
STUDIES = (
    DemoStudy(
        BIOTECH,
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
            ("condition/breast-neoplasms", HIGH, None),
            ("therapeutic_area/c04", HIGH, None),
            ("phase/phase-3", MUST, None),
            ("country/us", MUST, 0.35),
            ("country/de", HIGH, 0.2),
            ("country/es", HIGH, 0.15),
            ("country/pl", HIGH, 0.2),
            ("country/in", MEDIUM, 0.1),
        ),
    ),
    DemoStudy(
        BIOTECH,
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
            ("condition/muscular-dystrophy-duchenne", MUST, None),
            ("therapeutic_area/c10", HIGH, None),
            ("phase/phase-1-2", HIGH, None),
            ("country/us", HIGH, 0.5),
            ("country/gb", HIGH, 0.25),
            ("country/fr", MEDIUM, 0.25),
        ),
    ),
    DemoStudy(
        DEVICES,
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
            ("condition/heart-failure", HIGH, None),
            ("therapeutic_area/c14", MEDIUM, None),
            ("phase/phase-na", HIGH, None),
            ("country/de", MUST, 0.5),
            ("country/nl", HIGH, 0.25),
            ("country/se", MEDIUM, 0.25),
        ),
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
    users = sum(_user(account) for account in DEMO_ACCOUNTS)
    tenants = sum(_tenant(tenant) for tenant in TENANTS)
    studies = sum(_study(study) for study in STUDIES)
    return DemandReport(users=users, tenants=tenants, studies=studies)


def demo_id(kind: str, name: str) -> uuid.UUID:
    return uuid.uuid5(NAMESPACE, f"{kind}/{name}")


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


def _tenant(tenant: DemoTenant) -> bool:
    sponsor, is_new = Sponsor.objects.get_or_create(
        pk=demo_id("sponsor", tenant.name),
        defaults={"name": tenant.name, "kind": tenant.kind, "size": tenant.size},
    )
    if is_new:
        Membership.objects.bulk_create(
            Membership(sponsor=sponsor, user=User.objects.get(email=email), role=role)
            for email, role in tenant.members
        )
    return is_new


def _study(study: DemoStudy) -> bool:
    pk = demo_id("study", study.title)
    if Study.objects.filter(pk=pk).exists():
        return False
    sponsor = Sponsor.objects.get(pk=demo_id("sponsor", study.tenant))
    owner = sponsor.memberships.filter(role=Role.OWNER).select_related("user").first()
    row = Study(
        pk=pk,
        sponsor=sponsor,
        title=study.title,
        created_by=owner.user if owner else None,
        **study.fields,
    )
    row.full_clean()
    row.save(force_insert=True)
    terms = _terms(study)
    Requirement.objects.bulk_create(
        Requirement(
            study=row,
            term=terms[key],
            importance=importance,
            share=share,
            since_version=row.version,
        )
        for key, importance, share in study.needs
    )
    study_changed.send(sender=Study, study_id=row.pk)
    return True


def _terms(study: DemoStudy) -> dict[str, Term]:
    keys = {key for key, _, _ in study.needs}
    found = {
        f"{term.scheme_id}/{term.code}": term
        for term in Term.objects.current().filter(
            code__in=[key.split("/")[1] for key in keys]
        )
    }
    if missing := sorted(keys - found.keys()):
        raise ValidationError(
            f"The vocabulary lacks terms a demo study needs ({', '.join(missing)}): "
            "run manage.py load_vocabularies first."
        )
    return found
