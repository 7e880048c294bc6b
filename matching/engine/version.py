"""The method's version, apart so that every module may import it."""

VERSION = "1"
"""Version of the method; part of every digest."""
