"""The tab Experience: trials by area, phase and year, and each of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, OuterRef, Prefetch, QuerySet, Subquery

from catalog.models import CRO, Term, Trial, TrialCountry, TrialRole
from catalog.profile.cuts import NOT_SAID, Cut, CutList, cuts
from catalog.profile.cuts import lines as lines_of_cut
from catalog.profile.record import TrackRecord, Trials, track_record
from cro_portal.common.charts import BarChart, HeatMap, bars, heat_map

TRIALS_A_PAGE = 25
SORTS = {
    "start": "start_date",
    "record": "registry_id",
    "title": "title",
    "phase": "phase__position",
    "countries": "n_countries",
    "participants": "participants",
}
NEWEST_FIRST = "-start"
PARAMETERS = {"sponsor_class": "class", "sponsor_size": "sponsor-size"}
"""How fields of a choice are called in an address, where it is another name."""
FIELDS = {parameter: name for name, parameter in PARAMETERS.items()}
WORDS = {
    "class": "kind of sponsor",
    "sponsor-size": "size of sponsor",
    "size": "number of participants",
}
CHIP_WORDS = {"sponsor": "Sponsor"}


@dataclass(frozen=True)
class Choice:
    """What the reader picked; "" is everything, `NOT_SAID` what no record says."""

    area: str = ""
    phase: str = ""
    year: str = ""
    country: str = ""
    size: str = ""
    sponsor_class: str = ""
    sponsor_size: str = ""
    sponsor: str = ""
    inherited: str = ""
    sort: str = NEWEST_FIRST

    def url(self, **changes: str) -> str:
        """Return the query of this choice with some changes."""
        wanted = replace(self, **changes)
        query = {
            PARAMETERS.get(field.name, field.name): getattr(wanted, field.name)
            for field in fields(wanted)
            if getattr(wanted, field.name) != field.default
        }
        return f"?{urlencode(query)}"

    def of(self, cut: Cut) -> str:
        """Return what is chosen of a cut."""
        return str(getattr(self, FIELDS.get(cut.name, cut.name)))


@dataclass(frozen=True)
class Chip:
    label: str
    url: str


@dataclass(frozen=True)
class Linked:
    """A number of a picture or its table, and where it leads."""

    number: int
    level: int
    url: str
    words: str
    is_chosen: bool


@dataclass(frozen=True)
class Column:
    """A heading that sorts; `direction` is aria-sort's word, "" where it does not."""

    label: str
    url: str
    direction: str
    is_number: bool


@dataclass(frozen=True)
class Experience:
    """Everything the tab shows. Links are by the key of a cell or a bar."""

    choice: Choice
    record: TrackRecord
    ancestors: Sequence[CRO]
    n_inherited: int
    n_undated: int
    inherited_url: str
    heat: HeatMap
    heat_links: Mapping[tuple[str, str], Linked]
    heat_table: Sequence[tuple[str, str, Sequence[Linked]]]
    phases: Sequence[str]
    years: BarChart
    year_links: Mapping[str, Linked]
    cuts: Sequence[CutList]
    n_only_inherited: int
    chips: Sequence[Chip]
    ignored: Sequence[str]
    columns: Sequence[Column]
    page: Page[Trial]


def trials_shown(
    cros: Sequence[CRO], keys: Iterable[int], *, sort: str
) -> QuerySet[Trial]:
    """Return trials with the roles of these CROs in them, unknown values last.

    `n_countries` is None where the record names none; `cro_roles` lists the roles.
    """
    roles = TrialRole.objects.experience().filter(cro__in=cros).select_related("cro")
    countries = (
        TrialCountry.objects.filter(trial=OuterRef("pk"))
        .order_by()
        .values("trial")
        .annotate(n=Count("pk"))
        .values("n")
    )
    order = F(SORTS[sort.removeprefix("-")])
    ordered = (
        order.desc(nulls_last=True)
        if sort.startswith("-")
        else order.asc(nulls_last=True)
    )
    return (
        Trial.objects.filter(pk__in=list(keys))
        .select_related("phase")
        .annotate(n_countries=Subquery(countries))
        .prefetch_related(Prefetch("roles", queryset=roles, to_attr="cro_roles"))
        .order_by(ordered, "register", "registry_id")
    )


def experience(
    cro: CRO,
    predecessors: Sequence[CRO],
    *,
    parameters: Mapping[str, str],
) -> Experience:
    """Count the trials of a CRO and find those of a choice.

    What `parameters` ask and nobody knows is ignored and told in `ignored`. The
    trials of predecessors count only with `inherited=1`, for a score leaves them out.
    """
    n_inherited = 0
    with_inherited = parameters.get("inherited") == "1" and bool(predecessors)
    cros = [cro, *predecessors] if with_inherited else [cro]
    record = track_record(cros)
    if predecessors:
        n_inherited = Trial.objects.experience_of(predecessors).count()
    areas, phases, terms = _axes(record)
    parted = cuts(record, cros)
    choice, ignored = _choice(parameters, areas, phases, parted, record, with_inherited)
    chosen = _chosen(record, choice, areas, phases)
    of_cut = {cut.name: cut.trials.get(choice.of(cut), record.trials) for cut in parted}
    cut_out = record.trials.intersection(*of_cut.values())

    by_year = chosen["year"] & cut_out
    counts = {
        (a, p): len(areas[a] & phases[p] & by_year) for a in areas for p in phases
    }
    rows = {code: terms[code] for code in areas}
    columns = {code: _short(terms[code]) for code in phases}
    heat = heat_map(rows, columns, counts)
    heat_links = {
        cell.key: Linked(
            cell.number,
            cell.level,
            choice.url(area="", phase="")
            if (choice.area, choice.phase) == cell.key
            else choice.url(area=cell.row, phase=cell.column),
            f"{terms[cell.row]}, {terms[cell.column]}: {_trials(cell.number)}",
            choice.area in ("", cell.row)
            and choice.phase in ("", cell.column)
            and bool(choice.area or choice.phase),
        )
        for cell in heat.cells
    }
    within = chosen["area"] & chosen["phase"] & cut_out
    years = bars(_by_year(record, within))
    year_links = {
        bar.key: Linked(
            int(bar.value or 0),
            0,
            choice.url(year="" if choice.year == bar.key else bar.key),
            f"{bar.key}: {_trials(int(bar.value or 0))}",
            choice.year == bar.key,
        )
        for bar in years.bars
    }
    keys = within & by_year
    own = (
        frozenset(Trial.objects.experience_of([cro]).values_list("pk", flat=True))
        if with_inherited
        else record.trials
    )
    return Experience(
        choice=choice,
        record=record,
        ancestors=predecessors,
        n_inherited=n_inherited,
        n_undated=len(record.trials - Trials().union(*record.by_year.values())),
        inherited_url=choice.url(inherited="" if with_inherited else "1"),
        heat=heat,
        heat_links=heat_links,
        heat_table=[
            (
                terms[area],
                choice.url(area="" if choice.area == area else area, phase=""),
                [heat_links[area, phase] for phase in phases],
            )
            for area in areas
        ],
        phases=[terms[phase] for phase in phases],
        years=years,
        year_links=year_links,
        cuts=_cut_lists(parted, of_cut, choice, chosen),
        n_only_inherited=len(keys - own),
        chips=_chips(choice, terms, parted),
        ignored=ignored,
        columns=_columns(choice),
        page=Paginator(
            trials_shown(cros, keys, sort=choice.sort), TRIALS_A_PAGE
        ).get_page(parameters.get("page")),
    )


def _axes(
    record: TrackRecord,
) -> tuple[dict[str, Trials], dict[str, Trials], dict[str, str]]:
    """Find the areas and phases that have trials, and their words: one query."""
    areas: dict[str, Trials] = {}
    phases: dict[str, Trials] = {}
    words: dict[str, str] = {NOT_SAID: "Not said"}
    exact: dict[int, set[int]] = {}
    for trial, phase in record.own_phase.items():
        exact.setdefault(phase, set()).add(trial)
    for term in Term.objects.filter(scheme__in=("therapeutic_area", "phase")).order_by(
        "scheme", "position", "label", "pk"
    ):
        if term.scheme_id == "phase":
            if of_phase := exact.get(term.pk):
                phases[term.code] = frozenset(of_phase)
                words[term.code] = term.label
        elif trials := record.showing(term):
            areas[term.code] = frozenset(trials)
            words[term.code] = term.label
    areas = dict(sorted(areas.items(), key=lambda item: (-len(item[1]), item[0])))
    if rest := record.trials - Trials().union(*areas.values()):
        areas[NOT_SAID] = rest
    if rest := record.trials - Trials().union(*phases.values()):
        phases[NOT_SAID] = rest
    return areas, phases, words


def _cut_lists(
    parted: Sequence[Cut],
    of_cut: Mapping[str, Trials],
    choice: Choice,
    chosen: Mapping[str, Trials],
) -> list[CutList]:
    """Count each cut within what the other choices leave."""
    found = []
    for cut in parted:
        others = [trials for name, trials in of_cut.items() if name != cut.name]
        within = chosen["area"].intersection(chosen["phase"], chosen["year"], *others)
        name, picked = FIELDS.get(cut.name, cut.name), choice.of(cut)

        def url(code: str, name: str = name, picked: str = picked) -> str:
            return choice.url(**{name: "" if code == picked else code})

        if shown := lines_of_cut(cut, picked, within, url):
            found.append(shown)
    return found


def _choice(
    parameters: Mapping[str, str],
    areas: Mapping[str, Trials],
    phases: Mapping[str, Trials],
    parted: Sequence[Cut],
    record: TrackRecord,
    with_inherited: bool,
) -> tuple[Choice, list[str]]:
    known = {
        "area": areas.keys(),
        "phase": phases.keys(),
        "year": {*map(str, record.by_year), NOT_SAID},
        **{cut.name: cut.trials.keys() for cut in parted},
    }
    picked, ignored = {}, []
    for name, codes in known.items():
        value = parameters.get(name, "")
        if value in codes:
            picked[FIELDS.get(name, name)] = value
        elif value:
            words = WORDS.get(name, name)
            ignored.append(f"No trial here has the {words} “{value[:60]}”.")
    sort = parameters.get("sort", "")
    if sort.removeprefix("-") in SORTS:
        picked["sort"] = sort
    return Choice(**picked, inherited="1" if with_inherited else ""), ignored


def _chosen(
    record: TrackRecord,
    choice: Choice,
    areas: Mapping[str, Trials],
    phases: Mapping[str, Trials],
) -> dict[str, Trials]:
    """Return the trials that each part of the choice leaves."""
    undated = record.trials - Trials().union(*record.by_year.values())
    by_year = {str(year): trials for year, trials in record.by_year.items()}
    return {
        "area": areas.get(choice.area, record.trials),
        "phase": phases.get(choice.phase, record.trials),
        "year": {**by_year, NOT_SAID: undated}.get(choice.year, record.trials),
    }


def _by_year(record: TrackRecord, within: Trials) -> dict[str, float | None]:
    """Count the trials of every year from the first to the last, gaps as 0."""
    if not record.by_year:
        return {}
    span = range(min(record.by_year), max(record.by_year) + 1)
    return {
        str(year): float(len(record.by_year.get(year, Trials()) & within))
        for year in span
    }


def _chips(
    choice: Choice, words: Mapping[str, str], parted: Sequence[Cut]
) -> list[Chip]:
    chips = []
    if choice.area:
        label = words[choice.area]
        chips.append(Chip(f"Area: {label}", choice.url(area="")))
    if choice.phase:
        label = words[choice.phase]
        chips.append(Chip(f"Phase: {label}", choice.url(phase="")))
    if choice.year:
        label = words.get(choice.year, choice.year)
        chips.append(Chip(f"Start: {label}", choice.url(year="")))
    for cut in parted:
        if picked := choice.of(cut):
            field = FIELDS.get(cut.name, cut.name)
            heading = CHIP_WORDS.get(cut.name, cut.heading)
            chips.append(
                Chip(f"{heading}: {cut.labels[picked]}", choice.url(**{field: ""}))
            )
    return chips


def _columns(choice: Choice) -> list[Column]:
    columns = []
    for name, label in (
        ("record", "Record"),
        ("title", "Title"),
        ("phase", "Phase"),
        ("start", "Start"),
        ("countries", "Countries"),
        ("participants", "Participants"),
    ):
        is_number = name in ("countries", "participants")
        direction = {name: "ascending", f"-{name}": "descending"}.get(choice.sort, "")
        first = f"-{name}" if is_number or name == "start" else name
        other = name if first.startswith("-") else f"-{name}"
        columns.append(
            Column(
                label,
                choice.url(sort=other if choice.sort == first else first),
                direction,
                is_number,
            )
        )
    return columns


def _short(phase: str) -> str:
    """Shorten a phase to what fits over a cell: "Phase 1/2" to "1/2"."""
    if phase == "Not applicable":
        return "n/a"
    if phase == "Not said":
        return "?"
    return phase.replace("Early phase", "Early").replace("Phase ", "")


def _trials(number: int) -> str:
    return f"{number} trial{'' if number == 1 else 's'}"
