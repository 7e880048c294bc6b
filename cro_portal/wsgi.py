"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from cro_portal import processes
from cro_portal.common import memory

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cro_portal.settings.prod")
application = get_wsgi_application()

if processes.current() == "web":
    from cro_portal import start  # models cannot be imported any earlier

    start.warm_up()
    memory.spare_what_is_loaded()
