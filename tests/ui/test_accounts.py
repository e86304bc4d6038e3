"""Users and tokens, one's own account, logging in and the audit trail, as people do it in a browser; what came of it is looked up through the API."""
import json
import re
import secrets
import sqlite3
import time

import pytest
from api_world import Client
from conftest import make_web
from people import be_at, log_in, one_time_code
from qr_reader import read
from webserver import PASSWORD

FRESH = "another long password"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    web = make_web(tmp_path_factory.mktemp("accounts")).start()
    yield web
    web.close()


@pytest.fixture(scope="module")
def api(place):
    """An admin's program."""
    return Client(f"127.0.0.1:{place.port}", place.token("tests", "maria", "admin"))


@pytest.fixture
def person(api):
    """A user for one test, by a name of its own. Nobody removes them: a browser that is still theirs would be asked to log in."""
    def make(role="viewer"):
        name = f"person-{secrets.token_hex(4)}"
        api.post("/users/", {"name": name, "role": role, "password": PASSWORD})
        return name

    return make


def status(place, name, password, code=None):
    """Of a login."""
    return place.client()("POST", "/backup/api/session/", {"name": name, "password": password, **({"code": code} if code else {})}).status


def is_in(client):
    return client("GET", "/backup/api/session/").status == 200


# ---- users ----

def test_a_user_is_added_and_can_log_in(page, place, api):
    be_at(page, place, "users")
    page.click("New user")
    page.fill("Name", "vera")
    page.fill("Password", FRESH)
    page.click("Save")
    page.see('there is a user named "vera" already')
    page.fill("Name", "nathaniel-the-third")
    page.fill("Password", "nathaniel-the-third")
    page.click("Save")
    page.see("the password is the user's name")
    page.expect(409, 400)
    page.fill("Password", FRESH)
    page.choose("Role", "Operator: also backs up, verifies, exports")
    page.click("Save")
    page.see("nathaniel-the-third may log in now.")
    assert api.get("/users/nathaniel-the-third/")["role"] == "operator"
    assert status(place, "nathaniel-the-third", FRESH) == 200
    page.click("Remove nathaniel-the-third")
    page.click("Cancel")
    page.click("Remove nathaniel-the-third")
    page.click("Remove")
    page.until(lambda: not page.visible("//button[@aria-label='Remove nathaniel-the-third']"), "the user is gone")
    assert api.get("/users/nathaniel-the-third/", status=404)


def test_a_password_that_is_too_short_is_not_even_sent(page, place, api):
    be_at(page, place, "users")
    page.click("New user")
    page.fill("Name", "shorty")
    page.fill("Password", "short")
    page.click("Save")
    assert page.js("return document.querySelector('dialog[open] input:invalid').name") == "password"
    assert api.get("/users/shorty/", status=404)


def test_a_role_is_changed_and_who_is_shut_out_is_out_at_once(page, place, api, person):
    name = person()
    theirs = place.client().log_in(name)
    be_at(page, place, "users")
    page.click(f"Change {name}")
    page.choose("Role", "Operator: also backs up, verifies, exports")
    page.click("Save")
    page.see(f"{name} is changed.")
    assert api.get(f"/users/{name}/")["role"] == "operator" and is_in(theirs)
    page.click(f"Change {name}")
    page.tick("May not log in")
    page.click("Save")
    page.see("disabled")
    assert not is_in(theirs) and status(place, name, PASSWORD) == 401
    page.click(f"Change {name}")
    page.tick("May not log in", False)
    page.click("Save")
    page.see_none("disabled")
    assert status(place, name, PASSWORD) == 200


def test_a_password_is_reset_and_the_sessions_of_the_old_one_end(page, place, person):
    name = person()
    theirs = place.client().log_in(name)
    be_at(page, place, "users")
    page.click(f"Change {name}")
    page.fill("New password", FRESH)
    page.click("Save")
    page.see(f"{name} is changed.")
    assert not is_in(theirs)
    assert (status(place, name, PASSWORD), status(place, name, FRESH)) == (401, 200)


def test_the_last_admin_stays(page, place, api):
    be_at(page, place, "users")
    page.click("Remove maria")
    page.click("Remove")
    page.see("no admin who can log in would be left. make another admin first")
    page.click("Change maria")
    page.choose("Role", "Viewer: sees everything but secrets")
    page.click("Save")
    page.until(lambda: "no admin who can log in would be left" in page.dialog().text, "the reason")
    page.expect(409)
    assert api.get("/users/maria/")["role"] == "admin"


def test_sessions_of_others_are_listed_and_ended(page, place, person):
    name = person()
    theirs = place.client({"User-Agent": "a rented computer"}).log_in(name)
    be_at(page, place, "users")
    row = page.until(lambda: page.visible("//section[h2='Sessions']//tr[contains(., 'a rented computer')]"), "their session")
    assert name in row.text
    page.click("End", row)
    page.see_none("a rented computer")
    assert not is_in(theirs)


# ---- tokens ----

def make_token(page, name, scope, days=None):
    """Its text."""
    page.click("New token")
    page.fill("What is it for?", name)
    page.choose("It may", scope)
    if days is not None:
        page.fill("Days until it expires", days)
    page.click("Make it")
    return page.text_at("//dialog//pre")


def test_a_token_is_shown_once_copied_used_and_revoked(page, place, api):
    be_at(page, place, "account")
    page.call("Browser.grantPermissions", browserContextId=page.context, origin=place.address.rstrip("/"), permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])
    text = make_token(page, "ci", "read only", 7)
    page.click("Copy")
    page.see("Copied.")
    assert page.js("return navigator.clipboard.readText()") == text
    page.js("navigator.clipboard.writeText = () => Promise.reject(new Error('there is none'))")
    page.click("Copy")
    page.see("It is marked: copy it with the keyboard.")
    assert page.js("return getSelection().toString()") == text
    page.click("Done")
    page.until(lambda: text not in page.source, "it is nowhere any more")
    program = Client(api.address, text)
    assert program.get("/sources/")["items"] == [] and program.post("/sources/", {"name": "x", "url": "/x"}, status=403)
    made, = [t for t in api.get("/tokens/")["items"] if t["name"] == "ci"]
    assert made["scope"] == "viewer" and 6.9 < (time.mktime(time.strptime(made["expires"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())) / 86400 <= 7.1
    row = page.until(lambda: page.visible("//tr[contains(., 'ci')][.//button]"), "its row")
    assert "in 6 days" in row.text or "in 7 days" in row.text
    page.click("Revoke", page.until(lambda: page.visible("//section[.//h2='API tokens']//tr[td='ci']"), "its row"))
    page.until(lambda: not page.visible("//section[.//h2='API tokens']//tr[td='ci']"), "it is gone")
    program.get("/sources/", status=401)


def test_a_token_may_live_for_ever_but_never_do_more_than_its_user(page, place, api, person):
    name = person("operator")
    be_at(page, place, "account", name)
    page.click("New token")
    page.fill("What is it for?", "greedy")
    page.choose("It may", "everything")
    page.click("Make it")
    page.see("a token cannot do more than who makes it: operator")
    page.expect(403)
    page.choose("It may", "also back up, verify, export")
    page.js("arguments[0].value = ''", page.field("Days until it expires"))
    page.click("Make it")
    page.see("It is shown this once.")
    page.click("Done")
    token, = [t for t in api.get("/tokens/")["items"] if t["name"] == "greedy"]
    assert (token["user_name"], token["scope"], token["expires"]) == (name, "operator", None)
    assert "tests" not in page.text(), "the tokens of others are not listed"


def test_an_admin_makes_and_revokes_tokens_of_others(page, place, api, person):
    name = person("operator")
    be_at(page, place, "users")
    page.settled()
    page.click("New token")
    page.fill("What is it for?", "robot")
    page.choose("For whom?", name)
    page.choose("It may", "everything")
    page.click("Make it")
    page.see(f"{name} is operator: a token cannot be more")
    page.expect(409)
    page.choose("It may", "also back up, verify, export")
    page.click("Make it")
    text = page.text_at("//dialog//pre")
    page.click("Done")
    assert Client(api.address, text).get("/account/")["name"] == name
    page.click("Revoke", page.until(lambda: page.visible("//tr[td='robot']"), "its row"))
    page.until(lambda: not page.visible("//tr[td='robot']"), "it is gone")
    Client(api.address, text).get("/account/", status=401)


# ---- one's own account ----

def test_ones_own_password_is_changed_and_this_session_goes_on(page, place, person):
    name = person()
    be_at(page, place, "account", name)
    other = place.client().log_in(name)
    page.click("Change password")
    page.fill("Password now", "not this one")
    page.fill("New password", FRESH)
    page.fill("New password once more", "another lung password")
    page.click("Change it")
    page.see("the two passwords differ")
    page.fill("New password once more", FRESH)
    page.click("Change it")
    page.see("the password is wrong")
    page.expect(403)
    page.fill("Password now", PASSWORD)
    page.click("Change it")
    page.see("The password is changed.")
    assert not is_in(other) and status(place, name, FRESH) == 200
    page.go("")
    page.until(lambda: page.visible("//main//h1"), "the overview")
    assert not page.all("dialog[open]"), "nobody is asked to log in again"


def test_one_time_codes_are_turned_on_asked_for_and_turned_off(page, place, api, person):
    name = person()
    be_at(page, place, "account", name)
    page.click("Turn codes on")
    key = page.text_at("//dialog//pre")
    size, path = page.js("const qr = document.querySelector('svg.qr'); return [qr.viewBox.baseVal.width - 8, qr.querySelector('path').getAttribute('d')]")
    dark = {(int(x) - 4, int(y) - 4) for x, y in re.findall(r"M(\d+) (\d+)", path)}
    url = read([[(x, y) in dark for x in range(int(size))] for y in range(int(size))])
    assert url == page.visible("//dialog//a").get("href") and url.startswith("otpauth://totp/") and f"secret={key}" in url
    page.fill("Password now", PASSWORD)
    page.fill("The first code it shows", "000000" if one_time_code(key) != "000000" else "000001")
    page.click("Turn codes on")
    page.see("the code does not belong to this key")
    page.expect(400)
    assert not api.get(f"/users/{name}/")["totp"]
    page.fill("The first code it shows", one_time_code(key))
    page.click("Turn codes on")
    page.see("One-time codes are on.")
    assert api.get(f"/users/{name}/")["totp"] and status(place, name, PASSWORD) == 401
    page.click("Log out")
    log_in(page, name, PASSWORD)
    page.see("a one-time code is needed")
    page.fill("One-time code", "12")
    page.click("Log in")
    page.see("wrong name, password or one-time code")
    page.expect(401)
    page.fill("One-time code", one_time_code(key, time.time() + 30))
    page.click("Log in")
    page.until(lambda: page.visible(f"//a[.='{name}']"), "who is there")
    page.go("account")
    page.click("Turn codes off")
    page.fill("Password now", "not this one")
    page.click("Turn codes off")
    page.see("the password is wrong")
    page.expect(403)
    page.fill("Password now", PASSWORD)
    page.click("Turn codes off")
    page.see("One-time codes are off.")
    assert status(place, name, PASSWORD) == 200


def test_codes_of_who_has_lost_them_are_turned_off_by_an_admin(page, place, api, person):
    name = person()
    theirs = place.client().log_in(name)
    key = theirs("POST", "/backup/api/account/totp/key/").json["key"]
    theirs("POST", "/backup/api/account/totp/", {"password": PASSWORD, "key": key, "code": one_time_code(key)}, status=200)
    be_at(page, place, "users")
    page.click("Turn codes off")
    page.click("Turn them off")
    page.see(f"{name} logs in with the password alone now.")
    assert not api.get(f"/users/{name}/")["totp"] and status(place, name, PASSWORD) == 200


def test_ones_own_sessions_are_listed_and_ended(page, place, person):
    name = person()
    be_at(page, place, "account", name)
    first, second, third = (place.client({"User-Agent": f"device {i}"}).log_in(name) for i in range(3))
    page.go("")
    page.go("account")
    page.see("this one")
    page.click("End", page.until(lambda: page.visible("//tr[contains(., 'device 0')]"), "the first"))
    page.see_none("device 0")
    assert (is_in(first), is_in(second), is_in(third)) == (False, True, True)
    page.click("End all others")
    page.see_none("device 1")
    assert (is_in(second), is_in(third)) == (False, False)
    page.see("this one")


# ---- logging in ----

def test_a_wrong_password_is_told_and_too_many_are_made_to_wait(page, place, person):
    name = person()
    page.call("Network.clearBrowserCookies")
    page.open("about:blank")
    page.open(place.address)
    log_in(page, name, "not this one")
    page.see("wrong name or password")
    with sqlite3.connect(place.state / "catalog.db", timeout=30) as db:
        db.execute("UPDATE attempt SET failures = 12 WHERE key = ?", (f"user:{name}",))      # as if it had been tried all the time
    log_in(page, name, PASSWORD)
    page.until(lambda: re.search(r"too many attempts; try again in 1\d\d seconds\b", page.text()), "how long to wait")
    page.expect(401, 429)


def test_a_used_link_makes_no_second_admin(page, place):
    page.call("Network.clearBrowserCookies")
    page.open("about:blank")
    page.open(f"{place.address}/#/setup?link=used")
    page.fill("Name", "intruder")
    page.fill("Password", FRESH)
    page.fill("Password once more", FRESH)
    page.click("Make the first account")
    page.see("the link is not valid any more")
    page.expect(404)


# ---- the audit trail ----

def test_the_trail_is_filtered_in_the_address_downloaded_and_checked(page, place, api):
    api.post("/users/", {"name": "audited", "role": "viewer", "password": PASSWORD})
    api.call("DELETE", "/users/audited/")
    be_at(page, place, "audit")
    page.fill("On", "audited\n")
    page.until(lambda: "object=audited" in page.address, "the filter in the address")
    page.until(lambda: len(page.all("main tbody tr")) == 2, "two rows")
    page.refresh()
    page.until(lambda: len(page.all("main tbody tr")) == 2, "the same after a reload")
    assert "user-add" in page.text() and "user-remove" in page.text()
    page.click("Download")
    file = page.until(lambda: next(iter(page.downloads.glob("backstay-audit*.json")), None), "the file")
    assert page.until(lambda: file.read_text(), "its content") and json.loads(file.read_text()) == api.get("/audit/?object=audited")["items"]
    today = page.js("return new Date().toLocaleDateString('sv')")
    page.js("const [a, b] = [...document.querySelectorAll('input[type=date]')]; a.value = b.value = arguments[0]; b.dispatchEvent(new Event('change', {bubbles: true}))", today)
    page.until(lambda: "before=" in page.address, "the days in the address")
    page.until(lambda: len(page.all("main tbody tr")) == 2, "today counts")
    assert page.js("return [...document.querySelectorAll('input[type=date]')].map(i => i.value)") == [today, today]
    page.fill("Who", "nobody\n")
    page.see("Nothing fits.")
    page.show_all()
    page.fill("What", "no-such-action\n")
    page.see("Nothing fits.")
    page.show_all()
    page.click("Check the trail")
    page.see("rows are as they were written.")


def test_a_trail_that_somebody_changed_is_told(page, place, api):
    def write(who):
        """What is in its way is put back."""
        with sqlite3.connect(place.state / "catalog.db", timeout=30) as db:
            guard, = db.execute("SELECT sql FROM sqlite_master WHERE name = 'audit_no_update'").fetchone()
            before, = db.execute("SELECT who FROM audit WHERE id = 2").fetchone()
            db.execute("DROP TRIGGER audit_no_update")
            db.execute("UPDATE audit SET who = ? WHERE id = 2", (who,))
            db.execute(guard)
        return before

    before = write("somebody")
    be_at(page, place, "audit")
    page.click("Check the trail")
    page.see("The trail was changed:")
    write(before)
    assert api.get("/audit/check/")["ok"]
