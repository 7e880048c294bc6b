"""What a person types about a study. Shape is checked here, meaning in `services`."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from catalog.importers import ctgov, fetch
from catalog.importers.records import RecordError
from catalog.models import Scheme, Term
from sponsors.bounds import BAD_DATE, BOUNDS, hints
from sponsors.choices import Importance
from sponsors.models import STUDY_FIELDS, Sponsor, Study
from sponsors.shares import note, percent, spread
from sponsors.wanted import (
    SCHEMES,
    Wanted,
    deprecated_term_message,
    read_lines,
    unknown_term_message,
)

TYPED_SCHEMES = ("condition", "country", "regulator")
"""Lists too long to show whole: a person searches or types names and codes."""

MAX_SHOWN_AGAIN = 1024 * 1024
"""Characters of an uploaded record that are shown again after an error."""

RARE = {"yes": True, "no": False, "": None}


OWN_WORDS = {
    "max_length": "Shorten this to %(limit_value)s characters; it has %(show_value)s.",
    "null_characters_not_allowed": "Take the invisible characters out of this text.",
}
NOT_A_CHOICE = "Pick one from the list."
LOST_VERSION = "This form lost its place. Reload the page and type the change again."


def speak(form: forms.BaseForm) -> None:
    """Give the fields of a form the portal's own sentences for what is refused."""
    for one in form.fields.values():
        if isinstance(one, forms.CharField):
            one.error_messages |= OWN_WORDS
        elif isinstance(one, forms.ChoiceField):
            one.error_messages["invalid_choice"] = NOT_A_CHOICE


class VersionField(forms.IntegerField):
    """The version of the study that the person read."""

    def __init__(self) -> None:
        super().__init__(
            widget=forms.HiddenInput,
            min_value=1,
            error_messages=dict.fromkeys(
                ("required", "invalid", "min_value"), LOST_VERSION
            ),
        )


class SponsorField(forms.ModelChoiceField):
    """For whom the study is; shown when the person works for several sponsors."""

    def __init__(self, sponsors: Any) -> None:
        super().__init__(
            sponsors,
            label="Sponsor",
            empty_label=None,
            error_messages={"required": "Say for which sponsor the study is."},
        )
        self.only = sponsors[0] if len(sponsors) == 1 else None
        if self.only:
            self.required = False
            self.initial = self.only
            self.widget = self.hidden_widget()

    def clean(self, value: Any) -> Any:
        return super().clean(value) or self.only


class NewStudyForm(forms.Form):
    """One way to begin a study. Takes the sponsors the person may choose from."""

    way = ""

    def __init__(self, *args: Any, sponsors: Any, **kwargs: Any) -> None:
        kwargs["prefix"] = self.way
        super().__init__(*args, **kwargs)
        self.fields["sponsor"] = SponsorField(sponsors)
        self.order_fields(["sponsor"])
        speak(self)

    def sponsor(self) -> Sponsor:
        chosen: Sponsor = self.cleaned_data["sponsor"]
        return chosen


class NumberForm(NewStudyForm):
    way = "number"
    number = forms.CharField(
        label="NCT number",
        max_length=200,
        help_text="Such as NCT01234567, or the address of the study's page.",
        error_messages={"required": "Enter the NCT number of the study."},
    )

    def clean_number(self) -> str:
        try:
            return fetch.find_nct_number(self.cleaned_data["number"])
        except RecordError as error:
            raise ValidationError(str(error)) from None


class RecordForm(NewStudyForm):
    """An uploaded file or pasted text; `cleaned_data["record"]` is what it holds."""

    way = "record"
    file = forms.FileField(
        label="JSON file",
        required=False,
        allow_empty_file=True,
        help_text="As “Download, JSON” on a study’s page gives it; 5 MB at most.",
        error_messages={
            "invalid": "The file did not arrive. Choose it again, or paste its text.",
            "contradiction": "Choose a file or leave the field empty, not both.",
            "max_length": "Give the file a shorter name and choose it again.",
        },
    )
    text = forms.CharField(
        label="Or paste its text",
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 6, "class": "mono", "spellcheck": "false"}),
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        file, text = data.get("file"), data.get("text") or ""
        if file and file.size > ctgov.MAX_BYTES:
            self.add_error(
                "file",
                f"The file has {file.size / 1024**2:.1f} MB; a study's record has far "
                "less than 5 MB. Take the JSON of one study.",
            )
            return data
        uploaded: bytes = file.read() if file else b""
        if not file and not text:
            self.add_error("file", "Choose a file, or paste the record's text.")
            return data
        try:
            data["record"] = ctgov.parse_study(uploaded if file else text)
        except RecordError as error:
            self.add_error("file" if file else "text", str(error))
        if file:
            self._show_again(uploaded)
        return data

    def _show_again(self, payload: bytes) -> None:
        """Put an uploaded file's text in the text field: browsers forget the file."""
        text = payload.decode("utf-8", "replace")
        if len(text) <= MAX_SHOWN_AGAIN:
            self.data = {**self.data, self.add_prefix("text"): text}


class TitleForm(NewStudyForm):
    way = "hand"
    title = forms.CharField(
        max_length=500,
        help_text="Everything else is asked on the next page, and may stay open.",
        error_messages={"required": "Give the study a title; it can change later."},
    )


class DateInput(forms.DateInput):
    input_type = "date"

    def __init__(self) -> None:
        super().__init__(format="%Y-%m-%d")


class StudyForm(forms.ModelForm):
    """The fields of a study. `version` is the version the person read."""

    version = VersionField()
    is_rare_disease = forms.TypedChoiceField(
        label="Rare disease",
        choices=[("", "Not known"), ("yes", "Yes"), ("no", "No")],
        coerce=RARE.__getitem__,
        empty_value=None,
        required=False,
        help_text="Rare: five comparable trials count as full experience, else ten.",
    )
    conditions_not_coded = forms.CharField(
        label="Conditions without a term",
        required=False,
        widget=forms.Textarea({"rows": 2}),
        help_text="One a line, in your words. They are shown, but no score counts them.",
    )

    class Meta:
        model = Study
        fields = STUDY_FIELDS
        widgets = {
            "start_date": DateInput,
            "end_date": DateInput,
            "notes": forms.Textarea({"rows": 4}),
        }
        error_messages = {
            "title": {"required": "Give the study a title."},
            "start_date": {"invalid": BAD_DATE},
            "end_date": {"invalid": BAD_DATE},
            **{name: bound.messages() for name, bound in BOUNDS.items()},
        }

    def __init__(
        self, *args: Any, instance: Study, staff_in_words: str, **kwargs: Any
    ) -> None:
        kwargs["initial"] = {
            "version": instance.version,
            "is_rare_disease": next(
                key
                for key, is_rare in RARE.items()
                if is_rare is instance.is_rare_disease
            ),
            "conditions_not_coded": "\n".join(instance.conditions_not_coded),
            **{
                name: None if value is None else f"{value.normalize():f}"
                for name in ("min_age_years", "max_age_years", "staff_needed_fte")
                for value in [getattr(instance, name)]
            },
        }
        kwargs["instance"] = copy.copy(instance)
        super().__init__(*args, **kwargs)
        speak(self)
        for name in ("min_age_years", "max_age_years"):
            self.fields[name].widget.attrs["step"] = "any"
        self.fields["further_studies"].required = False
        self.fields[
            "further_studies"
        ].help_text = "Of the same programme, for the same CRO; empty is none."
        staff = self.fields["staff_needed_fte"]
        staff.widget.attrs["step"] = "any"
        staff.help_text = (
            "Full-time equivalents for this study alone. If empty, the method takes "
            "2 + sites / 7 + countries / 2."
        )
        if staff_in_words:
            staff.help_text += f" That is {staff_in_words}."

    def clean_further_studies(self) -> int:
        return self.cleaned_data["further_studies"] or 0

    def clean_conditions_not_coded(self) -> list[str]:
        lines = self.cleaned_data["conditions_not_coded"].splitlines()
        return list(
            dict.fromkeys(" ".join(line.split()) for line in lines if line.strip())
        )

    def hints(self) -> dict[str, str]:
        """Say what is odd in what stands in the fields, by field."""
        values = self.cleaned_data if self.is_bound else vars(self.instance)
        return {hint.field: hint.sentence for hint in hints(values)}

    def values(self) -> dict[str, Any]:
        """Give the fields as `services.update_study` takes them."""
        return {name: self.cleaned_data[name] for name in STUDY_FIELDS}

    def as_posted(self, name: str) -> str:
        """Give a field of an unbound form as a browser would send it."""
        value = self[name].value()
        return "" if value is None else str(value)


@dataclass
class Row:
    """A term a study may ask for, as a line of the form."""

    term: Term
    importance: str = ""
    share: str = ""  # percent
    is_from_register: bool = False
    depth: int = 0

    @property
    def name(self) -> str:
        return f"want-{self.term.scheme_id}-{self.term.code}"

    @property
    def share_name(self) -> str:
        return f"share-{self.term.code}"

    @property
    def problem(self) -> str:
        return deprecated_term_message(self.term) if self.term.deprecated_on else ""


@dataclass
class Group:
    """The lines of one list."""

    scheme: Scheme
    rows: list[Row] = field(default_factory=list)
    is_typed: bool = False
    lines: Any = None  # the bound field for further names, when typed
    lines_importance: Any = None
    note: str = ""

    @property
    def n_asked(self) -> int:
        return sum(1 for row in self.rows if row.importance)

    @property
    def is_open(self) -> bool:
        return bool(
            self.n_asked or (self.lines and (self.lines.errors or self.lines.value()))
        )


class RequirementsForm(forms.Form):
    """What a study asks for, one line a term, in groups by list.

    Short lists are shown whole, each term with a choice of importance. For the
    lists of `TYPED_SCHEMES` only the terms asked for are lines; more are added
    by a field of names or codes, one a line. `wanted` is what the form says
    once it is valid.
    """

    def __init__(
        self, data: MultiValueDict | None = None, *, current: Iterable[Wanted]
    ) -> None:
        super().__init__(data)
        self.wanted: list[Wanted] = []
        self.current = {(want.scheme, want.code): want for want in current}
        for scheme in TYPED_SCHEMES:
            self.fields[f"add-{scheme}"] = forms.CharField(
                required=False,
                max_length=20_000,
                widget=forms.Textarea({"rows": 2}),
                label={
                    "condition": "Add conditions",
                    "country": "Add countries",
                    "regulator": "Add regulators",
                }[scheme],
                help_text={
                    "condition": "One a line: its name, its MeSH ID (such as D001943) "
                    "or its MeSH tree number (such as C04.588.180).",
                    "country": "One a line: its name or ISO code; its share of the "
                    "sites may follow, such as Poland 40 %.",
                    "regulator": "One a line: its name or abbreviation, such as EMA.",
                }[scheme],
            )
            self.fields[f"add-{scheme}-importance"] = forms.ChoiceField(
                choices=Importance.choices,
                initial=Importance.HIGH,
                required=False,
                label="Importance",
            )
        speak(self)
        self._rows = self._make_rows()

    def groups(self) -> list[Group]:
        """Give the lists in order, each with its lines."""
        schemes = Scheme.objects.in_bulk(SCHEMES)
        groups = {
            code: Group(
                schemes[code],
                is_typed=code in TYPED_SCHEMES,
                lines=self[f"add-{code}"] if code in TYPED_SCHEMES else None,
                lines_importance=(
                    self[f"add-{code}-importance"] if code in TYPED_SCHEMES else None
                ),
            )
            for code in SCHEMES
            if code in schemes
        }
        for row in self._rows:
            groups[row.term.scheme_id].rows.append(row)
        if "country" in groups:
            groups["country"].note = self._note_on_shares(groups["country"].rows)
        return list(groups.values())

    def _note_on_shares(self, rows: list[Row]) -> str:
        """Say what the blank shares come to; "" while a share is no number."""
        given = [_read_percent(row.share) for row in rows if row.importance]
        if not given or any(share is not None and not share > 0 for share in given):
            return ""
        if text := note(given):
            return text
        if None not in given:
            return ""
        each = percent(spread(given)[given.index(None)], 1)
        if len(given) == 1:
            return "The only country: it counts 100 %."
        if given.count(None) == 1:
            return f"The blank share takes the rest: {each} %."
        if given.count(None) == len(given):
            return f"All shares are blank, so each counts the same: {each} %."
        return f"Blank shares take the rest in equal parts: {each} % each."

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        wanted: dict[tuple[str, str], Wanted] = {}
        for row in self._rows:
            if row.importance:
                key = (row.term.scheme_id, row.term.code)
                wanted[key] = Wanted(*key, row.importance, self._share(row))
        for key in self._posted() - {
            (r.term.scheme_id, r.term.code) for r in self._rows
        }:
            self.add_error(None, unknown_term_message(*key))
        for scheme in TYPED_SCHEMES:
            importance = data.get(f"add-{scheme}-importance") or Importance.HIGH
            try:
                added = read_lines(scheme, data.get(f"add-{scheme}") or "", importance)
            except ValidationError as error:
                self.add_error(f"add-{scheme}", error)
            else:
                wanted.update({(want.scheme, want.code): want for want in added})
        self.wanted = list(wanted.values())
        return data

    def _share(self, row: Row) -> float | None:
        """Read a percentage; one left as it was shown keeps its exact value."""
        before = self.current.get((row.term.scheme_id, row.term.code))
        if before and row.share == percent(before.share):
            return before.share
        share = _read_percent(row.share)
        if share is not None and not 0 < share <= 1:
            self.add_error(
                None,
                f"The share of {row.term.label} must be above 0 % and at most 100 %; "
                "leave it empty for a part of what the others leave.",
            )
            return None
        return share

    def _posted(self) -> set[tuple[str, str]]:
        """Give the terms that are asked for in what was posted."""
        posted = set()
        for name in self.data:
            kind, _, rest = name.partition("-")
            scheme, _, code = rest.partition("-")
            if kind == "want" and scheme in SCHEMES and self.data[name]:
                posted.add((scheme, code[:100]))
        return posted

    def _make_rows(self) -> list[Row]:
        chosen = self._posted() if self.is_bound else set(self.current)
        typed = chosen | set(self.current)
        terms = (
            Term.objects.filter(scheme__in=set(SCHEMES) - set(TYPED_SCHEMES)).current()
            | Term.objects.filter(
                scheme__in={scheme for scheme, _ in typed},
                code__in={code for _, code in typed},
            )
        ).select_related("replaced_by")
        by_pk = {term.pk: term for term in terms}
        rows = []
        for term in by_pk.values():
            key = (term.scheme_id, term.code)
            is_typed = term.scheme_id in TYPED_SCHEMES or term.deprecated_on
            if is_typed and key not in typed:
                continue
            row = Row(term, depth=_depth(term, by_pk))
            before = self.current.get(key)
            row.is_from_register = bool(before and before.is_from_register)
            if self.is_bound:
                row.importance = self.data.get(row.name, "")
                row.share = self.data.get(row.share_name, "").strip()
            elif before:
                row.importance = before.importance
                row.share = percent(before.share)
            rows.append(row)
        return _children_after_parents(rows)


def _read_percent(text: str) -> float | None:
    """Read "12,5 %" as 0.125; nothing typed is None, what is no number NaN."""
    if not text:
        return None
    try:
        return float(text.replace(",", ".").removesuffix("%")) / 100
    except ValueError:
        return float("nan")


def _depth(term: Term, by_pk: Mapping[int, Term]) -> int:
    depth = 0
    while term.parent_id and term.parent_id in by_pk and depth < 3:
        term = by_pk[term.parent_id]
        depth += 1
    return depth


def _children_after_parents(rows: list[Row]) -> list[Row]:
    """Keep the order of the list, but put each term under its parent."""
    here = {row.term.pk for row in rows}
    below: dict[int | None, list[Row]] = {}
    for row in rows:
        parent = row.term.parent_id if row.term.parent_id in here else None
        below.setdefault(parent, []).append(row)
    ordered: list[Row] = []
    waiting = list(reversed(below.get(None, [])))
    while waiting:
        row = waiting.pop()
        ordered.append(row)
        waiting.extend(reversed(below.get(row.term.pk, [])))
    return ordered


def sentences_by_field(error: ValidationError) -> dict[str, list[str]]:
    """Give what a service refused by field; under "" what is about no field."""
    return error.message_dict if hasattr(error, "error_dict") else {"": error.messages}


def add_errors(
    study_form: forms.BaseForm, requirements: forms.Form, error: ValidationError
) -> None:
    """Hand a service's refusal to the form whose matter it is."""
    for name, messages in sentences_by_field(error).items():
        if name == "requirements":
            requirements.add_error(None, messages)
        else:
            study_form.add_error(name if name in study_form.fields else None, messages)
