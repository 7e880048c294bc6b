"""The shared real data, where it is at hand."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def shared_data():
    """Give the folder of the real data; skip where it is not at hand."""
    folder = os.environ.get("CRO_SHARED_DATA")
    if not folder:
        pytest.skip("CRO_SHARED_DATA does not lead to the real data")
    return Path(folder)
