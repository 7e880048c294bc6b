"""Tenants in the admin. Studies are read only: they change through the services."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from cro_portal.common.admin import ReadOnlyAdmin, ReadOnlyInline
from sponsors.models import Membership, Requirement, Sponsor, Study


class MembershipInline(TabularInline):
    model = Membership
    extra = 0
    hide_title = True
    autocomplete_fields = ["user"]


@admin.register(Sponsor)
class SponsorAdmin(ModelAdmin):
    list_display = ["name", "kind", "size", "created_at"]
    list_filter = ["kind", "size"]
    search_fields = ["name"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    inlines = [MembershipInline]


@admin.register(Membership)
class MembershipAdmin(ModelAdmin):
    list_display = ["user", "sponsor", "role", "is_active", "created_at"]
    list_filter = ["role", "is_active"]
    list_select_related = ["user", "sponsor"]
    search_fields = ["user__email", "sponsor__name"]
    date_hierarchy = "created_at"
    show_full_result_count = False
    autocomplete_fields = ["user", "sponsor"]


class RequirementInline(ReadOnlyInline):
    model = Requirement
    hide_title = True
    fields = ["term", "importance", "share", "since_version", "until_version"]

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).select_related("term")


@admin.register(Study)
class StudyAdmin(ReadOnlyAdmin):
    list_display = ["title", "sponsor", "version", "start_date", "updated_at"]
    list_select_related = ["sponsor"]
    search_fields = ["title", "registry_id", "sponsor__name"]
    date_hierarchy = "created_at"
    inlines = [RequirementInline]
