"""Each role sees exactly what the API lets it do: page after page, held against the permissions of the API's own document."""
import pytest
from people import be_logged_in, place, world      # noqa: F401

RANK = {"viewer": 1, "operator": 2, "admin": 3}
NAMES = {"viewer": "vera", "operator": "oliver", "admin": "maria"}
# page -> what is to be seen, {button or link: what it asks the API for}
ACTIONS = {
    "backups": {"Back up now": "POST backups/", "Restore from a file": "POST restores/upload_and_restore/"},
    "backup/{backup}": {"Restore…": "POST restores/", "Download…": "GET backups/{id}/download/", "Verify…": "POST backups/{id}/verify/", "Pin": "PATCH backups/{id}/", "Delete…": "DELETE backups/{id}/", "Run": "POST backups/{id}/query/"},
    "restores": {},
    "schedules": {"New schedule": "POST schedules/", "Run now": "POST schedules/{id}/run/", "Next runs": "GET schedules/{id}/preview/", "Switch off": "POST schedules/{id}/toggle_active/", "Change": "PATCH schedules/{id}/", "Remove": "DELETE schedules/{id}/",
                  "What it keeps": "POST cleanup/", "Its jobs": "GET jobs/"},
    "sources": {"New source": "POST sources/", "Test the connection": "POST sources/{id}/test/", "Back up now": "POST backups/", "Change": "PATCH sources/{id}/", "Remove": "DELETE sources/{id}/"},
    "repositories": {"New repository": "POST repositories/", "Check": "POST repositories/{id}/check/", "Read every byte": "POST repositories/{id}/check/", "Free space (prune)": "POST repositories/{id}/prune/",
                     "Keys": "GET repositories/{id}/keys/", "Recovery sheet": "GET repositories/{id}/recovery-sheet/", "Change": "PATCH repositories/{id}/", "Forget": "DELETE repositories/{id}/",
                     "Repair the index": "POST repositories/{id}/check/", "Look again": "POST repositories/{id}/scan/", "Remove old backups": "POST cleanup/", "Remove stale locks": "POST repositories/{id}/unlock/"},
    "jobs": {}, "job/{job}": {"Run again": "POST jobs/{id}/again/", "Save": "PATCH jobs/{id}/"},
    "maintenance": {"Information": "GET sources/{id}/info/", "Optimize": "POST sources/{id}/optimize/", "Check": "POST sources/{id}/check/", "Repair": "POST sources/{id}/repair/"},
    "account": {"Change password": "POST account/password/", "Turn codes on": "POST account/totp/", "New token": "POST tokens/"},
}
# whole pages that are for one role
PAGES = {"notices": "GET notices/", "settings": "GET settings/", "users": "GET users/", "audit": "GET audit/", "restore/{backup}": "POST restores/", "restore": "POST restores/upload_and_restore/", "start": "POST sources/"}


def furnish(world):
    world.admin.post("/schedules/", {"name": "nightly", "action": "backup", "sources": ["shop"], "kind": "daily", "time": "02:00"})
    world.backup = world.back_up("shop")


@pytest.fixture(scope="module")
def least(world):
    """"POST backups/" -> the rank it needs, from the document."""
    paths = world.client().get("/openapi.json")["paths"]
    return {f"{method.upper()} {path.removeprefix('/backup/api/')}": RANK.get(o["x-permission"], 1) for path, item in paths.items() for method, o in item.items() if isinstance(o, dict) and "x-permission" in o}


def shown(page, name):
    """There to be pressed, or to be chosen from a menu."""
    return page.all(f"//main//*[@role='menuitem'][.='{name}']") or page.visible(f"//main//*[self::button or self::a][normalize-space(.)='{name}' or starts-with(@aria-label, '{name} ')]")


@pytest.mark.parametrize("role", RANK)
def test_a_role_sees_what_it_may_do_and_nothing_else(page, world, place, least, role):
    be_logged_in(page, place, NAMES[role])
    wrong = []
    for where, actions in ACTIONS.items():
        page.go(where.format(backup=world.backup["id"], job=world.backup["job"]))
        for name, operation in actions.items():
            may = RANK[role] >= least[operation]
            if bool(shown(page, name)) != may:
                wrong.append(f"{where}: {role} {'does not see' if may else 'sees'} {name} ({operation})")
    assert wrong == []


@pytest.mark.parametrize("role", RANK)
def test_a_page_is_there_for_its_role_and_says_so_to_others(page, world, place, least, role):
    be_logged_in(page, place, NAMES[role])
    for where, operation in PAGES.items():
        may = RANK[role] >= least[operation]
        page.go(where.format(backup=world.backup["id"]))
        assert (page.text_at("//main//h1") == "Not for you") != may, where
        if not may:
            page.see(f"Your role is {role}; this page is for admins.")
        menu = {a.get("href").split("#/")[1] for a in page.all("nav#nav a")}
        assert (where in menu) == (may and where in ("notices", "settings", "users", "audit"))
