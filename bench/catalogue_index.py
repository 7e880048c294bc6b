"""How fast the catalogue is browsed, and beside what.

A query is a search as the page makes it: some choices, at times a word of a name,
the total, the first 25 CROs and the counts of every facet value without its own
facet's choices. The others answer the same question on the same facts, and must
give the same totals: PostgreSQL with arrays under GIN and full text, PostgreSQL
with a row per CRO and term, and tantivy.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np
import psycopg2
import tantivy
from psycopg2.extensions import cursor as Cursor  # noqa: N812 a class by its name

from bench import (
    catalogues,
    portal,  # noqa: F401 before any model
)
from bench.harness import Row, row
from catalog.catalogue import Names
from catalog.index import arrays as index
from catalog.index import store
from catalog.index.arrays import CatalogueArrays, Vocabulary
from catalog.index.facets import FacetIndex
from catalog.index.query import BANDS, SCHEME_OF_FACET, Choice, Query
from catalog.index.wider import wider
from cro_portal.embedded import paths, session
from matching.engine.inputs import Catalogue

SIZES = (1_000, 10_000, 100_000)
N_QUERIES = 100
MANY, N_FEW = 10_000, 30
"""Above so many CROs PostgreSQL, which takes a second, is asked so many queries only."""
PAGE = 25
DENSE = tuple(facet for facet in SCHEME_OF_FACET if facet != "condition")
COUNTED = (*DENSE, *BANDS)
WORDS = ("alder", "birch", "cedar", "delta", "ember", "fjord", "grove", "harbour")


@dataclass(frozen=True)
class Asked:
    """A query of the page: `word` is looked for in names."""

    query: Query
    word: str


def measure() -> Iterator[Row]:
    for n in SIZES:
        yield from measure_at(n)


def measure_at(n: int) -> Iterator[Row]:
    arrays, vocabulary = catalogue_arrays(
        catalogues.catalogue(catalogues.Shape(n_cros=n), 1)
    )
    start = time.perf_counter()
    made = FacetIndex.build(arrays, vocabulary, on=catalogues.TODAY)
    yield row("catalogue_index:build", n, since(start), "ms")
    start = time.perf_counter()
    names = Names.of(list(arrays.names.items()))
    assert names.index
    yield row("catalogue_index:build-names", n, since(start), "ms")
    start = time.perf_counter()
    assert made.orders
    assert made.totals
    yield row("catalogue_index:orders-and-totals", n, since(start), "ms")
    size = sum(array.nbytes for array in store.to_arrays(made).values())
    yield row("catalogue_index:memory-per-cro", n, size / n, "bytes")
    yield from storing(made, n)
    yield from refreshing(made, arrays, vocabulary, n)

    asked = mixed_queries(made, np.random.default_rng(7))
    mine = [run_index(made, names, one) for one in asked]
    times = timed(lambda one: run_index(made, names, one), asked)
    open_too = [
        replace(one, query=replace(one.query, include_unknown=True)) for one in asked
    ]
    with_unknown = timed(lambda one: run_index(made, names, one), open_too)
    yield from percentiles("catalogue_index:unknown-kept", n, with_unknown)
    yield from percentiles("catalogue_index:query", n, times)
    facts = Facts(made)
    others: dict[str, Callable[[Asked], tuple[int, int]]]
    with (
        tempfile.TemporaryDirectory() as folder,
        session.running(paths.layout(), durable=False),
        postgres(facts) as cursor,
    ):
        others = {
            "tantivy": Tantivy.of(facts, folder).run,
            "postgres-arrays": partial(run_arrays, cursor, facts),
            "postgres-links": partial(run_links, cursor, facts),
        }
        for name, ask in others.items():
            few = n > MANY and name != "tantivy"
            n_asked = N_FEW if few else N_QUERIES
            theirs = []
            for one, answer in list(zip(asked, mine, strict=True))[:n_asked]:
                if not few:
                    ask(one)  # the second time its pages are in memory
                start = time.perf_counter()
                counted = ask(one)
                theirs.append(since(start))
                assert counted == answer, f"{name} counts otherwise: {one}"
            said = f"{name}-first-{N_FEW}" if few else name
            for part in (50, 95):
                yield row(
                    f"catalogue_index:query-p{part}-beside-{said}",
                    n,
                    float(np.percentile(times[:n_asked], part)),
                    "ms",
                    name,
                    float(np.percentile(theirs, part)),
                )
    yield row("catalogue_index:load-average", n, os.getloadavg()[0], "")


def since(start: float) -> float:
    return (time.perf_counter() - start) * 1e3


def timed(
    run: Callable[[Asked], object], asked: list[Asked], repeats: int = 5
) -> list[float]:
    """Time each query, all of them one after the other; the best of the rounds."""
    rounds = []
    for _ in range(repeats):
        times = []
        for one in asked:
            start = time.perf_counter()
            run(one)
            times.append(since(start))
        rounds.append(times)
    return np.min(rounds, axis=0).tolist()


def percentiles(name: str, n: int, times: list[float]) -> Iterator[Row]:
    for part in (50, 95):
        yield row(f"{name}-p{part}", n, float(np.percentile(times, part)), "ms")


def storing(made: FacetIndex, n: int) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index.npz"
        start = time.perf_counter()
        store.write(path, store.to_arrays(made))
        yield row("catalogue_index:write-file", n, since(start), "ms")
        start = time.perf_counter()
        store.from_arrays(store.read(path))
        yield row("catalogue_index:warm-start", n, since(start), "ms")


def refreshing(
    made: FacetIndex, arrays: CatalogueArrays, vocabulary: Vocabulary, n: int
) -> Iterator[Row]:
    wider_terms = wider(vocabulary)
    for n_changed in (1, min(1_000, n // 10)):
        changed = arrays.cros.id[:: max(1, n // n_changed)][:n_changed]
        rows = only(arrays, changed)
        start = time.perf_counter()
        part = FacetIndex.build(rows, vocabulary, on=made.on, wider_terms=wider_terms)
        fresh = made.replaced(changed.tolist(), part)
        assert fresh.orders
        assert fresh.totals
        yield row(f"catalogue_index:refresh-{n_changed}", n, since(start), "ms")
        assert fresh.n == made.n


def only(arrays: CatalogueArrays, cros: index.Ints) -> CatalogueArrays:
    """Keep the rows of some CROs, as the snapshot loads those that changed."""
    roles = arrays.roles.take(np.isin(arrays.roles.cro, cros))
    trials = np.unique(roles.trial)
    keys = cros.tolist()
    return replace(
        arrays,
        cros=index.CRORows(id=cros),
        names={key: arrays.names[key] for key in keys},
        claims=arrays.claims.take(np.isin(arrays.claims.cro, cros)),
        complete=arrays.complete.take(np.isin(arrays.complete.cro, cros)),
        roles=roles,
        trials=arrays.trials.take(np.isin(arrays.trials.id, trials)),
        conditions=arrays.conditions.take(np.isin(arrays.conditions.trial, trials)),
        countries=arrays.countries.take(np.isin(arrays.countries.trial, trials)),
    )


def catalogue_arrays(made: Catalogue) -> tuple[CatalogueArrays, Vocabulary]:
    """Give the engine's catalogue as the snapshot would: keys from 1."""
    terms, claims, trials = made.terms, made.claims, made.trials
    n_trials = np.arange(1, trials.start.size + 1)
    chance = np.random.default_rng(3)
    words = chance.choice(WORDS, (made.n_cros, 2))

    def key(places: np.ndarray) -> index.Ints:
        return places.astype(np.int64) + 1

    arrays = CatalogueArrays(
        cros=index.CRORows(id=made.cro_id),
        names={
            i + 1: f"{first} {second} {i}" for i, (first, second) in enumerate(words)
        },
        claims=index.ClaimRows(
            id=claims.id,
            cro=key(claims.cro),
            term=key(claims.term),
            answer=claims.answer,
            aspect=claims.aspect.astype(np.int16),
            country=key(claims.country),
            area=key(claims.area),
            delivery=claims.delivery.astype(np.int16),
            value=claims.value,
            tier=claims.tier.astype(np.int16),
            observed=claims.observed,
            expires=claims.expires,
        ),
        complete=index.CompleteRows(
            cro=key(made.complete_cro),
            scheme=np.array(made.complete_scheme, dtype="U40"),
        ),
        roles=index.RoleRows(cro=key(made.role_cro), trial=key(made.role_trial)),
        trials=index.TrialRows(
            id=n_trials,
            start=trials.start,
            phase=key(trials.phase),
            participants=trials.participants,
            n_sites=trials.n_sites,
            n_countries=trials.n_countries,
            sponsor=trials.sponsor.astype(np.int64),
            sponsor_size=trials.sponsor_size.astype(np.int16),
        ),
        conditions=index.TrialTermRows(
            trial=np.repeat(n_trials, np.diff(trials.condition_at)),
            term=key(trials.condition_term),
        ),
        countries=index.TrialTermRows(
            trial=np.repeat(n_trials, np.diff(trials.country_at)),
            term=key(trials.country_term),
        ),
        size_class_counts=np.ones(4, np.int64),
    )
    vocabulary = Vocabulary(
        terms=index.TermRows(
            id=np.arange(1, len(terms.code) + 1),
            parent=key(terms.parent),
            scheme=np.array(terms.scheme, dtype=object),
            code=np.array(terms.code, dtype=object),
            label=np.array(terms.label, dtype=object),
        ),
        broader=index.BroaderRows(
            term=key(terms.member_term), broader=key(terms.wider_term)
        ),
        trees=index.TreeRows(
            term=key(terms.tree_term), number=np.array(terms.tree_number, dtype=object)
        ),
    )
    return index.in_order(arrays), vocabulary


def mixed_queries(made: FacetIndex, chance: np.random.Generator) -> list[Asked]:
    """Ask for what some CRO has: one to five facets, one to three values in each."""
    asked = []
    for i in range(N_QUERIES):
        somebody = int(chance.integers(made.n))
        has = {
            facet: [
                code
                for code in made.layout.position[facet]
                if made.has_yes(facet, code)[somebody]
            ]
            for facet in COUNTED
        }
        open_facets = [facet for facet, codes in has.items() if codes]
        facets = chance.choice(
            open_facets, min(1 + i % 5, len(open_facets)), replace=False
        )
        choices = tuple(
            Choice(str(facet), str(code))
            for facet in facets
            for code in chance.choice(
                has[facet], min(len(has[facet]), 1 + i % 3), replace=False
            )
        )
        word = made.names[somebody].split()[0] if i % 5 == 4 else ""
        query = Query(choices, include_unknown=False, sort="name")
        asked.append(Asked(query, word))
    return asked


def by_facet(query: Query) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for choice in query.choices:
        found.setdefault(choice.facet, []).append(choice.code)
    return found


# Each answers with the total and the sum of all counts.


def run_index(made: FacetIndex, names: Names, one: Asked) -> tuple[int, int]:
    query = one.query
    if one.word:
        rows = names.index.names([one.word])
        query = replace(query, text=names.owner[rows])
    page = made.search(query, 0, PAGE)
    counts = made.counts(query, COUNTED)
    return page.total, sum(int(counts.numbers(facet).sum()) for facet in COUNTED)


class Facts:
    """The yes cells of an index: by facet, for each row, its values as numbers.

    Values are numbered through all facets: `number[facet, code]`.
    """

    def __init__(self, made: FacetIndex) -> None:
        self.made = made
        self.number: dict[tuple[str, str], int] = {}
        self.lists: dict[str, tuple[index.Ints, index.Ints]] = {}
        for facet in COUNTED:
            first = len(self.number)
            codes = list(made.layout.position[facet])
            self.number |= {(facet, code): first + i for i, code in enumerate(codes)}
            flags = np.zeros((made.n, len(codes)), bool)
            for i, code in enumerate(codes):
                flags[:, i] = made.has_yes(facet, code)
            owner, value = np.nonzero(flags)
            self.lists[facet] = index.offsets(owner, made.n), value + first

    def of(self, facet: str, cro: int) -> list[int]:
        at, values = self.lists[facet]
        return values[at[cro] : at[cro + 1]].tolist()

    def bases(self, one: Asked) -> list[tuple[list[list[int]], list[str]]]:
        """Give each set of CROs to count, as any-of lists, and the facets for it."""
        chosen = {
            facet: [self.number[facet, code] for code in codes]
            for facet, codes in by_facet(one.query).items()
        }
        rest = [facet for facet in COUNTED if facet not in chosen]
        found = [(list(chosen.values()), rest)]
        for facet in chosen:
            others = [values for other, values in chosen.items() if other != facet]
            found.append((others, [facet]))
        return found


@contextmanager
def postgres(facts: Facts) -> Iterator[Cursor]:
    """Fill two tables in a schema of the embedded server; drop it at the end."""
    connection = psycopg2.connect(paths.layout().database_url("cro_owner"))
    connection.autocommit = True
    cursor = connection.cursor()
    lists = ", ".join(f"f_{facet} int[] NOT NULL" for facet in COUNTED)
    run(
        cursor,
        "DROP SCHEMA IF EXISTS bench_index CASCADE",
        "CREATE SCHEMA bench_index",
        "SET search_path = bench_index",
        f"CREATE TABLE cro (id int PRIMARY KEY, name text, terms int[], {lists})",
        "CREATE TABLE link (cro int, facet text, term int)",
    )
    try:
        with tempfile.TemporaryFile("w+") as file:
            for i, name in enumerate(facts.made.names):
                each = [facts.of(facet, i) for facet in COUNTED]
                texts = [
                    "{" + ",".join(map(str, values)) + "}"
                    for values in (chain.from_iterable(each), *each)
                ]
                file.write("\t".join([str(i), name, *texts]) + "\n")
            file.seek(0)
            cursor.copy_expert("COPY cro FROM STDIN", file)
        run(
            cursor,
            *(
                f"INSERT INTO link SELECT id, '{facet}', unnest(f_{facet}) FROM cro"
                for facet in COUNTED
            ),
            "CREATE INDEX ON cro USING gin (terms)",
            "CREATE INDEX ON cro USING gin (to_tsvector('simple', name))",
            "CREATE INDEX ON cro (name)",
            "CREATE INDEX ON link (term, cro)",
            "CREATE INDEX ON link (cro, facet, term)",
            "VACUUM ANALYZE cro",
            "VACUUM ANALYZE link",
        )
        yield cursor
    finally:
        run(cursor, "DROP SCHEMA bench_index CASCADE")
        connection.close()


def run(cursor: Cursor, *statements: str) -> None:
    for statement in statements:
        cursor.execute(statement)


WORD = "to_tsvector('simple', name) @@ to_tsquery('simple', %s)"


def run_arrays(cursor: Cursor, facts: Facts, one: Asked) -> tuple[int, int]:
    """Ask PostgreSQL by arrays under GIN: the page, its total, then the counts."""
    word = f"{one.word}:*" if one.word else ""
    total = n_counted = 0
    for place, (sets, facets) in enumerate(facts.bases(one)):
        where = " AND ".join([*(["terms && %s"] * len(sets)), *([WORD] * bool(word))])
        values = [*sets, *([word] * bool(word))]
        source = f"FROM cro WHERE {where or 'true'}"
        if place == 0:
            cursor.execute(f"SELECT count(*) {source}", values)
            total = cursor.fetchone()[0]
            cursor.execute(f"SELECT id {source} ORDER BY name LIMIT {PAGE}", values)
            cursor.fetchall()
        every = " || ".join(f"f_{facet}" for facet in facets)
        cursor.execute(
            f"SELECT value, count(*) FROM (SELECT unnest({every}) AS value {source})"
            " AS found GROUP BY value",
            values,
        )
        n_counted += sum(count for _, count in cursor.fetchall())
    return total, n_counted


def run_links(cursor: Cursor, facts: Facts, one: Asked) -> tuple[int, int]:
    """Ask PostgreSQL by a row per CRO and value, as many-to-many tables have."""
    word = f"{one.word}:*" if one.word else ""
    total = n_counted = 0
    has = "EXISTS (SELECT FROM link WHERE cro = cro.id AND term = ANY(%s))"
    for place, (sets, facets) in enumerate(facts.bases(one)):
        where = " AND ".join([*([has] * len(sets)), *([WORD] * bool(word))])
        values = [*sets, *([word] * bool(word))]
        source = f"FROM cro WHERE {where or 'true'}"
        if place == 0:
            cursor.execute(f"SELECT count(*) {source}", values)
            total = cursor.fetchone()[0]
            cursor.execute(f"SELECT id {source} ORDER BY name LIMIT {PAGE}", values)
            cursor.fetchall()
        cursor.execute(
            f"SELECT term, count(*) FROM link WHERE cro IN (SELECT id {source})"
            " AND facet = ANY(%s) GROUP BY term",
            [*values, facets],
        )
        n_counted += sum(count for _, count in cursor.fetchall())
    return total, n_counted


@dataclass(frozen=True)
class Tantivy:
    schema: tantivy.Schema
    searcher: tantivy.Searcher
    facts: Facts

    @classmethod
    def of(cls, facts: Facts, folder: str) -> "Tantivy":
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field("place", stored=True, indexed=True, fast=True)
        builder.add_text_field("name", tokenizer_name="default")
        for facet in COUNTED:
            builder.add_integer_field(facet, indexed=True, fast=True)
        schema = builder.build()
        engine = tantivy.Index(schema, folder)
        writer = engine.writer(100_000_000, 1)
        by_name = np.argsort(facts.made.by_name).tolist()
        for i, name in enumerate(facts.made.names):
            values = {facet: facts.of(facet, i) for facet in COUNTED}
            writer.add_document(tantivy.Document(place=by_name[i], name=name, **values))
        writer.commit()
        writer.wait_merging_threads()
        engine.reload()
        return cls(schema, engine.searcher(), facts)

    def run(self, one: Asked) -> tuple[int, int]:
        total = n_counted = 0
        must = tantivy.Occur.Must
        facet_of = {number: key[0] for key, number in self.facts.number.items()}
        for place, (sets, facets) in enumerate(self.facts.bases(one)):
            parts = [
                (must, tantivy.Query.term_set_query(self.schema, facet_of[s[0]], s))
                for s in sets
            ]
            if one.word:
                # A whole word: tantivy's prefix query is for one field at a time.
                parts.append(
                    (must, tantivy.Query.term_query(self.schema, "name", one.word))
                )
            query = (
                tantivy.Query.boolean_query(parts)
                if parts
                else tantivy.Query.all_query()
            )
            if place == 0:
                found = self.searcher.search(
                    query, PAGE, order_by_field="place", order=tantivy.Order.Asc
                )
                total = found.count
            wanted = {
                facet: {"terms": {"field": facet, "size": 1000}} for facet in facets
            }
            buckets = self.searcher.aggregate(query, wanted)
            n_counted += sum(
                bucket["doc_count"]
                for facet in facets
                for bucket in buckets[facet]["buckets"]
            )
        return total, n_counted
