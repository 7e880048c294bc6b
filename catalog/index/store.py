"""An index in a file, so that a new process need not make it again.

A file is the SHA-256 of the rest, then numpy's own format without pickles. It is
put in place whole or not at all.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from catalog.index.facets import FacetIndex, Layout, RowLists

FORMAT = 1
"""Raise it whenever the content or its meaning changes."""

_DIGEST_BYTES = 32

Arrays = dict[str, npt.NDArray[Any]]


class UnreadableError(ValueError):
    """The file is not a whole index of this format."""


def write(path: Path, arrays: Arrays) -> None:
    """Write arrays to a file, at once."""
    buffer = BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    content = buffer.getbuffer()
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(content).digest())
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read(path: Path) -> Arrays:
    """Read what `write` wrote.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    UnreadableError
        When its content is not what was written.
    """
    content = memoryview(path.read_bytes())
    if hashlib.sha256(content[_DIGEST_BYTES:]).digest() != content[:_DIGEST_BYTES]:
        raise UnreadableError(f"{path.name} is damaged or cut off")
    with np.load(BytesIO(content[_DIGEST_BYTES:]), allow_pickle=False) as file:
        return dict(file)


def pack_texts(name: str, texts: Sequence[str]) -> Arrays:
    """Put texts into two arrays: all bytes, and the length of each."""
    encoded = [text.encode() for text in texts]
    return {
        f"{name}/bytes": np.frombuffer(b"".join(encoded), np.uint8),
        f"{name}/lengths": np.array([len(text) for text in encoded], np.int64),
    }


def unpack_texts(name: str, arrays: Arrays) -> tuple[str, ...]:
    content = arrays[f"{name}/bytes"].tobytes()
    ends = np.cumsum(arrays[f"{name}/lengths"]).tolist()
    starts = [0, *ends[:-1]] if ends else []
    return tuple(
        content[start:end].decode() for start, end in zip(starts, ends, strict=True)
    )


_PLAIN = ("ids", "headcount", "newest", "grade", "role_at", "role_areas", "by_name")


def to_arrays(index: FacetIndex) -> Arrays:
    """Take an index apart."""
    arrays: Arrays = {name: getattr(index, name) for name in _PLAIN}
    arrays["on"] = np.array(index.on)
    arrays |= pack_texts("names", index.names)
    for facet, codes in index.layout.codes.items():
        arrays |= pack_texts(f"codes/{facet}", codes)
        arrays[f"columns/{facet}"] = index.layout.column_of_term[facet]
    for kind in ("yes", "complete"):
        for facet, words in getattr(index, kind).items():
            arrays[f"{kind}/{facet}"] = words
    for kind in ("no", "disputed", "sparse"):
        for facet, lists in getattr(index, kind).items():
            arrays[f"{kind}/{facet}/at"] = lists.at
            arrays[f"{kind}/{facet}/row"] = lists.row
    return arrays


def from_arrays(arrays: Arrays) -> FacetIndex:
    """Put together what `to_arrays` took apart."""
    facets = _after("columns", arrays)
    layout = Layout(
        codes={facet: unpack_texts(f"codes/{facet}", arrays) for facet in facets},
        column_of_term={facet: arrays[f"columns/{facet}"] for facet in facets},
    )

    def lists(kind: str) -> Mapping[str, RowLists]:
        names = (name.removesuffix("/at") for name in _after(kind, arrays))
        return {
            facet: RowLists(arrays[f"{kind}/{facet}/at"], arrays[f"{kind}/{facet}/row"])
            for facet in dict.fromkeys(names)
            if not facet.endswith("/row")
        }

    return FacetIndex(
        layout=layout,
        on=int(arrays["on"]),
        names=unpack_texts("names", arrays),
        yes={facet: arrays[f"yes/{facet}"] for facet in _after("yes", arrays)},
        complete={
            facet: arrays[f"complete/{facet}"] for facet in _after("complete", arrays)
        },
        no=lists("no"),
        disputed=lists("disputed"),
        sparse=lists("sparse"),
        **{name: arrays[name] for name in _PLAIN},
    )


def _after(kind: str, names: Iterable[str]) -> list[str]:
    prefix = f"{kind}/"
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
