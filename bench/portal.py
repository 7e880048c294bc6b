"""Sets Django up for a bench; import it before any model."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cro_portal.settings.test")
django.setup()
