"""Pages whose surroundings are rendered once for all who see the same.

A template of Django's is rendered with a mark in each place that differs from
request to request; what lies between two marks is kept. A page is then put
together, not rendered. No token and nothing else of a request is ever kept.
"""

import re
import secrets
from collections.abc import Hashable, Mapping
from typing import Any, Final, NamedTuple

from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import get_template
from django.utils.safestring import SafeString

from cro_portal.common.recent import Recent

FRAMES: Final = 200
"""Kept at most, some 10 kB each."""
MARK: Final = f"\0{secrets.token_hex(8)}:"
"""Begins a mark; nobody outside of this process can write one."""
MARKED: Final = re.compile(f"{MARK}([a-z_]+)\0")

TOKEN: Final = "csrf_token"  # noqa: S105 the name of a variable


class Frame(NamedTuple):
    """What was rendered: bytes, with the names of what is put in between them."""

    template: object  # as it was loaded; Django's autoreload loads another one
    parts: tuple[bytes, ...]
    names: tuple[str, ...]

    def around(self, inside: Mapping[str, bytes]) -> bytes:
        written = [self.parts[0]]
        for name, part in zip(self.names, self.parts[1:], strict=True):
            written += (inside[name], part)
        return b"".join(written)


_frames: Recent[Frame] = Recent(FRAMES)


def render_in_frame(
    request: HttpRequest,
    name: str,
    inside: Mapping[str, bytes],
    *,
    also: Hashable = None,
) -> HttpResponse:
    """Render the template `name` with HTML `inside` it, by variable.

    The rest may depend on who is signed in, on the view, and on what `also` stands
    for. Messages that wait for somebody are shown, and the page is not kept.
    """
    template: Any = get_template(name)
    has_messages = len(get_messages(request)) > 0
    view = request.resolver_match and request.resolver_match.view_name
    key = name, view, _looks(request), also
    frame = None if has_messages else _frames.get(key)
    if frame is None or frame.template is not template.template:
        names = (TOKEN, *inside)
        marks = {one: SafeString(f"{MARK}{one}\0") for one in names}
        pieces = MARKED.split(template.render(marks, request))
        parts = tuple(part.encode() for part in pieces[::2])
        frame = Frame(template.template, parts, tuple(pieces[1::2]))
        if not has_messages:
            _frames.put(key, frame)
    token = get_token(request).encode() if TOKEN in frame.names else b""
    return HttpResponse(frame.around({**inside, TOKEN: token}))


def _looks(request: HttpRequest) -> Hashable:
    """Return what of the visitor the header of a page shows."""
    user = request.user
    if not user.is_authenticated:
        return None
    return user.pk, str(user), user.email, user.is_staff
