"""The curators' admin. It goes around the services, so each save announces itself."""

from collections.abc import Callable, Iterable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import Count, Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from unfold.admin import ModelAdmin, TabularInline
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from catalog.choices import ClaimStatus, MatchDecision
from catalog.models import (
    CRO,
    Alias,
    Claim,
    CompleteList,
    ImportRun,
    OrganizationMatch,
    Scheme,
    Source,
    Term,
    Trial,
    TrialCondition,
    TrialCountry,
    TrialRole,
)
from catalog.services.claims import (
    accept_claim,
    announce_change,
    dispute_claim,
    return_claim,
    withdraw_claim,
)
from catalog.services.identity import accept_match, reject_match
from catalog.services.state import raise_catalog_version
from catalog.signals import vocabulary_changed


class AnnouncingAdmin(ModelAdmin):
    """An admin whose every change tells of the CROs it touched, also those before.

    Django wraps adding, changing and deleting one object in a transaction; the
    deletion of many is wrapped here.
    """

    cro_path = "cro"
    formfield_overrides = {  # type: ignore[misc, assignment] # Unfold types it narrower
        models.URLField: {"assume_scheme": "https"}
    }
    list_per_page = 50
    show_full_result_count = False

    def touched(self, rows: QuerySet[Any]) -> set[int]:
        """Keys of the CROs that these rows speak of."""
        found = rows.order_by().values_list(self.cro_path, flat=True)
        return {pk for pk in found if pk is not None}

    def save_model(
        self, request: HttpRequest, obj: Model, form: Any, change: bool
    ) -> None:
        rows = self.model._default_manager.filter(pk=obj.pk)
        form.touched_before = self.touched(rows) if change else set()
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        rows = self.model._default_manager.filter(pk=form.instance.pk)
        announce_change(form.touched_before | self.touched(rows))

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        touched = self.touched(self.model._default_manager.filter(pk=obj.pk))
        super().delete_model(request, obj)
        announce_change(touched)

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        touched = self.touched(queryset)
        super().delete_queryset(request, queryset)
        announce_change(touched)


class AliasInline(TabularInline):
    model = Alias
    extra = 0
    hide_title = True
    autocomplete_fields = ["source"]


class CompleteListInline(TabularInline):
    model = CompleteList
    extra = 0
    hide_title = True
    autocomplete_fields = ["scheme"]
    fields = ["scheme", "declared_on"]


class ClaimInline(TabularInline):
    """A page of claims: a CRO has hundreds, and each row asks for its terms.

    Here claims are added and looked at; a claim's own page asks why it changes.
    """

    model = Claim
    extra = 0
    hide_title = True
    per_page = 10  # type: ignore[assignment] # the base says None
    show_change_link = True
    autocomplete_fields = ["term", "source"]
    fields = [
        "term", "answer", "delivery", "value", "tier", "source", "observed_on",
        "status",
    ]  # fmt: skip
    ordering = ["-observed_on", "pk"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Claim]:
        return super().get_queryset(request).select_related("cro", "term", "source")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(CRO)
class CROAdmin(AnnouncingAdmin):
    cro_path = "pk"
    list_display = ["name", "status", "is_fictional", "successor", "updated_at"]
    list_filter = ["status", "is_fictional"]
    list_select_related = ["successor"]
    search_fields = ["name", "slug", "aliases__name"]
    date_hierarchy = "updated_at"
    prepopulated_fields = {"slug": ["name"]}
    autocomplete_fields = ["successor"]
    readonly_fields = ["uuid", "catalog_version", "created_at", "updated_at"]
    inlines = [AliasInline, CompleteListInline, ClaimInline]

    def get_deleted_objects(
        self, objs: Iterable[CRO], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Keep CROs with claims from curators: the claims would go with them."""
        cros = list(objs)
        found, counts, lacking, kept = super().get_deleted_objects(cros, request)
        if not request.user.is_superuser:
            with_claims = Claim.objects.filter(cro__in=cros).values_list("cro")
            for pk, n in with_claims.annotate(n=Count("pk")).order_by("cro__name"):
                name = next(cro.name for cro in cros if cro.pk == pk)
                kept.append(
                    f"{name}: its {n} {'claim' if n == 1 else 'claims'} would go with"
                    " it. Give it the status Draft to take it out of the catalogue,"
                    " or withdraw the claims that are wrong; only an administrator"
                    " deletes a CRO with claims."
                )
        return found, counts, lacking, kept


class ReasonForm(forms.Form):
    """Why a claim is set aside."""

    reason = forms.CharField(
        max_length=200,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="A sentence; it stands with the claim.",
    )


class ClaimForm(forms.ModelForm):
    """A claim; one that counts is corrected with a reason only."""

    reason = forms.CharField(
        max_length=200,
        required=False,
        widget=UnfoldAdminTextInputWidget,
        label="Reason for the correction",
        help_text="A sentence; it replaces the note. Needed once a claim is accepted.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        reason = data.get("reason", "").strip()
        is_accepted = self.instance.pk and self.instance.status == ClaimStatus.ACCEPTED
        if is_accepted and self.has_changed() and not reason:
            self.add_error(
                "reason", "This claim is accepted and counts: say why it changes."
            )
        if reason:
            data["note"] = f"Corrected: {reason}"
        return data


class RegisterFilter(admin.SimpleListFilter):
    """Claims that the registers speak against."""

    title = "registers"
    parameter_name = "registers"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("contradicted", "Contradicted by trials")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Claim]
    ) -> QuerySet[Claim]:
        if self.value() != "contradicted":
            return queryset
        return queryset.filter(pk__in=Claim.objects.contradicted())


@admin.register(Claim)
class ClaimAdmin(AnnouncingAdmin):
    form = ClaimForm
    list_display = [
        "term", "scheme", "cro", "answer", "delivery", "tier", "status", "observed_on",
    ]  # fmt: skip
    list_display_links = ["term"]
    list_filter = ["status", RegisterFilter, "tier", "answer", "term__scheme"]
    list_select_related = ["term__scheme", "cro"]
    ordering = ["-observed_on", "pk"]
    search_fields = ["cro__name", "term__label"]
    date_hierarchy = "observed_on"
    autocomplete_fields = ["cro", "term", "country", "area", "source"]
    readonly_fields = [
        "uuid", "asserted_by", "verified_by", "verified_at", "created_at", "updated_at",
    ]  # fmt: skip
    actions = ["accept", "give_back", "dispute", "withdraw"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Leave the status of a claim that is there to the actions, which check it."""
        return [*self.readonly_fields, "status"] if obj else self.readonly_fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        fields = list(super().get_fields(request, obj))
        return fields if obj else [name for name in fields if name != "reason"]

    def get_deleted_objects(
        self, objs: Iterable[Claim], request: HttpRequest
    ) -> tuple[list[Any], dict[str, int], set[str], list[Any]]:
        """Keep claims that count from curators: those are withdrawn, with a reason."""
        claims = list(objs)
        found, counts, lacking, kept = super().get_deleted_objects(claims, request)
        if not request.user.is_superuser:
            kept += [
                f"{claim}: it is accepted, so withdraw it instead (an action of the"
                " list of claims); its history then stays."
                for claim in claims
                if claim.status == ClaimStatus.ACCEPTED
            ]
        return found, counts, lacking, kept

    @admin.display(description="scheme", ordering="term__scheme")
    def scheme(self, claim: Claim) -> str:
        return claim.term.scheme.label

    @admin.action(description="Accept", permissions=["change"])
    def accept(self, request: HttpRequest, queryset: QuerySet[Claim]) -> None:
        self._each(request, queryset, "accepted", accept_claim, {})

    @admin.action(description="Return with a reason", permissions=["change"])
    def give_back(
        self, request: HttpRequest, queryset: QuerySet[Claim]
    ) -> HttpResponse | None:
        return self._with_reason(request, queryset, "returned", return_claim)

    @admin.action(description="Dispute", permissions=["change"])
    def dispute(
        self, request: HttpRequest, queryset: QuerySet[Claim]
    ) -> HttpResponse | None:
        return self._with_reason(request, queryset, "disputed", dispute_claim)

    @admin.action(description="Withdraw", permissions=["change"])
    def withdraw(
        self, request: HttpRequest, queryset: QuerySet[Claim]
    ) -> HttpResponse | None:
        return self._with_reason(request, queryset, "withdrawn", withdraw_claim)

    def _with_reason(
        self,
        request: HttpRequest,
        queryset: QuerySet[Claim],
        done: str,
        service: Callable[..., Claim],
    ) -> HttpResponse | None:
        """Ask for the reason on a page of its own, then do it."""
        asked = "reason" in request.POST
        form = ReasonForm(request.POST if asked else None)
        if asked and form.is_valid():
            self._each(request, queryset, done, service, form.cleaned_data)
            return None
        context = {
            **self.admin_site.each_context(request),
            "title": f"Why are these claims {done}?",
            "opts": self.model._meta,
            "form": form,
            "claims": queryset.select_related("cro", "term")[:20],
            "n_claims": queryset.count(),
            "selected": request.POST.getlist("_selected_action"),
            "across": request.POST.get("select_across", "0"),
            "action": request.POST["action"],
        }
        return TemplateResponse(request, "admin/catalog/claim/reason.html", context)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[Claim],
        done: str,
        service: Callable[..., Claim],
        arguments: dict[str, Any],
    ) -> None:
        """Do it claim by claim, and say of each that refuses why."""
        n_done, refusals = 0, []
        for claim in queryset.select_related("cro", "term"):
            try:
                service(claim=claim, by=request.user, **arguments)
                n_done += 1
            except ValidationError as error:
                refusals.append(f"{claim}: {error.messages[0]}")
        if n_done:
            claims = "claim" if n_done == 1 else "claims"
            self.message_user(request, f"{n_done} {claims} {done}.", messages.SUCCESS)
        for refusal in refusals[:10]:
            self.message_user(request, refusal, messages.ERROR)
        if len(refusals) > 10:
            self.message_user(
                request, f"{len(refusals) - 10} more were refused.", messages.ERROR
            )


class MatchForm(forms.ModelForm):
    """One unsure name: whoever is chosen is who it is; it is decided by saving."""

    is_none = forms.BooleanField(
        required=False,
        label="None of the directory",
        help_text="Later imports pass this name over.",
    )

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("cro") and data.get("is_none"):
            self.add_error(
                "is_none", "Either it is a CRO or it is none: choose one of the two."
            )
        return data

    def _get_validation_exclusions(self) -> set[str]:
        """Leave the rules of a decision to the service, which makes it whole."""
        return {*super()._get_validation_exclusions(), "cro", "decision"}  # type: ignore[misc]


@admin.register(OrganizationMatch)
class OrganizationMatchAdmin(ModelAdmin):
    """The queue of names an import was unsure of; deciding goes through services."""

    form = MatchForm
    list_display = [
        "__str__", "domain", "n_trials", "likeliest", "certainty", "decision", "cro",
    ]  # fmt: skip
    list_filter = ["decision"]
    list_select_related = ["likeliest", "cro"]
    list_per_page = 50
    show_full_result_count = False
    search_fields = ["name_as_written", "domain", "key", "likeliest__name"]
    autocomplete_fields = ["cro"]
    fields = [
        "name_as_written", "domain", "n_trials", "examples", "proposed", "why",
        "decision", "cro", "is_none", "decided_by", "decided_at",
    ]  # fmt: skip
    readonly_fields = [
        "name_as_written", "domain", "n_trials", "examples", "proposed", "why",
        "decision", "decided_by", "decided_at",
    ]  # fmt: skip
    actions = ["accept", "reject"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        is_decided = obj is not None and obj.decision != MatchDecision.OPEN
        return [*self.readonly_fields, "cro"] if is_decided else self.readonly_fields

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        is_decided = obj is not None and obj.decision != MatchDecision.OPEN
        fields = list(super().get_fields(request, obj))
        return [name for name in fields if not (is_decided and name == "is_none")]

    def save_model(
        self, request: HttpRequest, obj: Model, form: Any, change: bool
    ) -> None:
        """Decide, if something was chosen."""
        if "is_none" not in form.cleaned_data:
            return
        chosen = form.cleaned_data["cro"]
        if chosen is None and not form.cleaned_data["is_none"]:
            return
        service: Callable[..., Any] = accept_match if chosen else reject_match
        arguments = {"cro": chosen} if chosen else {}
        match = OrganizationMatch.objects.get(pk=obj.pk)
        try:
            service(match=match, by=request.user, **arguments)
        except ValidationError as error:
            self.message_user(request, error.messages[0], messages.ERROR)

    @admin.display(description="certainty")
    def certainty(self, match: OrganizationMatch) -> str:
        return f"{match.proposals[0]['certainty']:.0%}" if match.proposals else "–"

    @admin.display(description="who may be meant")
    def proposed(self, match: OrganizationMatch) -> str:
        return ", ".join(
            f"{one['organization']} ({one['certainty']:.0%})" for one in match.proposals
        )

    @admin.display(description="why")
    def why(self, match: OrganizationMatch) -> str:
        return " ".join(match.reasons)

    @admin.action(description="It is the proposed one", permissions=["change"])
    def accept(
        self, request: HttpRequest, queryset: QuerySet[OrganizationMatch]
    ) -> None:
        self._each(request, queryset, "accepted", accept_match)

    @admin.action(description="It is none of the directory", permissions=["change"])
    def reject(
        self, request: HttpRequest, queryset: QuerySet[OrganizationMatch]
    ) -> None:
        self._each(request, queryset, "rejected", reject_match)

    def _each(
        self,
        request: HttpRequest,
        queryset: QuerySet[OrganizationMatch],
        done: str,
        service: Callable[..., OrganizationMatch],
    ) -> None:
        """Decide name by name, and say of each that refuses why."""
        n_done = 0
        for match in queryset.select_related("likeliest"):
            try:
                service(match=match, by=request.user)
                n_done += 1
            except ValidationError as error:
                self.message_user(
                    request, f"{match}: {error.messages[0]}", messages.ERROR
                )
        if n_done:
            names = "name" if n_done == 1 else "names"
            self.message_user(request, f"{n_done} {names} {done}.", messages.SUCCESS)


@admin.register(Source)
class SourceAdmin(AnnouncingAdmin):
    cro_path = "claims__cro"
    list_display = ["title", "kind", "publisher", "published_on", "retrieved_on"]
    list_filter = ["kind"]
    search_fields = ["title", "publisher", "url"]
    date_hierarchy = "published_on"
    readonly_fields = ["uuid", "created_at", "updated_at"]


class VocabularyAdmin(ModelAdmin):
    """An admin of words: a change raises the version and names the scheme."""

    scheme_path = ""
    list_per_page = 50
    show_full_result_count = False

    def save_related(
        self, request: HttpRequest, form: Any, formsets: Any, change: bool
    ) -> None:
        super().save_related(request, form, formsets, change)
        self._announce({getattr(form.instance, self.scheme_path)})

    @transaction.atomic
    def delete_model(self, request: HttpRequest, obj: Model) -> None:
        scheme = getattr(obj, self.scheme_path)
        super().delete_model(request, obj)
        self._announce({scheme})

    @transaction.atomic
    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        schemes = set(queryset.order_by().values_list(self.scheme_path, flat=True))
        super().delete_queryset(request, queryset)
        self._announce(schemes)

    def _announce(self, schemes: set[str]) -> None:
        raise_catalog_version(vocabulary=True)
        for scheme in sorted(schemes):
            vocabulary_changed.send(sender=self.model, scheme=scheme)


@admin.register(Scheme)
class SchemeAdmin(VocabularyAdmin):
    scheme_path = "code"
    list_display = ["label", "code", "code_system", "code_system_version", "position"]
    search_fields = ["label", "code"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Keep the code of a scheme that is there: terms point at it."""
        return ["code"] if obj else []


@admin.register(Term)
class TermAdmin(VocabularyAdmin):
    scheme_path = "scheme_id"
    list_display = ["label", "code", "scheme", "parent", "deprecated_on"]
    list_filter = ["scheme", ("deprecated_on", admin.EmptyFieldListFilter)]
    list_select_related = ["scheme", "parent"]
    search_fields = ["label", "code", "synonyms__icontains"]
    autocomplete_fields = ["scheme", "parent", "broader", "replaced_by"]


class TrialRoleForm(forms.ModelForm):
    """A role; what a curator makes or corrects is marked as theirs."""

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if self.has_changed():
            self.instance.is_by_hand = True
        return data


class TrialRoleInline(TabularInline):
    model = TrialRole
    form = TrialRoleForm
    extra = 0
    hide_title = True
    autocomplete_fields = ["cro"]


class TrialConditionInline(TabularInline):
    model = TrialCondition
    extra = 0
    hide_title = True
    autocomplete_fields = ["term"]


class TrialCountryInline(TabularInline):
    model = TrialCountry
    extra = 0
    hide_title = True
    per_page = 15  # type: ignore[assignment] # the base says None
    autocomplete_fields = ["country"]


@admin.register(Trial)
class TrialAdmin(AnnouncingAdmin):
    cro_path = "roles__cro"
    list_display = [
        "registry_id", "register", "title", "phase", "participants", "start_date",
    ]  # fmt: skip
    list_filter = ["register", "study_type", "sponsor_class"]
    list_select_related = ["phase"]
    search_fields = ["registry_id", "title", "lead_sponsor"]
    date_hierarchy = "start_date"
    autocomplete_fields = ["phase"]
    readonly_fields = ["created_at", "updated_at"]
    inlines = [TrialRoleInline, TrialConditionInline, TrialCountryInline]


@admin.register(TrialRole)
class TrialRoleAdmin(AnnouncingAdmin):
    form = TrialRoleForm
    list_display = [
        "cro", "trial", "kind", "name_as_written", "certainty", "is_by_hand",
    ]  # fmt: skip
    list_filter = ["kind", "is_by_hand"]
    readonly_fields = ["is_by_hand"]
    list_select_related = ["cro", "trial"]
    search_fields = ["cro__name", "trial__registry_id", "name_as_written"]
    date_hierarchy = "trial__start_date"
    autocomplete_fields = ["cro", "trial"]


@admin.register(CompleteList)
class CompleteListAdmin(AnnouncingAdmin):
    list_display = ["cro", "scheme", "declared_by", "declared_on"]
    list_filter = ["scheme"]
    list_select_related = ["cro", "scheme", "declared_by"]
    search_fields = ["cro__name"]
    date_hierarchy = "declared_on"
    autocomplete_fields = ["cro", "scheme"]
    readonly_fields = ["declared_by"]

    def save_model(
        self, request: HttpRequest, obj: Model, form: Any, change: bool
    ) -> None:
        """Keep whose word it is."""
        if isinstance(obj, CompleteList) and not change:
            obj.declared_by_id = request.user.pk
        super().save_model(request, obj, form, change)


@admin.register(ImportRun)
class ImportRunAdmin(ModelAdmin):
    """Imports of trials, to look at. One that stopped may be deleted, to begin anew."""

    list_display = [
        "source", "state", "created_at", "finished_at", "position", "n_new",
        "n_changed", "n_same", "n_broken", "n_unmatched", "n_unsure",
    ]  # fmt: skip
    list_filter = ["state", "kind"]
    search_fields = ["source", "digest"]
    date_hierarchy = "created_at"
    exclude = ["problems", "surprises"]
    list_per_page = 50
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Show everything; nobody edits what a command has counted."""
        names = [field.name for field in ImportRun._meta.fields]
        shown = [name for name in names if name not in ("problems", "surprises")]
        return [*shown, "broken_records", "left_out"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.display(description="Broken records")
    def broken_records(self, run: ImportRun) -> str:
        lines = (f"{found['place']}: {found['message']}" for found in run.problems)
        return "\n".join(lines) or "None."

    @admin.display(description="What could not be used")
    def left_out(self, run: ImportRun) -> str:
        lines = (f"{n:,} times: {sentence}" for sentence, n in run.surprises.items())
        return "\n".join(lines) or "Nothing."
