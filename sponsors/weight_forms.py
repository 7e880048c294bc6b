"""The ways to say what matters how much: points, rank order, swings, pairs."""

import itertools
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

import numpy as np
from django import forms
from django.core.exceptions import ValidationError

from sponsors import elicit
from sponsors.choices import WeightMethod
from sponsors.criteria import CRITERIA, Criterion
from sponsors.forms import NOT_A_CHOICE, VersionField, speak
from sponsors.shares import percent
from sponsors.weighing import BRANCHES, Weighing, weigh, weigh_points

MAX_REASON = 1000
NOT_POINTS = "Give 0 to 100 points; 0 leaves the criterion out."
NOT_A_SWING = "Give 0 to 100; 100 for the step worth most, 0 leaves the criterion out."
NO_WHOLE = "Give 0 to 100 points to each of the four, or leave all four empty."


@dataclass(frozen=True)
class Held:
    """Weights to begin a form with, and the answers behind them."""

    values: Mapping[str, float]
    method: str = ""
    raw: Mapping[str, Any] | None = None


class WeighingForm(forms.Form):
    """A way to weigh all criteria; `weighed` is there once the form is valid."""

    way: ClassVar[str]
    label: ClassVar[str]
    explains: ClassVar[str]

    version = VersionField()
    reason = forms.CharField(
        label="Why the weights change",
        required=False,
        max_length=MAX_REASON,
        widget=forms.Textarea({"rows": 2}),
        help_text="Kept with this version, for whoever reads the decision later.",
    )

    def __init__(self, *args: Any, held: Held, version: int, **kwargs: Any) -> None:
        kwargs["initial"] = {"version": version}
        super().__init__(*args, **kwargs)
        self.weighed: Weighing | None = None
        begin = self.answers_of(held)
        for criterion in CRITERIA:
            self.fields[criterion.code] = self.field(criterion, begin[criterion.code])
        speak(self)

    @classmethod
    def field(cls, criterion: Criterion, initial: Any) -> forms.Field:
        raise NotImplementedError

    @classmethod
    def answers_of(cls, held: Held) -> Mapping[str, Any]:
        """Put weights as this way's answers, those really given where there are."""
        raise NotImplementedError

    def make(self, answers: Mapping[str, Any]) -> Weighing:
        return weigh(self.way, answers)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not self.errors:
            try:
                self.weighed = self.make({c.code: values[c.code] for c in CRITERIA})
            except ValidationError as error:
                self.add_error(None, error.messages)
        return values

    def lines(self) -> list[tuple[forms.BoundField, str]]:
        """Give each criterion's field and its share of the whole, in percent.

        The share is empty where what is typed makes no weights.
        """
        fields = [self[criterion.code] for criterion in CRITERIA]
        try:
            values = self._seen().values
        except (TypeError, ValueError, ValidationError):
            return [(bound, "") for bound in fields]
        total = math.fsum(values.values())
        return [
            (bound, f"{percent(values[bound.name] / total, 1)} %") for bound in fields
        ]

    def _seen(self) -> Weighing:
        """Weigh what the form shows, before and after it is sent."""
        if self.is_bound:
            if not self.is_valid() or self.weighed is None:
                raise ValueError
            return self.weighed
        return self.make({c.code: self.initial_of(c.code) for c in CRITERIA})

    def initial_of(self, code: str) -> Any:
        return self.fields[code].initial


class WeightsForm(WeighingForm):
    """Points for each criterion, 0 to 100; branches may be weighed as wholes too."""

    way = WeightMethod.POINTS
    label = "Points"
    explains = (
        "Give each criterion 0 to 100 points. Only the proportions count: 50 and 100 "
        "say the same as 20 and 40. A criterion with 0 points does not count."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, label, _ in BRANCHES:
            self.fields[f"whole-{name}"] = _number(label, NOT_POINTS, required=False)

    @classmethod
    def field(cls, criterion: Criterion, initial: Any) -> forms.Field:
        return _number(
            criterion.label, NOT_POINTS, initial=initial, help_text=criterion.asks
        )

    @classmethod
    def answers_of(cls, held: Held) -> Mapping[str, Any]:
        return in_points(held.values)

    def make(self, answers: Mapping[str, Any]) -> Weighing:
        return weigh_points(answers)

    def clean(self) -> dict[str, Any]:
        values = super().clean()
        given = [values.get(f"whole-{name}") is not None for name, _, _ in BRANCHES]
        if any(given) and not all(given):
            self.add_error(None, NO_WHOLE)
        return values

    def wholes(self) -> dict[str, float]:
        """Give the branches' points as wholes; empty where nobody gave any."""
        given = {name: self[f"whole-{name}"].value() for name, _, _ in BRANCHES}
        if not self.is_valid() or any(value in (None, "") for value in given.values()):
            return {}
        return {name: self.cleaned_data[f"whole-{name}"] for name in given}

    def whole_fields(self) -> list[tuple[forms.BoundField, str]]:
        """Give the branches' fields with the criteria they stand for."""
        labels = {criterion.code: criterion.label for criterion in CRITERIA}
        return [
            (self[f"whole-{name}"], " and ".join(labels[code] for code in codes))
            for name, _, codes in BRANCHES
        ]


class RankForm(WeighingForm):
    """A rank for each criterion; 1 matters most, none leaves it out."""

    way = WeightMethod.RANK
    label = "Rank order"
    explains = (
        "Say which matters most (1), which next (2) and so on. Two may share a rank; "
        "only the order counts. “–” leaves a criterion out. The weights are the mean "
        "of all weights that keep your order (rank order centroid)."
    )

    @classmethod
    def field(cls, criterion: Criterion, initial: Any) -> forms.Field:
        return forms.TypedChoiceField(
            label=criterion.label,
            help_text=criterion.asks,
            choices=[("", "–"), *((n, str(n)) for n in range(1, len(CRITERIA) + 1))],
            coerce=int,
            empty_value=None,
            required=False,
            initial=initial,
            error_messages={"invalid_choice": NOT_A_CHOICE},
        )

    @classmethod
    def answers_of(cls, held: Held) -> Mapping[str, Any]:
        if held.method == WeightMethod.RANK and held.raw:
            return {c.code: held.raw.get(c.code) for c in CRITERIA}
        order = sorted({w for w in held.values.values() if w > 0}, reverse=True)
        return {
            code: order.index(w) + 1 if w > 0 else None
            for code, w in held.values.items()
        }


class SwingForm(WeighingForm):
    """What the step from worst to best on each criterion is worth, 0 to 100."""

    way = WeightMethod.SWING
    label = "Swing"
    explains = (
        "Think of a CRO that is at its worst everywhere. Which one step from worst to "
        "best would you take first? It has 100. Say what each other step is worth "
        "beside it; 0 leaves a criterion out."
    )

    @classmethod
    def field(cls, criterion: Criterion, initial: Any) -> forms.Field:
        return _number(criterion.label, NOT_A_SWING, initial=initial)

    @classmethod
    def answers_of(cls, held: Held) -> Mapping[str, Any]:
        if held.method == WeightMethod.SWING and held.raw:
            return {c.code: _short(held.raw[c.code]) for c in CRITERIA}
        most = max(held.values.values())
        return {code: _short(100 * w / most) for code, w in held.values.items()}


WAYS: Final[dict[str, type[WeighingForm]]] = {
    form.way: form for form in (WeightsForm, RankForm, SwingForm)
}

MORE: Final = {
    "9": ("extremely more", 9.0),
    "7": ("very much more", 7.0),
    "5": ("much more", 5.0),
    "3": ("somewhat more", 3.0),
}


class PairsForm(forms.Form):
    """Each two criteria compared: a check of whether somebody's answers fit."""

    def __init__(self, *args: Any, asked: Collection[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.criteria = [c for c in CRITERIA if c.code in asked]
        for one, two in itertools.combinations(self.criteria, 2):
            self.fields[f"{one.code}-{two.code}"] = forms.ChoiceField(
                label=f"{one.label} or {two.label}",
                choices=[
                    ("", "Choose"),
                    *((k, f"{one.label} {words}") for k, (words, _) in MORE.items()),
                    ("1", "Both the same"),
                    *(
                        (f"-{k}", f"{two.label} {words}")
                        for k, (words, _) in reversed(MORE.items())
                    ),
                ],
                error_messages={
                    "required": "Say which matters more, or that both are the same.",
                    "invalid_choice": NOT_A_CHOICE,
                },
            )

    def compared(self) -> elicit.Pairwise:
        """Weigh the answers of a valid form."""
        n = len(self.criteria)
        matrix = np.ones((n, n))
        for i, j in itertools.combinations(range(n), 2):
            key = self.cleaned_data[f"{self.criteria[i].code}-{self.criteria[j].code}"]
            times = 1.0 if key == "1" else MORE[key.removeprefix("-")][1]
            matrix[i, j] = 1 / times if key.startswith("-") else times
            matrix[j, i] = 1 / matrix[i, j]
        return elicit.from_pairs(matrix)


def in_points(weights: Mapping[str, float]) -> dict[str, float]:
    """Put weights on the points' scale, as the form shows them."""
    most = max(weights.values())
    scale = 100 if most <= 1 else 100 / most if most > 100 else 1
    return {code: _short(weight * scale) for code, weight in weights.items()}


def _short(points: float) -> float:
    """Round to two decimals, and write whole points without any."""
    rounded = round(points, 2)
    return int(rounded) if rounded == int(rounded) else rounded


def _number(
    label: str,
    refusal: str,
    *,
    initial: Any = None,
    help_text: str = "",
    required: bool = True,
) -> forms.FloatField:
    return forms.FloatField(
        label=label,
        help_text=help_text,
        required=required,
        min_value=0,
        max_value=100,
        initial=initial,
        widget=forms.NumberInput(
            {"step": "any", "inputmode": "decimal", "class": "weight-table__points"}
        ),
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), refusal
        ),
    )
