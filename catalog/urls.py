"""Addresses of the catalogue's pages."""

from django.urls import path

from catalog import browse_views, views

app_name = "catalog"
urlpatterns = [
    path("cros/", browse_views.cro_list, name="cro-list"),
    path("cros/suggest/", browse_views.suggest, name="suggest"),
    path("cros/<slug:slug>/", views.cro_detail, name="cro-detail"),
]
