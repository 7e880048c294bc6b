"""The pages on which a sponsor's people say what matters how much."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from cro_portal.accounts.models import User
from cro_portal.common.htmx import HtmxRequest, render_page
from sponsors import selectors, services
from sponsors.anchors import anchors
from sponsors.criteria import CRITERIA, Criterion
from sponsors.forms import sentences_by_field
from sponsors.learnt import DEFAULT, LEARNT, learnt_weights
from sponsors.models import Study
from sponsors.views import editable, refuse_too_large, with_ranking_link
from sponsors.weighing import (
    TEMPLATES,
    Advice,
    advice,
    consistency_words,
    template_codes,
    template_points,
    whole_shares,
)
from sponsors.weight_forms import WAYS, Held, PairsForm, WeighingForm, WeightsForm


@dataclass(frozen=True)
class Result:
    """Weights as a page shows them: whole shares in percent, and what is odd."""

    shares: list[tuple[Criterion, int, bool]]  # criterion, percent, is asked about
    advice: list[Advice]


def result_of(
    values: Mapping[str, float],
    asked: Collection[str],
    wholes: Mapping[str, float] | None = None,
) -> Result:
    whole = whole_shares(values)
    return Result(
        [(c, whole[c.code], c.code in asked) for c in CRITERIA],
        advice(values, asked, wholes),
    )


@refuse_too_large
@login_required
@require_http_methods(["GET", "POST"])
def study_weights(request: HtmxRequest, pk: UUID) -> HttpResponse:
    """Set the study's weights in one of the ways, and see all it ever had."""
    study = editable(request, pk)
    held = selectors.held_weights(study)
    page = _Page(request, study, Held(held.values, held.method, held.raw))
    history = selectors.weights_history(study)
    context = page.context() | {"history": history, "is_own": False}
    if weighing := page.to_save:
        try:
            services.set_weights(
                study=study,
                expected_version=page.form.cleaned_data["version"],
                by=cast(User, request.user),
                values=weighing.values,
                method=weighing.method,
                raw=weighing.raw,
                reason=page.form.cleaned_data["reason"],
            )
        except services.StudyChanged as changed:
            context |= page.second(changed)
        except ValidationError as error:
            page.refuse(error)
        else:
            messages.success(
                request, with_ranking_link("The weights are saved.", study)
            )
            return redirect(study)
    return page.answer(context)


@refuse_too_large
@login_required
@require_http_methods(["GET", "POST"])
def own_weights(request: HtmxRequest, pk: UUID) -> HttpResponse:
    """Say what one thinks oneself; everybody who may read the study can."""
    study = _readable(request, pk)
    if study.archived_at is not None:
        raise PermissionDenied(services.ARCHIVED)
    own = selectors.own_weights(study, cast(User, request.user))
    begin = own or selectors.held_weights(study)
    page = _Page(request, study, Held(begin.values, begin.method, begin.raw))
    context = page.context() | {"own": own, "is_own": True}
    if weighing := page.to_save:
        try:
            services.set_personal_weights(
                study=study, by=cast(User, request.user), weighing=weighing
            )
        except ValidationError as error:
            page.refuse(error)
        else:
            messages.success(request, "Your own weights are saved.")
            return redirect("matching:panel", study.pk)
    return page.answer(context)


@login_required
@require_POST
def withdraw(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = _readable(request, pk)
    services.withdraw_personal_weights(study=study, by=cast(User, request.user))
    messages.success(request, "Your own weights are withdrawn.")
    return redirect("matching:panel", study.pk)


@login_required
@require_http_methods(["GET", "POST"])
def pairs(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Compare criteria in pairs: a check of one's weights that stores nothing."""
    study = _readable(request, pk)
    asked = selectors.asked_codes(study)
    form = PairsForm(request.POST if request.method == "POST" else None, asked=asked)
    context: dict[str, Any] = {"study": study, "form": form}
    if form.is_valid():
        compared = form.compared()
        codes = [criterion.code for criterion in form.criteria]
        by_pairs = dict(zip(codes, compared.weights.tolist(), strict=True))
        now = selectors.current_weights(study)
        context |= {
            "words": consistency_words(compared.ratio),
            "ratio": compared.ratio,
            "beside": list(
                zip(
                    form.criteria,
                    whole_shares(by_pairs).values(),
                    whole_shares({code: now[code] for code in codes}).values(),
                    strict=True,
                )
            )
            if any(now[code] for code in codes)
            else [],
        }
        if compared.farthest and compared.fitting is not None:
            one, two = (form.criteria[at] for at in compared.farthest)
            if compared.fitting < 1:
                one, two = two, one
            context["farthest"] = form[
                f"{form.criteria[compared.farthest[0]].code}-"
                f"{form.criteria[compared.farthest[1]].code}"
            ]
            context["fits"] = (one, two, max(compared.fitting, 1 / compared.fitting))
    status = 422 if form.is_bound and not form.is_valid() else 200
    return render(request, "sponsors/study_weights_pairs.html", context, status=status)


@login_required
@require_POST
def freeze(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = editable(request, pk)
    try:
        services.freeze_weights(
            study=study,
            expected_version=_version(request),
            by=cast(User, request.user),
        )
    except services.StudyChanged:
        messages.error(
            request,
            "Nothing is frozen: the study was changed after you opened this page. "
            "Look at the weights as they are now, then freeze them.",
        )
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(
            request,
            with_ranking_link(
                "The weights are frozen. From now on a change needs a reason.", study
            ),
        )
    return redirect("sponsors:study-weights", study.pk)


@login_required
@require_POST
def hide_names(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = editable(request, pk)
    try:
        services.hide_names(study=study, by=cast(User, request.user))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(
            request,
            "The names of CROs are hidden in this study until its weights are frozen.",
        )
    return redirect("sponsors:study-weights", study.pk)


class _Page:
    """What the page of the study's weights and that of one's own share."""

    def __init__(self, request: HtmxRequest, study: Study, held: Held) -> None:
        self.request, self.study, self.held = request, study, held
        self.is_post = request.method == "POST"
        given = request.POST if self.is_post else request.GET
        self.way = given.get("way") or WeightsForm.way
        self.template = "" if self.is_post else request.GET.get("template", "")
        if self.way not in WAYS:
            raise Http404("There is no such way to weigh.")
        if self.template and self.template not in template_codes():
            raise Http404("There are no such weights to begin with.")
        if self.template:
            self.held = Held(template_points(self.template))
        self.posted = request.POST.copy()
        self.form = self._form(self.posted if self.is_post else None)
        self.is_looking = self.is_post and "look" in request.POST
        is_valid = self.is_post and self.form.is_valid()
        self.to_save = self.form.weighed if is_valid and not self.is_looking else None

    def _form(self, data: Any, held: Held | None = None) -> WeighingForm:
        kind = WAYS[self.way]
        return kind(data, held=held or self.held, version=self.study.version)

    def context(self) -> dict[str, Any]:
        asked = selectors.asked_codes(self.study)
        labels = selectors.asked_labels(self.study)
        form = self.form
        shown = form.weighed.values if form.weighed else self.held.values
        wholes = form.wholes() if isinstance(form, WeightsForm) else None
        return {
            "study": self.study,
            "form": form,
            "way": self.way,
            "ways": [(f"?way={way}", kind.label, None) for way, kind in WAYS.items()],
            "asked": asked,
            "has_unasked": len(asked) < len(CRITERIA),
            "steps": anchors(self.study, labels) if self.way == "swing" else {},
            "template": self.template,
            "templates": TEMPLATES,
            "taken": next((t for t in TEMPLATES if t.code == self.template), None),
            "likely": selectors.likely_template_of(self.study),
            "learnt": learnt_weights(),
            "DEFAULT": DEFAULT,
            "LEARNT": LEARNT,
            "result": None
            if self.is_post and form.weighed is None
            else result_of(shown, asked, wholes),
            "changes": [],
            "is_looking": self.is_looking,
        }

    def refuse(self, error: ValidationError) -> None:
        for name, sentences in sentences_by_field(error).items():
            field = name if name in self.form.fields else None
            self.form.add_error(field, sentences)

    def second(self, changed: services.StudyChanged) -> dict[str, Any]:
        """Show a save that came second beside what was saved first."""
        self.posted["version"] = str(changed.study.version)
        now = selectors.held_weights(changed.study)
        theirs = WeightsForm(held=Held(now.values), version=changed.study.version)
        return {
            "changes": changed.changes,
            "both": list(zip(theirs.lines(), self.form.lines(), strict=True)),
        }

    def answer(self, context: Mapping[str, Any]) -> HttpResponse:
        status = 200
        if context["changes"]:
            status = 409
        elif self.is_post and not self.is_looking:
            status = 422
        return render_page(
            self.request,
            "sponsors/study_weights.html",
            context,
            partial="weights_result",
            status=status,
        )


LOST_VERSION = (
    "Nothing is frozen: the form did not say which weights you saw. Look at them as "
    "they are now, then freeze them."
)


def _version(request: HttpRequest) -> int:
    text = request.POST.get("version", "")
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValidationError(LOST_VERSION)
    return int(text)


def _readable(request: HttpRequest, pk: UUID) -> Study:
    return get_object_or_404(
        Study.objects.visible_to(request.user).select_related("sponsor"), pk=pk
    )
