"""Pages of the API's lists."""

from typing import Any

from rest_framework import exceptions
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

from cro_portal.common.problems import InvalidQuery


class Pages(PageNumberPagination):
    """`count`, `next`, `previous`, `results`: 25 rows a page, at most 100.

    A page that is no number is a 400, a page after the last one a 404.
    """

    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100
    page_query_description = "Number of the page; 1 is the first."
    page_size_query_description = "Rows on a page: 1 to 100, 25 if left out."
    invalid_page_message = "There is no such page."

    def get_page_size(self, request: Request) -> int:
        text = request.query_params.get(self.page_size_query_param)
        if text is None:
            return self.page_size
        return whole_number(
            text, parameter=self.page_size_query_param, largest=self.max_page_size
        )

    def get_page_number(self, request: Request, paginator: Any) -> int:
        text = request.query_params.get(self.page_query_param)
        if text is None:
            return 1
        number = whole_number(text, parameter=self.page_query_param)
        if number > max(paginator.num_pages, 1):
            raise exceptions.NotFound(self.invalid_page_message)
        return number


def whole_number(text: str, *, parameter: str, largest: int | None = None) -> int:
    """Read a query parameter that is a number from 1 to `largest`, or refuse it."""
    is_number = text.isascii() and text.isdigit() and len(text) < 20
    number = int(text) if is_number else 0
    if number < 1 or (largest is not None and number > largest):
        span = f"from 1 to {largest}" if largest else "above 0"
        raise InvalidQuery({parameter: [f"Give a whole number {span}."]})
    return number
