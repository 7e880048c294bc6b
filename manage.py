#!/usr/bin/env python3
"""Django's command line, with the embedded servers at hand for every command."""

import os
import sys

from environs import Env

from cro_portal.embedded.paths import PROJECT
from cro_portal.embedded.session import servers_for


def main() -> None:
    Env().read_env(str(PROJECT / ".env"), recurse=False)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cro_portal.settings.dev")
    with servers_for(sys.argv):
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
