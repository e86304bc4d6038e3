"""The dashboard in a real browser, as a person uses it: from the one-time link to a restore and its undo. The tests of this file follow each other."""
import os
import sqlite3

import pytest
from browser import DESKTOP, PHONE
from conftest import make_shop, make_web, rows_of
from people import make_first_account

NAME, PASSWORD = "maria", "a staple for the horse"
PAGES = {"": "Everything is backed up", "backups": "Backups", "restores": "Restores", "restore": "Restore from a file", "schedules": "Schedules", "sources": "Sources", "repositories": "Repositories", "jobs": "Jobs",
         "maintenance": "Maintenance", "notices": "Notices", "settings": "Settings", "users": "Users", "audit": "Audit", "account": NAME, "start": "Two minutes to the first backup"}
FOR_ADMINS = ("Notices", "Settings", "Users", "Audit")


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A daemon that nobody has an account of yet, and a shop to back up."""
    folder = tmp_path_factory.mktemp("dashboard")
    web = make_web(folder, users={})
    make_shop(web.home / "shop.db")
    web.start()
    yield web
    web.close()


def count(path, table="orders"):
    db = sqlite3.connect(path)
    n = db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
    db.close()
    return n


def test_without_an_account_the_page_says_where_the_first_one_comes_from(page, place):
    page.open(place.address)
    page.see("Nobody has an account yet")


def test_from_the_one_time_link_to_the_first_backup(page, place):
    make_first_account(page, place, NAME, PASSWORD)
    page.fill("Database or folder", str(place.home / "nothing.db"))
    page.click("Connect")
    page.see("no such file or folder")
    page.expect(400, 404)
    page.fill("Database or folder", str(place.home / "shop.db"))
    page.click("Connect")
    page.fill("Folder for the backups", str(place.home / "repository"))
    page.click("Keep them there")
    page.see("Keep a copy apart from this machine")
    page.click("Start, and back up now")
    page.see("shop is backed up")
    page.go("")
    page.heading("Everything is backed up")


@pytest.mark.own_size
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_opens_without_an_error_and_fits_the_screen(page, size):
    page.resize(size)
    for where, heading in PAGES.items():
        page.go(where)
        page.heading(heading)
        page.until(lambda: not page.js("return document.querySelector('[aria-busy=true]')"), f"{where} is complete")
        wide = page.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{where or 'overview'} is {wide} pixels wider than the screen"


@pytest.mark.own_size
def test_the_pages_stand_in_one_line_or_behind_a_button(page):
    for width in (1920, 1280, 1100, 1099, 768, 360):
        page.resize((width, 740))
        height, links = page.js("return [document.getElementById('top').offsetHeight, [...document.querySelectorAll('#nav a')].filter(a => a.offsetHeight).length]")
        assert height < 70 and links == (12 if width >= 1100 else 0), (width, height, links)


CHANGED_AT_ONCE = """
    new MutationObserver(() => { window.askedToLogIn ||= Boolean(document.querySelector("#view input[type=password]")); }).observe(document, {childList: true, subtree: true});
    addEventListener("DOMContentLoaded", () => { location.hash = "#/sources"; });
"""


def test_an_address_that_changes_before_it_is_known_who_is_there_asks_nobody_to_log_in(page, place):
    script = page.call("Page.addScriptToEvaluateOnNewDocument", source=CHANGED_AT_ONCE)
    page.open("about:blank")
    page.open(place.address)
    page.heading("Sources")
    assert not page.js("return window.askedToLogIn")
    page.call("Page.removeScriptToEvaluateOnNewDocument", **script)


def test_a_page_that_is_none_leads_back_and_a_list_that_could_not_be_had_is_asked_for_again(page):
    page.go("nowhere")
    page.heading("There is no such page")
    page.click("Back to the overview")
    page.heading("Everything is backed up")
    page.call("Network.enable")
    page.call("Network.setBlockedURLs", urls=["*/backup/api/audit/*"])
    page.go("audit")
    page.see("Backstay does not answer")
    page.call("Network.setBlockedURLs", urls=["*/backup/api/settings/*"])
    page.click("Try again")
    page.until(lambda: page.all("main tbody tr"), "the list")
    page.go("sources")
    page.heading("Sources")
    page.go("settings")
    page.see("Backstay does not answer")
    page.call("Network.setBlockedURLs", urls=[])
    page.click("Try again")
    page.field("Job history days")
    page.collect()
    page.errors[:] = [e for e in page.errors if "ERR_BLOCKED" not in e]


def test_a_backup_is_looked_into_and_asked_with_sql_and_compared_with_the_live_database(page, place):
    page.go("backups")
    page.click("shop")
    page.see("Tables (3)")
    page.click("orders")
    page.see("orders: rows 1 to 50 of 200")
    page.fill("Reading statement", 'SELECT count(*) * 2 AS twice FROM "orders"')
    page.click("Run")
    page.see("400")
    page.click("Compare")
    page.see("Equal: no table, row or file differs.")
    db = sqlite3.connect(place.home / "shop.db")
    db.execute("DELETE FROM orders WHERE id > 150")
    db.commit()
    db.close()
    page.click("Compare")
    page.see("changed")


def test_one_table_is_restored_to_a_new_place(page, place):
    page.click("Restore…")
    page.heading("Restore")
    page.fill("New place", str(place.home / "look.db"))
    page.tick("customers")
    page.click("Restore")
    page.see("what was restored equals the backup")
    assert count(place.home / "look.db", "customers") == 50
    assert count(place.home / "shop.db") == 150
    page.go("restores")
    page.heading("Restores")
    page.until(lambda: page.visible("//td//a[starts-with(., 'restore ')]"), "the list")
    assert not page.visible("//button[.='Undo this restore']")            # it replaced nothing
    page.back()
    page.heading("Restore")


def test_a_restore_over_the_live_database_wants_its_name_ends_the_session_and_is_undone(page, place):
    before = rows_of(place.home / "shop.db")
    page.choose("Where to", "over shop")
    page.see("Rows there now")
    page.tick("customers", False)
    page.tick("Keep a safety copy", False)
    page.click("Restore")
    page.see("No safety copy is kept: what is there now cannot be brought back.")
    page.click("Cancel")
    page.tick("Keep a safety copy")
    page.click("Restore")
    page.see("It is kept as a safety copy first")
    dialog = page.dialog()
    assert not dialog.one(".//button[normalize-space(.)='Replace it']").enabled
    page.fill("Type shop to go on", "shop")
    page.click("Replace it")
    page.log_in_again(NAME, PASSWORD)
    page.until(lambda: count(place.home / "shop.db") == 200, "the orders are back")
    page.go("restores")
    page.heading("Restores")
    for link, heading in (("Restore a backup", "Backups"), ("Restore from a file", "Restore from a file")):
        page.click(link)
        page.heading(heading)
        page.back()
        page.heading("Restores")
    page.click("Undo this restore")
    page.click("Yes")
    page.until(lambda: page.all("dialog[open]") and page.visible("//dialog[@open]//label[starts-with(normalize-space(.), 'Type ')]"), "the name is asked for")
    page.fill("Type ", "shop")
    page.click("Bring it back")
    page.log_in_again(NAME, PASSWORD)
    page.until(lambda: count(place.home / "shop.db") == 150, "what was there before is back")
    assert rows_of(place.home / "shop.db") == before


def test_a_failed_backup_is_seen_and_understood(page, place):
    os.rename(place.home / "shop.db", place.home / "away.db")
    page.go("backups")
    page.click("Back up now")
    page.see("failed")
    page.see("no such file or folder")
    page.go("")
    page.see("The last backup of shop failed")
    os.rename(place.home / "away.db", place.home / "shop.db")
    page.go("backups")
    page.click("Back up now")
    page.until(lambda: "#/job/" in page.address and page.visible("//main//span[contains(@class, 'good')]"), "a good end")
    page.go("")
    page.heading("Everything is backed up")


def test_hostile_names_are_shown_as_text(page, place):
    evil = "<img src=x onerror=alert(1)>"
    page.go("sources")
    page.click("Change")
    page.fill("Notes", evil)
    page.click("Save")
    page.see(evil)
    assert page.all("main img") == []


def test_a_viewer_sees_and_may_do_nothing_else(page, place):
    page.go("users")
    page.click("New user")
    page.fill("Name", "vera")
    page.fill("Password", "another long password")
    page.click("Save")
    page.see("vera may log in now.")
    page.click("Log out")
    page.fill("Name", "vera")
    page.fill("Password", "another long password")
    page.click("Log in")
    page.heading("Everything is backed up")
    for name in FOR_ADMINS:
        assert not page.visible(f"//nav//a[.='{name}']")
    page.go("users")
    page.see("this page is for admins")
    page.go("backups")
    page.click("shop")
    page.see("Tables (3)")
    assert not page.visible("//a[.='Restore…']") and not page.visible("//button[.='Delete…']")


def test_a_lost_connection_is_told_and_the_page_comes_back_by_itself(page, place):
    page.go("")
    page.heading("Everything is backed up")
    place.stop()
    page.see("Backstay does not answer")
    page.go("schedules")
    page.see("look whether `backstay serve` still runs")
    place.start(f"127.0.0.1:{place.port}")
    page.see_none("Backstay does not answer", 60)
    page.see("at 02:00 every day")
    page.collect()
    page.errors[:] = [e for e in page.errors if "ERR_" not in e]


def test_the_daemon_has_closed_nothing_but_its_own(place):
    assert os.readlink(f"/proc/{place.process.pid}/fd/0") == "/dev/null"
