"""The first two minutes: from the one-time link to the first backup, in four clicks; and what is said when something is not as it should be."""
import re
import sqlite3
import subprocess

import pytest
from conftest import make_shop, make_web, Program
from people import make_first_account

NAME, PASSWORD = "maria", "a staple for the horse"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A daemon that nobody has an account of yet."""
    web = make_web(tmp_path_factory.mktemp("start"), users={})
    make_shop(web.home / "shop.db")
    web.start()
    yield web
    web.close()


@pytest.fixture
def clicks(page, monkeypatch):
    """The names of the buttons that were pressed."""
    pressed = []
    click = page.click

    def counted(name, within=None):
        pressed.append(name)
        click(name, within)

    monkeypatch.setattr(page, "click", counted)
    return pressed


def sheets(page):
    return sorted(page.downloads.glob("backstay-recovery-*.txt"))


def problem(page):
    """What went wrong, as it is shown."""
    box = page.visible("//*[@class='problem']")
    return box.text if box else ""


def test_from_the_link_to_the_first_backup_it_takes_four_clicks(page, place, clicks):
    make_first_account(page, place, NAME, PASSWORD)
    page.fill("Database or folder", str(place.home / "shop.db"))
    page.click("Connect")
    page.see("SQLite 3")
    facts = page.text_at("//section[h2='shop']")
    assert re.search(r"Size\s+\d[\d.]* (KiB|MiB)", facts) and re.search(r"Tables\s+3", facts)
    folder = page.field("Folder for the backups").get("value")
    assert folder == place.env["BACKSTAY_REPOSITORY"], "the default is chosen and shown"
    page.click("Keep them there")
    page.see("Keep a copy apart from this machine")
    page.until(lambda: sheets(page), "the recovery sheet among the downloads")
    download = page.visible("//a[.='Download the recovery sheet again']")
    assert download.get("href").endswith("/recovery-sheet/") and download.get("download") == "backstay-recovery-main.txt"
    assert page.field("Every day at").get("value") == "02:00"
    assert page.field("Keep backups of the last").get("value") == "30"
    page.click("Start, and back up now")
    page.see("shop is backed up", 60)
    assert {a.text: a.get("href").split("#")[1] for a in page.all("main .buttons a") if a.displayed} == {
        "To the overview": "/", "Be told when something fails": "/notices", "Another source": "/start"}
    assert clicks == ["Make the first account", "Connect", "Keep them there", "Start, and back up now"]
    assert page.js("return location.hash") == "#/start", "the first backup ran before the page was left"
    client = place.client().log_in(NAME, PASSWORD)
    backup, = client("GET", "/backup/api/backups/").json["items"]
    assert [s["name"] for s in backup["sources"]] == ["shop"]
    schedule, = client("GET", "/backup/api/schedules/").json["items"]
    assert (schedule["kind"], schedule["time"], schedule["keep"]["days"], schedule["enabled"]) == ("daily", "02:00", 30, True)


def test_the_recovery_sheet_restores_with_restic_alone(page, place, tmp_path):
    """Its own lines, in a shell that knows nothing else."""
    sheet = sheets(page)[0].read_text()
    password = re.search(r"^Password +(\S+)$", sheet, re.M)[1]
    lines = [line.strip() for line in sheet.splitlines() if re.match(r"  (export|restic snapshots|restic restore)", line)]
    assert len(lines) == 3
    script = "\n".join(lines).replace("/tmp/back", str(tmp_path / "back"))
    done = subprocess.run(["sh", "-ec", script], env={"PATH": place.env["PATH"], "HOME": str(tmp_path), "RESTIC_PASSWORD": password}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    db = sqlite3.connect(next(f for f in (tmp_path / "back").rglob("shop*") if f.is_file()))
    assert db.execute("SELECT count(*) FROM orders").fetchone() == (200,)
    db.close()
    audit = place.client().log_in(NAME, PASSWORD)("GET", "/backup/api/audit/?action=recovery-sheet").json["items"]
    assert [(a["who"], a["object"]) for a in audit] == [(NAME, "main")]


def test_the_sheet_is_had_again_from_the_repositories_page(page, place):
    for sheet in sheets(page):
        sheet.unlink()
    page.go("repositories")
    page.click("Recovery sheet")
    page.until(lambda: sheets(page), "it again")


@pytest.fixture
def step(page, place):
    """The first step, for one more source."""
    page.go("")
    page.go("start")
    page.heading("Two minutes to the first backup")
    yield page


def test_a_source_that_cannot_be_read_says_why_and_is_not_kept(step, place, postgres):
    (place.home / "text.db").write_text("this is no database")
    for url, reason in ((str(place.home / "nothing.db"), "no such file or folder"), ("postgresql://nobody:x@127.0.0.1:9/shop", "onnection refused"),
                        (postgres.url("no_such_database", "postgres", None, tcp=True), "does not exist"), ("gopher://x/y", "gopher")):
        step.fill("Database or folder", url)
        step.click("Connect")
        step.until(lambda: reason in problem(step), reason)
    step.expect(400, 403, 404, 409, 422, 500, 503)
    assert [s["name"] for s in place.client().log_in(NAME, PASSWORD)("GET", "/backup/api/sources/").json["items"]] == ["shop"]


def test_who_comes_back_goes_on_with_the_source_that_is_there(step, place):
    (place.home / "pictures").mkdir()
    names = lambda: [s["name"] for s in place.client().log_in(NAME, PASSWORD)("GET", "/backup/api/sources/").json["items"]]       # noqa: E731
    for _ in range(2):
        step.fill("Database or folder", str(place.home / "pictures"))
        step.click("Connect")
        step.see("Backups go to")
        assert names() == ["pictures", "shop"]
        step.go("")
        step.heading("pictures has no backup yet")
        step.go("start")
        step.heading("Two minutes to the first backup")
    step.fill("Database or folder", str(place.home / "shop.db"))
    step.click("Connect")
    step.until(lambda: "this is shop, which is backed up already" in problem(step), "what it is")
    assert names() == ["pictures", "shop"]
    place.client().log_in(NAME, PASSWORD)("DELETE", "/backup/api/sources/pictures/", status=204)


def test_rights_that_lack_are_shown_at_once(step, place, postgres, fresh_database):
    db = fresh_database("CREATE TABLE open(i int); CREATE TABLE closed(i int); DROP ROLE IF EXISTS narrow; CREATE ROLE narrow LOGIN PASSWORD 'narrow-secret'; GRANT SELECT ON open TO narrow")
    step.fill("Database or folder", postgres.url(db, "narrow", "narrow-secret", tcp=True))
    step.fill("Call it", "narrow")
    step.click("Connect")
    step.see("1 table cannot be read by this user: public.closed") if step.visible("//*[contains(., 'public.closed')]") else step.see("closed")
    facts = step.text_at("//section[h2='narrow']")
    assert "PostgreSQL" in facts and "Tables" in facts and "Size" in facts
    assert "narrow-secret" not in step.source
    step.see("Backups go to"), "there is a place already"
    place.client().log_in(NAME, PASSWORD)("DELETE", "/backup/api/sources/narrow/", status=204)
    postgres.psql("DROP OWNED BY narrow; DROP ROLE narrow", db)


def test_a_place_that_cannot_be_is_refused_with_its_reason_and_another_one_taken(page, place, tmp_path_factory):
    """In a house of its own, where no repository is known yet."""
    web = make_web(tmp_path_factory.mktemp("place"), users={NAME: "admin"})
    make_shop(web.home / "shop.db")
    other = tmp_path_factory.mktemp("foreign") / "repository"
    Program(web.program.argv, {**web.env, "BACKSTAY_HOME": str(other.parent / "state"), "BACKSTAY_REPOSITORY": str(other), "BACKSTAY_PASSWORD": "a password of its own"}, web.home)("init")
    web.start()
    try:
        page.open(f"{web.address}/#/start")
        page.fill("Name", NAME)
        page.fill("Password", "correct horse battery")
        page.click("Log in")
        page.fill("Database or folder", str(web.home / "shop.db"))
        page.click("Connect")
        page.fill("Folder for the backups", str(web.home / "shop.db" / "below"))
        page.click("Keep them there")
        page.until(lambda: "shop.db" in problem(page), "the reason")
        page.fill("Folder for the backups", str(other))
        page.click("Keep them there")
        page.fill("Password of the repository that is there", "not this one")
        page.click("Keep them there")
        page.until(lambda: problem(page) and page.visible("//button[.='Keep them there']").enabled, "the reason")
        page.fill("Password of the repository that is there", "a password of its own")
        page.click("Keep them there")
        page.see("The repository that is there is used.")
        page.click("Start, and back up now")
        page.see("shop is backed up", 60)
        page.collect()
        page.requests[:] = [u for u in page.requests if not u.startswith(web.address)]
        page.errors[:] = [e for e in page.errors if web.address not in e]
    finally:
        page.open(place.address)
        web.close()
