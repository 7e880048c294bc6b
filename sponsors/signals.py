"""What the demand side announces, inside the transaction of the change.

`study_changed(sender, study_id: UUID)`: a study, its requirements or its
weights changed, so its ranking is out of date.
"""

from django.dispatch import Signal

study_changed = Signal()
