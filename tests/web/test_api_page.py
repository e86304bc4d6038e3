"""docs/api.md: what it tells people to type works, in that order."""
import pathlib
import re
import subprocess

from api_world import World
from conftest import BACKSTAY_PLAIN

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "api.md"


def test_the_examples_of_the_page_work_one_after_the_other(tmp_path):
    world = World(tmp_path, sources=False, program=BACKSTAY_PLAIN)      # test_api.py has every route with sanitizers
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text(), re.M | re.S)
    assert len(blocks) > 10
    env = {**world.web.env, "API": f"http://{world.address}/backup/api", "TOKEN": world.token["admin"]}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", "\n".join(blocks)], env=env, cwd=world.home, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    world.close()


def test_every_resource_of_the_document_is_on_the_page(tmp_path_factory):
    page = PAGE.read_text()
    for name in ("sources", "repositories", "backups", "restores", "schedules", "jobs", "notices", "users", "tokens", "audit", "settings", "statistics", "status", "overview",
                 "available-backups", "cleanup", "config/export/", "session/", "token/", "events/", "/health", "/metrics", "/backup/sql", "/restore/sql", "/database/settings", "/backup-restore"):
        assert name in page
