"""The real PostgreSQL and Redis that ship as wheels, for when no URL is given.

Nothing here imports Django: settings ask this package where the servers will
listen, and `manage.py` starts them before Django is set up.
"""
