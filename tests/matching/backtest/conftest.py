import pytest

from matching.backtest import files
from matching.backtest.words import Words


@pytest.fixture(scope="session")
def words() -> Words:
    return files.words()
