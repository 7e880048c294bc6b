"""Every component in every state, on one page; for development only."""

from django import forms
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

# code, label, weight, contribution
CRITERIA = (
    ("expertise", "Expertise", 0.26, 0.19),
    ("geography", "Geography", 0.18, 0.11),
    ("services", "Services", 0.15, 0.12),
    ("project_management", "Project management", 0.14, 0.07),
    ("technology", "Technology", 0.08, 0.05),
    ("scalability", "Scalability", 0.10, 0.06),
    ("quality", "Quality", 0.05, 0.03),
    ("fit", "Fit", 0.04, 0.02),
)

TIERS = (
    (1, "T1 Registry or regulator"),
    (2, "T2 Independent audit or consented reference"),
    (3, "T3 Document seen by a curator"),
    (4, "T4 Attested by the CRO"),
    (5, "T5 Unattested"),
)


class SpecimenForm(forms.Form):
    """A field of each kind."""

    title = forms.CharField(help_text="As on the protocol.", initial="A study of tea")
    participants = forms.IntegerField(
        required=False, min_value=1, help_text="Planned number; empty: not decided."
    )
    start = forms.DateField(
        required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    phase = forms.ChoiceField(choices=[("", "Any phase"), ("2", "Phase 2")])
    notes = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 3}))
    record = forms.FileField(required=False)
    is_rare = forms.BooleanField(
        required=False, label="Rare disease", help_text="The need is 5 instead of 10."
    )
    importance = forms.ChoiceField(
        choices=[("must", "Must have"), ("high", "High"), ("low", "Low")],
        widget=forms.RadioSelect,
    )

    def clean(self) -> None:
        raise ValidationError("The planned end lies before the planned start.")


@require_safe
def gallery(request: HttpRequest) -> HttpResponse:
    context = {
        "form": SpecimenForm(),
        "bad_form": SpecimenForm({"title": "", "participants": "-4", "phase": "9"}),
        "criteria": [
            {"code": code, "label": label, "weight": weight}
            for code, label, weight, _ in CRITERIA
        ],
        "contributions": [part for *_, part in CRITERIA],
        "tiers": TIERS,
        "states": ("pass", "fail", "unknown"),
        "groups": (
            ("eligible", "Eligible"),
            ("conditional", "Conditional"),
            ("near-miss", "Near miss"),
            ("excluded", "Excluded"),
        ),
        "levels": ("info", "stale", "warning", "error", "success"),
        "tabs": (("#", "Overview", None), ("#", "Experience", 12), ("#", "Log", 0)),
        "crumbs": (("/", "Start"), ("/cros/", "CROs")),
        "page": Paginator(range(1, 240), 25).get_page(4),
        "rows": (
            ("Poland", "Legal entity", 34, "T1"),
            ("Spain", "Staff", 18, "T3"),
            ("Viet Nam", None, None, None),
        ),
    }
    return render(request, "gallery.html", context)
