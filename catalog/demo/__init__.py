"""A fictional market: made from a seed alone, so that it is the same everywhere.

Pure Python: no Django, clock or chance beyond the seed. `market.build` makes the
rows, `catalog.services.demo` writes them.
"""
