"""The generator and the vocabulary files fit each other."""

from statistics import mean

import pytest

from catalog.demo import market as demo_market
from catalog.demo.claims import LISTED
from catalog.services.demo import read_vocabulary
from catalog.services.vocabulary import load_vocabularies

pytestmark = pytest.mark.django_db


def test_the_files_have_every_term_the_demo_names_and_fill_its_profiles():
    load_vocabularies()
    vocabulary, _ids = read_vocabulary()
    market = demo_market.build(vocabulary=vocabulary, n_cros=200, seed=1)
    askable = {
        word.key
        for scheme in LISTED
        for word in vocabulary.of(scheme)
        if not word.is_group
    }
    known = {(c.cro, c.term) for c in market.claims if c.term in askable}
    assert 0.12 < len(known) / (200 * len(askable)) < 0.5
    branches = {
        tree.split(".")[0] for word in vocabulary.of("condition") for tree in word.trees
    }
    assert len(branches) > 20
    depth = mean(
        max(tree.count(".") for tree in word.trees)
        for word in vocabulary.of("condition")
        if any(word.key == row.term for row in market.trial_conditions[:40])
    )
    assert depth >= 1.5
