"""Jobs and maintenance in the dashboard: what runs, as it runs, in several windows; what ran; and looking after databases."""
import datetime
import os
import shutil
import sqlite3

import pytest
from browser import PHONE, Keys
from managing import api, asked, at, card, job_page, press, shows      # noqa: F401
from people import end_sessions
from webserver import PASSWORD

FILTERS = {"State": ("failed", "state=failed"), "Kind": ("check", "kind=check"), "Source": ("media", "source=media"), "Repository": ("main", "repository=main"), "Schedule": ("nightly", "schedule={nightly}"),
           "Order": ("oldest first", "oldest_first=true")}


@pytest.fixture(scope="module")
def feed(place, api):
    """A source whose backup reads what is written into a pipe, for as long as somebody writes."""
    os.mkfifo(place.home / "feed")
    api.post("/sources/", {"name": "feed", "url": f"command:cat {place.home}/feed"})
    return place.home / "feed"


@pytest.fixture(scope="module")
def broken(place, api):
    """A source whose tool fails, with something to say."""
    tool = place.home / "dump"
    tool.write_text("#!/bin/sh\necho 'connecting to db' >&2\necho 'dump: error: no such host: db' >&2\necho 'giving up' >&2\nexit 3\n")
    tool.chmod(0o755)
    api.post("/sources/", {"name": "broken", "url": f"command:{tool}"})
    return api.wait(api.post("/backups/", {"sources": ["broken"]}), "failed")


def rows(page):
    return page.texts("main tbody td.main")


# ---- live ----

def test_a_running_job_is_followed_without_a_reload_after_one_and_in_two_windows_and_cancelled_from_one(at, api, page, feed):
    at("sources")
    press(page, "feed", "Back up now")
    page.heading("backup feed")
    where = page.address
    page.js("window.notReloaded = true")
    with open(feed, "wb", buffering=0) as pipe:
        pipe.write(bytes(3 << 20))
        page.see("reading: 3.00 MiB")
        assert page.js("return window.notReloaded")
        page.refresh()
        page.heading("backup feed")
        page.see("reading: 3.00 MiB")
        first = page.window
        page.new_window()
        page.open(where)
        page.heading("backup feed")
        page.see("reading: 3.00 MiB")
        pipe.write(bytes(2 << 20))
        page.see("reading: 5.00 MiB")
        second = page.window
        page.window = first
        page.see("reading: 5.00 MiB")
        page.click("Cancel")
        page.see("cancelled")
        page.window = second
        page.see("cancelled")
    assert api.get(f"/jobs/{where.rsplit('/', 1)[1]}/")["state"] == "cancelled"
    assert api.get("/backups/?source=feed")["total"] == 0
    page.close_window()
    page.window = first


def test_a_job_is_followed_in_more_windows_than_a_browser_has_connections(at, api, page, place, feed):
    job = api.post("/backups/", {"sources": ["feed"]})
    at("jobs")
    first = page.window
    with open(feed, "wb", buffering=0) as pipe:
        for n in range(1, 9):
            page.new_window()
            page.open(f"{place.address}/#/job/{job['id']}")
            page.heading("backup feed")
            pipe.write(bytes(1 << 20))
            page.see(f"reading: {n}.00 MiB")
        for window in page.windows[1:]:
            page.window = window
            page.see("reading: 8.00 MiB")
            if window != page.windows[-1]:
                page.close_window()                          # also the one that listens for all others
        pipe.write(bytes(1 << 20))
        page.see("reading: 9.00 MiB")
        page.click("Cancel")
        page.see("cancelled")
    page.close_window()
    page.window = first


def test_what_a_job_said_while_nobody_was_logged_in_is_there_after_the_login(at, api, page, place, feed):
    job = api.post("/backups/", {"sources": ["feed"]})
    at(f"job/{job['id']}")
    with open(feed, "wb", buffering=0) as pipe:
        pipe.write(bytes(1 << 20))
        page.see("reading: 1.00 MiB")
        said = len(page.all("[role=log] li"))
        page.fill("For whoever looks at this later", "half a sentence")      # so that the page is not drawn anew
        end_sessions(api)
        page.see("Your session has ended")
    api.wait(job)
    page.log_in_again("maria", PASSWORD)
    page.see("good")
    lines = api.get(f"/jobs/{job['id']}/log/")["items"]
    shown = page.until(lambda: [e.text.split(" ", 2)[-1] for e in page.all("[role=log] li")], "the log")
    assert page.field("For whoever looks at this later").get("value") == "half a sentence"
    assert len(shown) == len(lines) > said and all(text.endswith(line["text"]) for text, line in zip(shown, lines))


def test_jobs_that_wait_or_run_are_seen_in_the_list_and_cancelled_there(at, api, page, feed):
    at("jobs")
    job = api.post("/backups/", {"sources": ["feed"]})
    page.until(lambda: page.visible("//main//tr[.//td[.='backup feed']]//button[.='Cancel']"), "the job, without a reload")
    with open(feed, "wb", buffering=0) as pipe:
        pipe.write(bytes(1 << 20))
        page.see("reading: 1.00 MiB")
        page.click("Cancel")
        page.until(lambda: api.get(f"/jobs/{job['id']}/")["state"] == "cancelled", "the end")
    page.until(lambda: not page.visible("//main//button[.='Cancel']"), "nothing to cancel")


# ---- the list ----

def test_the_list_is_filtered_the_filters_are_in_the_address_and_going_back_works(at, api, operator, page, broken):
    nightly = api.post("/schedules/", {"name": "nightly", "sources": ["media"]})["id"]
    api.wait(api.post("/repositories/main/check/"))
    api.wait(api.post("/schedules/nightly/run/")["jobs"][0])
    api.wait(operator("POST", "/backup/api/backups/", {"sources": ["shop"]}, status=202).json)
    api.idle()
    at("jobs")
    for label, (choice, query) in FILTERS.items():
        query = query.format(nightly=nightly)
        page.choose(label, choice)
        page.until(lambda: page.address.endswith(f"#/jobs?{query}"), "the address")
        page.until(lambda: rows(page) == [j["title"] for j in api.get(f"/jobs/?limit=50&{query}")["items"]], f"the jobs of {query}")
        page.show_all()
        page.until(lambda: len(rows(page)) == api.jobs(), "all jobs")
    page.fill("By", "oliver\n")
    page.until(lambda: rows(page) == ["backup shop"], "what oliver asked for")
    assert page.address.endswith("#/jobs?author=oliver")
    page.show_all()
    page.until(lambda: len(rows(page)) == api.jobs(), "all jobs")
    page.fill("Text", "no such host")
    page.keys(Keys.ENTER)
    page.until(lambda: rows(page) == ["backup broken"], "what has these words")
    page.choose("State", "success")
    page.see("No job fits.")
    page.back()
    page.until(lambda: rows(page) == ["backup broken"], "what was there before")
    page.refresh()
    page.until(lambda: rows(page) == ["backup broken"], "the same after a reload")
    page.one("main tbody td:nth-child(3)").click()
    page.heading("backup broken")
    page.back()
    tomorrow = datetime.date.today() + datetime.timedelta(days=2)
    at(f"jobs?after={tomorrow}")
    page.see("No job fits.")
    assert page.field("From").get("value") == str(tomorrow)


# ---- a job's page ----

def test_a_failed_job_says_why_in_one_sentence_with_the_tools_own_words_folded_and_is_run_again(at, api, page, broken):
    at("jobs?source=broken")
    page.click("backup broken")
    page.heading("backup broken")
    tool = api.get("/sources/broken/")["url"].removeprefix("command:")
    assert page.one(".problem .what").text == f"backing up command:{tool}: {tool} failed with status 3: dump: error: no such host: db"
    words = page.one(".problem pre")
    assert not words.displayed
    page.one(".problem summary").click()
    assert words.text == "connecting to db\ndump: error: no such host: db\ngiving up"
    told = [li.text.split(" ", 2)[-1] for li in page.all(".log li")]
    assert told[:2] == ["loading the index", "reading"]
    assert "failed" in page.all(".log li")[-1].get("class")
    page.fill("For whoever looks at this later", "the host was renamed")
    page.click("Save")
    page.see("The note is kept.")
    assert api.get(f"/jobs/{broken['id']}/")["notes"] == "the host was renamed"
    page.click("Run again")
    page.until(lambda: broken["id"] not in page.address, "another job")
    assert job_page(page, api, "backup broken", "failed")["author"] == "maria"


def test_what_was_typed_as_a_command_cannot_be_run_again_here(at, api, page, place):
    place.program("backup", "media", "--repo", "main")
    at("jobs?kind=backup&source=media")
    page.click("backup media")
    page.click("Run again")
    job = api.get("/jobs/?kind=backup&source=media&limit=1")["items"][0]["id"]
    page.see(f"job {job} was typed as a command, which is not kept")
    page.see("type it again where it was typed")
    page.expect(409)


def test_what_removes_something_is_run_again_after_a_question_only(at, api, page):
    done = api.wait(api.post("/repositories/main/prune/"))
    before = api.jobs("kind=prune")
    page.go(f"job/{done['id']}")
    page.heading("prune main")
    page.click("Run again")
    asked(page, "Run prune main again?", "What no backup needs is removed for good.")
    page.click("Cancel")
    assert api.jobs("kind=prune") == before


# ---- maintenance ----

def test_a_database_is_looked_at_table_by_table(at, api, page):
    at("maintenance")
    press(page, "shop", "Information")
    info = api.get("/sources/shop/info/")
    shows(page, "shop", Version=info["version"], Tables=str(len(info["tables"])))
    seen = [row.texts("td")[:3:2] for row in card(page, "shop").all("tbody tr")]
    assert [(t["name"], ("" if t["rows_exact"] else "about ") + str(t["rows"])) for t in info["tables"]] == [tuple(s) for s in seen]


def test_space_that_a_database_gives_back_is_told_and_the_result_is_there_after_a_reload(at, api, page, place):
    db = sqlite3.connect(place.home / "shop.db")
    db.execute("CREATE TABLE ballast AS SELECT randomblob(400000) AS x")
    db.execute("DROP TABLE ballast")
    db.commit()
    db.close()
    before = (place.home / "shop.db").stat().st_size
    at("maintenance")
    press(page, "shop", "Optimize")
    page.see("1 table done, ")
    given = before - (place.home / "shop.db").stat().st_size
    assert given == api.get(f"/jobs/{api.get('/jobs/?kind=optimize&limit=1')['items'][0]['id']}/")["result"]["reclaimed"] > 390_000
    page.see(f"1 table done, {given / 1024:.0f} KiB given back")
    page.refresh()
    page.see(f"1 table done, {given / 1024:.0f} KiB given back")


def test_only_the_tables_that_are_ticked_are_checked(at, api, page):
    at("maintenance")
    press(page, "shop", "Information")
    page.tick("orders", within=page.until(lambda: page.visible("//table[.//th[.='Indexes']]"), "the tables"))
    press(page, "shop", "Check")
    page.see("check-tables shop")
    page.until(lambda: "orders" in (r := results(page)) and "customers" not in r, "the result")


def results(page):
    return [row.text.split("\n")[0].split(" ")[0] for row in page.all("//table[caption[.='Results']]//tbody/tr")]


def test_damage_is_found_and_a_repair_wants_a_backup_or_that_one_insists(at, api, page, place):
    shutil.copy(place.home / "shop.db", place.home / "worn.db")
    db = sqlite3.connect(place.home / "worn.db")
    root, = db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'orders_by_customer'").fetchone()       # an index can be made anew
    db.close()
    with open(place.home / "worn.db", "r+b") as f:
        f.seek(4096 * (root - 1))
        f.write(bytes([255]) * 600)
    api.post("/sources/", {"name": "worn", "url": f"sqlite:{place.home}/worn.db"})
    at("maintenance")
    press(page, "worn", "Check")
    page.until(lambda: page.visible(".//*[contains(@class, 'state') and .='✗ failed']", card(page, "worn")), "the damage")
    failed = api.wait(api.get("/jobs/?kind=check-tables&source=worn")["items"][0], "failed")
    page.see(failed["error"]["message"])
    press(page, "worn", "Repair")
    asked(page, "Repair worn?", "A repair may change data that cannot be read. It is refused unless there is a good backup of the last 24 hours.")
    page.click("Cancel")
    assert api.jobs("kind=repair") == 0
    press(page, "worn", "Repair")
    page.click("Repair")
    page.see(f"there is no good backup of sqlite:{place.home}/worn.db from the last 24 hours, and a repair may change data")
    assert page.text_at("//*[@class='problem']//*[@class='hint']") == "make one first, or insist"
    press(page, "worn", "Repair")
    page.tick("Even without a good backup")
    page.click("Repair")
    page.until(lambda: api.jobs("kind=repair&state=success") == 1, "the repair")
    db = sqlite3.connect(place.home / "worn.db")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    db.close()


def test_what_waits_for_a_locked_database_is_seen_and_cancelled_also_after_a_reload(at, api, page, place):
    db = sqlite3.connect(place.home / "shop.db", isolation_level=None)
    db.execute("BEGIN EXCLUSIVE")
    at("maintenance")
    press(page, "shop", "Optimize")
    page.until(lambda: api.jobs("kind=optimize&state=running") == 1, "it runs")
    page.refresh()
    page.heading("Maintenance")
    page.until(lambda: page.visible(".//button[.='Cancel']", card(page, "shop")), "it is there again")
    press(page, "shop", "Cancel")
    page.until(lambda: api.jobs("kind=optimize&state=running") == 0, "its end", 40)
    db.execute("ROLLBACK")
    assert api.get("/jobs/?kind=optimize&limit=1")["items"][0]["state"] == "cancelled"
    page.until(lambda: "cancelled" in card(page, "shop").text, "its end is seen")


# ---- who may, and on a phone ----

def test_a_viewer_sees_all_jobs_and_ends_none(at, api, page, feed):
    job = api.post("/backups/", {"sources": ["feed"]})
    with open(feed, "wb", buffering=0):
        at("jobs", "vera")
        page.see("backup feed")
        page.go(f"job/{job['id']}")
        page.heading("backup feed")
        assert not page.visible("//button[.='Cancel']") and not page.visible("//button[.='Run again']") and not page.visible("//button[.='Save']")
        api.post(f"/jobs/{job['id']}/cancel/")
        page.see("cancelled")
    at("maintenance", "vera")
    assert page.all("main button") == []


@pytest.mark.own_size
def test_on_a_phone_a_database_is_optimized_and_a_job_found_and_run_again(at, api, page):
    page.resize(PHONE)
    at("maintenance")
    press(page, "shop", "Optimize")
    page.until(lambda: page.visible(".//*[contains(@class, 'good')]", card(page, "shop")), "its end")
    at("jobs")
    page.choose("Kind", "optimize")
    page.click("optimize shop")
    page.click("Run again")
    job_page(page, api, "optimize shop")
    assert page.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
