"""Finds the organization a name means, among those of the directory."""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from catalog.identity import words as lists
from catalog.identity.entries import (
    Answer,
    Mention,
    Name,
    OrganizationEntry,
    Proposal,
    Resolution,
)
from catalog.identity.names import Words, core_of, plain_domain, words_of

SAME: Final = 0.8
"""From this certainty on a name is taken for the organization."""
UNSURE: Final = 0.5
"""From here to `SAME` a curator is asked."""
GRACE: Final = dt.timedelta(days=366)
"""How long before and after its time a name is still nothing odd."""
MAX_PROPOSALS: Final = 5
FACILITY: Final = "facility"
CONTACT_DOMAIN: Final = "contact_domain"
DOMAIN: Final = "domain"
ABBREVIATION: Final = "abbreviation"
SIMILAR: Final = 88.0
MIN_FUZZY_LENGTH: Final = 8
MAX_FUZZY_WORDS: Final = 8
BATCH: Final = 2000


@dataclass(frozen=True, slots=True)
class _Alias:
    """One name of one organization, cut into words."""

    row: int
    name: Name
    words: tuple[str, ...]
    strength: int  # WEAK, PHRASE or COINED

    def says_more_than(self, other: "_Alias") -> bool:
        """Tell which of two spellings of one name to keep: stronger, then dated."""
        return (self.strength, self.is_dated) > (other.strength, other.is_dated)

    @property
    def is_dated(self) -> bool:
        return (self.name.valid_from or self.name.valid_to) is not None


WEAK, PHRASE, COINED = 0, 1, 2


@dataclass(frozen=True, slots=True)
class _Candidate:
    """An organization that a part of the name points at."""

    row: int
    certainty: float
    reason: str
    name: Name


@dataclass(frozen=True)
class Resolver:
    """The directory, ready to be asked. Immutable; threads may share it."""

    entries: tuple[OrganizationEntry, ...]
    _by_first: Mapping[str, tuple[_Alias, ...]]  # longest first
    _by_domain: Mapping[str, tuple[_Alias, ...]]
    _fuzzy: tuple[_Alias, ...]
    _fuzzy_texts: tuple[str, ...]
    _rows: Mapping[str, int]
    _strangers: frozenset[tuple[str, ...]]

    @classmethod
    def build(
        cls, entries: Iterable[OrganizationEntry], *, strangers: Iterable[str] = ()
    ) -> "Resolver":
        """Take a directory, and names known to be of nobody in it; slugs are unique.

        A name that an organization shares with one that became part of it is
        the earlier one's: it bore the name first.

        Raises
        ------
        ValueError
            When two entries have the same slug.
        """
        listed = tuple(entries)
        rows = {entry.slug: row for row, entry in enumerate(listed)}
        if len(rows) < len(listed):
            raise ValueError("Two organizations have the same slug.")
        aliases: dict[tuple[str, ...], dict[int, _Alias]] = defaultdict(dict)
        domains: dict[str, list[_Alias]] = defaultdict(list)
        for row, entry in enumerate(listed):
            for name in (Name(entry.name), *entry.names):
                if name.kind == DOMAIN:
                    if domain := plain_domain(name.text):
                        domains[domain].append(_Alias(row, name, (domain,), COINED))
                    continue
                core = core_of(words_of(name.text)).words
                if core:
                    known = aliases[core].get(row)
                    made = _Alias(row, name, core, _strength(core, name.kind))
                    if known is None or made.says_more_than(known):
                        aliases[core][row] = made
        by_first: dict[str, list[_Alias]] = defaultdict(list)
        for core, by_row in aliases.items():
            heirs = {owner for row in by_row for owner in _owners_of(listed, rows, row)}
            by_first[core[0]] += [
                alias for row, alias in by_row.items() if row not in heirs
            ]
        flat = [alias for found in by_first.values() for alias in found]
        fuzzy = [
            alias
            for alias in flat
            if alias.strength != WEAK and len(" ".join(alias.words)) >= MIN_FUZZY_LENGTH
        ]
        return cls(
            entries=listed,
            _by_first={
                first: tuple(sorted(found, key=lambda a: (-len(a.words), a.row)))
                for first, found in by_first.items()
            },
            _by_domain={key: tuple(found) for key, found in domains.items()},
            _fuzzy=tuple(fuzzy),
            _fuzzy_texts=tuple(" ".join(alias.words) for alias in fuzzy),
            _rows=rows,
            _strangers=frozenset(core_of(words_of(name)).words for name in strangers),
        )

    def resolve(
        self,
        name: str,
        *,
        domain: str = "",
        country: str = "",
        day: dt.date | None = None,
        field: str = "",
    ) -> Resolution:
        """Say which organization a record means; see `Mention` for the arguments."""
        return self.resolve_many([Mention(name, domain, country, day, field)])[0]

    def resolve_many(self, mentions: Sequence[Mention]) -> list[Resolution]:
        """Answer for every mention, in their order; equal mentions cost once."""
        unique = dict.fromkeys(mentions)
        cut = {name: core_of(words_of(name)) for name in {m.name for m in unique}}
        found = {name: list(self._in_words(words)) for name, words in cut.items()}
        alike = self._alike({n: w for n, w in cut.items() if not found[n]})
        answers = {
            mention: self._answer(
                mention, cut[mention.name], found[mention.name] or alike[mention.name]
            )
            for mention in unique
        }
        return [answers[mention] for mention in mentions]

    # From names to candidates

    def _in_words(self, words: Words) -> Iterator[_Candidate]:
        """Find names of the directory as runs of words in a name."""
        at = 0
        while at < len(words.words):
            longest = 0
            for alias in self._by_first.get(words.words[at], ()):
                size = len(alias.words)
                if size < longest:
                    break
                if words.words[at : at + size] == alias.words:
                    longest = size
                    yield _judge(alias, words, at)
            at += longest or 1

    def _alike(self, names: Mapping[str, Words]) -> dict[str, list[_Candidate]]:
        """Find names of the directory that differ by slips of the pen."""
        found: dict[str, list[_Candidate]] = {name: [] for name in names}
        texts = {name: " ".join(words.words) for name, words in names.items()}
        asked = [
            name
            for name, words in names.items()
            if len(texts[name]) >= MIN_FUZZY_LENGTH
            and len(words.words) <= MAX_FUZZY_WORDS
        ]
        for start in range(0, len(asked), BATCH):
            part = asked[start : start + BATCH]
            scores = process.cdist(
                [texts[name] for name in part],
                self._fuzzy_texts,
                scorer=fuzz.ratio,
                score_cutoff=SIMILAR,
                dtype=np.uint8,
            )
            for row, column in np.argwhere(scores):
                alias = self._fuzzy[column]
                found[part[row]].append(
                    _judge_alike(alias, names[part[row]], int(scores[row, column]))
                )
        return found

    # From candidates to an answer

    def _answer(
        self, mention: Mention, words: Words, in_name: Sequence[_Candidate]
    ) -> Resolution:
        if words.words in self._strangers and words.words:
            told = "A curator looked at this name: it is none of the directory."
            return Resolution("no", "", 0.0, (told,))
        domain = plain_domain(mention.domain) or plain_domain(mention.name)
        by_domain = self._of_domain(domain, mention, words)
        candidates = self._weighed([*in_name, *by_domain], mention.day)
        if not candidates or candidates[0].certainty < UNSURE:
            return _no(mention.name, self._proposals(candidates))
        best, certainty = candidates[0], candidates[0].certainty
        reasons = [best.reason]
        rivals = [
            other
            for other in candidates[1:]
            if other.certainty > best.certainty - 0.05
            and not self._belong_together(best.row, other.row)
        ]
        if rivals:
            best, certainty, told = self._between([best, *rivals], mention)
            reasons = [best.reason, told]
        owners = {candidate.row for candidate in by_domain}
        if owners and best.row not in owners:
            certainty = min(certainty, 0.7)
            reasons.append(f"But the domain {domain} is of {self._names(owners)}.")
        reasons += self._times(best, mention.day)
        if mention.field == FACILITY:
            reasons.append(
                "It is named as a facility: that is a site's experience, not a CRO's."
            )
        entry = self.entries[best.row]
        owner_today = list(self._owners(best.row))[-1:]
        answer: Answer = "same" if certainty >= SAME else "unsure"
        return Resolution(
            answer=answer,
            organization=entry.slug,
            certainty=round(certainty, 3),
            reasons=tuple(reasons),
            successor=self.entries[owner_today[0]].slug if owner_today else "",
            is_site=mention.field == FACILITY,
            proposals=self._proposals(candidates),
        )

    def _of_domain(
        self, domain: str, mention: Mention, words: Words
    ) -> list[_Candidate]:
        """Find who a domain, or one it is below, belongs to."""
        is_all_there_is = (
            not words.words
            or plain_domain(mention.name) == domain
            or mention.field == CONTACT_DOMAIN
        )
        while "." in domain:
            if found := self._by_domain.get(domain):
                return [
                    _Candidate(
                        alias.row,
                        0.92 if is_all_there_is else 0.7,
                        f"The domain {domain} is theirs"
                        + ("." if is_all_there_is else ", but the name is another."),
                        alias.name,
                    )
                    for alias in found
                ]
            domain = domain.partition(".")[2]
        return []

    def _weighed(
        self, found: Iterable[_Candidate], day: dt.date | None
    ) -> list[_Candidate]:
        """Keep the best candidate of each organization, best first.

        Name and domain together are nearly certain; a name out of its time is less.
        """
        best: dict[int, _Candidate] = {}
        for candidate in found:
            if _is_out_of_time(candidate.name, day):
                candidate = replace(candidate, certainty=candidate.certainty - 0.06)
            known = best.get(candidate.row)
            if known is None:
                best[candidate.row] = candidate
            elif (known.name.kind == DOMAIN) != (candidate.name.kind == DOMAIN):
                name = known if candidate.name.kind == DOMAIN else candidate
                domain = candidate if candidate.name.kind == DOMAIN else known
                reason = f"{name.reason} The domain {domain.name.text} is theirs too."
                best[candidate.row] = replace(name, certainty=0.98, reason=reason)
            elif candidate.certainty > known.certainty:
                best[candidate.row] = candidate
        return sorted(
            best.values(), key=lambda c: (-c.certainty, self.entries[c.row].slug)
        )

    def _between(
        self, rivals: Sequence[_Candidate], mention: Mention
    ) -> tuple[_Candidate, float, str]:
        """Choose between organizations that may bear the name equally well."""
        if mention.day is not None:
            then = [c for c in rivals if self._existed(c, mention.day)]
            if len(then) == 1:
                told = (
                    f"Of those of this name only they bore it on {_date(mention.day)}."
                )
                return then[0], min(then[0].certainty, 0.9), told
        if mention.country:
            there = [
                c for c in rivals if self.entries[c.row].country == mention.country
            ]
            if len(there) == 1:
                told = "Of those of this name only they sit in that country."
                return there[0], min(there[0].certainty, 0.82), told
        others = self._names(c.row for c in rivals[1:])
        told = f"It may as well be {others}: neither date nor domain tells."
        return rivals[0], min(rivals[0].certainty, 0.65), told

    def _existed(self, candidate: _Candidate, day: dt.date) -> bool:
        ended = self.entries[candidate.row].succeeded_on
        name = candidate.name
        return (
            (name.valid_from is None or name.valid_from <= day)
            and (name.valid_to is None or day <= name.valid_to)
            and (ended is None or day <= ended)
        )

    def _times(self, best: _Candidate, day: dt.date | None) -> Iterator[str]:
        """Tell what the day says of the name and of who owns the organization."""
        name, entry = best.name, self.entries[best.row]
        if day is not None:
            if name.valid_from is not None and day < name.valid_from:
                yield (
                    f"The name is in use since {_date(name.valid_from)}, after the trial's"
                    f" {_date(day)}: the record was written later."
                )
            if name.valid_to is not None and day > name.valid_to:
                ended = _date(name.valid_to)
                yield f"The name ended on {ended}; the record still has it."
        if entry.successor in self._rows:
            owner = self.entries[self._rows[entry.successor]].name
            yield f"It became part of {owner}{_when(entry.succeeded_on)}."

    def _owners(self, row: int) -> Iterator[int]:
        return _owners_of(self.entries, self._rows, row)

    def _belong_together(self, one: int, other: int) -> bool:
        return one in self._owners(other) or other in self._owners(one)

    def _names(self, rows: Iterable[int]) -> str:
        return ", ".join(sorted(self.entries[row].name for row in set(rows)))

    def _proposals(self, candidates: Iterable[_Candidate]) -> tuple[Proposal, ...]:
        return tuple(
            Proposal(self.entries[c.row].slug, round(c.certainty, 3))
            for c in candidates
        )[:MAX_PROPOSALS]


def _owners_of(
    entries: Sequence[OrganizationEntry], rows: Mapping[str, int], row: int
) -> Iterator[int]:
    """Walk up from an organization to who owns it today; a circle ends."""
    seen = {row}
    while (row := rows.get(entries[row].successor, row)) not in seen:
        seen.add(row)
        yield row


def _no(name: str, proposals: tuple[Proposal, ...]) -> Resolution:
    reason = (
        "Nothing in the name points clearly at an organization of the directory."
        if name.strip()
        else "There is no name."
    )
    return Resolution("no", "", 0.0, (reason,), proposals=proposals)


def _strength(core: tuple[str, ...], kind: str) -> int:
    """Tell how much a name says by itself.

    A coined word names its owner anywhere; ordinary words do so together; one
    short or ordinary word must be the whole name or be helped by others.
    """
    if kind != ABBREVIATION and any(map(_is_coined, core)):
        return COINED
    return PHRASE if len(core) > 1 else WEAK


def _is_coined(word: str) -> bool:
    return len(word) >= 5 and word not in lists.ORDINARY and not word.isdigit()


def _judge(alias: _Alias, words: Words, at: int) -> _Candidate:
    """Say how surely a run of words of a name means the organization of an alias."""
    end = at + len(alias.words)
    before, after = words.words[:at], words.words[end:]
    quoted = f"“{alias.name.text}”"

    def candidate(certainty: float, reason: str) -> _Candidate:
        return _Candidate(alias.row, certainty, reason, alias.name)

    if not before and not after:
        if alias.strength != WEAK:
            return candidate(1.0, f"The name is {quoted}.")
        if _has_its_case(alias.name.text, words.as_written):
            return candidate(0.9, f"The whole name is {quoted}.")
        return candidate(0.6, f"The whole name is {quoted}, in other letters.")
    opens = _says_nothing(before)
    closes = not after or end in words.breaks
    parted = at in words.breaks and closes
    if alias.strength == COINED:
        if opens:
            return candidate(0.95, f"The name begins with {quoted}.")
        if at in words.breaks:
            return candidate(0.88, f"{quoted} stands apart in the name.")
        if not set(before) & lists.OTHER_BODIES:
            return candidate(0.82, f"{quoted} stands in the name.")
        return candidate(0.65, f"{quoted} stands in the name of another body.")
    if alias.strength == PHRASE:
        if opens and _goes_with(after):
            return candidate(0.93, f"The name is {quoted} and which part of it.")
        if opens and closes:
            return candidate(0.9, f"The name begins with {quoted} and then breaks.")
        if parted and len(alias.words) > 2:
            return candidate(0.85, f"{quoted} stands apart in the name.")
        if opens and not _is_another_body(after):
            return candidate(0.81, f"The name begins with {quoted}.")
        return candidate(0.6, f"{quoted} may be a part of another name.")
    if opens and _helps(words.words[end : words.end_of_part(end)]):
        return candidate(0.88, f"{quoted} stands with words of the trade.")
    if opens and closes and _has_its_case(alias.name.text, words.as_written):
        return candidate(0.6, f"The name begins with {quoted}, which is no rare word.")
    return candidate(0.3, f"{quoted} is a common word here.")


def _judge_alike(alias: _Alias, words: Words, score: int) -> _Candidate:
    """Say how surely a name is an alias with slips of the pen.

    Sure is one slip in one word, and not in the first of ordinary words: that is
    what tells them apart. One letter for another in a single word is no slip, but
    another name. A first word that is quite another leaves nothing to ask.
    """
    slips = [
        OSA.distance(one, other)
        for one, other in zip(alias.words, words.words, strict=False)
    ]
    reason = f"The name is “{alias.name.text}” but for slips of the pen"
    first, written = alias.words[0], words.words[0]
    is_word_by_word = len(alias.words) == len(words.words)
    if slips[0] > (1 if min(len(first), len(written)) >= 5 else 0):
        certainty = 0.3
    elif is_word_by_word and max(slips) <= 2 and sum(map(bool, slips)) == 1:
        is_sure = slips[0] == 0 or (
            alias.strength == COINED
            and (len(first) != len(written) or sorted(first) == sorted(written))
        )
        certainty = 0.82 if is_sure else 0.6
    else:
        certainty = 0.55
    return _Candidate(alias.row, certainty, f"{reason} ({score} % alike).", alias.name)


def _says_nothing(before: Sequence[str]) -> bool:
    """Tell whether words before a name are only numbers or "site"."""
    return all(
        word in ("site", "no", "number", "the", "id", "by") or word[0].isdigit()
        for word in before
    )


def _goes_with(after: Sequence[str]) -> bool:
    """Tell whether the words after a name only say which part of it."""
    return all(
        word in lists.UNITS or word in lists.PLACES or word.isdigit() for word in after
    )


def _is_another_body(after: Sequence[str]) -> bool:
    return bool(set(after) & lists.OTHER_BODIES) or after[0] in lists.TRADE


def _helps(after: Sequence[str]) -> bool:
    """Tell whether what follows a common word makes it a CRO's name."""
    return bool(after) and all(
        word in lists.UNITS or word in lists.PLACES or word in lists.OF_A_CRO
        for word in after
    )


def _has_its_case(alias: str, written: str) -> bool:
    """Tell whether a short name is written with the capitals it has."""
    return alias in written or not alias.isupper()


def _date(day: dt.date) -> str:
    return f"{day.day} {day:%B %Y}"


def _when(day: dt.date | None) -> str:
    """Say when; the first of a month may stand for the month."""
    if day is None:
        return ""
    return f" in {day:%B %Y}" if day.day == 1 else f" on {_date(day)}"


def _is_out_of_time(name: Name, day: dt.date | None) -> bool:
    if day is None:
        return False
    return (name.valid_from is not None and day < name.valid_from - GRACE) or (
        name.valid_to is not None and day > name.valid_to + GRACE
    )
