"""Rankings and the work on them, to look at; failed work may be tried again."""

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from cro_portal.common.admin import ReadOnlyAdmin
from matching.models import Ranking, RankingWork
from matching.services import want_anew


@admin.register(Ranking)
class RankingAdmin(ReadOnlyAdmin):
    list_display = [
        "study", "study_version", "n_eligible", "n_conditional", "n_near_miss",
        "n_excluded", "computed_at", "compute_ms",
    ]  # fmt: skip
    list_select_related = ["study"]
    search_fields = ["study__title", "digest"]
    date_hierarchy = "computed_at"


@admin.register(RankingWork)
class RankingWorkAdmin(ReadOnlyAdmin):
    list_display = ["study", "wanted", "done", "attempts", "failed", "changed_at"]
    list_select_related = ["study"]
    search_fields = ["study__title"]
    date_hierarchy = "changed_at"
    actions = ["retry"]

    @admin.display(boolean=True, description="failed")
    def failed(self, work: RankingWork) -> bool:
        return work.has_failed

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("matching.change_rankingwork")

    @admin.action(description="Compute again", permissions=["retry"])
    def retry(self, request: HttpRequest, queryset: QuerySet[RankingWork]) -> None:
        with transaction.atomic():
            studies = list(queryset.values_list("study_id", flat=True))
            want_anew(studies)
        self.message_user(
            request, f"Asked for {len(studies)} rankings anew.", messages.SUCCESS
        )
