"""Names as people and registers write them, made comparable."""

import re
import unicodedata

_NOT_ALNUM = re.compile(r"[\W_]+")


def lookup_key(name: str) -> str:
    """Reduce a name to what makes it the same name.

    Case, accents and punctuation go, words stay in order: `Côte D'Ivoire` and
    `cote d’ivoire` give the same key. Doing it twice changes nothing.
    """
    # Case is folded on both sides of the decomposition: each can undo the other.
    plain = unicodedata.normalize(
        "NFKD", unicodedata.normalize("NFKD", name).casefold()
    )
    letters = "".join(c for c in plain if not unicodedata.combining(c))
    return _NOT_ALNUM.sub(" ", letters.casefold()).strip()
