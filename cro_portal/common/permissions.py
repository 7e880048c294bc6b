"""Who may use the API at all; whose rows they see is `visible_to(user)`'s matter."""

from typing import TYPE_CHECKING

from rest_framework.permissions import SAFE_METHODS, BasePermission

if TYPE_CHECKING:
    from rest_framework.request import Request
    from rest_framework.views import APIView


class TokenMayWrite(BasePermission):
    """Refuse writes with a token that may only read.

    A view with `stores_nothing = True` is a read whatever its method.
    """

    message = "This token may only read. Make one with the scope write."

    def has_permission(self, request: "Request", view: "APIView") -> bool:
        if request.method in SAFE_METHODS or getattr(view, "stores_nothing", False):
            return True
        return bool(getattr(request.auth, "can_write", True))
