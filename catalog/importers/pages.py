"""Follows the pages of ClinicalTrials.gov's API (version 2), politely.

At most so many requests a second, patience with a busy server, its own name in
the User-Agent, and a token to go on with later. No Django.
"""

import datetime as dt
import email.utils
import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

USER_AGENT = "cro-portal (imports the public register for a catalogue of CROs)"
PAGE_SIZE = 200
MAX_PAGE_BYTES = 256 * 1024 * 1024
MAX_PAGES = 20_000


class ApiError(Exception):
    """The API cannot be followed further; the message says what to do."""


class _Again(Exception):
    """Worth another try, perhaps after as many seconds as the server says."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class Page:
    """One page: studies as decoded JSON, and the token of the next page or ""."""

    studies: list[Any]
    next_token: str
    total: int | None  # of the whole query, on its first page


@dataclass(frozen=True)
class Pages:
    """How to ask: where, how fast, and how patiently.

    `sleep` and `clock` are there for tests.
    """

    base_url: str
    page_size: int = PAGE_SIZE
    seconds_between: float = 1.2  # the register allows some 50 requests a minute
    attempts: int = 7
    longest_wait: float = 120.0
    timeout_seconds: float = 60.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def digest(self, query: Mapping[str, str]) -> str:
        """Tell a query from others."""
        asked = json.dumps([self.base_url, self.page_size, sorted(query.items())])
        return hashlib.sha256(asked.encode()).hexdigest()

    def read(self, query: Mapping[str, str], token: str = "") -> Iterator[Page]:
        """Give the pages of a query from `token` on.

        Raises
        ------
        ApiError
            When the server refuses, stays busy or away, or sends the same page
            token twice.
        """
        seen = {token}
        headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
        with httpx.Client(
            timeout=self.timeout_seconds, headers=headers, follow_redirects=True
        ) as client:
            for n in range(MAX_PAGES):
                began = self.clock()
                page = self._page(client, query, token)
                yield page
                token = page.next_token
                if not token:
                    return
                if token in seen:
                    raise ApiError(
                        f"The API leads in a circle: page {n + 2} was read before. "
                        "What was read so far is kept; try again later."
                    )
                seen.add(token)
                rest = self.seconds_between - (self.clock() - began)
                if rest > 0:
                    self.sleep(rest)
        raise ApiError(f"The API has more than {MAX_PAGES:,} pages; narrow the query.")

    def _page(self, client: httpx.Client, query: Mapping[str, str], token: str) -> Page:
        """Read one page, again and again while it is worth it."""
        params = {**query, "format": "json", "pageSize": str(self.page_size)}
        if token:
            params["pageToken"] = token
        else:
            params["countTotal"] = "true"
        for attempt in range(self.attempts):
            try:
                return _read_page(self._body(client, params))
            except _Again as again:
                if attempt + 1 == self.attempts:
                    raise ApiError(
                        f"{again} {self.attempts} attempts were made. What was read so "
                        "far is kept: start the same import again later."
                    ) from None
                wait = again.wait if again.wait is not None else 2.0**attempt
                self.sleep(min(wait, self.longest_wait))
        raise AssertionError("the loop returns or raises")

    def _body(self, client: httpx.Client, params: Mapping[str, str]) -> bytes:
        url = f"{self.base_url.rstrip('/')}/studies"
        try:
            with client.stream("GET", url, params=params) as response:
                code = response.status_code
                if code == httpx.codes.TOO_MANY_REQUESTS:
                    raise _Again("The API has had too many requests.", _wait(response))
                if response.is_server_error:
                    raise _Again(f"The API has a fault ({code}).", _wait(response))
                if not response.is_success:
                    raise ApiError(
                        f"The API refuses the query ({code}). Check its parameters; a "
                        "page token that is too old is refused as well: start anew "
                        "with --restart."
                    )
                body = bytearray()
                for chunk in response.iter_bytes(256 * 1024):
                    body += chunk
                    if len(body) > MAX_PAGE_BYTES:
                        raise ApiError(
                            "A page of the API is larger than "
                            f"{MAX_PAGE_BYTES // 1024**2} MB; ask for fewer studies a "
                            "page."
                        )
                return bytes(body)
        except httpx.TimeoutException:
            raise _Again("The API did not answer in time.") from None
        except httpx.RequestError:
            raise _Again(
                "The API cannot be reached, or the connection broke."
            ) from None


def _wait(response: httpx.Response) -> float | None:
    """Read Retry-After: seconds, or a date."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:6])
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=dt.UTC)
    return max((when - dt.datetime.now(dt.UTC)).total_seconds(), 0.0)


def _read_page(body: bytes) -> Page:
    try:
        page = json.loads(body)
    except (ValueError, RecursionError):
        raise _Again("The API answered with something that is no JSON.") from None
    studies = page.get("studies") if isinstance(page, dict) else None
    if not isinstance(studies, list):
        raise ApiError(
            "The API answered with JSON that has no list of studies: its format has "
            "changed, or this is another service."
        )
    token = page.get("nextPageToken") or ""
    if not isinstance(token, str) or len(token) > 500:
        raise ApiError("The API's page token is no text of a usable length.")
    total = page.get("totalCount")
    is_number = isinstance(total, int) and not isinstance(total, bool) and total > 0
    return Page(studies, token, total if is_number else None)
