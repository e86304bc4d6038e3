"""Whatever somebody calls a thing, the dashboard shows it as text: nothing of it runs, nothing breaks the page, on any page and on the smallest screen."""
import os
import re
import sqlite3

import pytest
from api_world import World
from browser import DESKTOP, PHONE
from webserver import PASSWORD

pytestmark = pytest.mark.own_size
IMG = "<img src=x onerror=window.ran=1>"
EVIL = f"{IMG}\"'`{{{{7*7}}}}</p><script>window.ran=2</script>\u202egnp.exe \U0001F98A &lt;b&gt; ${{7*7}} %s"
LONG = "W" * 200
LINES = "first line\nsecond\tline\r\nthird"
ALL = f"{EVIL} {LONG} {LINES}"
FILE = f"{IMG}\"'`{{{{7}}}}\u202egnp.exe \U0001F98A"         # without a slash, as names of files are
NAME = "n" * 64                                            # the longest name that anything configured may have


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def make_evil_database(path):
    db = sqlite3.connect(path)
    db.execute(f"CREATE TABLE {quoted(EVIL)} ({quoted(IMG)} TEXT, {quoted(LONG)} TEXT)")
    db.executemany(f"INSERT INTO {quoted(EVIL)} VALUES (?, ?)", [(EVIL, LONG), (LINES, IMG)])
    db.execute(f"CREATE TABLE {quoted(LONG)} (i INTEGER)")
    db.commit()
    db.close()
    return path


def make_evil_folder(folder):
    folder.mkdir()
    (folder / FILE).write_text("x")
    (folder / LONG).mkdir()
    (folder / LONG / f"{FILE}\nsecond line").write_text("y")
    with open(os.path.join(os.fsencode(folder), b"\xff\xfe" + b"bytes"), "wb") as f:
        f.write(b"z")
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Everything that takes a text has been given a bad one."""
    w = World(tmp_path_factory.mktemp("hostile"), sources=False)
    c = w.admin
    w.database, w.files = make_evil_database(w.home / f"{FILE}.db"), make_evil_folder(w.home / f"{FILE} files")
    c.post("/sources/", {"name": NAME, "url": f"sqlite:{w.database}", "notes": ALL})
    c.post("/sources/", {"name": "files", "url": f"folder:{w.files}", "notes": EVIL, "exclude": [EVIL]})
    c.post("/sources/", {"name": "tool", "url": f"command:sh -c 'printf \"%s\\n\" \"{IMG}{LONG}\" >&2; exit 3'", "notes": LONG})
    c.post("/repositories/", {"name": "r" * 64, "location": str(w.folder / f"{FILE} {LONG[:100]}")})
    c.post("/schedules/", {"name": "s" * 64, "action": "backup", "sources": [NAME], "kind": "daily", "time": "02:00"})
    c.post("/notices/", {"name": "m" * 64, "kind": "webhook", "url": "http://127.0.0.1:9/x", "format": "template", "template": f"{IMG} {LONG} {{{{title}}}}"})
    c.post("/users/", {"name": "u" * 64, "role": "viewer", "password": PASSWORD})
    c.post("/tokens/", {"name": "t" * 64, "scope": "viewer"})
    c.call("PATCH", "/settings/", {"restore_command": f"echo {EVIL}", "smtp_from": LONG})
    c.request("GET", f"/backup/api/sources/{IMG.replace(' ', '%20')}/")
    w.web.client({"User-Agent": IMG + LONG}).log_in("vera")
    w.failed = c.wait(c.post("/backups/", {"sources": ["tool"], "name": f"{IMG} fails", "description": ALL, "tags": [IMG]}), "failed")
    w.backup = w.back_up(NAME, "files", name=EVIL[:100], description=ALL, tags=[IMG, LONG])
    w.plain = w.back_up("files", name="x" * 200)
    yield w
    w.close()


@pytest.fixture(scope="module")
def place(world):
    return world.web


def harmless(page, where):
    """Nothing ran, nothing became an element, and nothing sticks out."""
    assert page.js("return window.ran || 0") == 0, where
    assert page.js("return document.querySelectorAll('img:not([src=\"/ui/icon.svg\"]), main script, main [onerror], dialog [onerror]').length") == 0, where
    wide = page.js("""
        const limit = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= limit)
            return null;
        const out = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > limit + 1 && !e.closest('.scroll') && getComputedStyle(e).position !== 'absolute');
        return `${document.documentElement.scrollWidth - limit} px: ${out.slice(-3).map(e => `${e.tagName}.${e.getAttribute('class')} ${e.textContent.slice(0, 60)}`).join(' | ')}`;""")
    assert wide is None, f"{where} is wider than the screen by {wide}"


def pages(world):
    return {"backups": EVIL[:100], f"backup/{world.backup['id']}": EVIL[:100], f"backup/{world.plain['id']}": "x" * 200, f"restore/{world.backup['id']}": None, "restore": None, "restores": None,
            "schedules": "s" * 64, "sources": EVIL, "repositories": "r" * 64, "jobs": IMG, f"job/{world.failed['id']}": f"{IMG}{LONG}", f"job/{world.backup['job']}": None, "maintenance": NAME,
            "notices": "m" * 64, "settings": None, "users": IMG, "audit": None, "account": "t" * 64, "start": None, "": None,
            f"backups?q={IMG.replace(' ', '%20')}&source={LONG}": None, f"audit?who={IMG.replace(' ', '%20')}": "Nothing fits.", f"{IMG.replace(' ', '%20')}/{LONG}": "There is no such page"}


def plain(text):
    return " ".join(text.split())


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_on_every_page_a_hostile_text_is_a_text(page, world, place, size):
    page.resize(size)
    page.log_in(place)
    for where, text in pages(world).items():
        page.go(where)
        if text:
            page.until(lambda: plain(text) in plain(page.js("return document.querySelector('main').textContent")), f"{text} on {where}")
        harmless(page, where)
        assert "<" not in page.js("return document.title") or page.js("return document.title").startswith(IMG)
    page.expect(404)


def deeper(page):
    """Into the first folder of the files; seen are they later."""
    folder = page.visible("//section[h2='Files']//td//button[substring(., string-length(.)) = '/']")
    if folder:
        folder.click()


def test_tables_columns_cells_and_files_of_a_backup_are_shown_as_they_are(page, world, place):
    for size in (DESKTOP, PHONE):
        page.resize(size)
        page.log_in(place, where=f"backup/{world.backup['id']}")
        page.until(lambda: page.visible("//h2[starts-with(., 'Tables')]"), "the tables")
        page.click(plain(EVIL))
        page.until(lambda: {IMG, LONG} <= set(page.js("return [...document.querySelectorAll('main th')].map(th => th.textContent)")), "the columns")
        assert {EVIL, LONG, LINES, IMG} <= set(page.js("return [...document.querySelectorAll('main td')].map(td => td.textContent)"))
        harmless(page, "rows")
        page.fill("Reading statement", "SELECT '<img src=x onerror=window.ran=3>' AS \"<b>\"")
        page.click("Run")
        page.until(lambda: page.js("return [...document.querySelectorAll('main td')].some(td => td.textContent === '<img src=x onerror=window.ran=3>')"), "the answer")
        page.fill("Reading statement", f"SELECT * FROM \"{IMG}\"")
        page.click("Run")
        page.until(lambda: page.visible("//*[@class='problem']"), "the error")
        assert IMG in page.text_at("//*[@class='problem']")
        harmless(page, "the answer")
        page.expect(400, 404, 422)
        page.go(f"backup/{world.plain['id']}")
        page.until(lambda: page.visible("//h2[.='Files']"), "the files")
        page.settled()
        for name in (FILE, plain(f"{FILE}\nsecond line")):             # in the folder that is the source, and in the one below with the endless name
            page.until(lambda: name in plain(page.js("return document.querySelector('main').textContent")) or deeper(page), f"the file {name}")
        harmless(page, "files")


def test_errors_titles_and_toasts_say_it_as_it_is(page, world, place):
    page.resize(PHONE)
    page.log_in(place, where=f"job/{world.failed['id']}")
    page.until(lambda: f"{IMG}{LONG}" in page.js("return document.querySelector('main').textContent"), "the tool's words")
    harmless(page, "a failed job")
    page.go("users")
    page.click("New user")
    page.fill("Name", IMG)
    page.fill("Password", PASSWORD)
    page.click("Save")
    page.until(lambda: page.visible("//dialog//*[@class='problem']"), "the refusal")
    assert IMG in page.dialog().text
    harmless(page, "a refusal")
    page.expect(400)
    page.click("Cancel")
    page.go(f"backup/{world.backup['id']}")
    page.until(lambda: page.visible("//main//h1") and EVIL[:60] in page.js("return document.title"), "the title is the text")
    page.click("Delete…")
    page.until(lambda: page.all("dialog[open]"), "the question")
    harmless(page, "a question")
    page.click("Cancel")


def test_a_hostile_link_to_the_login_is_only_a_wrong_link(page, world, place):
    page.call("Network.clearBrowserCookies")
    for size in (DESKTOP, PHONE):
        page.resize(size)
        page.open("about:blank")
        page.open(f"{place.address}/#/setup?link={IMG}")
        page.fill("Name", IMG)
        page.fill("Password", PASSWORD)
        page.fill("Password once more", PASSWORD)
        page.click("Make the first account")
        page.until(lambda: page.visible("//*[@class='problem']"), "the refusal")
        harmless(page, "the setup")
        page.expect(400, 404)


@pytest.mark.parametrize("path, body", [("/sources/", {"name": IMG, "url": "sqlite:shop.db"}), ("/repositories/", {"name": IMG, "location": "/x"}), ("/schedules/", {"name": IMG, "kind": "daily", "time": "02:00"}),
                                        ("/notices/", {"name": IMG, "kind": "webhook", "url": "http://127.0.0.1:9/"}), ("/users/", {"name": IMG, "password": PASSWORD}), ("/users/", {"name": LONG, "password": PASSWORD})])
def test_what_is_configured_has_a_plain_name(world, path, body):
    answer = world.admin.request("POST", f"/backup/api{path}", body)
    assert answer.status in (400, 413) and re.search("cannot be called|may have|may be|too long|at most|bytes", answer.json["detail"]), answer
