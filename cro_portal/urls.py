"""All addresses of the portal."""

from django.contrib import admin
from django.urls import include, path

from catalog import views as catalog_views
from cro_portal import health

urlpatterns = [
    path("", catalog_views.home, name="home"),
    path("healthz", health.healthz, name="healthz"),
    path("readyz", health.readyz, name="readyz"),
    path("accounts/", include("cro_portal.accounts.urls")),
    path("admin/", admin.site.urls),
    path("api/v1/", include("cro_portal.api_urls", namespace="api")),
]
