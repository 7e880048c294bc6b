"""What a medicine's name says of its kind: stems of the WHO's nonproprietary names.

Only stems that name one kind of product, and that no common word ends in.
"""

import re

_ANTIBODY = r"\b[a-z]{3,}(?:mab|tug|bart|mig)"  # -mab until 2021, then the others
_TOXIN = r"[a-z]*(?:dotin|tansine|tecan|tesirine|ozogamicin)"
_KINDS = (
    (re.compile(rf"{_ANTIBODY}[ -]{_TOXIN}\b"), "antibody-drug-conjugate"),
    (re.compile(rf"{_ANTIBODY}\b"), "monoclonal-antibody"),
    (re.compile(r"\b[a-z]{3,}(?:siran|rsen)\b"), "oligonucleotide"),
    (re.compile(r"\b[a-z]{3,}cabtagene [a-z]+leucel\b"), "car-t"),
    (re.compile(r"\b[a-z]{3,}leucel\b"), "cell-therapy"),
    (re.compile(r"\b[a-z]{3,}vec\b"), "gene-therapy"),
)


def modality_codes(text: str) -> list[str]:
    """Give the modalities that medicines named in a text have, each once.

    "Trastuzumab deruxtecan" is an antibody-drug conjugate and no antibody beside.
    """
    rest, found = text.lower(), []
    for pattern, code in _KINDS:
        rest, n = pattern.subn(" ", rest)
        if n:
            found.append(code)
    return found
