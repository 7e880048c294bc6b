"""The catalogue in the API: what is known, and who says so."""

from collections.abc import Iterable
from typing import Any

from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers

from catalog import search, selectors
from catalog.index.query import Choice
from catalog.models import CRO, Alias, Claim, Scheme, Source, Term, Trial


class SchemeSerializer(serializers.ModelSerializer[Scheme]):
    n_terms = serializers.IntegerField(
        min_value=0,
        read_only=True,
        help_text="Terms in use; deprecated ones not counted.",
    )

    class Meta:
        model = Scheme
        fields = [
            "code",
            "label",
            "description",
            "code_system",
            "code_system_version",
            "n_terms",
        ]


class TermRefSerializer(serializers.ModelSerializer[Term]):
    """A term as others point to it."""

    scheme = serializers.CharField(source="scheme_id")

    class Meta:
        model = Term
        fields = ["scheme", "code", "label"]


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A country",
            value={
                "scheme": "country",
                "code": "pl",
                "label": "Poland",
                "description": "",
                "parent": None,
                "broader": [
                    {
                        "scheme": "region",
                        "code": "eastern-europe",
                        "label": "Eastern Europe",
                    }
                ],
                "external_code": "616",
                "synonyms": [],
                "tree_numbers": [],
                "attributes": {"alpha3": "POL"},
                "is_deprecated": False,
                "deprecated_on": None,
                "replaced_by": None,
            },
        )
    ]
)
class TermSerializer(serializers.ModelSerializer[Term]):
    scheme = serializers.CharField(source="scheme_id")
    parent = TermRefSerializer(read_only=True, allow_null=True)
    broader = TermRefSerializer(
        many=True, read_only=True, help_text="Wider terms, also of other schemes."
    )
    is_deprecated = serializers.SerializerMethodField(
        help_text="A deprecated term cannot be asked for; see `replaced_by`."
    )
    replaced_by = TermRefSerializer(read_only=True, allow_null=True)
    attributes = serializers.DictField(
        read_only=True,
        help_text="What only this scheme has: unit, direction and bounds of a metric.",
    )

    class Meta:
        model = Term
        fields = [
            "scheme",
            "code",
            "label",
            "description",
            "parent",
            "broader",
            "external_code",
            "synonyms",
            "tree_numbers",
            "attributes",
            "is_deprecated",
            "deprecated_on",
            "replaced_by",
        ]

    def get_is_deprecated(self, term: Term) -> bool:
        return term.deprecated_on is not None


class CRORefSerializer(serializers.ModelSerializer[CRO]):
    """A CRO as others point to it."""

    class Meta:
        model = CRO
        fields = ["slug", "name", "is_fictional"]


class CROSerializer(serializers.ModelSerializer[CRO]):
    id = serializers.UUIDField(source="uuid", help_text="Never changes; a slug may.")
    url = serializers.HyperlinkedIdentityField(
        view_name="api:cro-detail", lookup_field="slug"
    )

    class Meta:
        model = CRO
        fields = [
            "id",
            "slug",
            "url",
            "name",
            "website",
            "summary",
            "status",
            "is_fictional",
        ]


class CRORowSerializer(CROSerializer):
    """A CRO in the list; `fields` of the context keeps these fields only."""

    unknown = serializers.SerializerMethodField(
        help_text="What was asked for and is not known of it: `phase=phase-2`."
    )
    disputed = serializers.SerializerMethodField(
        help_text="What was asked for and equally good sources dispute."
    )

    class Meta(CROSerializer.Meta):
        fields = [*CROSerializer.Meta.fields, "unknown", "disputed"]

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        wanted = self.context.get("fields") or fields.keys()
        return {name: field for name, field in fields.items() if name in wanted}

    def get_unknown(self, cro: CRO) -> list[str]:
        return _as_parameters(self.context["found"].unknown.get(cro.pk, ()))

    def get_disputed(self, cro: CRO) -> list[str]:
        return _as_parameters(self.context["found"].disputed.get(cro.pk, ()))


def _as_parameters(choices: Iterable[Choice]) -> list[str]:
    return [f"{choice.facet}={search.write_choice(choice)}" for choice in choices]


AS_OF_HELP = (
    "The catalogue's version, the vocabularies' version and the day, as in the header"
    " Catalog-As-Of. Two answers with the same value tell of the same facts."
)


class CROPageSerializer(serializers.Serializer[Any]):
    """A page of the list of CROs."""

    count = serializers.IntegerField(min_value=0, help_text="CROs found.")
    count_known = serializers.IntegerField(
        min_value=0, help_text="Of these, known to match; they come first."
    )
    count_unknown = serializers.IntegerField(
        min_value=0,
        help_text="CROs of which something asked for is not known; with `unknown=0`"
        " they are left out of `count`.",
    )
    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    as_of = serializers.CharField(help_text=AS_OF_HELP)
    facets = serializers.DictField(
        child=serializers.DictField(child=serializers.IntegerField(min_value=1)),
        required=False,
        help_text="With `facets=1`: by facet and code, the CROs that show it among"
        " those that the other facets leave. Codes of which nobody does are not there.",
    )
    results = CRORowSerializer(many=True)


class SuggestionSerializer(serializers.Serializer[Any]):
    kind = serializers.CharField(help_text="`cro`, or the parameter to filter by.")
    label = serializers.CharField()  # type: ignore[assignment]
    value = serializers.CharField(help_text="The slug of a CRO, or a code.")
    also = serializers.CharField(
        allow_blank=True, help_text="The name that was matched, where it is another."
    )


class SuggestionsSerializer(serializers.Serializer[Any]):
    as_of = serializers.CharField(help_text=AS_OF_HELP)
    results = SuggestionSerializer(many=True)


class TrialSerializer(serializers.ModelSerializer[Trial]):
    """A registered trial in which a CRO had a part."""

    id = serializers.CharField(source="registry_id", help_text="Of the register.")
    url = serializers.CharField(
        source="register_url",
        help_text="The record in its register; empty for fictional trials.",
    )
    phase = TermRefSerializer(allow_null=True)
    conditions = TermRefSerializer(many=True)
    countries = TermRefSerializer(many=True)
    roles = serializers.SerializerMethodField(
        help_text="The fields of the record that name the CRO."
    )

    class Meta:
        model = Trial
        fields = [
            "register",
            "id",
            "url",
            "title",
            "phase",
            "overall_status",
            "start_date",
            "completion_date",
            "participants",
            "n_sites",
            "lead_sponsor",
            "conditions",
            "countries",
            "roles",
            "retrieved_on",
        ]

    def get_roles(self, trial: Trial) -> list[str]:
        return [role.kind for role in trial.roles_of_cro]  # type: ignore[attr-defined]


class AliasSerializer(serializers.ModelSerializer[Alias]):
    class Meta:
        model = Alias
        fields = ["name", "kind", "valid_from", "valid_to"]


class SchemeFactsSerializer(serializers.Serializer[Any]):
    scheme = serializers.CharField()
    yes = serializers.IntegerField(
        min_value=0, help_text="Accepted claims that say yes."
    )
    no = serializers.IntegerField(min_value=0, help_text="Accepted claims that say no.")
    is_complete = serializers.BooleanField(
        help_text="Every yes of this scheme is listed: a term without claim is a no."
    )


class FactsSerializer(serializers.Serializer[Any]):
    """How much is known. What is not counted here is not known, which is not a no."""

    n_claims = serializers.IntegerField(min_value=0)
    n_trials = serializers.IntegerField(
        min_value=0, help_text="Registered trials that name the CRO; sites left out."
    )
    latest_observation = serializers.DateField(allow_null=True)
    claims_by_scheme = SchemeFactsSerializer(many=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A fictional CRO",
            value={
                "id": "0d0c4a0e-3c5f-4a43-9a3f-6f8c5b1f7e11",
                "slug": "aldermoor-clinical",
                "url": "http://localhost:8000/api/v1/cros/aldermoor-clinical/",
                "name": "Aldermoor Clinical",
                "website": "",
                "summary": "Oncology studies in Poland and Czechia.",
                "status": "listed",
                "is_fictional": True,
                "aliases": [
                    {
                        "name": "Aldermoor Research",
                        "kind": "former",
                        "valid_from": None,
                        "valid_to": "2019-12-31",
                    }
                ],
                "successor": None,
                "succeeded_on": None,
                "facts": {
                    "n_claims": 31,
                    "n_trials": 12,
                    "latest_observation": "2026-05-02",
                    "claims_by_scheme": [
                        {
                            "scheme": "service",
                            "yes": 14,
                            "no": 2,
                            "is_complete": False,
                        }
                    ],
                },
                "catalog_version": 398,
                "as_of": "412.3.2026-11-22",
            },
        )
    ]
)
class CRODetailSerializer(CROSerializer):
    aliases = AliasSerializer(many=True, read_only=True)
    successor = CRORefSerializer(read_only=True, allow_null=True)
    facts = serializers.SerializerMethodField()
    as_of = serializers.SerializerMethodField(help_text=AS_OF_HELP)

    class Meta(CROSerializer.Meta):
        fields = [
            *CROSerializer.Meta.fields,
            "aliases",
            "successor",
            "succeeded_on",
            "facts",
            "catalog_version",
            "as_of",
        ]

    def get_as_of(self, cro: CRO) -> str:
        return self.context["as_of"]

    @extend_schema_field(FactsSerializer)
    def get_facts(self, cro: CRO) -> Any:
        return FactsSerializer(selectors.cro_facts(cro)).data


class SourceSerializer(serializers.ModelSerializer[Source]):
    id = serializers.UUIDField(source="uuid")

    class Meta:
        model = Source
        fields = [
            "id",
            "kind",
            "title",
            "url",
            "publisher",
            "published_on",
            "retrieved_on",
        ]


class ClaimSerializer(serializers.ModelSerializer[Claim]):
    """A statement about a CRO with its provenance."""

    id = serializers.UUIDField(source="uuid")
    term = TermRefSerializer()
    country = TermRefSerializer(
        allow_null=True, help_text="It holds only there; null: not limited."
    )
    area = TermRefSerializer(
        allow_null=True, help_text="It holds only in this area; null: not limited."
    )
    source = SourceSerializer(allow_null=True)  # type: ignore[assignment]
    value = serializers.FloatField(
        allow_null=True, help_text="The number of a metric, in the unit of its term."
    )
    qualifiers = serializers.DictField(help_text="Product, certificate number, issuer…")
    is_verified = serializers.SerializerMethodField(
        help_text="A curator has checked it against its source."
    )

    class Meta:
        model = Claim
        fields = [
            "id",
            "term",
            "answer",
            "aspect",
            "country",
            "area",
            "delivery",
            "value",
            "qualifiers",
            "tier",
            "source",
            "observed_on",
            "expires_on",
            "status",
            "is_verified",
            "verified_at",
        ]

    def get_is_verified(self, claim: Claim) -> bool:
        return claim.verified_at is not None
