"""A test of the ranking: where it puts the CROs that sponsors disclosed.

Pure: files in, numbers out; no database. What the numbers mean stands in
docs/backtest.md.
"""
