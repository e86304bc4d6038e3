"""The dashboard for who does not see it, sees little, or has no mouse: every page with real content, held against the checker in accessibility.js."""
import pathlib
import sqlite3

import pytest
from api_world import World
from browser import DESKTOP, PHONE, Browser, Keys
from webserver import PASSWORD

pytestmark = pytest.mark.own_size
CHECKER = pathlib.Path(__file__).with_name("accessibility.js").read_text()
NARROW, VERY_WIDE = (320, 640), (3840, 2160)
SIZES = {"desktop": DESKTOP, "phone": PHONE}
LIGHTS = {"light": {"prefers_color_scheme": "light"}, "dark": {"prefers_color_scheme": "dark"}, "forced": {"forced_colors": "active", "prefers_color_scheme": "dark"}, "more": {"prefers_contrast": "more"}}

PAGES = ["", "backups", "backups?q=nothing-fits", "backup/{backup}", "backup/{media}", "restore/{backup}", "restore", "restores", "schedules", "sources", "repositories", "jobs", "job/{good}", "job/{failed}",
         "maintenance", "notices", "settings", "users", "audit", "account", "start", "nowhere"]
# What opens over a page: (page, buttons that lead there).
DIALOGS = [("users", ["New user"]), ("users", ["Remove"]), ("schedules", ["New schedule"]), ("schedules", ["Change"]), ("notices", ["New notice"]), ("sources", ["New source"]), ("repositories", ["New repository"]),
           ("account", ["New token"]), ("account", ["Change password"]), ("account", ["Turn codes on"]), ("backup/{backup}", ["Verify…"]), ("backup/{backup}", ["Download…"]), ("backup/{backup}", ["Delete…"])]
# What a page shows only after something was asked for.
OPENED = [("backup/{backup}", ["orders", "Compare", "Run"]), ("schedules", ["Next runs"]), ("sources", ["Test the connection"]), ("repositories", ["More"]), ("repositories", ["More", "Keys"]), ("maintenance", ["Information"]), ("audit", ["Check the trail"])]


# ---- a house that is lived in ----

class House:
    """A daemon with backups (proven, whole, failed), a restore, a schedule, a notice; and a browser that is logged in."""

    def __init__(self, folder, chromium):
        self.world = World(folder)
        c = self.world.admin
        gone = self.world.home / "gone.db"
        sqlite3.connect(gone).execute("CREATE TABLE t (x)").connection.close()
        c.post("/sources/", {"name": "gone", "url": f"sqlite:{gone}"})
        gone.unlink()
        jobs = {name: c.post("/backups/", {"sources": [name]}) for name in ("shop", "media", "gone")}
        failed = c.wait(jobs["gone"], "failed")
        shop, media = c.wait(jobs["shop"]), c.wait(jobs["media"])
        verify = c.post(f"/backups/{shop['backup']}/verify/", {"level": 3})
        c.post("/schedules/", {"name": "nightly", "action": "backup", "sources": ["shop"], "kind": "daily", "time": "02:00", "keep": {"days": 30}, "verify_level": 3})
        c.post("/notices/", {"name": "chat", "kind": "webhook", "url": "http://127.0.0.1:9/hook", "events": ["failure"]})
        c.post("/tokens/", {"name": "ci", "scope": "viewer"})
        c.request("POST", "/backup/api/notices/chat/test/")
        c.wait(verify)
        c.wait(c.post("/restores/", {"backup_id": shop["backup"], "target": str(self.world.home / "again.db")}))
        self.ids = {"backup": shop["backup"], "media": media["backup"], "good": shop["id"], "failed": failed["id"]}
        self.page = Browser(chromium)
        self.page.call("Page.addScriptToEvaluateOnNewDocument", source=CHECKER)
        self.page.open(self.address)
        self.log_in()

    @property
    def address(self):
        return f"http://{self.world.address}/"

    def log_in(self):
        name, value = self.world.web.client().log_in().headers["Cookie"].split("=", 1)
        self.page.call("Network.setCookie", name=name, value=value, url=self.address)
        self.page.open(self.address)
        self.page.settled()

    def visit(self, where):
        self.js("for (const d of document.querySelectorAll('dialog')) d.close()")
        self.page.go(where.format(**self.ids))

    def open(self, where, buttons):
        self.visit(where)
        for name in buttons:
            self.page.click(name)
            self.page.settled()

    def js(self, script, *args):
        return self.page.js(script, *args)

    def check(self, what, *args):
        return self.js(f"return accessibility.{what}(...arguments)", *args)

    def findings(self, phone=False, lights=("dark", "forced", "more")):
        """Of all rules in the light; then, as colours are the same on a phone, of those about colours in other lights."""
        self.page.media(**LIGHTS["light"])
        found = [f"light: {f}" for f in self.check("all", phone) + self.check("motion")]
        for name in () if phone else lights:
            self.page.media(**LIGHTS[name])
            found += [f"{name}: {f}" for f in self.check("colours")]
        self.page.media()
        return found

    def tab_through(self):
        """Findings of a walk over everything with the Tab key."""
        self.keys(*[Keys.TAB] * self.check("watch"))
        return self.check("walked")

    def keys(self, *keys):
        self.page.keys(*keys)

    def tab_to(self, name, most=120):
        for _ in range(most):
            if self.check("name") == name:
                return
            self.keys(Keys.TAB)
        raise AssertionError(f'the Tab key does not lead to "{name}"; the last was "{self.check("name")}"')

    def close(self):
        self.page.quit()
        self.world.close()


@pytest.fixture(scope="module")
def lived_in(tmp_path_factory, chromium):
    h = House(tmp_path_factory.mktemp("house"), chromium)
    yield h
    h.close()


@pytest.fixture
def house(lived_in):
    """Nothing open, and nothing may have been said on the console that was not meant so."""
    lived_in.page.resize(DESKTOP)
    lived_in.page.media()
    lived_in.page.errors.clear()
    yield lived_in
    lived_in.page.collect()
    assert [e for e in lived_in.page.errors if "status of 4" not in e] == []


def told(found):
    """{where: findings} as sentences."""
    return [f"{where}: {finding}" for where, findings in found.items() for finding in findings]


# ---- the checker itself ----

GOOD = '<main><h1>Title</h1>{}</main><header>Home</header><p role="status"></p>'
PLANTED = {
    '<button style="width:30px;height:30px"></button>': "has no name: <button>",
    '<img src="">': "has no name: <img>",
    '<svg width="30" height="30"></svg>': "has no name: <svg>",
    '<progress style="accent-color: #000"></progress>': "has no name: <progress>",
    '<input placeholder="Name" style="height:30px">': "has no name: <input>",
    '<dialog open>x</dialog>': "has no name: <dialog> \"x\"",
    '<table><tr><td>x</td></tr></table>': ["has no name: <table> \"x\"", "is a table without headings: <table> \"x\""],
    '<table><caption>T</caption><tr><th>x</th></tr></table>': "is a heading that does not say of what: <th> \"x\"",
    '<table><caption>T</caption><tr><th scope="col">x</th></tr><tr><td>1</td><td>2</td></tr></table>': "is a table whose rows differ in length: <table> \"T x 1 2\"",
    '<table style="display:block"><caption>T</caption><tr><th scope="col">x</th></tr></table>': "looks like no table and does not say that it is one: <table> \"T x\"",
    '<button style="height:30px">a <a href="#">b</a></button>': "is a control that holds a control: <button> \"a b\"",
    '<p aria-describedby="no">x</p>': "refers to nothing: <p> \"x\": aria-describedby=no",
    '<p id="a">x</p><p id="a">y</p>': "has an id that is not its own: <p> \"x\": a",
    '<input aria-label="a" aria-invalid="true" style="height:30px">': "is invalid and does not say why: <input> \"a\"",
    '<div data-field="a"><p class="problem" id="p">x</p></div>': "is an error that no field refers to: <p problem> \"x\"",
    '<div class="problem">x</div>': "is an error that is not told: <div problem> \"x\"",
    '<p role="headnig">x</p>': "has a role that is not known here: <p> \"x\": headnig",
    '<button role="menuitem" style="height:30px">x</button>': "has a role that wants another around it: <button> \"x\": menuitem",
    '<button tabindex="3" style="height:30px">x</button>': "has a place of its own in the order of the focus: <button> \"x\": tabindex=3",
    '<button aria-haspopup="menu" style="height:30px">x</button>': "does not say whether it is open: <button> \"x\"",
    '<h3>x</h3>': "skips a level of headings: <h3> \"x\": h1 to h3",
    '<h2></h2>': "is an empty heading: <h2>",
    '<nav aria-label="n"></nav><nav aria-label="n"></nav>': "is called as another landmark is: <nav> \"n\": nav n",
    '<ul><p>x</p></ul>': "is a list with something else than items: <ul> \"x\"",
    '<div><li>x</li></div>': "is an item without a list: <li> \"x\"",
    '<div><dt>x</dt></div>': "is a term without a list: <dt> \"x\"",
    '<div role="status"><progress aria-label="p" style="accent-color: #000"></progress></div>': "is progress that is told at every step: <progress> \"p\"",
    '<p style="color:#777">x</p>': "has text that is hard to read: <p> \"x\": 4.48 of 4.5",
    '<p style="color:#fff8;background:#000">x</p>': [],
    '<p style="color:#fff5;background:#000">x</p>': "has text that is hard to read: <p> \"x\": 2.81 of 4.5",
    '<p style="font-size:24px;color:#999">x</p>': "has text that is hard to read: <p> \"x\": 2.85 of 3",
    '<input aria-label="a" style="border:1px solid #999;height:30px">': "is a field whose border is hard to see: <input> \"a\": 2.85 of 3",
    '<input aria-label="a" placeholder="x" class="faint" style="height:30px;border-color:#000">': "has a placeholder that is hard to read: <input faint> \"a\": 2.32 of 4.5",
    '<figure><figcaption>f</figcaption><svg class="chart" role="img" aria-label="f" width="30" height="30"><rect width="9" height="9" fill="#999"/></svg><table><caption>t</caption><tr><th scope="col">x</th></tr></table></figure>':
        "is a part of a chart that is hard to see: <rect>: 2.85 of 3",
    '<svg class="chart" role="img" aria-label="f" width="30" height="30"></svg>': "is a chart without its figures as a table: <svg chart> \"f\"",
    '<span class="state">failed</span>': "is a state by its colour alone: <span state> \"failed\"",
    '<p><span class="mark a" aria-hidden="true">●</span> good <span class="mark b" aria-hidden="true">●</span> bad</p>': "is a mark that looks like another: <span mark b> \"●\": mark b",
    '<p>a <a href="#" style="text-decoration:none">b</a></p>': "is a link by its colour alone: <a> \"b\"",
    '<button style="width:20px;height:20px;padding:0">x</button>': "is hard to hit: <button> \"x\": 20 x 20 of 24",
    '<p title="secret">x</p>': "tells something to the mouse alone: <p> \"x\": secret",
    '<style>.tip:hover { opacity: 1 }</style>': "is shown to the mouse alone: .tip:hover",
    '<div style="width:5000px">x</div>': "is wider than the screen: <html> \"Title x Home\": 5008 of 1280",
    f'<p style="white-space:nowrap;font-size:4px">{"word " * 50}</p>': "is a line that is too long to read: <p> \"word word word word word word \"",
    '<p style="animation:turn 2s">x</p><style>@keyframes turn {}</style>': "moves: <p> \"x\": 2s, 0s",
}


def test_the_checker_finds_what_is_planted_and_nothing_else(house):
    page = house.page
    page.open("data:text/html,<!doctype html><html lang=en><title>Title</title><meta charset=utf-8><style>body,html{background:white;color:black} .faint::placeholder{color:%23aaa}</style>")
    missed = []
    for html, wanted in {"": [], **PLANTED}.items():
        found = house.js("document.body.innerHTML = arguments[0]; return [...accessibility.all(false), ...accessibility.motion()]", GOOD.format(html))
        wanted = [wanted] if isinstance(wanted, str) else wanted
        if len(found) != len(wanted) or not all(f.startswith(w) for f, w in zip(found, wanted)):
            missed.append(f"{html}: {found}")
    assert missed == []


def test_the_checker_sees_where_the_focus_does_not_go_and_does_not_show(house):
    page = house.page
    page.open("data:text/html,<!doctype html><html lang=en><title>Title</title><style>button{height:30px} .bare:focus{outline:none} .pale:focus{outline:3px solid %23bbb}</style>"
              "<button>one</button><button class=bare>two</button><button class=pale>three</button><button id=four>four</button>"
              "<script>document.getElementById('four').addEventListener('focus', e => e.target.blur())</script><button style='position:absolute;top:-40px;left:0'>five</button>")
    assert house.tab_through() == ["is not reached by the Tab key: <button> \"four\"", "comes after what stands below or right of it: <button> \"five\": <button pale> \"three\"",
                                   "does not show that it has the focus: <button bare> \"two\"", "has a focus that is hard to see: <button pale> \"three\": 1.92 of 3", "has the focus out of sight: <button> \"five\""]


# ---- every page ----

@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_for_everybody(house, size):
    house.page.open(house.address)
    house.page.resize(SIZES[size])
    found = {}
    for where in PAGES:
        house.visit(where)
        found[where or "overview"] = house.findings(size == "phone")
        house.page.resize(NARROW if size == "phone" else VERY_WIDE)
        found[where or "overview"] += [f"{'narrow' if size == 'phone' else '4K'}: {f}" for f in house.check("width")]
        house.page.resize(SIZES[size])
    assert told(found) == []


@pytest.mark.parametrize("size", SIZES)
def test_what_opens_on_a_page_is_for_everybody(house, size):
    house.page.resize(SIZES[size])
    found = {}
    for where, buttons in DIALOGS + OPENED:
        house.open(where, buttons)
        if (where, buttons) in DIALOGS:
            house.page.dialog()
        found[f"{where} {buttons}"] = house.findings(size == "phone", lights=["dark"])
    assert told(found) == []


@pytest.mark.parametrize("size", SIZES)
def test_the_tab_key_walks_over_every_page_in_the_order_it_is_read(house, size):
    house.page.resize(SIZES[size])
    found = {}
    for where in PAGES:
        house.visit(where)
        found[where or "overview"] = house.tab_through()
    assert told(found) == []


def test_the_content_stands_in_the_middle_of_a_very_wide_screen_and_uses_it(house):
    house.page.resize(VERY_WIDE)
    for where in ("", "backups", "settings"):
        house.visit(where)
        left, right = house.js("const b = document.querySelector('main').getBoundingClientRect(); return [b.left, innerWidth - b.right]")
        assert left == right and 3840 - left - right >= 1900, where


# ---- the focus ----

def test_the_focus_goes_to_the_heading_of_a_page_and_its_title_is_the_browsers(house):
    house.visit("")
    for where, heading in {"sources": "Sources", "users": "Users", "backup/{backup}": "shop"}.items():
        house.visit(where)
        assert house.js("return [document.activeElement.localName, document.activeElement.textContent, document.title]") == ["h1", heading, f"{heading} – Backstay"]


def test_a_skip_link_is_the_first_that_is_reached_and_leads_to_the_content(house):
    house.page.open(house.address)
    house.page.settled()
    house.keys(Keys.TAB)
    assert house.check("name") == "Skip to the content" and house.js("return document.activeElement.getBoundingClientRect().left >= 0")
    house.keys(Keys.ENTER)
    assert house.js("return document.activeElement.localName") == "main" and house.js("return location.hash") == ""
    house.keys(Keys.TAB)
    assert house.js("return document.querySelector('main').contains(document.activeElement)")


def test_a_filter_keeps_the_focus_while_the_list_changes(house):
    house.visit("backups")
    house.tab_to("Source")
    house.keys("shop")
    house.page.until(lambda: "source=shop" in house.js("return location.hash") and house.js("return !document.querySelector('[aria-busy=true]')"), "the filter")
    assert house.check("name") == "Source"


@pytest.mark.parametrize("where, opener", [("users", "New user"), ("schedules", "New schedule"), ("backup/{backup}", "Delete…")])
def test_a_dialog_takes_the_focus_keeps_it_and_gives_it_back(house, where, opener):
    house.visit(where)
    house.tab_to(opener)
    house.keys(Keys.ENTER)
    house.page.dialog()
    inside = "return document.querySelector('dialog').contains(document.activeElement)"
    assert house.js(inside)
    assert house.tab_through() == []
    house.keys(*[Keys.TAB] * 40)
    assert house.js(inside + " || document.activeElement === document.body")      # from its end on through the browser's own controls
    house.keys(Keys.ESCAPE)
    house.page.until(lambda: house.js("return !document.querySelector('dialog')"), "it is closed")
    assert house.check("name") == opener


def test_a_menu_works_by_the_keyboard(house):
    house.visit("backups?source=shop")
    house.tab_to("What to do with shop")
    house.keys(Keys.ARROW_DOWN)
    house.page.until(lambda: house.check("name") == "Open", "the first entry has the focus")
    assert house.findings() == []
    for key, name in ((Keys.ARROW_DOWN, "Restore…"), (Keys.ARROW_UP, "Open"), (Keys.ARROW_UP, "Delete…"), (Keys.HOME, "Open"), (Keys.END, "Delete…")):
        house.keys(key)
        assert house.check("name") == name
    house.keys(Keys.ESCAPE)
    assert house.check("name") == "What to do with shop"
    house.page.until(lambda: house.js("return document.activeElement.getAttribute('aria-expanded')") == "false", "it is closed")
    house.keys(Keys.ENTER)
    house.page.until(lambda: house.check("name") == "Open", "the first entry has the focus")
    house.keys(Keys.END, Keys.ENTER)
    house.page.dialog()
    house.keys(Keys.ESCAPE)
    assert house.check("name") == "What to do with shop"


def test_the_menu_of_a_phone_opens_and_closes_by_the_keyboard(house):
    house.page.resize(PHONE)
    house.visit("")
    house.js("document.getElementById('menu').focus()")
    house.keys(Keys.ENTER, Keys.TAB)
    assert house.check("name") == "Overview"
    assert house.findings(phone=True) == []
    assert house.tab_through() == []
    house.js("document.querySelector('#nav a').focus()")
    house.keys(Keys.ESCAPE)
    assert house.check("name") == "Menu" and house.js("return document.activeElement.getAttribute('aria-expanded')") == "false"


# ---- what is told ----

def test_an_error_stands_at_its_field_and_is_read_with_it(house):
    house.open("account", ["Change password"])
    house.page.dialog()
    for field, text in (("Password now", PASSWORD), ("New password", "a long new password"), ("New password once more", "another long password")):
        house.page.fill(field, text)
    house.page.click("Change it")
    house.page.see("the two passwords differ")
    assert house.check("name") == "New password once more" and house.findings() == []
    assert house.js("return document.getElementById(document.activeElement.getAttribute('aria-describedby')).getAttribute('role')") == "alert"


def test_progress_is_a_bar_with_a_name_and_its_end_is_told(house):
    c = house.world.admin
    c.call("PATCH", "/sources/ledger/", {"before": "/bin/sleep 600"})
    job = c.post("/backups/", {"sources": ["ledger"]})
    for where in (f"job/{job['id']}", ""):
        house.visit(where)
        house.page.until(lambda: house.page.visible("//progress"), "progress")
        assert house.findings() == []
    house.visit(f"job/{job['id']}")
    house.tab_to("Cancel")
    house.keys(Keys.ENTER)
    house.page.until(lambda: house.js("return document.getElementById('said').textContent").startswith("backup ledger: cancelled after "), "the end is told")


# ---- the whole way ----

def test_the_login_and_the_first_page_of_all_are_for_everybody(house):
    page = house.page
    page.call("Network.clearBrowserCookies")
    for where, heading in (("", "Backstay"), ("#/setup?link=no", "Welcome to Backstay")):
        page.open("about:blank")
        page.open(house.address + where)
        page.heading(heading)
        assert house.findings() == [] and house.tab_through() == []
        page.resize(PHONE)
        assert house.findings(phone=True) == []
        page.resize(DESKTOP)


def test_with_the_keyboard_alone_from_the_login_to_a_backup_and_a_restore(house):
    page = house.page
    page.call("Network.clearBrowserCookies")
    page.open("about:blank")
    page.open(house.address)
    page.heading("Backstay")
    house.tab_to("Name")
    house.keys("maria", Keys.TAB, PASSWORD, Keys.ENTER)
    page.until(lambda: house.js("return document.activeElement.localName") == "h1", "the overview has the focus")
    house.tab_to("Backups")
    house.keys(Keys.ENTER)
    page.heading("Backups")
    house.tab_to("Source")
    house.keys("shop")
    page.until(lambda: "source=shop" in house.js("return location.hash"), "the filter")
    house.page.settled()
    house.tab_to("Back up now")
    house.keys(Keys.ENTER)
    page.heading("backup shop")
    page.until(lambda: house.js("return document.getElementById('said').textContent").startswith("backup shop: good after"), "the end is told")
    house.js("return document.querySelector('h1').focus()")
    backup = house.js("return document.querySelector('dd a[href^=\"#/backup/\"]').textContent")
    house.tab_to(backup)
    house.keys(Keys.ENTER)
    page.heading("shop")
    house.tab_to("Restore…")
    house.keys(Keys.ENTER)
    page.heading("Restore")
    house.tab_to("New place")
    page.keys(Keys.ALL)
    house.keys(str(house.world.home / "by-keyboard.db"))
    house.tab_to("Restore")
    house.keys(Keys.ENTER)
    page.see("what was restored equals the backup", 60)
    assert house.findings() == []
    assert sqlite3.connect(house.world.home / "by-keyboard.db").execute("SELECT count(*) FROM orders").fetchone() == (200,)
