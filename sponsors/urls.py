from django.urls import path

from sponsors import views, weight_views

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
    path("<uuid:pk>/weights/", weight_views.study_weights, name="study-weights"),
    path("<uuid:pk>/weights/mine/", weight_views.own_weights, name="study-weights-own"),
    path(
        "<uuid:pk>/weights/mine/withdraw/",
        weight_views.withdraw,
        name="study-weights-withdraw",
    ),
    path("<uuid:pk>/weights/pairs/", weight_views.pairs, name="study-weights-pairs"),
    path("<uuid:pk>/weights/freeze/", weight_views.freeze, name="study-weights-freeze"),
    path("<uuid:pk>/weights/blind/", weight_views.hide_names, name="study-blind"),
]
