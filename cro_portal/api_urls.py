"""The addresses of API v1."""

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from catalog.api import SuggestView
from catalog.api import router as catalog_router
from catalog.compare_api import CompareView
from cro_portal.common.routes import ApiRoot, OpenApiRenderers, UnknownAddress
from matching.api import MatchView, StudyRankingView
from matching.api import router as matching_router
from matching.scenario_api import StudyScenariosView, StudyScenarioView
from sponsors.api import router as sponsors_router
from sponsors.weights_api import StudyWeightsView

app_name = "api"
urlpatterns = [
    path("", ApiRoot.as_view(), name="root"),
    path("cros/compare/", CompareView.as_view(), name="cro-compare"),
    path("", include(catalog_router.urls)),
    path("suggest/", SuggestView.as_view(), name="suggest"),
    path("", include(sponsors_router.urls)),
    path(
        "studies/<uuid:pk>/weights/", StudyWeightsView.as_view(), name="study-weights"
    ),
    path(
        "studies/<uuid:pk>/ranking/", StudyRankingView.as_view(), name="study-ranking"
    ),
    path(
        "studies/<uuid:pk>/scenarios/",
        StudyScenariosView.as_view(),
        name="study-scenarios",
    ),
    path(
        "studies/<uuid:pk>/scenarios/<uuid:scenario>/",
        StudyScenarioView.as_view(),
        name="study-scenario",
    ),
    path("", include(matching_router.urls)),
    path("match/", MatchView.as_view(), name="match"),
    path(
        "schema/",
        SpectacularAPIView.as_view(renderer_classes=OpenApiRenderers),
        name="schema",
    ),
    path(
        "docs/", SpectacularSwaggerSplitView.as_view(url_name="api:schema"), name="docs"
    ),
    re_path(r"", UnknownAddress.as_view()),
]
