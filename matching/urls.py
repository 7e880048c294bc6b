"""Addresses of rankings, below a study's."""

from django.urls import path

from matching import views

app_name = "matching"
urlpatterns = [
    path("<uuid:study_id>/ranking/", views.ranking, name="ranking"),
    path("<uuid:study_id>/ranking/refresh/", views.refresh, name="ranking-refresh"),
    path("<uuid:study_id>/ranking/why/<slug:slug>/", views.why, name="why"),
]
