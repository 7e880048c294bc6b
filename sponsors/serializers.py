"""A study as JSON: the same shape for storing one and for matching without storing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.settings import api_settings

from catalog.choices import SizeClass, StudyType
from catalog.importers.ctgov import parse_study
from catalog.importers.records import RecordError, TrialRecord
from catalog.models import Term
from catalog.serializers import TermRefSerializer
from catalog.vocabulary import TermResolver
from cro_portal.common.fields import (
    Day,
    ListOf,
    Number,
    OneOf,
    StrictSerializer,
    Text,
    TrueFalse,
    Uuid,
    WholeNumber,
)
from sponsors.bounds import BOUNDS, Bound, check_end_date, check_start_date, hints
from sponsors.choices import Importance, Sex
from sponsors.criteria import CRITERIA
from sponsors.models import Requirement, Study
from sponsors.services import current_weights
from sponsors.wanted import (
    SCHEMES,
    Wanted,
    deprecated_term_message,
    unknown_term_message,
)

MAX_REQUIREMENTS = 300
MAX_ERRORS = 10
MAX_WEIGHT = 1e6

STUDY_EXAMPLE = {
    "title": "A phase 2 study in breast cancer",
    "participants": 240,
    "n_sites": 30,
    "start_date": "2027-03-01",
    "is_rare_disease": False,
    "requirements": [
        {"scheme": "condition", "mesh_id": "D001943", "importance": "must"},
        {"scheme": "phase", "code": "phase-2"},
        {"scheme": "country", "code": "pl", "share": 0.6},
        {"scheme": "country", "code": "de", "share": 0.4},
        {"scheme": "service", "code": "data-management", "importance": "must"},
    ],
}


def within(bound: Bound) -> dict[str, Any]:
    """Give the arguments by which a number's field keeps a bound."""
    return {
        "min_value": float(bound.least) if bound.least % 1 else int(bound.least),
        "max_value": bound.most,
        "error_messages": {
            "min_value": bound.sentence,
            "max_value": bound.sentence,
        },
    }


class RequirementInputSerializer(StrictSerializer):
    """One thing asked for, by exactly one of `code`, `mesh_id` and `name`."""

    scheme = OneOf(choices=SCHEMES)
    code = Text(max_length=100, required=False, help_text="Its code in the scheme.")
    mesh_id = Text(
        max_length=20,
        required=False,
        help_text="MeSH unique id, such as D001943; for conditions.",
    )
    name = Text(
        max_length=200, required=False, help_text="Its label or a synonym of it."
    )
    importance = OneOf(
        choices=Importance.choices,
        required=False,
        default=Importance.HIGH,
        help_text="A must is a gate; it counts as high in the score.",
    )
    share = Number(
        required=False,
        allow_null=True,
        default=None,
        max_value=1,
        help_text="For a country: its share of the sites, above 0 to 1.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if sum(key in attrs for key in ("code", "mesh_id", "name")) != 1:
            raise serializers.ValidationError(
                "Give exactly one of code, mesh_id and name."
            )
        if "mesh_id" in attrs and attrs["scheme"] != "condition":
            raise serializers.ValidationError(
                {"mesh_id": "Only conditions have a MeSH id."}
            )
        if attrs["share"] is not None:
            if attrs["scheme"] != "country":
                raise serializers.ValidationError(
                    {"share": "Only countries have a share."}
                )
            if attrs["share"] <= 0:
                raise serializers.ValidationError(
                    {"share": "A share lies above 0; leave it out if not known."}
                )
        return attrs


class WeightsSerializer(StrictSerializer):
    """How much each criterion matters, at any scale."""

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        return {
            criterion.code: Number(
                min_value=0, max_value=MAX_WEIGHT, help_text=criterion.asks
            )
            for criterion in CRITERIA
        }

    def to_internal_value(self, data: Any) -> Any:
        try:
            return super().to_internal_value(data)
        except serializers.ValidationError as error:
            if not isinstance(data, Mapping) or not isinstance(error.detail, dict):
                raise
            missing = [c.code for c in CRITERIA if c.code not in data]
            if not missing:
                raise
            others = {k: v for k, v in error.detail.items() if k not in missing}
            sentence = (
                f"Weights are missing: {', '.join(missing)}. Give all "
                f"{len(CRITERIA)}; 0 means that a criterion does not count."
            )
            raise serializers.ValidationError(
                {**others, api_settings.NON_FIELD_ERRORS_KEY: [sentence]}
            ) from None

    def validate(self, attrs: dict[str, float]) -> dict[str, float]:
        if not any(attrs.values()):
            raise serializers.ValidationError(
                "At least one criterion needs a weight above 0."
            )
        return attrs


class RecordField(serializers.JSONField):
    """A record of ClinicalTrials.gov; its value is the `TrialRecord` read from it."""

    def to_internal_value(self, data: Any) -> TrialRecord:  # type: ignore[override]
        if not isinstance(data, dict | list):
            raise serializers.ValidationError("Give the record as a JSON object.")
        try:
            return parse_study(json.dumps(data))
        except RecordError as error:
            raise serializers.ValidationError(str(error)) from None


class RequirementsField(ListOf):
    """Counts before it reads, so that a huge list costs nothing."""

    def to_internal_value(self, data: Any) -> list[Any]:
        if isinstance(data, list) and len(data) > MAX_REQUIREMENTS:
            raise serializers.ValidationError(
                f"A study may ask for at most {MAX_REQUIREMENTS} things."
            )
        return super().to_internal_value(data)


class StudyFieldsSerializer(StrictSerializer):
    """What a study is and needs. Leave out what is not known."""

    title = Text(max_length=500, required=False)
    registry_id = Text(max_length=40, allow_blank=True, required=False)
    study_type = OneOf(choices=StudyType.choices, required=False)
    design = Text(max_length=300, allow_blank=True, required=False)
    end_date = Day(required=False, allow_null=True, validators=[check_end_date])
    sex = OneOf(choices=Sex.choices, required=False)
    min_age_years = Number(
        required=False, allow_null=True, **within(BOUNDS["min_age_years"])
    )
    max_age_years = Number(
        required=False, allow_null=True, **within(BOUNDS["max_age_years"])
    )
    notes = Text(max_length=10_000, allow_blank=True, required=False)
    requirements = RequirementsField(
        child=RequirementInputSerializer(), required=False, max_length=MAX_REQUIREMENTS
    )
    weights = WeightsSerializer(
        required=False,
        help_text=(
            "All eight criteria; 0 leaves one out. Left out altogether: the default."
        ),
    )
    start_date = Day(required=False, allow_null=True, validators=[check_start_date])
    participants = WholeNumber(
        required=False, allow_null=True, **within(BOUNDS["participants"])
    )
    n_sites = WholeNumber(required=False, allow_null=True, **within(BOUNDS["n_sites"]))
    is_rare_disease = TrueFalse(required=False, allow_null=True)
    further_studies = WholeNumber(required=False, **within(BOUNDS["further_studies"]))
    staff_needed_fte = Number(
        required=False,
        allow_null=True,
        **within(BOUNDS["staff_needed_fte"]),
        help_text="Full-time equivalents; left out: 2 + sites / 7 + countries / 2.",
    )
    sponsor_size = OneOf(choices=SizeClass.choices, required=False)

    def validate_requirements(self, rows: list[dict[str, Any]]) -> list[Wanted]:
        return resolve_requirements(rows)

    def validate_staff_needed_fte(self, value: float | None) -> Decimal | None:
        return None if value is None else round(Decimal(str(value)), 2)

    validate_min_age_years = validate_staff_needed_fte
    validate_max_age_years = validate_staff_needed_fte


@extend_schema_serializer(
    examples=[
        OpenApiExample("By hand", value=STUDY_EXAMPLE, request_only=True),
        OpenApiExample(
            "From a register's record",
            value={"record": {"protocolSection": {"…": "as downloaded"}}},
            request_only=True,
        ),
    ]
)
class StudyInputSerializer(StudyFieldsSerializer):
    """A study to store. Send either its fields or `record`, not both."""

    record = RecordField(
        required=False,
        help_text="A study of ClinicalTrials.gov (API version 2, JSON) as downloaded.",
    )
    accept_duplicate = TrueFalse(
        required=False,
        default=False,
        help_text="With `record`: make it although the sponsor has this number.",
    )
    sponsor = Uuid(
        required=False, help_text="Needed when you may act for several sponsors."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        own = attrs.keys() - {"record", "accept_duplicate", "sponsor"}
        if "record" in attrs and own:
            raise serializers.ValidationError(
                dict.fromkeys(
                    sorted(own),
                    "Send the record alone; change the study by PATCH afterwards.",
                )
            )
        if not attrs.keys() & {"record", "title"}:
            raise serializers.ValidationError({"title": "Give the study a title."})
        return attrs


class StudyChangeSerializer(StudyFieldsSerializer):
    """A change of a study: what is left out stays; `requirements` replaces them all."""


class RequirementSerializer(serializers.ModelSerializer[Requirement]):
    term = TermRefSerializer()
    share = serializers.FloatField(allow_null=True)

    class Meta:
        model = Requirement
        fields = ["term", "importance", "share", "is_from_register"]


class StudyListSerializer(serializers.ModelSerializer[Study]):
    url = serializers.HyperlinkedIdentityField(view_name="api:study-detail")

    class Meta:
        model = Study
        fields = [
            "id",
            "url",
            "sponsor",
            "title",
            "registry_id",
            "version",
            "created_at",
            "updated_at",
            "archived_at",
        ]


class HintSerializer(serializers.Serializer[Any]):
    """Something odd about a field of a study, which may yet be right."""

    field = serializers.CharField()
    sentence = serializers.CharField()


class StudySerializer(StudyListSerializer):
    hints = serializers.SerializerMethodField(
        help_text="What is odd but taken: a start that has passed and such."
    )
    requirements = serializers.SerializerMethodField()
    weights = serializers.SerializerMethodField()
    min_age_years = serializers.FloatField(allow_null=True)
    max_age_years = serializers.FloatField(allow_null=True)
    staff_needed_fte = serializers.FloatField(allow_null=True)
    from_register = serializers.ListField(child=serializers.CharField())
    conditions_not_coded = serializers.ListField(child=serializers.CharField())

    class Meta(StudyListSerializer.Meta):
        fields = [
            *StudyListSerializer.Meta.fields,
            "study_type",
            "design",
            "participants",
            "n_sites",
            "start_date",
            "end_date",
            "sex",
            "min_age_years",
            "max_age_years",
            "is_rare_disease",
            "further_studies",
            "staff_needed_fte",
            "sponsor_size",
            "notes",
            "from_register",
            "conditions_not_coded",
            "requirements",
            "weights",
            "hints",
        ]

    @extend_schema_field(HintSerializer(many=True))
    def get_hints(self, study: Study) -> list[dict[str, str]]:
        return [asdict(hint) for hint in hints(vars(study))]

    def get_requirements(self, study: Study) -> list[dict[str, Any]]:
        rows = study.requirements.current().select_related("term")
        return list(RequirementSerializer(rows, many=True).data)

    def get_weights(self, study: Study) -> dict[str, float]:
        return current_weights(study)


def resolve_requirements(rows: Sequence[Mapping[str, Any]]) -> list[Wanted]:
    """Find the terms that are meant; every row that has none gets its own error.

    Raises
    ------
    ValidationError
        A list with an error per row, empty where all is well. It ends with the
        tenth error, since each asks the vocabulary for what is near.
    """
    finder = _Finder(rows)
    errors: list[dict[str, str]] = []
    wanted: list[Wanted] = []
    seen: set[int] = set()
    for row in rows:
        if sum(map(bool, errors)) == MAX_ERRORS:
            break
        key = next(key for key in ("code", "mesh_id", "name") if key in row)
        term = finder.find(row, key)
        if term is None:
            errors.append(
                {key: unknown_term_message(row["scheme"], row[key], codes=True)}
            )
        elif term.deprecated_on:
            errors.append({key: deprecated_term_message(term, codes=True)})
        elif term.pk in seen:
            errors.append({key: f"“{term.label}” is asked for twice."})
        else:
            errors.append({})
            seen.add(term.pk)
            wanted.append(
                Wanted(term.scheme_id, term.code, row["importance"], row["share"])
            )
    if any(errors):
        raise serializers.ValidationError(errors)
    return wanted


class _Finder:
    """The terms of some rows: one query for codes, one for MeSH ids, one for names."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        codes = {row["code"].lower() for row in rows if "code" in row}
        mesh_ids = {row["mesh_id"].upper() for row in rows if "mesh_id" in row}
        named = {row["scheme"] for row in rows if "name" in row}
        terms = Term.objects.select_related("replaced_by")
        self.by_code = {
            (term.scheme_id, term.code): term
            for term in (terms.filter(code__in=codes) if codes else ())
        }
        self.by_mesh_id = {
            term.external_code: term
            for term in (
                terms.of("condition")
                .filter(external_code__in=mesh_ids)
                .order_by("deprecated_on")  # the current one comes last and wins
                if mesh_ids
                else ()
            )
        }
        self.names = TermResolver.load(named) if named else None

    def find(self, row: Mapping[str, Any], key: str) -> Term | None:
        if key == "code":
            return self.by_code.get((row["scheme"], row["code"].lower()))
        if key == "mesh_id":
            return self.by_mesh_id.get(row["mesh_id"].upper())
        return self.names.find(row["scheme"], row["name"]) if self.names else None
