"""Tokens in the Authorization header."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.request import Request

from cro_portal.accounts.models import ApiToken, User

PREFIXES = (b"bearer", b"token")


class BearerAuthentication(TokenAuthentication):
    """`Authorization: Bearer cro_…` (or `Token cro_…`).

    Found by its hash in one query; an expired token stays in its owner's list.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        words = header.encode("utf-8", "replace").split()
        if not words or words[0].lower() not in PREFIXES:
            return None
        if len(words) != 2:
            raise AuthenticationFailed(
                "Send the token as `Authorization: Bearer <token>`."
            )
        return self.authenticate_credentials(words[1])

    def authenticate_credentials(self, token: bytes) -> tuple[User, ApiToken]:
        digest = hash_token(token.decode("utf-8"))
        found = ApiToken.objects.select_related("user").filter(digest=digest).first()
        if found is None or not found.user.is_active:
            raise AuthenticationFailed("The token is unknown or was revoked.")
        if found.has_expired:
            raise AuthenticationFailed("The token has expired. Make a new one.")
        return found.user, found

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def person(request: Request) -> User:
    """Return who asks; refuse who is not signed in."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


class BearerScheme(OpenApiAuthenticationExtension):
    """How the OpenAPI description tells of the token."""

    target_class = BearerAuthentication
    name = "token"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {
            "type": "http",
            "scheme": "bearer",
            "description": "A token made on the page /accounts/tokens/.",
        }
