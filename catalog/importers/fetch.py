"""Fetches one study from the public API of ClinicalTrials.gov (version 2)."""

import re
import time
from dataclasses import replace

import httpx

from catalog.importers.ctgov import MAX_BYTES, parse_study
from catalog.importers.records import RecordError, TrialRecord

USER_AGENT = "cro-portal (reads single studies on a person's request)"
TIMEOUT = httpx.Timeout(10.0, connect=5.0)
DEADLINE_SECONDS = 20.0
ELSE = (
    "Or download the study's JSON from clinicaltrials.gov yourself and upload it here."
)
_NCT_ANYWHERE = re.compile(r"(?<![A-Z0-9])NCT\s?(\d{8})(?!\d)", re.ASCII)


def find_nct_number(text: str) -> str:
    """Take the NCT number out of what a person typed, such as a study's address.

    Raises
    ------
    RecordError
        When there is none, or there are several.
    """
    found = {f"NCT{digits}" for digits in _NCT_ANYWHERE.findall(text.upper())}
    if len(found) == 1:
        return found.pop()
    if found:
        raise RecordError(
            f"These are {len(found)} NCT numbers; enter one of them at a time."
        )
    raise RecordError(
        "That is no NCT number. It is NCT and eight digits, such as NCT01234567."
    )


def fetch_study(
    nct_number: str,
    *,
    base_url: str,
    timeout: httpx.Timeout = TIMEOUT,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> TrialRecord:
    """Fetch and read one study.

    At most `MAX_BYTES` are read and at most about `deadline_seconds` spent.

    Raises
    ------
    RecordError
        When the register has no such study, cannot be reached, is slow, refuses,
        or answers something else; the message says what to do.
    """
    try:
        payload = _download(
            f"{base_url.rstrip('/')}/studies/{nct_number}",
            nct_number,
            timeout,
            time.monotonic() + deadline_seconds,
        )
    except httpx.TimeoutException:
        raise RecordError(
            f"ClinicalTrials.gov did not answer in time. Try again. {ELSE}"
        ) from None
    except httpx.TooManyRedirects:
        raise RecordError(
            f"ClinicalTrials.gov sends requests round in circles. {ELSE}"
        ) from None
    except httpx.RequestError:
        raise RecordError(
            "ClinicalTrials.gov cannot be reached from this server: there is no network "
            f"or the connection broke. {ELSE}"
        ) from None
    try:
        record = parse_study(payload)
    except RecordError:
        raise RecordError(
            f"ClinicalTrials.gov answered, but not with a study's record. {ELSE}"
        ) from None
    if record.registry_id != nct_number:
        moved = f"The register answers {nct_number} with {record.registry_id}."
        return replace(record, notes=(*record.notes, moved))
    return record


def _download(
    url: str, nct_number: str, timeout: httpx.Timeout, give_up_at: float
) -> bytes:
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    with (
        httpx.Client(
            timeout=timeout, headers=headers, follow_redirects=True, max_redirects=3
        ) as client,
        client.stream("GET", url, params={"format": "json"}) as response,
    ):
        if response.status_code == httpx.codes.NOT_FOUND:
            raise RecordError(
                f"ClinicalTrials.gov has no study with the number {nct_number}. Check "
                "the digits."
            )
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise RecordError(
                "ClinicalTrials.gov has had too many requests. Try again in a minute. "
                + ELSE
            )
        if response.is_server_error:
            raise RecordError(
                "ClinicalTrials.gov has a fault at the moment "
                f"({response.status_code}). Try again later. {ELSE}"
            )
        if not response.is_success:
            raise RecordError(
                f"ClinicalTrials.gov refused the request ({response.status_code}). "
                + ELSE
            )
        body = bytearray()
        for chunk in response.iter_bytes(64 * 1024):
            body += chunk
            if len(body) > MAX_BYTES:
                raise RecordError(
                    f"The answer for {nct_number} is larger than "
                    f"{MAX_BYTES // 1024**2} MB, which no study is. {ELSE}"
                )
            if time.monotonic() > give_up_at:
                raise httpx.ReadTimeout("The whole answer took too long.")
        return bytes(body)
