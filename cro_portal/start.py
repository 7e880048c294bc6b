"""What the web server does before its first request."""

import logging

from django.db import DatabaseError, connection
from django.urls import reverse

from catalog import catalogue, snapshot

logger = logging.getLogger(__name__)


def warm_up() -> None:
    """Load the addresses and the catalogue, so that the first visitor need not wait.

    Without the database the process starts all the same, and its first request loads
    the catalogue.
    """
    reverse("home")
    try:
        catalogue.current()
        snapshot.current()
    except DatabaseError as error:
        logger.warning("The catalogue is not loaded ahead: %s", error)
    finally:
        connection.close()
