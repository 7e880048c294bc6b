"""Addresses of the catalogue's pages."""

from django.urls import path

from catalog import views

app_name = "catalog"
urlpatterns = [
    path("cros/", views.cro_list, name="cro-list"),
    path("cros/<slug:slug>/", views.cro_detail, name="cro-detail"),
]
