from django.urls import path

from sponsors import views

app_name = "sponsors"
urlpatterns = [
    path("", views.study_list, name="study-list"),
    path("new/", views.study_create, name="study-create"),
    path("terms/suggest/", views.term_suggest, name="term-suggest"),
    path("terms/row/", views.term_row, name="term-row"),
    path("<uuid:pk>/", views.study_detail, name="study-detail"),
    path("<uuid:pk>/edit/", views.study_edit, name="study-edit"),
    path("<uuid:pk>/archive/", views.study_archive, name="study-archive"),
    path("<uuid:pk>/unarchive/", views.study_unarchive, name="study-unarchive"),
    path("<uuid:pk>/weights/", views.study_weights, name="study-weights"),
]
