"""All addresses of the portal."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from catalog import views as catalog_views
from cro_portal import health
from cro_portal.common.gallery import gallery
from matching.evidence_page import evidence
from matching.method_page import method

urlpatterns = [
    path("", catalog_views.home, name="home"),
    path("", include("matching.urls")),
    path("", include("catalog.urls")),
    path("accounts/", include("cro_portal.accounts.urls")),
    path("method/", method, name="method"),
    path("evidence/", evidence, name="evidence"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("studies/", include("sponsors.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("cro_portal.api_urls", namespace="api")),
]
if settings.DEBUG:
    urlpatterns.append(path("gallery/", gallery, name="gallery"))
