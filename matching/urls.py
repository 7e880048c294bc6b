"""Addresses of comparisons, and of rankings below a study's."""

from django.urls import path

from matching import (
    certainty_pages,
    compare,
    panel,
    scenario_views,
    views,
    whatif,
)

app_name = "matching"
urlpatterns = [
    path("cros/compare/", compare.page, name="cro-compare"),
    path("cros/compare/suggest/", compare.suggest_cros, name="cro-compare-suggest"),
    path("cros/compare/export.csv", compare.export_csv, name="cro-compare-csv"),
    path("cros/compare/export.xlsx", compare.export_xlsx, name="cro-compare-xlsx"),
    path("studies/<uuid:study_id>/panel/", panel.page, name="panel"),
    path("studies/<uuid:study_id>/ranking/", views.ranking, name="ranking"),
    path(
        "studies/<uuid:study_id>/ranking/refresh/",
        views.refresh,
        name="ranking-refresh",
    ),
    path("studies/<uuid:study_id>/ranking/what-if/", whatif.page, name="what-if"),
    path(
        "studies/<uuid:study_id>/ranking/certainty/",
        certainty_pages.certainty,
        name="certainty",
    ),
    path(
        "studies/<uuid:study_id>/ranking/certainty/cancel/",
        certainty_pages.cancel,
        name="certainty-cancel",
    ),
    path(
        "studies/<uuid:study_id>/ranking/certainty/start/",
        certainty_pages.start,
        name="certainty-start",
    ),
    path(
        "studies/<uuid:study_id>/ranking/versus/", certainty_pages.versus, name="versus"
    ),
    path(
        "studies/<uuid:study_id>/ranking/questions/",
        certainty_pages.questions,
        name="questions",
    ),
    path(
        "studies/<uuid:study_id>/ranking/questions/export.csv",
        certainty_pages.questions_csv,
        name="questions-csv",
    ),
    path(
        "studies/<uuid:study_id>/ranking/questions/export.xlsx",
        certainty_pages.questions_xlsx,
        name="questions-xlsx",
    ),
    path(
        "studies/<uuid:study_id>/ranking/changes/",
        certainty_pages.changes,
        name="changes",
    ),
    path("studies/<uuid:study_id>/ranking/why/<slug:slug>/", views.why, name="why"),
    path(
        "studies/<uuid:study_id>/scenarios/", scenario_views.list_, name="scenario-list"
    ),
    path(
        "studies/<uuid:study_id>/scenarios/new/",
        scenario_views.create,
        name="scenario-create",
    ),
    path(
        "studies/<uuid:study_id>/scenarios/compare/",
        scenario_views.compare,
        name="scenario-compare",
    ),
    path(
        "studies/<uuid:study_id>/scenarios/<uuid:pk>/",
        scenario_views.detail,
        name="scenario-detail",
    ),
    path(
        "studies/<uuid:study_id>/scenarios/<uuid:pk>/delete/",
        scenario_views.delete,
        name="scenario-delete",
    ),
]
