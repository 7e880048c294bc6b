"""Rankings as JSON, the same for stored ones and for those made on the spot.

A ranking has tens of thousands of numbers, so plain functions write it; the
serializers describe it, and tests hold the two together.
"""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError as DjangoValidationError
from drf_spectacular.utils import (
    OpenApiExample,
    extend_schema_field,
    extend_schema_serializer,
)
from rest_framework import serializers
from rest_framework.reverse import reverse

from catalog.serializers import CRORefSerializer, TermRefSerializer
from cro_portal.common.problems import from_django
from matching.certainty import Certainty, State
from matching.engine.robustness import word
from matching.models import Group, Ranking, RankingEntry, RankingRun
from matching.questions import questions_between
from matching.selectors import RankingState, RunState, run_state
from matching.sentences import gate_sentence, sentence
from sponsors import services
from sponsors.choices import Importance
from sponsors.needs import NeedSpec, RequirementSpec
from sponsors.serializers import STUDY_EXAMPLE, RecordField, StudyFieldsSerializer
from sponsors.wanted import Wanted

GROUPS = [group.name.lower() for group in Group]


def ranking_json(
    ranking: Ranking,
    entries: Iterable[RankingEntry],
    certainty: Certainty | None = None,
    compared: Iterable[RankingEntry] = (),
) -> dict[str, Any]:
    """Write a ranking with some of its entries, best first.

    `compared` are the entries that `certainty` is about.
    """
    groups: dict[bool, list[dict[str, Any]]] = {False: [], True: []}
    for entry in entries:
        is_near_miss = entry.group == Group.NEAR_MISS
        groups[is_near_miss].append(entry_json(ranking, entry))
    parameters = ranking.parameters
    return {
        "digest": ranking.digest,
        "method_version": ranking.method_version,
        "catalog_version": ranking.catalog_version,
        "as_of": ranking.as_of,
        "counts": {
            "eligible": ranking.n_eligible,
            "conditional": ranking.n_conditional,
            "near_miss": ranking.n_near_miss,
            "excluded": ranking.n_excluded,
        },
        "criteria": parameters["criteria"],
        "leaves": parameters["leaves"],
        "gates": parameters["gates"],
        "relaxation": parameters["relaxation"],
        "relaxations": parameters.get("relaxations", []),
        **certainty_json(ranking, certainty, compared),
        "requirements": parameters["requirements"],
        "need": parameters["need"],
        "results": groups[False],
        "near_misses": groups[True],
    }


def certainty_json(
    ranking: Ranking, certainty: Certainty | None, compared: Iterable[RankingEntry]
) -> dict[str, Any]:
    """Write how sure a ranking is: `robustness`, `groups` and `questions`."""
    if certainty is None or certainty.state is State.NEVER:
        return {"robustness": None, "groups": [], "questions": []}
    entries = list(compared)
    slugs = {entry.cro_id: entry.cro.slug for entry in entries}
    asked = questions_between(ranking, entries, certainty).questions
    return {
        "robustness": {
            "state": certainty.state.value,
            "progress": certainty.progress,
            "n_draws": certainty.n_draws,
            "seed": certainty.seed,
            "digest": certainty.digest,
            "cros": [
                {
                    "cro": slugs[chance.cro_id],
                    "position": chance.position,
                    "first": chance.first,
                    "top3": chance.top3,
                    "ranks": chance.ranks,
                    "admitted": chance.admitted,
                    "confidence": chance.confidence,
                    "central_weights": chance.central_weights,
                }
                for chance in certainty.chances.values()
                if chance.cro_id in slugs
            ],
        },
        "groups": [
            {
                "first": tie.first,
                "last": tie.last,
                "cros": [slugs[cro_id] for cro_id in tie.cro_ids if cro_id in slugs],
                "before_next": tie.before_next,
                "word": None if tie.before_next is None else word(tie.before_next),
            }
            for tie in certainty.ties
        ],
        "questions": [
            {
                "cro": one.cro.slug,
                "position": one.position,
                "about": one.about,
                "question": one.text,
                "is_must": one.is_must,
                "first_now": one.now,
                "first_at_worst": one.at_low,
                "first_at_best": one.at_high,
                "value": one.value,
            }
            for one in asked
        ],
    }


def entry_json(ranking: Ranking, entry: RankingEntry) -> dict[str, Any]:
    """Write one CRO's place: its score, what it is made of and why."""
    leaves = ranking.parameters["leaves"]
    return {
        "position": entry.position,
        "cro": {
            "slug": entry.cro.slug,
            "name": entry.cro.name,
            "is_fictional": entry.cro.is_fictional,
        },
        "group": Group(entry.group).name.lower(),
        "score": entry.score,
        "score_low": entry.score_low,
        "score_high": entry.score_high,
        "evidence": entry.evidence,
        "leaves": [
            {"criterion": leaf["criterion"], "name": leaf["name"], **values}
            for leaf, values in zip(leaves, entry.leaves, strict=True)
        ],
        "gates": [
            {
                "term": {name: gate[name] for name in ("scheme", "code", "label")},
                "state": found["state"],
                "waived": found["waived"],
                "sentence": gate_sentence(found["state"], found["fact"]),
            }
            for gate, found in zip(
                ranking.parameters["gates"], entry.gates, strict=True
            )
        ],
        "reasons": [
            {
                "leaf": leaves[reason["leaf"]]["name"],
                "facts": [
                    {"sentence": sentence(leaves[reason["leaf"]]["name"], fact), **fact}
                    for fact in reason["facts"]
                ],
            }
            for reason in entry.reasons
        ],
    }


class MatchSerializer(StudyFieldsSerializer):
    """A study to match. Nothing is stored; a title and such are read and left aside.

    With `record`, what is typed beside it comes before what the record says, and
    the requirements are added to the record's.
    """

    record = RecordField(
        required=False,
        help_text="A study of ClinicalTrials.gov (API version 2, JSON) as downloaded.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        return {"spec": need_spec(attrs)}


def need_spec(attrs: dict[str, Any]) -> NeedSpec:
    """Write the question of a study that is not stored: one or two queries.

    Raises
    ------
    ValidationError
        Under `requirements`.
    """
    values: dict[str, Any] = {}
    wanted: dict[tuple[str, str], Wanted] = {}
    if record := attrs.get("record"):
        prefill = services.read_record(record)
        values |= prefill.values
        wanted |= {(row.scheme, row.code): row for row in prefill.requirements}
    values |= attrs
    wanted |= {(row.scheme, row.code): row for row in attrs.get("requirements", ())}
    rows = list(wanted.values())
    try:
        terms = services.terms_or_errors(rows)
    except DjangoValidationError as error:
        raise from_django(error) from None
    staff = values.get("staff_needed_fte")
    return NeedSpec(
        requirements=tuple(
            RequirementSpec(term.pk, row.importance, row.share)
            for row, term in zip(rows, terms, strict=True)
        ),
        weights=values.get("weights", {}),
        start_date=values.get("start_date"),
        participants=values.get("participants"),
        n_sites=values.get("n_sites"),
        is_rare_disease=values.get("is_rare_disease"),
        further_studies=values.get("further_studies", 0),
        staff_needed_fte=None if staff is None else float(staff),
        sponsor_size=values.get("sponsor_size", ""),
    )


# What follows describes the answers in the OpenAPI document.


class CriterionSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    weight = serializers.FloatField(help_text="Its share of the score, 0 to 1.")


class LeafSerializer(serializers.Serializer[Any]):
    criterion = serializers.CharField()
    name = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    weight = serializers.FloatField(help_text="Its share of the score, 0 to 1.")
    share_inside = serializers.FloatField(help_text="Its share of the criterion.")


class AskedSerializer(serializers.Serializer[Any]):
    scheme = serializers.CharField()
    code = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]
    importance = serializers.ChoiceField(choices=Importance.choices)
    share = serializers.FloatField(allow_null=True)


class NeedSerializer(serializers.Serializer[Any]):
    """The numbers that were counted with."""

    weights = serializers.DictField(child=serializers.FloatField())
    start_date = serializers.DateField(allow_null=True)
    participants = serializers.IntegerField(allow_null=True)
    n_sites = serializers.IntegerField(allow_null=True)
    is_rare_disease = serializers.BooleanField(allow_null=True)
    further_studies = serializers.IntegerField()
    staff_needed_fte = serializers.FloatField(allow_null=True)
    sponsor_size = serializers.CharField(allow_blank=True)


class TrialRefSerializer(serializers.Serializer[Any]):
    register = serializers.CharField()
    id = serializers.CharField()
    title = serializers.CharField(allow_blank=True)
    url = serializers.CharField(
        allow_blank=True, help_text="Empty for fictional trials."
    )
    start = serializers.DateField(allow_null=True)
    conditions = serializers.ListField(
        child=serializers.CharField(), help_text="As MeSH names them."
    )


class FactSerializer(serializers.Serializer[Any]):
    sentence = serializers.CharField()
    kind = serializers.ChoiceField(
        choices=["claim", "record", "complete_list", "nothing"]
    )
    term = TermRefSerializer(allow_null=True)
    low = serializers.FloatField()
    value = serializers.FloatField()
    high = serializers.FloatField()
    disputed = serializers.BooleanField()
    claims = serializers.ListField(
        child=serializers.UUIDField(), help_text="Ids in cros/{slug}/claims/."
    )
    trials = TrialRefSerializer(many=True)
    numbers = serializers.DictField(
        child=serializers.FloatField(), help_text="What nobody knows is left out."
    )


class ReasonSerializer(serializers.Serializer[Any]):
    leaf = serializers.CharField()
    facts = FactSerializer(many=True)


class LeafValueSerializer(serializers.Serializer[Any]):
    """Where a CRO stands in a leaf. Nobody knows: low 0, high 1, `known` false."""

    criterion = serializers.CharField()
    name = serializers.CharField()
    low = serializers.FloatField()
    value = serializers.FloatField()
    high = serializers.FloatField()
    known = serializers.BooleanField()
    contribution = serializers.FloatField(
        help_text="What it adds to the score: value times the leaf's weight."
    )


class GateSerializer(serializers.Serializer[Any]):
    term = TermRefSerializer()
    state = serializers.ChoiceField(choices=["pass", "fail", "unknown"])
    waived = serializers.BooleanField()
    sentence = serializers.CharField()


class MustSerializer(TermRefSerializer):
    """A must, and how many CROs meet it, may meet it or fail it."""

    n_pass = serializers.IntegerField(min_value=0)
    n_unknown = serializers.IntegerField(min_value=0)
    n_fail = serializers.IntegerField(min_value=0)

    class Meta(TermRefSerializer.Meta):
        fields = [*TermRefSerializer.Meta.fields, "n_pass", "n_unknown", "n_fail"]


class EntrySerializer(serializers.Serializer[Any]):
    position = serializers.IntegerField(min_value=1)
    cro = CRORefSerializer()
    group = serializers.ChoiceField(choices=GROUPS)
    score = serializers.FloatField(min_value=0, max_value=1)
    score_low = serializers.FloatField(min_value=0, max_value=1)
    score_high = serializers.FloatField(min_value=0, max_value=1)
    evidence = serializers.FloatField(
        min_value=0, max_value=1, help_text="Weight of what is known in the whole."
    )
    leaves = LeafValueSerializer(many=True)
    gates = GateSerializer(many=True)
    reasons = ReasonSerializer(many=True)


class CountsSerializer(serializers.Serializer[Any]):
    eligible = serializers.IntegerField(min_value=0)
    conditional = serializers.IntegerField(min_value=0)
    near_miss = serializers.IntegerField(min_value=0)
    excluded = serializers.IntegerField(min_value=0)


class RelaxationSerializer(serializers.Serializer[Any]):
    terms = TermRefSerializer(many=True)
    n_freed = serializers.IntegerField(
        min_value=1, help_text="CROs that would be eligible then."
    )


class ChanceSerializer(serializers.Serializer[Any]):
    """Where a CRO stands in the draws; all are shares of them."""

    cro = serializers.CharField(help_text="Its slug.")
    position = serializers.IntegerField(min_value=1)
    first = serializers.FloatField(min_value=0, max_value=1)
    top3 = serializers.FloatField(min_value=0, max_value=1)
    ranks = serializers.ListField(
        child=serializers.FloatField(), help_text="At rank 1, 2 and so on."
    )
    admitted = serializers.FloatField(
        help_text="First if its own must-haves were met and nobody else's."
    )
    confidence = serializers.FloatField(
        allow_null=True, help_text="First with its central weights."
    )
    central_weights = serializers.DictField(
        child=serializers.FloatField(),
        allow_null=True,
        help_text="Mean weights with which it was first; null if it never was.",
    )


class RobustnessSerializer(serializers.Serializer[Any]):
    """How sure the order is, once `state` is done; until then without CROs."""

    state = serializers.ChoiceField(
        choices=[state.value for state in State if state is not State.NEVER]
    )
    progress = serializers.FloatField(min_value=0, max_value=1)
    n_draws = serializers.IntegerField()
    seed = serializers.IntegerField()
    digest = serializers.CharField(help_text="SHA-256 of all it follows from.")
    cros = ChanceSerializer(many=True)


class TieGroupSerializer(serializers.Serializer[Any]):
    """CROs next to each other that the draws do not tell apart; often one."""

    first = serializers.IntegerField(help_text="Place of its first CRO.")
    last = serializers.IntegerField()
    cros = serializers.ListField(child=serializers.CharField(), help_text="Slugs.")
    before_next = serializers.FloatField(
        allow_null=True, help_text="P(its first CRO before the next group's first)."
    )
    word = serializers.ChoiceField(choices=["clear", "likely", "tie"], allow_null=True)


class QuestionSerializer(serializers.Serializer[Any]):
    """A missing fact, and P(first) of its CRO now and with either answer."""

    cro = serializers.CharField(help_text="Its slug.")
    position = serializers.IntegerField(min_value=1)
    about = serializers.CharField()
    question = serializers.CharField()
    is_must = serializers.BooleanField()
    first_now = serializers.FloatField()
    first_at_worst = serializers.FloatField()
    first_at_best = serializers.FloatField()
    value = serializers.FloatField(help_text="The larger change.")


class RankingSerializer(serializers.Serializer[Any]):
    """CROs ranked for a study. The same inputs give the same digest."""

    digest = serializers.CharField(help_text="SHA-256 of all inputs.")
    method_version = serializers.CharField()
    catalog_version = serializers.IntegerField()
    as_of = serializers.DateField(help_text="The day ages were counted to.")
    counts = CountsSerializer()
    criteria = CriterionSerializer(many=True)
    leaves = LeafSerializer(many=True)
    gates = MustSerializer(many=True)
    relaxation = TermRefSerializer(
        many=True,
        help_text="The fewest musts to give up for somebody to be eligible.",
    )
    relaxations = RelaxationSerializer(
        many=True, help_text="All smallest sets of musts, most CROs freed first."
    )
    robustness = RobustnessSerializer(
        allow_null=True, help_text="null where nobody asked for it."
    )
    groups = TieGroupSerializer(many=True, help_text="Tie groups, best first.")
    questions = QuestionSerializer(many=True, help_text="The most valuable first.")
    requirements = AskedSerializer(many=True)
    need = NeedSerializer()
    results = EntrySerializer(many=True, help_text="Eligible and conditional, by rank.")
    near_misses = EntrySerializer(
        many=True, help_text="CROs that fail one must, with which."
    )


class StoredRankingSerializer(serializers.Serializer[Any]):
    state = serializers.ChoiceField(
        choices=[state.value for state in RankingState],
        help_text="fresh; updating: a newer one is on its way; failed; never: none yet.",
    )
    since = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField(
        allow_blank=True, help_text="Why the last attempt failed."
    )
    study_version = serializers.IntegerField(
        allow_null=True, help_text="The study's version that was ranked."
    )
    computed_at = serializers.DateTimeField(allow_null=True)
    ranking = RankingSerializer(allow_null=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Waiting",
            value={
                "id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
                "url": "http://localhost:8000/api/v1/runs/7c9e6679-7425-40de-944b-e07fc1f90ae7/",
                "study": "16fd2706-8baf-433b-82eb-8c7fada847da",
                "state": "queued",
                "ranking": (
                    "http://localhost:8000/api/v1/studies/"
                    "16fd2706-8baf-433b-82eb-8c7fada847da/ranking/"
                ),
                "created_at": "2026-11-22T10:00:00Z",
            },
        )
    ]
)
class RunSerializer(serializers.ModelSerializer[RankingRun]):
    url = serializers.HyperlinkedIdentityField(view_name="api:run-detail")
    state = serializers.SerializerMethodField()
    ranking = serializers.SerializerMethodField(
        help_text="Where the ranking is, once the run is done."
    )

    class Meta:
        model = RankingRun
        fields = ["id", "url", "study", "state", "ranking", "created_at"]

    @extend_schema_field(
        serializers.ChoiceField(choices=[state.value for state in RunState])
    )
    def get_state(self, run: RankingRun) -> str:
        return run_state(run)

    def get_ranking(self, run: RankingRun) -> str:
        return str(
            reverse(
                "api:study-ranking",
                args=[run.study_id],
                request=self.context["request"],
            )
        )


MATCH_EXAMPLE = {
    name: value for name, value in STUDY_EXAMPLE.items() if name != "title"
}
