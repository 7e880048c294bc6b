"""Who is who: from a name in a register to an organization of the directory.

Pure: no Django, no clock, no chance. `Resolver.build` takes the directory,
`resolve` answers for one mention, `resolve_many` for a batch.
"""

from catalog.identity.entries import (
    Answer,
    Mention,
    Name,
    OrganizationEntry,
    Proposal,
    Resolution,
)
from catalog.identity.names import core_name, plain_domain
from catalog.identity.resolver import Resolver

__all__ = [
    "Answer",
    "Mention",
    "Name",
    "OrganizationEntry",
    "Proposal",
    "Resolution",
    "Resolver",
    "core_name",
    "plain_domain",
]
