"""What the catalogue announces, inside the transaction of the change.

`catalog_changed(sender, cro_ids: Sequence[int] | None)`: claims, track record,
aliases or the listing of these CROs changed; None means many or all of them.
`vocabulary_changed(sender, scheme: str)`: terms of a scheme changed.
"""

from django.dispatch import Signal

catalog_changed = Signal()
vocabulary_changed = Signal()
