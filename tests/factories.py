"""Factories that set only what the database demands."""

import datetime as dt

import factory
from factory.django import DjangoModelFactory

from catalog import models as catalog
from catalog.choices import ClaimStatus, CROStatus, Register, RoleKind, SourceKind, Tier
from cro_portal.accounts.models import User
from sponsors import models as sponsors
from sponsors.choices import Role, SponsorKind


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence("person{}@sponsor.example".format)
    name = factory.Sequence("Person {}".format)


class SchemeFactory(DjangoModelFactory):
    class Meta:
        model = catalog.Scheme
        django_get_or_create = ("code",)

    code = "service"
    label = factory.LazyAttribute(lambda scheme: scheme.code.replace("_", " ").title())


class TermFactory(DjangoModelFactory):
    class Meta:
        model = catalog.Term

    scheme = factory.SubFactory(SchemeFactory)
    code = factory.Sequence("term-{}".format)
    label = factory.LazyAttribute(lambda term: term.code.replace("-", " ").capitalize())


class CROFactory(DjangoModelFactory):
    class Meta:
        model = catalog.CRO

    name = factory.Sequence("Fictional Research {}".format)
    slug = factory.Sequence("fictional-research-{}".format)
    status = CROStatus.LISTED
    is_fictional = True


class AliasFactory(DjangoModelFactory):
    class Meta:
        model = catalog.Alias

    cro = factory.SubFactory(CROFactory)
    name = factory.Sequence("Former Research {}".format)


class SourceFactory(DjangoModelFactory):
    class Meta:
        model = catalog.Source

    kind = SourceKind.DOCUMENT
    title = factory.Sequence("Source {}".format)


class ClaimFactory(DjangoModelFactory):
    """An accepted yes, attested by the CRO."""

    class Meta:
        model = catalog.Claim

    cro = factory.SubFactory(CROFactory)
    term = factory.SubFactory(TermFactory)
    answer = True
    delivery = factory.LazyAttribute(lambda claim: "own" if claim.answer else "")
    tier = Tier.ATTESTED
    observed_on = dt.date(2026, 6, 1)
    status = ClaimStatus.ACCEPTED


class TrialFactory(DjangoModelFactory):
    class Meta:
        model = catalog.Trial

    register = Register.DEMO
    registry_id = factory.Sequence("DEMO-{:06d}".format)


class TrialRoleFactory(DjangoModelFactory):
    class Meta:
        model = catalog.TrialRole

    trial = factory.SubFactory(TrialFactory)
    cro = factory.SubFactory(CROFactory)
    kind = RoleKind.COLLABORATOR


class SponsorFactory(DjangoModelFactory):
    class Meta:
        model = sponsors.Sponsor

    name = factory.Sequence("Sponsor {}".format)
    kind = SponsorKind.BIOTECH


class MembershipFactory(DjangoModelFactory):
    class Meta:
        model = sponsors.Membership

    sponsor = factory.SubFactory(SponsorFactory)
    user = factory.SubFactory(UserFactory)
    role = Role.OWNER


class StudyFactory(DjangoModelFactory):
    class Meta:
        model = sponsors.Study

    sponsor = factory.SubFactory(SponsorFactory)
    title = factory.Sequence("Study {}".format)


class RequirementFactory(DjangoModelFactory):
    class Meta:
        model = sponsors.Requirement

    study = factory.SubFactory(StudyFactory)
    term = factory.SubFactory(TermFactory)
    since_version = 1
