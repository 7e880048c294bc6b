"""Names found by the words in them: whole words, or the beginnings of words."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from rapidfuzz import fuzz, process

from catalog.index.arrays import Int32s, Ints, offsets

LIKELY = 72.0
"""Similarity (0 to 100) under which a name is no help to who mistyped another."""

_AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, eq=False)
class NameIndex:
    """Names by their words. `keys[i]` is a name as `catalog.text.lookup_key` gives it.

    `owner[i]` says, as a row of something else, whose name it is; several names may
    have one owner. Names stand in the order in which equal ones are preferred.
    """

    keys: Sequence[str]
    words: Sequence[str]  # sorted
    at: Ints  # (n_words + 1,) offsets into `name`
    name: Int32s  # ascending for each word

    @classmethod
    def build(cls, keys: Sequence[str]) -> "NameIndex":
        """Index keys that stand in order."""
        splits = [key.split() for key in keys]
        words = sorted({word for split in splits for word in split})
        place = {word: i for i, word in enumerate(words)}
        word = np.fromiter((place[w] for s in splits for w in s), np.int64)
        name = np.repeat(np.arange(len(keys)), [len(split) for split in splits])
        order = np.lexsort((name, word))
        return cls(
            keys=keys,
            words=words,
            at=offsets(word[order], len(words)),
            name=name[order].astype(np.int32),
        )

    def _beginning(self, word: str) -> tuple[int, int]:
        start = bisect_left(self.words, word)
        stop = bisect_left(self.words, word + _AFTER_ALL)
        return int(self.at[start]), int(self.at[stop])

    def names(self, words: Sequence[str]) -> Int32s:
        """Find the names in which each of `words` begins some word.

        Names that begin with all of them, as they stand, come first: the very name
        before longer ones.
        """
        found: Int32s | None = None
        spans = sorted((self._beginning(word) for word in words), key=_width)
        for start, stop in spans:
            flags = np.zeros(len(self.keys), bool)
            flags[self.name[start:stop]] = True
            found = (
                np.flatnonzero(flags).astype(np.int32)
                if found is None
                else found[flags[found]]
            )
            if not found.size:
                break
        if found is None:
            return np.zeros(0, np.int32)
        first, last = self._so_begun(words)
        begins = (found >= first) & (found < last)
        return np.concatenate([found[begins], found[~begins]])

    def _so_begun(self, words: Sequence[str]) -> tuple[int, int]:
        start = bisect_left(self.keys, " ".join(words))
        return start, bisect_left(self.keys, " ".join(words) + _AFTER_ALL, start)

    def first_names(self, words: Sequence[str], limit: int) -> Int32s:
        """Find some names as `names` does, without reading a long list to its end."""
        start, stop = min((self._beginning(word) for word in words), key=_width)
        found: list[int] = []
        for i in dict.fromkeys(self.name[start : min(stop, start + 2_000)].tolist()):
            parts = self.keys[i].split()
            if all(any(part.startswith(word) for part in parts) for word in words):
                found.append(i)
        first, last = self._so_begun(words)
        found.sort(key=lambda i: (not first <= i < last, i))
        return np.array(found[:limit], dtype=np.int32)

    @cached_property
    def _distinct(self) -> list[str]:
        return list(dict.fromkeys(self.keys))

    def similar(self, key: str, limit: int) -> list[tuple[float, str]]:
        """Give the keys most like a mistyped one with their likeness, best first."""
        found = process.extract(
            key, self._distinct, scorer=fuzz.ratio, score_cutoff=LIKELY, limit=limit
        )
        return [(score, name) for name, score, _ in found]


def _width(span: tuple[int, int]) -> int:
    return span[1] - span[0]
