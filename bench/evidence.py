"""What one study asks of the track records alone, at the size of the whole world.

`leaves` are the leaves of the method that registers fill, from trial roles to
intervals; what only claims fill is left out. The catalogue is prepared before, once
per version. Beside: the same counts by pandas, exact conditions only, and the bytes
that cannot but be read, over the speed of memory.
"""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from bench import catalogues
from bench.harness import Row, copy_bytes_per_ms, median_ms, row
from matching import engine
from matching.engine.asked import Asked
from matching.engine.inputs import Catalogue, Floats, Need
from matching.engine.leaves import LEAVES, Answers, is_asked
from matching.engine.prepared import Prepared

N_CROS, ROLES_PER_CRO = 100_000, 5.0
FROM_REGISTERS = (
    "condition",
    "phase",
    "countries",
    "span",
    "size_proven",
    "repeat_sponsors",
    "sponsor_size",
)


def measure() -> Iterator[Row]:
    shape = catalogues.Shape(
        n_cros=N_CROS, roles_per_cro=ROLES_PER_CRO, claims_per_cro=2.0
    )
    catalogue = catalogues.catalogue(shape, 1)
    need = catalogues.need(catalogue.terms, 1)
    prepared = engine.prepare(catalogue)
    n_roles = int(catalogue.role_cro.size)
    yield row("evidence:roles", N_CROS, float(n_roles), "roles")
    asked = [leaf for leaf in FROM_REGISTERS if is_asked(leaf, Asked(prepared, need))]
    whole = median_ms(lambda: leaves(prepared, need, asked))
    floor = bytes_touched(prepared, N_CROS * len(asked)) / copy_bytes_per_ms()
    yield row("evidence:leaves", n_roles, whole, "ms", "bytes over bandwidth", floor)
    yield row(
        "evidence:leaves-beside-pandas",
        n_roles,
        whole,
        "ms",
        "pandas, exact conditions",
        pandas_ms(catalogue, need),
    )
    for leaf in asked:
        alone = median_ms(lambda one=leaf: leaves(prepared, need, [one]))
        yield row(f"evidence:{leaf}-alone", n_roles, alone, "ms")


def leaves(prepared: Prepared, need: Need, names: list[str]) -> Floats:
    """Work leaves out for every CRO; shape (leaves, low/value/high, CROs)."""
    answers = Answers(Asked(prepared, need))
    found = np.empty((len(names), 3, prepared.n_cros))
    for i, name in enumerate(names):
        LEAVES[name](answers, (found[i, 0], found[i, 1], found[i, 2]))
    return found


def bytes_touched(prepared: Prepared, n_intervals: int) -> float:
    """Return the bytes of the roles' columns read once and the intervals written."""
    return float(prepared.roles.cro.size * (4 + 4 + 8 + 4 + 1 + 4 + 8 + 8)) + (
        24.0 * n_intervals
    )


def pandas_ms(catalogue: Catalogue, need: Need) -> float:
    """Time the counts behind these leaves as an analyst writes them."""
    trials = catalogue.trials
    roles = pd.DataFrame({"cro": catalogue.role_cro, "trial": catalogue.role_trial})
    for name in ("start", "participants", "n_sites", "phase", "sponsor"):
        roles[name] = getattr(trials, name)[catalogue.role_trial]
    numbers = np.arange(trials.start.size)
    conditions = pd.DataFrame(
        {
            "trial": np.repeat(numbers, np.diff(trials.condition_at)),
            "condition": trials.condition_term,
        }
    )
    places = pd.DataFrame(
        {
            "trial": np.repeat(numbers, np.diff(trials.country_at)),
            "country": trials.country_term,
        }
    )
    asked = need.requirements.term

    def counts() -> pd.DataFrame:
        done = roles[roles["start"] <= need.start]
        decay = 2 ** (-(need.start - done["start"]) / 365.25 / 6)
        near = conditions.loc[conditions["condition"].isin(asked), "trial"]
        of_cro = done.groupby("cro")
        found = of_cro[["participants", "n_sites"]].max()
        found["condition"] = (
            decay.where(done["trial"].isin(near), 0.0).groupby(done["cro"]).sum()
        )
        found["phase"] = (
            decay.where(done["phase"].isin(asked), 0.0).groupby(done["cro"]).sum()
        )
        there = done.merge(places[places["country"].isin(asked)], on="trial")
        found["countries"] = there.groupby("cro").size()
        span = places.groupby("trial").size()
        found["span"] = done["trial"].map(span).groupby(done["cro"]).max()
        again = done.groupby(["cro", "sponsor"]).size().gt(1)
        found["again"] = again.groupby("cro").mean()
        return found.reindex(range(catalogue.n_cros))

    return median_ms(counts, 3, 1)
