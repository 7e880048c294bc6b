"""The filters of the CRO list, for whoever reads it by a FilterSet.

What the parameters mean and which CROs they find is said by `catalog.search`, for
the page as for the API; here they are named, described and refused.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, cast, overload

import django_filters as filters
from django import forms
from django.http import QueryDict
from drf_spectacular.utils import extend_schema_field

from catalog import catalogue, search
from catalog.catalogue import Held
from catalog.index.query import BANDS, SORTS, Choice, Page, Query
from catalog.models import CRO
from catalog.models.claims import CROQuerySet


class Found(Sequence[CRO]):
    """The CROs of a query in its order; a slice costs one query for its rows.

    `unknown` and `disputed` tell, by key, the choices that are so of a CRO that was
    given out.
    """

    def __init__(self, held: Held, query: Query, cros: CROQuerySet) -> None:
        self.held, self.query, self._cros = held, query, cros
        self.unknown: dict[int, tuple[Choice, ...]] = {}
        self.disputed: dict[int, tuple[Choice, ...]] = {}

    @cached_property
    def total(self) -> Page:
        """The numbers of what was found, without any CRO."""
        return self.held.facets.search(self.query, 0, 0)

    def __len__(self) -> int:
        return self.total.total

    @overload
    def __getitem__(self, at: int) -> CRO: ...
    @overload
    def __getitem__(self, at: slice) -> list[CRO]: ...
    def __getitem__(self, at: int | slice) -> CRO | list[CRO]:
        if isinstance(at, int):
            return self[at : at + 1][0]
        start, stop, step = at.indices(len(self))
        page = self.held.facets.search(self.query, start, stop - start)
        self.unknown |= zip(page.ids.tolist(), page.marks, strict=True)
        self.disputed |= zip(page.ids.tolist(), page.disputed, strict=True)
        keys = page.ids[::step].tolist()
        cros = self._cros.in_bulk(keys)
        return [cros[key] for key in keys if key in cros]


class ValuesField(forms.Field):
    """All values given for a parameter, as they are."""

    widget = forms.MultipleHiddenInput


@extend_schema_field({"type": "array", "items": {"type": "string"}})
class FacetFilter(filters.Filter):
    """The values chosen of a facet."""

    field_class = ValuesField


class CROFilterForm(forms.Form):
    """Refuses what `catalog.search.parse` cannot use; `query` is what it asks for."""

    query = Query()
    held: Held

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "q" not in self.errors:
            self.held = catalogue.current()
            self.query, problems = search.parse(cast(QueryDict, self.data), self.held)
            for problem in problems:
                self.add_error(problem.parameter, problem.refusal or problem.message)
        return cleaned


def _help(facet: search.FacetField) -> str:
    values = " or ".join(BANDS.get(facet.name, ())) or f"a code of {facet.scheme}"
    through = " `:own` or `:partner` (who delivers)," if facet.has_delivery else ""
    return (
        f"{facet.label}: {values}; may be given several times. After the code"
        f"{through} `:no` or `:unknown` ask for that; a leading `-` leaves out."
    )


class CROFilterSet(filters.FilterSet):
    """The filters of the CRO list: the parameters of the page."""

    q = filters.CharFilter(
        max_length=search.TEXT_LENGTH,
        help_text="Words of a name, also a former one, or of what a CRO does.",
    )
    unknown = filters.ChoiceFilter(
        choices=[("1", "1"), ("0", "0")],
        help_text="0 leaves out CROs of which something chosen is not known.",
    )
    sort = filters.ChoiceFilter(
        choices=list(search.SORT_LABELS.items()),
        help_text="relevance (known matches, evidence, name) if left out."
        f" One of {', '.join(SORTS)}.",
    )
    for _facet in search.FACET_FIELDS:
        locals()[_facet.name] = FacetFilter(label=_facet.label, help_text=_help(_facet))
        locals()[f"{_facet.name}{search.MODE}"] = filters.ChoiceFilter(
            choices=[("any", "any"), ("all", "all")],
            help_text=f"all: every {_facet.label.lower()} chosen, not any of them.",
        )
    del _facet

    class Meta:
        model = CRO
        form = CROFilterForm
        fields: list[str] = []

    def filter_queryset(self, queryset: CROQuerySet) -> Found:
        return Found(self.form.held, self.form.query, queryset)
