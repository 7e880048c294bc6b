"""The resolver against names that people labelled, from real registry records."""

import os

import pytest

from bench import identity
from catalog.identity import Mention
from catalog.importers.directory import read_directory

pytestmark = pytest.mark.skipif(
    not os.environ.get("CRO_SHARED_DATA"),
    reason="CRO_SHARED_DATA is unset: it names the folder of the labelled names.",
)


@pytest.fixture(scope="module")
def resolver():
    return identity.resolver_of(read_directory())


@pytest.mark.parametrize("held_out", [False, True])
def test_labelled_names_are_found_and_rightly_so(resolver, held_out):
    pairs = identity.labelled(identity.shared_data())
    found = identity.measure_labels(resolver, pairs, held_out=held_out)
    assert found.n_pairs > 900
    assert found.precision >= 0.98
    assert found.recall >= 0.90


def test_sponsors_that_are_no_cro_are_left_alone(resolver):
    """Of 11,855 names without a label six are sure; they were judged by hand."""
    names = list(identity.unlabelled_names(identity.shared_data()))
    assert len(names) > 5_000
    answers = resolver.resolve_many([Mention(name) for name in names])
    same = {n for n, one in zip(names, answers, strict=True) if one.answer == "same"}
    wrong = same - {
        "dgd Research, Inc.",
        "Profil GmbH, Neuss, Germany",
        "Dynamic Solutions",
        "Veristat, Inc.",
        "Criterium, Inc.",
    }
    assert len(wrong) <= 3, wrong
