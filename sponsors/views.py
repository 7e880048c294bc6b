"""The pages on which a sponsor says what a study needs."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied, RequestDataTooBig, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
)

from catalog.importers import fetch
from catalog.importers.records import RecordError, TrialRecord
from catalog.models import Term
from sponsors import selectors, services
from sponsors.choices import Importance
from sponsors.forms import (
    NumberForm,
    RecordForm,
    RequirementsForm,
    Row,
    StudyForm,
    TitleForm,
    add_errors,
)
from sponsors.models import Sponsor, Study
from sponsors.wanted import SCHEMES

PER_PAGE = 25
N_SUGGESTIONS = 10
WORK = ("service", "technology")
"""What no register says of a study."""


def refuse_too_large(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answer a form with more text than the portal takes by a sentence, not by 400.

    The check of the CSRF token reads the form first, so it runs in here.
    """

    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            _ = request.POST
        except RequestDataTooBig:
            return render(request, "sponsors/too_large.html", status=413)
        return csrf_protect(view)(request, *args, **kwargs)

    return checked


@login_required
@require_GET
def study_list(request: HttpRequest) -> HttpResponse:
    own = Study.objects.visible_to(request.user).select_related("sponsor")
    shows_archived = "archived" in request.GET
    studies = own.archived() if shows_archived else own.current()
    context = {
        "page": Paginator(studies, PER_PAGE).get_page(request.GET.get("page")),
        "shows_archived": shows_archived,
        "n_archived": own.archived().count(),
        "may_create": Sponsor.objects.editable_by(request.user).exists(),
    }
    return render(request, "sponsors/study_list.html", context)


@refuse_too_large
@login_required
@require_http_methods(["GET", "POST"])
def study_create(request: HttpRequest) -> HttpResponse:
    """Begin a study: by NCT number, by a record's JSON, or by hand."""
    sponsors = Sponsor.objects.editable_by(request.user)
    if not sponsors:
        raise PermissionDenied(
            "Your role lets you read studies, not make them. Ask an owner of your "
            "sponsor for the role of a study owner."
            if Sponsor.objects.visible_to(request.user).exists()
            else "A study belongs to a sponsor, and you are a member of none. An "
            "administrator adds the sponsor, with you among its members, under "
            "Curation, Sponsors."
        )
    chosen = request.POST.get("way")
    forms = {
        kind.way: kind(
            *((request.POST, request.FILES) if kind.way == chosen else ()),
            sponsors=sponsors,
        )
        for kind in (NumberForm, RecordForm, TitleForm)
    }
    context: dict[str, Any] = {"forms": forms, "way": chosen, "existing": None}
    form = forms.get(chosen or "")
    if form is not None and form.is_valid():
        try:
            study = _begin(request, form)
        except services.DuplicateStudy as duplicate:
            context["existing"] = duplicate.existing
        except RecordError as error:
            form.add_error("number", str(error))
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(
                request,
                f"“{study.title}” is saved. Look it over and add what you need.",
            )
            return redirect("sponsors:study-edit", study.pk)
    status = 409 if context["existing"] else 422 if form is not None else 200
    return render(request, "sponsors/study_create.html", context, status=status)


def _begin(request: HttpRequest, form: Any) -> Study:
    sponsor = form.sponsor()
    if isinstance(form, TitleForm):
        return services.create_study(
            sponsor=sponsor,
            by=request.user,  # type: ignore[arg-type]
            values={"title": form.cleaned_data["title"]},
        )
    record: TrialRecord = (
        fetch.fetch_study(form.cleaned_data["number"], base_url=settings.CRO_CTGOV_API)
        if isinstance(form, NumberForm)
        else form.cleaned_data["record"]
    )
    return services.create_study_from_record(
        sponsor=sponsor,
        by=request.user,  # type: ignore[arg-type]
        record=record,
        accept_duplicate="again" in request.POST,
    )


@login_required
@require_GET
def study_detail(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = get_object_or_404(
        Study.objects.visible_to(request.user).select_related("sponsor"), pk=pk
    )
    may_change = Study.objects.editable_by(request.user).filter(pk=pk).exists()
    context = {
        "study": study,
        "shown": selectors.study_page(study),
        "has_no_disease": selectors.has_no_disease(study),
        "may_edit": may_change and study.archived_at is None,
        "may_archive": may_change,
    }
    return render(request, "sponsors/study_detail.html", context)


@login_required
@require_POST
def study_archive(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = services.archive_study(study=changeable(request, pk))
    messages.success(
        request,
        "The study is archived: its last ranking stays to read, no new one is made.",
    )
    return redirect(study)


@login_required
@require_POST
def study_unarchive(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = services.unarchive_study(study=changeable(request, pk))
    messages.success(request, "The study is out of the archive and is ranked anew.")
    return redirect(study)


@refuse_too_large
@login_required
@require_http_methods(["GET", "POST"])
def study_edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    study = editable(request, pk)
    current = selectors.wanted_at(study, study.version)
    by_rule = selectors.staff_in_words(
        study.n_sites,
        sum(want.scheme == "country" for want in current),
        study.further_studies,
    )
    context: dict[str, Any] = {"study": study, "merge": None}
    if request.method == "POST":
        posted = request.POST.copy()
        form = StudyForm(posted, instance=study, staff_in_words=by_rule)
        asked = RequirementsForm(request.POST, current=current)
        # Both are checked, so that every problem shows at once.
        if all([form.is_valid(), asked.is_valid()]):
            try:
                study = services.update_study(
                    study=study,
                    expected_version=form.cleaned_data["version"],
                    by=request.user,  # type: ignore[arg-type]
                    values=form.values(),
                    requirements=asked.wanted,
                )
            except services.StudyChanged as changed:
                context["merge"] = merge = selectors.merge(
                    study=changed.study,
                    changes=changed.changes,
                    read_version=form.cleaned_data["version"],
                    values=form.values(),
                    wanted=asked.wanted,
                )
                theirs = StudyForm(instance=changed.study, staff_in_words=by_rule)
                for name in ("version", *merge.taken_over):
                    posted[name] = theirs.as_posted(name)
                asked = RequirementsForm(current=merge.wanted)
            except ValidationError as error:
                add_errors(form, asked, error)
            else:
                messages.success(
                    request, with_ranking_link("The study is saved.", study)
                )
                return redirect(study)
        status = 409 if context["merge"] else 422
    else:
        form = StudyForm(instance=study, staff_in_words=by_rule)
        asked = RequirementsForm(current=current)
        status = 200
    marked = set(study.from_register)
    hints = form.hints()
    groups = asked.groups()
    context |= {
        "form": form,
        "marked": {name: name in marked for name in form.fields},
        "facts": [
            (form[name], name in marked, hints.get(name, ""))
            for name in form.fields
            if name not in selectors.NOT_FACTS and name != "version"
        ],
        "asked": asked,
        "groups": groups,
        "asks_no_work": not any(
            group.n_asked for group in groups if group.scheme.code in WORK
        ),
        "has_no_disease": selectors.has_no_disease(study),
        "importances": Importance.choices,
    }
    return render(request, "sponsors/study_edit.html", context, status=status)


@login_required
@require_GET
def term_suggest(request: HttpRequest) -> HttpResponse:
    """Suggest terms of `scheme` for what was typed in `q`: a part of a page."""
    scheme = _scheme(request)
    words = " ".join(request.GET.get("q", "")[:200].replace("\0", "").split())
    terms = Term.objects.of(scheme).current().search(words)[:N_SUGGESTIONS]
    context = {"scheme": scheme, "words": words, "terms": terms}
    return render(request, "sponsors/term_suggest.html", context)


@login_required
@require_GET
def term_row(request: HttpRequest) -> HttpResponse:
    """Give the line of a form for one more term: a part of a page."""
    code = request.GET.get("code", "").replace("\0", "")
    term = get_object_or_404(Term.objects.of(_scheme(request)).current(), code=code)
    context = {"row": Row(term, Importance.HIGH), "importances": Importance.choices}
    return render(request, "sponsors/requirement_row.html", context)


def with_ranking_link(text: str, study: Study) -> str:
    return format_html(
        '{} <a href="{}">See its ranking</a>',
        text,
        reverse("matching:ranking", args=[study.pk]),
    )


def _scheme(request: HttpRequest) -> str:
    scheme = request.GET.get("scheme", "")
    if scheme not in SCHEMES:
        raise Http404
    return scheme


def editable(request: HttpRequest, pk: UUID) -> Study:
    """Give a study to edit, as `changeable`; 403 also while it is archived."""
    study = changeable(request, pk)
    if study.archived_at is not None:
        raise PermissionDenied(services.ARCHIVED)
    return study


def changeable(request: HttpRequest, pk: UUID) -> Study:
    """Give the study, 404 when the person may not see it, 403 when only that."""
    study = get_object_or_404(
        Study.objects.visible_to(request.user).select_related("sponsor"), pk=pk
    )
    if not Study.objects.editable_by(request.user).filter(pk=pk).exists():
        raise PermissionDenied(
            "Your role lets you read this study, not change it. Ask an owner of "
            f"{study.sponsor} for the role of a study owner."
        )
    return study
