"""The first page, from "nothing yet" to days on which something is wrong: one sentence, what it says of each source, and that it follows what happens. The tests
of this file follow each other."""
import contextlib
import os
import re
import sqlite3
import time

import pytest
from api_world import World
from browser import DESKTOP, PHONE
from people import be_logged_in

MARKS = {"good": "●", "verified": "◆", "failed": "✕", "running": "▶", "overdue": "○"}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A server with a repository, and nothing configured to back up."""
    w = World(tmp_path_factory.mktemp("overview"), sources=False)
    yield w
    w.close()


@pytest.fixture(scope="module")
def place(world):
    return world.web


@pytest.fixture
def first(page, place):
    """The first page, as an administrator sees it."""
    be_logged_in(page, place)
    if not page.address.endswith("#/"):
        page.go("")
    return page


def card(page, source):
    return page.until(lambda: page.visible(f"//section[.//h2/a[.='{source}']]"), f"the card of {source}")


def fact(page, source, name):
    return page.visible(f".//dt[.='{name}']/following-sibling::dd", card(page, source)).text


def strip(page, source):
    """What the strip of a source says to who does not see it, and the kinds and signs of its marks."""
    element = page.visible(".//*[contains(@class, 'strip')]", card(page, source))
    marks = element.all(".mark")
    return element.get("aria-label"), [m.get("class").split()[1] for m in marks], [m.text for m in marks]


@contextlib.contextmanager
def in_catalog(world):
    with contextlib.closing(sqlite3.connect(world.state / "catalog.db", timeout=30)) as db, db:
        yield db


def let_it_be_made(world, source, hours):
    """The newest backup of a source was made so many hours ago, and the others before it."""
    with in_catalog(world) as db:
        newest, = db.execute("SELECT max(time) FROM backup_source WHERE name = ?", (source,)).fetchone()
        away = newest - int((time.time() - 3600 * hours) * 1e6)
        db.execute("UPDATE backup SET time = time - ? WHERE n IN (SELECT backup FROM backup_source WHERE name = ?)", (away, source))
        db.execute("UPDATE backup_source SET time = time - ? WHERE name = ?", (away, source))


def test_nothing_yet_leads_to_the_first_start(first):
    first.heading("Nothing is backed up yet")
    first.click("Set up the first source")
    first.heading("Two minutes to the first backup")
    for where, says in (("schedules", "Nothing runs by itself yet."), ("maintenance", "No database is configured."), ("restores", "Nothing was restored yet."), ("backups", "There is no backup yet."), ("sources", "No source is configured yet.")):
        first.go(where)
        first.see(says)
    first.click("Set up the first one")
    first.heading("Two minutes to the first backup")
    first.go("")


def test_sources_without_a_backup_wait_for_it(first, world):
    first.heading("Nothing is backed up yet")
    for name in ("shop", "ledger"):
        world.admin.post("/sources/", {"name": name, "url": f"sqlite:{getattr(world, name)}", "overdue_hours": 24})
    first.heading("Waiting for the first backup")
    assert fact(first, "shop", "Last good backup") == "never" and fact(first, "shop", "Proven to restore") == "not yet" and fact(first, "shop", "Next") == "nothing is scheduled"
    assert "No runs yet" in card(first, "shop").text


def test_a_running_backup_is_seen_at_once_and_so_is_its_end(first, world):
    script = world.home / "slow"
    script.write_text(f"#!/bin/sh\necho begun\nuntil [ -e {world.home}/go ]; do sleep 0.05; done\necho done\n")
    script.chmod(0o755)
    world.admin.post("/sources/", {"name": "slow", "url": f"command:{script}"})
    job = world.admin.post("/backups/", {"sources": ["slow"]})
    first.heading("The first backup is running")
    first.until(lambda: first.visible(".//progress", card(first, "slow")), "its progress")
    label, kinds, signs = strip(first, "slow")
    assert (label, kinds, signs) == ("The last 1 run: 1 running", ["running"], [MARKS["running"]])
    (world.home / "go").touch()
    world.admin.wait(job)
    first.until(lambda: strip(first, "slow")[1] == ["good"], "its end")
    first.until(lambda: not first.visible(".//progress", card(first, "slow")), "no progress any more")
    first.heading("ledger has no backup yet")


def test_when_all_is_well_the_page_says_so(first, world):
    world.back_up("shop")
    world.back_up("ledger")
    first.heading("Everything is backed up")
    first.until(lambda: strip(first, "shop")[1] == ["good"], "the strip")
    assert re.fullmatch(r"just now|\d+ s ago", fact(first, "shop", "Last good backup"))
    assert re.fullmatch(r"[\d.]+ KiB", fact(first, "shop", "Size"))
    exact = first.visible(".//time", card(first, "shop"))
    assert re.search(r"\d\d:\d\d", exact.get("title"))
    first.click("shop", within=card(first, "shop"))
    first.heading("Backups")
    assert "source=shop" in first.address
    first.back()
    first.heading("Everything is backed up")
    first.visible(".//a[contains(@class, 'strip')]", card(first, "shop")).click()
    first.heading("Jobs")
    assert first.address.endswith("#/jobs?source=shop&kind=backup") and first.field("Kind").get("value") == "backup"


def test_what_is_proven_and_what_comes_next_stands_on_the_source(first, world):
    first.heading("Everything is backed up")
    newest = world.admin.get("/backups/?source=shop")["items"][0]["id"]
    world.admin.wait(world.admin.post(f"/backups/{newest}/verify/", {"level": 3}))
    first.until(lambda: re.fullmatch(r"(just now|\d+ s ago): restored in a rehearsal", fact(first, "shop", "Proven to restore")), "the proof")
    assert strip(first, "shop") == ("The last 1 run: 1 good and verified", ["verified"], [MARKS["verified"]])
    world.admin.post("/schedules/", {"name": "nightly", "kind": "cron", "cron": "0 */6 * * *", "sources": ["shop"]})
    first.until(lambda: re.fullmatch(r"in \d+ (min|h)", fact(first, "shop", "Next")), "the next run")
    assert fact(first, "ledger", "Next") == "nothing is scheduled"


def test_a_failure_is_told_with_its_reason_and_older_backups(first, world):
    first.heading("Everything is backed up")
    os.rename(world.ledger, world.home / "away.db")
    world.admin.wait(world.admin.post("/backups/", {"sources": ["ledger"]}), "failed")
    first.heading("The last backup of ledger failed")
    first.see("Older good backups are there")
    assert strip(first, "ledger") == ("The last 2 runs: 1 good, 1 failed", ["good", "failed"], [MARKS["good"], MARKS["failed"]])
    assert first.texts("main section h2 a")[0] == "ledger"
    row = first.visible("//table[caption='The last ten operations']/tbody/tr[1]")
    assert "failed" in row.text and "no such file or folder" in row.text and "token test of maria" in row.text
    first.click(row.one("td.main a").text, within=row)
    first.see("no such file or folder")
    os.rename(world.home / "away.db", world.ledger)


def test_what_is_overdue_comes_first_and_the_worst_of_it_before_all(first, world):
    world.back_up("ledger")
    let_it_be_made(world, "ledger", 25.5)
    let_it_be_made(world, "shop", 27.5)
    first.refresh()
    first.heading("shop's backup is overdue by 3 hours")
    first.see("ledger's backup is overdue by 1 hour")
    assert first.texts("main section h2 a") == ["shop", "ledger", "slow"]
    label, kinds, signs = strip(first, "shop")
    assert label.endswith("1 good and verified, 1 overdue") and kinds == ["verified", "overdue"] and signs[-1] == MARKS["overdue"]
    assert "overdue" in card(first, "shop").text
    world.back_up("shop")
    first.heading("ledger's backup is overdue by 1 hour")


def test_a_source_that_never_had_a_good_backup_is_worse_than_one_that_is_late(first, world):
    made = world.admin.post("/sources/", {"name": "orphan", "url": "command:false", "overdue_hours": 1})
    with in_catalog(world) as db:
        db.execute("UPDATE source SET created = created - 7200000000 WHERE id = ?", (made["id"],))
    first.refresh()
    first.heading("orphan's backup is overdue: there is no good one yet")
    first.see("ledger's backup is overdue by 1 hour")
    world.admin.call("DELETE", "/sources/orphan/")
    world.back_up("ledger")
    first.heading("Everything is backed up")


def test_each_state_has_a_colour_a_sign_and_a_word_of_its_own(first):
    first.heading("Everything is backed up")
    colours = first.js("""
        return arguments[0].map(kind => {
            const mark = document.createElement("span");
            mark.className = `mark ${kind}`;
            document.querySelector(".strip").append(mark);
            const {color, backgroundColor} = getComputedStyle(mark);
            mark.remove();
            return `${color} on ${backgroundColor}`;
        })""", ["good", "failed", "running", "overdue"])
    assert len(set(colours)) == 4, colours
    assert len(set(MARKS.values())) == len(MARKS)


def test_figures_are_drawn_and_stand_in_a_table_for_who_does_not_see_them(first, world):
    first.heading("Everything is backed up")
    stats = world.admin.get("/statistics/?days=30")
    period = stats["totals"]["period"]
    judged = period["successful"] + period["failed"] + period["interrupted"]
    rate = first.text_at("//dt[.='Success rate']/following-sibling::dd")
    assert rate == f"{round(100 * period['successful'] / judged, 1):g} % of {judged} runs" and period["failed"] == 1
    for name in ("Backups", "Held in them", "Space used", "Space saved", "A backup takes"):
        assert first.visible(f"//dt[.='{name}']/following-sibling::dd"), name
    figures = first.all("figure")
    assert [f.one("figcaption").text.split(" (")[0] for f in figures] == ["Runs a day", "Added to the repositories", "Size of a backup", "How long a backup took"]
    runs = figures[0]
    drawn = runs.one("svg")
    assert drawn.get("role") == "img" and drawn.one(f"[id='{drawn.get('aria-labelledby')}']").get("textContent") == "Runs a day"
    first.js("arguments[0].scrollIntoView({block: 'center'})", runs)
    runs.one("summary").click()
    rows = runs.texts("tbody tr")
    assert len(rows) == 30 and rows[-1].endswith(f"{period['runs']}, 1 failed")


def test_the_last_ten_operations_are_ten_and_lead_to_their_pages(first, world):
    for _ in range(3):
        world.back_up("slow")
    first.refresh()
    first.heading("Everything is backed up")
    jobs = world.admin.get("/jobs/?limit=10")
    rows = first.all("//table[caption='The last ten operations']/tbody/tr")
    assert jobs["total"] > 10 and [r.one("td.main").text for r in rows] == [j["title"] for j in jobs["items"]]
    first.click(jobs["items"][0]["title"], within=rows[0])
    first.until(lambda: first.address.endswith(f"#/job/{jobs['items'][0]['id']}"), "its page")


@pytest.mark.own_size
@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_fits_the_screen_with_the_sentence_in_sight(first, size):
    first.resize(size)
    heading = first.heading("Everything is backed up")
    assert first.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert heading.box["y"] + heading.box["height"] < size[1]
    for source in ("shop", "ledger", "slow"):
        assert card(first, source).box["width"] <= size[0]


def test_a_viewer_sees_all_of_it_and_no_way_to_change_anything(page, place):
    page.log_in(place, "vera")
    page.heading("Everything is backed up")
    assert not page.visible("//a[.='Set up the first source']")
