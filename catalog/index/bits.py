"""Sets of rows as packed bits: 64 rows a word, row 0 in the lowest bit."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from catalog.index.arrays import Bools, Ints

Words: TypeAlias = npt.NDArray[np.uint64]
Rows32: TypeAlias = npt.NDArray[np.int32]

WORD = 64

_SAFE_WORDS = 1023
"""Counts of so many words, 64 each, fit 16 bits."""


def n_words(n_rows: int) -> int:
    return -(-n_rows // WORD)


def pack(flags: Bools) -> Words:
    """Pack (…, n) flags into (…, n_words) words; the bits past n are 0."""
    n = flags.shape[-1]
    missing = n_words(n) * WORD - n
    if missing:
        padding = np.zeros((*flags.shape[:-1], missing), bool)
        flags = np.concatenate([flags, padding], axis=-1)
    packed = np.packbits(flags, axis=-1, bitorder="little")
    return packed.view("<u8").astype(np.uint64, copy=False)


def unpack(words: Words, n: int) -> Bools:
    """Unpack (…, n_words) words into (…, n) flags."""
    octets = np.ascontiguousarray(words).astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(octets, axis=-1, count=n, bitorder="little")
    return bits.view(bool)


def from_rows(rows: npt.NDArray[np.integer], n: int) -> Words:
    """Make the set of these rows, in any order, of n."""
    flags = np.zeros(n, bool)
    flags[rows] = True
    return pack(flags)


def everything(n: int) -> Words:
    return pack(np.ones(n, bool))


def count(words: Words) -> int:
    return int(np.bitwise_count(words).sum(dtype=np.int64))


def counts_within(columns: Words, base: Words) -> Ints:
    """Count, for each of (k, n_words) sets, its rows that are also in `base`."""
    n_filled = np.count_nonzero(base)
    if n_filled * 4 < base.size:  # few words matter: look at no others
        filled = np.flatnonzero(base)
        columns, base = columns[:, filled], base[filled]
    found = np.zeros(len(columns), np.int64)
    for start in range(0, base.size, _SAFE_WORDS):
        part = slice(start, start + _SAFE_WORDS)
        both = columns[:, part] & base[part]
        found += np.bitwise_count(both).sum(axis=1, dtype=np.uint16)
    return found


def contains(words: Words, rows: npt.NDArray[np.integer]) -> Bools:
    """Say of each row whether it is in the set."""
    places = rows.astype(np.int64)
    shifted = words[places >> 6] >> (places & 63).astype(np.uint64)
    return (shifted & np.uint64(1)).astype(bool)
