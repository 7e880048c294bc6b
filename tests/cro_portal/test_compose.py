"""docker-compose.yml cannot run here, so it is read: it must start what `up` starts."""

import json
import re
import shlex
from pathlib import Path

import pytest
import yaml

from cro_portal import processes
from cro_portal.embedded import servers

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
LINES = {
    "web": processes.web(host="0.0.0.0", port=8000),  # noqa: S104
    "worker": processes.worker(),
    "sweeper": processes.sweeper(),
}


@pytest.mark.parametrize("name", LINES)
def test_service_runs_the_command_and_environment_of_up(name):
    service = COMPOSE["services"][name]
    assert shlex.split(service["command"]) == ["python", *LINES[name]]
    assert service["environment"].items() >= processes.environment(name).items()


def test_image_serves_by_default():
    line = re.search(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert json.loads(line[1]) == ["python", *LINES["web"]]


def test_image_does_not_run_as_root():
    users = re.findall(r"^USER (\S+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert users == ["portal"]


def test_every_lasting_service_has_a_health_check():
    services = COMPOSE["services"]
    assert set(services) == {"postgres", "redis", "migrate", *LINES}
    assert {n for n, s in services.items() if "healthcheck" not in s} == {"migrate"}


def test_only_the_migration_knows_the_owner():
    knows = {
        name
        for name, service in COMPOSE["services"].items()
        if "DATABASE_OWNER_URL" in service.get("environment", {})
    }
    assert knows == {"migrate"}


def test_roles_of_the_image_are_those_of_the_embedded_server():
    script = (ROOT / "docker" / "postgres-roles.sh").read_text()
    for statement in (servers.ROLES + servers.GRANTS).splitlines():
        assert f"{statement};\n" in script
