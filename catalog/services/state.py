"""The catalogue's version."""

from django.db import connection, transaction

RAISE_VERSION = """
    INSERT INTO catalog_catalogstate AS state (id, version, vocabulary_version)
    VALUES (1, 2, 1 + %(vocabulary)s)
    ON CONFLICT (id) DO UPDATE
       SET version = state.version + 1,
           vocabulary_version = state.vocabulary_version + %(vocabulary)s
    RETURNING version
"""


def raise_catalog_version(*, vocabulary: bool = False) -> int:
    """Raise the catalogue's version by one and return it.

    Call it inside the transaction of the change, after it and once: it holds
    the lock of the one state row until commit. With `vocabulary` the version of
    the vocabularies rises as well.
    """
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError(
            "raise_catalog_version belongs inside the transaction of the change."
        )
    with connection.cursor() as cursor:
        cursor.execute(RAISE_VERSION, {"vocabulary": int(vocabulary)})
        version: int = cursor.fetchone()[0]
    return version
