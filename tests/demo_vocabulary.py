"""A small vocabulary with every term the demo names, in memory and in the database."""

from catalog.demo.kinds import named_terms
from catalog.demo.words import Vocabulary, Word
from catalog.models import Scheme, Term

FURTHER = {
    "service": ["feasibility", "site-audit", "project-management", "translation"],
    "technology": ["edc", "epro", "telemedicine", "remote-monitoring", "ctms", "etmf"],
    "population": ["paediatric", "adult", "older-adult", "pregnant"],
    "engagement": ["full-service", "functional-service", "preferred-provider"],
    "regulator": ["fda", "ema", "mhra", "pmda", "cdsco"],
}
BROADER = {
    "regulator/fda": ["country/us"],
    "regulator/ema": ["country/de", "country/pl", "country/fr", "country/es"],
    "regulator/mhra": ["country/gb"],
    "regulator/pmda": ["country/jp"],
    "regulator/cdsco": ["country/in"],
}


def _words() -> list[Word]:
    words = [
        Word(key, key.split("/")[1].replace("-", " ").capitalize())
        for key in named_terms()
        if not key.startswith("therapeutic_area/")
    ]
    words += [
        Word(
            f"{scheme}/{code}",
            code.capitalize(),
            (),
            frozenset(BROADER.get(f"{scheme}/{code}", ())),
        )
        for scheme, codes in FURTHER.items()
        for code in codes
        if f"{scheme}/{code}" not in named_terms()
    ]
    for key in named_terms():
        if not key.startswith("therapeutic_area/"):
            continue
        branch = key.split("/")[1].upper()
        if branch == "RARE-DISEASES":  # no branch of MeSH, as in the real list
            words.append(Word(key, "Rare diseases"))
            continue
        words.append(Word(key, f"Area {branch}", (branch,)))
        for second in range(3):
            for third in range(3):
                tree = f"{branch}.{100 + second}.{200 + third}"
                words.append(
                    Word(
                        f"condition/{tree.lower().replace('.', '-')}",
                        f"Condition {tree}",
                        (tree,),
                    )
                )
    return sorted(words)


def vocabulary() -> Vocabulary:
    schemes: dict[str, list[Word]] = {}
    for word in _words():
        schemes.setdefault(word.key.split("/")[0], []).append(word)
    return Vocabulary({code: tuple(words) for code, words in schemes.items()})


def store_vocabulary() -> None:
    words = _words()
    codes = {word.key.split("/")[0] for word in words}
    Scheme.objects.bulk_create(Scheme(code=code, label=code) for code in sorted(codes))
    terms = Term.objects.bulk_create(
        Term(
            scheme_id=word.key.split("/")[0],
            code=word.code,
            label=word.label,
            tree_numbers=list(word.trees),
        )
        for word in words
    )
    pks = {f"{term.scheme_id}/{term.code}": term.pk for term in terms}
    Term.broader.through.objects.bulk_create(
        Term.broader.through(from_term_id=pks[word.key], to_term_id=pks[wide])
        for word in words
        for wide in word.broader
    )
