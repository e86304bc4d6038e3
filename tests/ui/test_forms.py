"""Whatever a person was filling in when the session ended is there after they have logged in again, and can be sent."""
import os

import pytest
from people import be_at, end_sessions, place, world      # noqa: F401
from webserver import PASSWORD

FILE = "File to restore"
# page, what opens the form, what is typed ({label: text, or True to tick}), the button, what is then told
FORMS = {
    "a new source": ("sources", "New source", {"Name": "typed", "Where it is": "{home}/shop.db", "Notes": "a long story"}, "Add it", "typed is added."),
    "a source": ("sources", "Change", {"Notes": "changed meanwhile", "Command before": "true"}, "Save", "is changed."),
    "a repository": ("repositories", "New repository", {"Name": "typed", "Folder on the server": "{home}/typed"}, "Add it", "typed is added."),
    "a schedule": ("schedules", "New schedule", {"Name": "typed", "shop": True, "Time zone": "Europe/Rome"}, "Add it", "typed is added."),
    "a notice": ("notices", "New notice", {"Name": "typed", "To": "maria@example.org", "Mail server": "mail.example.org:25"}, "Add it", "typed is added."),
    "a setting": ("settings", None, {"Public URL": "https://backups.example.org", "Job history days": "90"}, "Save the settings", "The settings are kept."),
    "a user": ("users", "New user", {"Name": "typed"}, None, None),
    "a token": ("account", "New token", {"What is it for?": "typed", "Days until it expires": "5"}, "Make it", "It is shown this once."),
    "one's password": ("account", "Change password", {}, None, None),
    "the first source": ("start", None, {"Database or folder": "/srv/typed.db", "Call it": "typed"}, None, None),
    "a restore": ("restore/{backup}", None, {"New place": "/srv/back.db", "orders": True}, None, None),
    "a restore from a file": ("restore", None, {FILE: "{home}/shop.db", "New place": "/srv/back.db"}, None, None),
    "a question": ("backup/{backup}", None, {"Reading statement": "SELECT 6 * 7 AS answer"}, "Run", "42"),
}


def furnish(world):
    world.backup = world.back_up("shop")["id"]


def typed(page, fields):
    return {label: page.field(label).get("checked") if text is True else page.field(label).get("value").replace("C:\\fakepath", os.path.dirname(text)).replace("\\", "/") for label, text in fields.items()}


@pytest.mark.parametrize("what", FORMS)
def test_what_was_typed_outlives_the_session(page, world, place, what):
    where, opener, fields, button, told = FORMS[what]
    fields = {label: text if text is True else text.replace("{home}", str(world.home)) for label, text in fields.items()}
    be_at(page, place, where.format(backup=world.backup))
    if opener:
        page.click(opener)
    for label, text in fields.items():
        page.tick(label) if text is True else page.field(label).upload(text) if label == FILE else page.fill(label, text)
    end_sessions(world.admin)
    page.log_in_again("maria", PASSWORD)
    assert typed(page, fields) == fields
    if button:
        page.click(button)
        page.see(told)


def test_a_form_that_is_sent_after_the_session_has_ended_is_sent_again_by_itself(page, world, place):
    be_at(page, place, "sources")
    page.click("New source")
    page.fill("Name", "late")
    page.fill("Where it is", str(world.shop))
    page.js("window.sent = 0; const real = fetch; window.fetch = (...a) => { window.sent++; return real(...a); }")
    end_sessions(world.admin)
    page.see("Your session has ended")
    page.js("[...document.querySelectorAll('dialog form')].find(f => f.elements.url).requestSubmit()")
    page.until(lambda: page.js("return window.sent") >= 1, "it was sent, and refused")
    page.log_in_again("maria", PASSWORD)
    page.see("late is added.")
    assert world.admin.get("/sources/late/")["url"] == f"sqlite:{world.shop}"


def test_who_logs_in_as_somebody_else_sees_what_that_one_may(page, world, place):
    be_at(page, place, "sources")
    page.see("New source")
    end_sessions(world.admin)
    page.see("Your session has ended")
    page.fill("Name", "vera")
    page.fill("Password", PASSWORD)
    page.click("Log in")
    page.see_none("New source")
    page.until(lambda: not page.visible("//nav//a[.='Users']"), "the menu of a viewer")
    page.expect(401)
