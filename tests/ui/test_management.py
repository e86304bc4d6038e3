"""Sources and schedules in the dashboard: everything that can be done there, and what goes wrong most; what came of it is asked of the API and the files."""
import datetime
import os
import zipfile
import zoneinfo

import pytest
from browser import PHONE
from managing import api, asked, at, cancelled, card, fact, job_page, press, refused, shows      # noqa: F401

CLEAN_UP = ("They cannot be brought back. The newest good backup of each source, and what is pinned, always stays.", "Their space comes back with the next prune.")


# ---- sources ----

def test_a_source_is_not_added_under_a_name_that_is_taken_or_none_or_from_where_nothing_is(at, api, place):
    page = at("sources")
    page.click("New source")
    page.fill("Name", "shop")
    page.fill("Where it is", str(place.home / "shop.db"))
    page.click("Add it")
    refused(page, 'there is a source named "shop" already')
    page.fill("Name", "my shop")
    page.click("Add it")
    refused(page, 'a source cannot be called "my shop"', 'a name has 1 to 64 letters, digits, ".", "_" and "-", and begins with a letter or digit', 400)
    page.fill("Name", "second")
    page.fill("Where it is", str(place.home / "nothing.db"))
    page.click("Add it")
    refused(page, f"{place.home}/nothing.db: no such file or folder", status=404)
    cancelled(page)
    assert api.names("sources") == ["media", "shop"]


def test_a_source_is_added_with_all_that_can_be_said_of_it_and_changed_in_all_of_it(at, api, place):
    page = at("sources")
    page.click("New source")
    page.fill("Name", "pictures")
    page.fill("Where it is", f"folder:{place.home}/media")
    page.choose("Backups go to", "main")
    page.fill("Alarm without", "48")
    page.fill("Leave out files", "*.tmp\ncache")
    page.fill("Only files that match", "2026")
    page.tick("Take logs and caches too")
    page.tick("Do not enter other file systems")
    assert not page.visible("//dialog//label[starts-with(., 'SQLite')]") and not page.visible("//dialog//label[starts-with(., 'Optimize')]")
    page.fill("Command before", "true")
    page.fill("Command after", "true --well")
    page.tick("Never restore over it")
    page.fill("Notes", "of the shop")
    page.click("Add it")
    page.see("pictures is added.")
    made = api.get("/sources/pictures/")
    assert {k: made[k] for k in ("url", "repository", "overdue_hours", "exclude", "include", "include_logs", "one_file_system", "before", "after", "restore_protected", "notes")} == {
        "url": f"folder:{place.home}/media", "repository": "main", "overdue_hours": 48, "exclude": ["*.tmp", "cache"], "include": ["2026"], "include_logs": True, "one_file_system": True,
        "before": "true", "after": "true --well", "restore_protected": True, "notes": "of the shop"}
    shows(page, "pictures", Leaves_out="*.tmp, cache", Takes_only="2026", Before_each_backup="true", After_each_backup="true --well", Alarm="without a good backup for 48 hours", Logs_and_caches="taken too")
    press(page, "pictures", "Change")
    page.fill("Name", "photos")
    page.fill("Alarm without", "0")
    page.fill("Leave out files", "")
    page.tick("Take logs and caches too", False)
    page.fill("Command before", "")
    page.tick("Never restore over it", False)
    page.click("Save")
    page.see("photos is changed.")
    changed = api.get("/sources/photos/")
    assert {k: v for k, v in changed.items() if v != made[k] and k != "changed"} == {
        "name": "photos", "overdue_hours": 0, "exclude": [], "include_logs": False, "before": None, "restore_protected": False}


def test_how_an_sqlite_database_is_checked_and_prepared_is_said_of_it(at, api):
    page = at("sources")
    press(page, "shop", "Change")
    assert not page.visible("//dialog//label[starts-with(., 'Leave out')]")
    page.choose("SQLite: check the whole copy", "always")
    page.tick("Optimize the tables before each backup")
    page.click("Save")
    page.see("shop is changed.")
    now = api.get("/sources/shop/")
    assert (now["check"], now["optimize_first"]) == ("full", True)
    shows(page, "shop", Copy_is_checked="always", Tables="optimized before each backup")
    press(page, "shop", "Change")
    assert page.field("SQLite: check the whole copy").get("value") == "full"
    cancelled(page)
    api.patch("/sources/shop/", {"check": "auto", "optimize_first": False})
    press(page, "media", "Its backups")
    page.heading("Backups")
    assert page.address.endswith("#/backups?source=media") and page.field("Source").get("value") == "media"


def test_a_connection_is_tested_and_the_real_reason_is_said(at, place):
    page = at("sources")
    press(page, "shop", "Test the connection")
    shows(page, "shop", Tables="3")
    os.rename(place.home / "shop.db", place.home / "away.db")
    press(page, "shop", "Test the connection")
    refused(page, f"the source shop: {place.home}/shop.db: no such file or folder", status=404)
    os.rename(place.home / "away.db", place.home / "shop.db")
    press(page, "media", "Test the connection")
    page.see("a folder with 4 entries")


def test_a_backup_is_made_from_the_sources_page(at, api):
    page = at("sources")
    press(page, "media", "Back up now")
    done = job_page(page, api, "backup media")
    assert done["author"] == "maria" and api.get(f"/backups/{done['backup']}/?manifest=false")["sources"][0]["name"] == "media"


def test_a_source_is_removed_after_a_question_and_not_while_a_schedule_names_it(at, api):
    api.post("/schedules/", {"name": "photos", "sources": ["photos"]})
    page = at("sources")
    press(page, "photos", "Remove")
    asked(page, "Remove photos?", "It is no longer backed up. Backups that were made of it stay, and can be restored.")
    cancelled(page)
    assert "photos" in api.names("sources")
    press(page, "photos", "Remove")
    page.click("Remove")
    refused(page, "the source photos is in use: the schedule photos names it", "take it out of the schedule first")
    assert "photos" in api.names("sources")
    api.remove("/schedules/photos/")
    press(page, "photos", "Remove")
    page.click("Remove")
    page.see("photos is removed.")
    page.until(lambda: not page.visible("//h2[.='photos']"), "its card is gone")
    assert api.names("sources") == ["media", "shop"]


# ---- schedules ----

def test_a_schedule_with_a_wrong_expression_zone_or_name_is_not_kept(at, api):
    api.post("/schedules/", {"name": "taken", "sources": ["media"], "enabled": False})
    page = at("schedules")
    page.click("New schedule")
    page.fill("Name", "taken")
    page.choose("How often", "as a cron expression says")
    page.fill("Cron expression", "every day")
    page.click("Add it")
    refused(page, '"every day" has 2 fields, and a cron expression five: minute, hour, day of the month, month, day of the week', 'for example "0 */6 * * *" for every six hours', 400)
    page.fill("Cron expression", "0 25 * * *")
    page.click("When would it run?")
    refused(page, 'the hour of "0 25 * * *" cannot be 25', status=400)
    page.fill("Cron expression", "0 */6 * * *")
    page.fill("Time zone", "Mars/Base")
    page.click("Add it")
    page.until(lambda: 'there is no time zone named "Mars/Base"' in page.dialog().text, "the next problem")
    page.fill("Time zone", "UTC")
    page.click("Add it")
    page.until(lambda: 'named "taken" already' in page.dialog().text, "the name is taken")
    page.expect(400, 409)
    cancelled(page)
    assert api.names("schedules") == ["taken"]


def test_a_schedule_is_added_and_says_when_it_would_run_by_the_clock_of_its_zone(at, api):
    page = at("schedules")
    page.click("New schedule")
    page.fill("Name", "york")
    page.tick("shop")
    page.choose("How often", "every week")
    page.fill("At", "03:30")
    page.choose("On", "Monday")
    page.fill("Time zone", "America/New_York")
    page.fill("Keep backups of the last", "0")
    page.fill("Keep at most", "0")
    page.fill("and … weekly ones", "6")
    page.fill("Try again so many times", "3")
    page.fill("Seconds before the first further try", "60")
    page.click("When would it run?")
    page.see("by the clock of America/New_York:")
    zone = zoneinfo.ZoneInfo("America/New_York")
    shown = page.dialog().texts("li time")
    assert len(shown) == 10 and all(text.startswith("Mon, ") and text.endswith("03:30") for text in shown)
    page.click("Add it")
    page.see("york is added.")
    made = api.get("/schedules/york/")
    assert (made["sources"], made["kind"], made["time"], made["weekday"], made["zone"], made["retries"], made["retry_wait"]) == (["shop"], "weekly", "03:30", "monday", "America/New_York", 3, 60)
    assert {k: v for k, v in made["keep"].items() if v} == {"weekly": 6}
    press(page, "york", "Next runs")
    runs = [datetime.datetime.fromisoformat(t.replace("Z", "+00:00")).astimezone(zone) for t in api.get("/schedules/york/preview/")["runs"]]
    seen = page.until(lambda: card(page, "york").texts("li time"), "the next runs")
    assert seen == [f"{t:%a, }{t.day} {t:%b %Y, %H:%M}" for t in runs] == shown
    page.see("It does: backup shop")


def test_a_source_has_a_second_schedule_with_a_retention_of_its_own_that_is_changed_in_all_of_it(at, api):
    page = at("schedules")
    page.click("New schedule")
    page.fill("Name", "hourly")
    page.tick("shop")
    page.choose("How often", "as a cron expression says")
    page.fill("Cron expression", "@hourly")
    page.click("Add it")
    page.see("hourly is added.")
    assert [s["name"] for s in api.get("/schedules/")["items"] if s["sources"] == ["shop"]] == ["hourly", "york"]
    assert {k: v for k, v in api.get("/schedules/hourly/")["keep"].items() if v} == {"days": 30, "max_backups": 50}
    press(page, "hourly", "Change")
    assert not page.visible("//dialog//label[starts-with(., 'Name')]")         # its backups are known by it
    page.choose("How often", "every month")
    page.fill("On day", "31")
    page.fill("At", "23:15")
    page.choose("Repository", "main")
    page.fill("and the last", "2")
    page.choose("Then prove", "structure checked")
    page.tick("Make up for a run", False)
    page.fill("End it after", "600")
    page.fill("Begin up to", "30")
    page.tick("It is on", False)
    page.click("Save")
    page.see("hourly is changed.")
    now = api.get("/schedules/hourly/")
    assert {k: now[k] for k in ("kind", "day", "time", "repository", "verify_level", "catch_up", "time_limit", "jitter", "enabled")} == {
        "kind": "monthly", "day": 31, "time": "23:15", "repository": "main", "verify_level": 2, "catch_up": False, "time_limit": 600, "jitter": 30, "enabled": False}
    assert {k: v for k, v in now["keep"].items() if v} == {"days": 30, "max_backups": 50, "last": 2}
    shows(page, "hourly", Next="–", Keeps="30 days, at most 50, 2 last")


# What only some kinds of schedules have, by the beginning of its name.
KEEP, PROVE, HOW_FAR, FORMAT, FOLDER = "Keep backups of the last", "Then prove", "How far", "Format", "Folder on the server"
OWN = {"Back up": [KEEP, PROVE], "Verify backups (drill)": [HOW_FAR], "Optimize tables": [], "Check tables": [], "Remove old backups": [KEEP], "Check the repository": [], "Export to a folder": [FORMAT, FOLDER]}


def value(page, label):
    return page.field(label).get("value")


def add_schedule(page, name, action, *sources):
    page.click("New schedule")
    page.fill("Name", name)
    page.choose("What it does", action)
    for source in sources:
        page.tick(source)


def test_each_kind_of_schedule_has_fields_of_its_own(at):
    page = at("schedules")
    page.click("New schedule")
    for action, own in OWN.items():
        page.choose("What it does", action)
        shown = [label.text for label in page.dialog().all("label") if label.displayed]
        assert [own for own in (KEEP, PROVE, HOW_FAR, FORMAT, FOLDER) if any(text.startswith(own) for text in shown)] == own, action
    cancelled(page)


def test_an_export_on_a_schedule_wants_a_whole_path_is_changed_and_runs(at, api, place):
    page = at("schedules")
    add_schedule(page, "exports", "Export to a folder", "shop")
    page.click("Add it")
    assert page.js("return document.querySelector('dialog input:invalid').name") == "export_dir"
    page.fill(FOLDER, "exports")
    page.click("Add it")
    refused(page, 'the folder of exports must be a whole path, not "exports"', status=400)
    assert page.field(FOLDER).get("aria-invalid") == "true"
    page.fill(FOLDER, str(place.home / "exports"))
    page.choose(FORMAT, "xlsx")
    page.click("Add it")
    page.see("exports is added.")
    shows(page, "exports", Does="Export to a folder", Writes=f"xlsx to {place.home}/exports")
    press(page, "exports", "Change")
    assert (value(page, FORMAT), value(page, FOLDER)) == ("xlsx", str(place.home / "exports"))
    page.choose(FORMAT, "csv")
    page.click("Save")
    page.see("exports is changed.")
    assert {k: api.get("/schedules/exports/")[k] for k in ("action", "sources", "export_format", "export_dir")} == {"action": "export", "sources": ["shop"], "export_format": "csv", "export_dir": str(place.home / "exports")}
    (place.home / "exports").mkdir()
    api.wait(api.post("/backups/", {"sources": ["shop"]}))
    press(page, "exports", "Run now")
    job_page(page, api, "export latest:shop as csv")
    file, = (place.home / "exports").iterdir()
    with zipfile.ZipFile(file) as packed:
        assert "orders.csv" in packed.namelist()
    api.remove("/schedules/exports/")


def test_a_drill_a_cleanup_and_looking_after_tables_are_put_on_schedules(at, api):
    page = at("schedules")
    add_schedule(page, "drill", "Verify backups (drill)", "shop")
    assert value(page, HOW_FAR) == "3"
    page.click("Add it")
    page.see("drill is added.")
    press(page, "drill", "Change")
    page.choose(HOW_FAR, "restored and compared row by row")
    page.click("Save")
    page.see("drill is changed.")
    assert api.get("/schedules/drill/")["verify_level"] == 4
    shows(page, "drill", How_far="restored and compared row by row", Keeps=None)
    press(page, "drill", "Run now")
    assert job_page(page, api, "verify latest:shop")["result"]["results"][0]["reached"] == "compared"
    page = at("schedules")
    add_schedule(page, "tidy", "Remove old backups")
    page.fill(KEEP, "0")
    page.fill("Keep at most", "7")
    page.fill("and … yearly ones", "2")
    page.click("Add it")
    page.see("tidy is added.")
    press(page, "tidy", "Change")
    assert (value(page, KEEP), value(page, "Keep at most"), value(page, "and … yearly ones")) == ("0", "7", "2")
    cancelled(page)
    shows(page, "tidy", Keeps="at most 7, 2 yearly")
    for name, action, title in (("tune", "Optimize tables", "optimize shop"), ("look", "Check tables", "check-tables shop"), ("sound", "Check the repository", "check main")):
        add_schedule(page, name, action, "shop")
        page.click("Add it")
        page.see(f"{name} is added.")
        press(page, name, "Run now")
        job_page(page, api, title)
        page = at("schedules")
    for name in ("drill", "tidy", "tune", "look", "sound"):
        api.remove(f"/schedules/{name}/")
    for backup in api.get("/backups/?source=shop")["items"]:
        api.wait(api.remove(f"/backups/{backup['id']}/"))


def test_a_schedule_is_switched_on_and_off(at, api):
    page = at("schedules")
    press(page, "taken", "Switch on")
    page.until(lambda: card(page, "taken").one(".state").text == "● on", "it is on")
    assert api.get("/schedules/taken/")["enabled"] and fact(page, "taken", "Next").startswith("in ")
    press(page, "taken", "Switch off")
    page.until(lambda: card(page, "taken").one(".state").text == "– off", "it is off")
    assert not api.get("/schedules/taken/")["enabled"]


def test_a_schedule_runs_now_shows_its_jobs_and_says_which_backups_it_keeps_and_why(at, api):
    york = api.patch("/schedules/york/", {"keep": dict.fromkeys(api.get("/schedules/york/")["keep"], 0)})["id"]       # everything, for ever
    api.patch("/settings/", {"auto_cleanup": False})
    for _ in range(2):
        api.wait(api.post("/schedules/york/run/")["jobs"][0])
    page = at("schedules")
    press(page, "york", "Run now")
    newest = job_page(page, api, "backup shop")["backup"]
    assert api.jobs(f"schedule={york}&kind=backup") == 3
    api.patch("/schedules/york/", {"keep": {"last": 1}})
    page = at("schedules")
    press(page, "york", "What it keeps")
    page.see("2 backups would be removed, 1 kept.")
    wanted = api.post("/cleanup/", {"schedule": "york", "dry_run": True})["repositories"][0]["backups"]
    rows = [row.texts("td") for row in card(page, "york").all("tbody tr")]
    assert [(r[0], r[3]) for r in rows] == [("✓ kept" if b["keep"] else "✗ removed", b["reason"]) for b in wanted] == [("✓ kept", "last")] + 2 * [("✗ removed", "no rule keeps it")]
    page.click("Remove 2 backups")
    asked(page, "Remove 2 backups?", *CLEAN_UP)
    cancelled(page)
    assert api.get("/backups/?source=shop")["total"] == 3
    page.click("Remove 2 backups")
    page.click("Remove")
    page.see("2 backups removed, 1 kept.")
    assert [b["id"] for b in api.get("/backups/?source=shop")["items"]] == [newest]
    press(page, "york", "Its jobs")
    page.heading("Jobs")
    page.until(lambda: len(page.all("main tbody tr")) == api.jobs(f"schedule={york}"), "the jobs of the schedule")


def test_a_schedule_is_removed_after_a_question(at, api):
    page = at("schedules")
    press(page, "hourly", "Remove")
    asked(page, "Remove hourly?", "It runs no more. Its backups stay; they are then kept until somebody removes them.")
    cancelled(page)
    assert "hourly" in api.names("schedules")
    press(page, "hourly", "Remove")
    page.click("Remove")
    page.see("hourly is removed.")
    assert api.names("schedules") == ["taken", "york"]


# ---- on a phone ----

@pytest.mark.own_size
def test_on_a_phone_a_source_is_backed_up_and_a_schedule_made_and_run(at, api, page):
    page.resize(PHONE)
    at("sources")
    press(page, "media", "Back up now")
    job_page(page, api, "backup media")
    at("schedules")
    page.click("New schedule")
    page.fill("Name", "mobile")
    page.tick("media")
    page.click("Add it")
    page.see("mobile is added.")
    press(page, "mobile", "Run now")
    assert job_page(page, api, "backup media")["author"] == "maria"
    wide = page.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0
