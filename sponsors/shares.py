"""Shares of the sites: what a blank one stands for, and how one is written."""

import math
from collections.abc import Sequence


def spread(given: Sequence[float | None]) -> list[float]:
    """Give the share (0 to 1) that the score takes for each country, in order.

    Blank ones share in equal parts what the others leave. The whole is always 1:
    shares that sum to less, with none blank, are taken in proportion. The same as
    the engine does it (a test compares the two).
    """
    blank = sum(1 for share in given if share is None)
    rest = max(0.0, 1.0 - math.fsum(share for share in given if share is not None))
    shares = [rest / blank if share is None else share for share in given]
    total = math.fsum(shares)
    return [share / total if total else 1 / len(shares) for share in shares]


def percent(share: float | None, digits: int = 2) -> str:
    """Write a share as a person does, without the sign: 0.125 is 12.5."""
    if share is None:
        return ""
    text = f"{share * 100:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def in_words(given: Sequence[float | None]) -> list[str]:
    """Write each country's share; of a blank one, what it comes to and why."""
    n_blank = sum(1 for share in given if share is None)
    why = (
        "the rest"
        if n_blank == 1
        else "equal parts"
        if n_blank == len(given)
        else "the rest in equal parts"
    )
    if len(given) == 1:
        return ["100 %"] if n_blank else [f"{percent(given[0])} %"]
    return [
        f"{percent(taken, 1)} %, {why}" if said is None else f"{percent(said)} %"
        for said, taken in zip(given, spread(given), strict=True)
    ]


def note(given: Sequence[float | None]) -> str:
    """Say what the score makes of shares that do not sum to the whole; "" if they do."""
    total = math.fsum(share or 0 for share in given)
    if not given or total == 0:
        return ""
    if None in given:
        return (
            "The shares given make 100 % already, so a country without one counts 0 %."
            if total > 1 - 1e-6
            else ""
        )
    if total > 1 - 5e-3:
        return ""
    return (
        f"The shares make {percent(total, 1)} % together. The score takes them in "
        "proportion, as if they made 100 %."
    )
