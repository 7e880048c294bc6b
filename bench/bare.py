"""The plainest lists Django and REST framework give, to measure ours beside."""

from django.urls import include, path
from django.views.generic import ListView
from rest_framework.generics import ListAPIView

from catalog.models import CRO
from catalog.serializers import CROSerializer


class BareList(ListView):
    queryset = CRO.objects.listed()
    paginate_by = 25
    template_name = "bare-list.html"


class BareAnswer(ListAPIView):
    queryset = CRO.objects.listed()
    serializer_class = CROSerializer
    filter_backends = ()


urlpatterns = [
    path("bare/", BareList.as_view()),
    path("bare.json", BareAnswer.as_view()),
    path("", include("cro_portal.urls")),
]
