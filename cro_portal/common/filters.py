"""Query parameters of the API's lists."""

from typing import TYPE_CHECKING, Any

from django_filters import TypedChoiceFilter
from django_filters.rest_framework import DjangoFilterBackend
from rapidfuzz import process

from cro_portal.common.problems import InvalidQuery

if TYPE_CHECKING:
    from rest_framework.views import APIView


class TrueFalseFilter(TypedChoiceFilter):
    """`true` or `false`; anything else is refused, not ignored."""

    def __init__(self, **kwargs: Any) -> None:
        choices = [("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce="true".__eq__, **kwargs)


class StrictFilterBackend(DjangoFilterBackend):
    """Filter by the view's FilterSet; refuse what it does not know.

    A misspelt parameter would silently return everything. A view names further
    parameters of its own in `other_parameters`.
    """

    def filter_queryset(self, request: Any, queryset: Any, view: "APIView") -> Any:
        filterset = self.get_filterset(request, queryset, view)
        known = {"page", "page_size", *getattr(view, "other_parameters", ())}
        if filterset is not None:
            known.update(filterset.form.fields)
        refuse_unknown_parameters(request.query_params, known)
        if filterset is None:
            return queryset
        if not filterset.is_valid():
            raise InvalidQuery(
                {name: list(errors) for name, errors in filterset.errors.items()}
            )
        return filterset.qs


def refuse_unknown_parameters(given: Any, known: set[str]) -> None:
    errors = {}
    for name in set(given) - known:
        near = process.extractOne(name[:100], sorted(known), score_cutoff=70)
        hint = f" Did you mean {near[0]}?" if near else ""
        errors[name[:100]] = [f"There is no such parameter.{hint}"]
    if errors:
        raise InvalidQuery(errors)
