"""Addresses of the catalogue's pages."""

from django.urls import path

from catalog import browse_views, coverage_page, saved_views, tray_views, views
from catalog.profile.tabs import TABS

app_name = "catalog"
urlpatterns = [
    path("cros/", browse_views.cro_list, name="cro-list"),
    path("cros/suggest/", browse_views.suggest, name="suggest"),
    path("cros/saved/", saved_views.saved_list, name="saved-list"),
    path("cros/saved/new/", saved_views.saved_create, name="saved-create"),
    path("cros/saved/<uuid:uuid>/", saved_views.saved_detail, name="saved-detail"),
    path("cros/saved/<uuid:uuid>/seen/", saved_views.saved_seen, name="saved-seen"),
    path(
        "cros/saved/<uuid:uuid>/delete/", saved_views.saved_delete, name="saved-delete"
    ),
    path("cros/coverage/", coverage_page.coverage, name="coverage"),
    path("cros/compare/tray/", tray_views.change_tray, name="tray"),
    path("cros/<slug:slug>/", views.cro_detail, name="cro-detail"),
    *(
        path(
            f"cros/<slug:slug>/{tab}/",
            views.cro_detail,
            {"tab": tab},
            name=f"cro-{tab}",
        )
        for tab in TABS
        if tab != "overview"
    ),
    path(
        "cros/<slug:slug>/claims/<uuid:uuid>/", views.claim_detail, name="claim-detail"
    ),
]
