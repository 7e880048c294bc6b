"""The four people of the demo: who they are is said here and nowhere else."""

from dataclasses import dataclass

DEMO_PASSWORD = "portal-demo"  # noqa: S105 - printed by `make demo`, meant to be known


@dataclass(frozen=True)
class DemoAccount:
    """One sign-in of the demo."""

    email: str
    name: str
    does: str
    is_staff: bool = False
    is_superuser: bool = False


DEMO_ACCOUNTS = (
    DemoAccount("sponsor@demo.example", "Sam Sponsor", "plans studies, reads rankings"),
    DemoAccount("procurement@demo.example", "Pat Procurement", "shortlists and awards"),
    DemoAccount(
        "curator@demo.example", "Chris Curator", "keeps the catalogue", is_staff=True
    ),
    DemoAccount(
        "admin@demo.example",
        "Alex Admin",
        "everything",
        is_staff=True,
        is_superuser=True,
    ),
)
