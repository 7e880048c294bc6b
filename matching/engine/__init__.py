"""How well CROs fit a study, and why: numpy and the standard library only.

The method is written for people in docs/method.md. No Django, clock or chance
in here: the same arrays give the same bytes.
"""

VERSION = "1"
"""Version of the method; part of every digest."""
