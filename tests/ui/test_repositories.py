"""Repositories in the dashboard: space, soundness, keys; with what goes wrong most, and what came of it asked of the API, the files and the command line."""
import os
import subprocess

import pytest
from browser import PHONE
from managing import api, asked, at, cancelled, card, fact, job_page, press, refused, shows, size      # noqa: F401

PRUNE = ("Prune main?", "What no backup needs is removed for good. Backups that run meanwhile wait.")


def made_elsewhere(place, where):
    """A repository that the daemon does not know of; its password, a made up one: a chosen one is stretched for a third of a second whenever it is opened."""
    elsewhere = place.home / f"{where.name}-elsewhere"
    place.program("init", "--repo", where, env={"BACKSTAY_HOME": str(elsewhere)})
    kept, = (elsewhere / "passwords").iterdir()
    return kept.read_text().strip()


@pytest.fixture(scope="module")
def sesame(place):
    """The password of the repository "other", which is made."""
    return made_elsewhere(place, place.home / "other")


def test_a_repository_is_not_added_where_it_cannot_be_or_under_a_name_that_is_taken(at, api, place):
    page = at("repositories")
    page.click("New repository")
    page.fill("Name", "main")
    page.fill("Folder on the server", str(place.home / "elsewhere"))
    page.click("Add it")
    refused(page, f'there is a repository named "main" already, at {place.home}/main')
    page.fill("Name", "second")
    page.fill("Folder on the server", "/proc/backups")
    page.click("Add it")
    refused(page, "creating a repository at /proc/backups: making folder /proc/backups: No such file or directory", status=404)
    assert page.field("Folder on the server").get("aria-invalid") == "true"
    cancelled(page)
    assert api.names("repositories") == ["main"]


def test_a_repository_that_is_there_already_is_added_with_its_password_only(at, api, place, sesame):
    other = place.home / "other"
    place.program("backup", place.home / "media", "--repo", other, env={"BACKSTAY_PASSWORD": sesame})
    page = at("repositories")
    page.click("New repository")
    page.fill("Name", "found")
    page.fill("Folder on the server", str(other))
    page.fill("Password", "wrong")
    page.click("Add it")
    refused(page, f"opening the repository at {other}: wrong password, or no key found", "the password was that of the configured repository found")
    assert page.field("Password").get("aria-invalid") == "true"
    page.expect(409)
    page.fill("Password", sesame)
    page.click("Add it")
    page.see("found is added.")
    page.expect(409)                # init says that there is one
    assert api.get("/repositories/found/")["password_known"] and api.get("/backups/?repository=found")["total"] == 1
    shows(page, "found", Backups="1 backup of 104 KiB", Password="kept here, encrypted")


def test_a_new_repository_tells_where_its_password_is_and_is_changed_and_forgotten(at, api, place):
    page = at("repositories")
    page.click("New repository")
    page.fill("Name", "disk")
    page.fill("Folder on the server", str(place.home / "disk"))
    page.click("Add it")
    page.see("The repository is made.")
    sheet = page.dialog().text
    made = api.get("/repositories/disk/")
    assert f"Recovery sheet: {place.state}/recovery-{made['repository_id'][:8]}.txt. Keep a copy apart from this machine" in sheet and (place.home / "disk" / "config").exists()
    page.click("I have read it")
    api.patch("/sources/media/", {"repository": "disk"})
    press(page, "disk", "Forget")
    asked(page, "Forget disk?", "Backstay no longer knows of it. The repository itself is not touched.")
    page.click("Forget it")
    refused(page, "the repository disk is in use: the source media names it", "give the source another repository first")
    press(page, "disk", "Change")
    page.fill("Name", "usb")
    page.fill("Alarm below", "2")
    page.click("Save")
    page.see("usb is changed.")
    assert api.get("/repositories/usb/")["low_space"] == 2 << 30 and api.get("/sources/media/")["repository"] == "usb"
    shows(page, "usb", Alarm="below 2.00 GiB of free space")
    api.patch("/sources/media/", {"repository": None})
    press(page, "usb", "Forget")
    cancelled(page)
    assert "usb" in api.names("repositories")
    press(page, "usb", "Forget")
    page.click("Forget it")
    page.see("usb is forgotten.")
    assert api.names("repositories") == ["found", "main"] and (place.home / "disk" / "config").exists()
    press(page, "main", "Forget")
    page.click("Forget it")
    refused(page, "main is the default repository", "make another one the default first")


def test_a_repository_that_was_added_elsewhere_is_made_or_opened_here(at, api, place):
    other = place.home / "there"
    for name, where, password in (("later", place.home / "later", None), ("there", other, made_elsewhere(place, other)), ("nowhere", "/proc/backups", None)):
        api.post("/repositories/", {"name": name, "location": str(where), **({"password": password} if password else {})})
    page = at("repositories")
    press(page, "nowhere", "Make it")
    page.until(lambda: "creating a repository at /proc/backups" in card(page, "nowhere").text, "why not")
    page.expect(404)
    press(page, "later", "Make it")
    page.until(lambda: "The repository is made." in (text := card(page, "later").text) and "Recovery sheet: " in text, "where its sheet is")
    assert (place.home / "later" / "config").exists() and api.get("/repositories/later/")["repository_id"]
    page.until(lambda: not page.visible(".//button[.='Make it']", card(page, "later")) and page.visible(".//a[.='Recovery sheet']", card(page, "later")), "what can be done with it now")
    press(page, "there", "Make it")
    page.until(lambda: "It was there already." in card(page, "there").text, "that it was there")
    page.expect(409)
    for name in ("later", "there", "nowhere"):
        api.remove(f"/repositories/{name}/")


def test_another_repository_becomes_the_default_one(at, api):
    page = at("repositories")
    press(page, "found", "Change")
    page.tick("Backups go here unless said otherwise")
    page.click("Save")
    page.see("found is changed.")
    page.until(lambda: page.visible(".//span[.='default']", card(page, "found")) and not page.visible(".//span[.='default']", card(page, "main")), "the mark of the default")
    press(page, "main", "Change")
    page.tick("Backups go here unless said otherwise")
    page.click("Save")
    page.see("main is changed.")
    assert {r["name"]: r["is_default"] for r in api.get("/repositories/")["items"]} == {"found": False, "main": True}
    press(page, "main", "Change")
    page.tick("Backups go here unless said otherwise", False)
    page.click("Save")
    refused(page, "main is the default repository", "make another one the default instead")
    cancelled(page)


# ---- space ----

def test_space_is_given_back_after_a_preview_and_a_question(at, api, place):
    api.wait(api.post("/repositories/main/prune/"))          # the daemon does it once a day: now it does not any more
    stored = lambda: sum(p.stat().st_size for p in (place.home / "main" / "data").rglob("*") if p.is_file())      # noqa: E731
    (place.home / "media" / "ballast").write_bytes(os.urandom(300_000))
    kept = api.wait(api.post("/backups/", {"sources": ["shop"]}))["backup"]
    gone = api.wait(api.post("/backups/", {"sources": ["media"]}))["backup"]
    (place.home / "media" / "ballast").unlink()
    api.wait(api.remove(f"/backups/{gone}/"))
    api.idle()
    before = stored()
    page = at("repositories")
    figures = next(r for r in api.get("/statistics/")["repositories"] if r["name"] == "main")
    shows(page, "main", Saved=f"{round(figures['saved'] * 100)} %") if figures["saved"] else None
    press(page, "main", "Free space (prune)")
    would = api.get("/repositories/main/prune/")["prune"]
    back = would["bytes_before"] - would["bytes_after"]
    assert back > 300_000
    page.see(f"{size(back)} would be given back: ")
    press(page, "main", f"Give back {size(back)}")
    asked(page, *PRUNE)
    cancelled(page)
    assert api.get("/repositories/main/prune/")["prune"] == would
    press(page, "main", f"Give back {size(back)}")
    page.click("Prune")
    done = job_page(page, api, "prune main")
    assert done["result"]["prune"]["bytes_after"] == would["bytes_after"]
    page.see(f"{size(back)} was given back: ")
    assert before - stored() == back
    assert api.get(f"/backups/{kept}/?manifest=false")["id"] == kept


def test_old_backups_are_removed_by_days_after_showing_which_and_why(at, api):
    api.wait(api.post("/backups/", {"sources": ["media"], "name": "one"}))
    api.wait(api.post("/backups/", {"sources": ["media"], "name": "two"}))
    api.patch("/settings/", {"max_backups": 1})
    api.idle()
    before = api.get("/backups/?source=media&repository=main")["total"]
    page = at("repositories")
    press(page, "main", "Remove old backups")
    page.fill("Keep backups of the last", "1")
    page.choose("Only backups of", "media")
    page.click("Show what would go")
    would = api.post("/cleanup/", {"dry_run": True, "days": 1, "source": "media", "repository": "main"})
    page.see(f"{would['removed']} backup{'' if would['removed'] == 1 else 's'} would be removed, {would['kept']} kept.")
    rows = [row.texts("td") for row in card(page, "main").all("tbody tr")]
    assert [(r[0], r[1], r[3]) for r in rows] == [("✓ kept" if b["keep"] else "✗ removed", b["name"], b["reason"]) for b in would["repositories"][0]["backups"]]
    assert api.get("/backups/?source=media&repository=main")["total"] == before
    button = f"Remove {would['removed']} backup{'' if would['removed'] == 1 else 's'}"
    assert would["removed"]
    press(page, "main", button)
    page.click("Remove")
    page.see(f"{would['removed']} backup{'' if would['removed'] == 1 else 's'} removed, {would['kept']} kept.")
    assert api.get("/backups/?source=media&repository=main")["total"] == before - would["removed"]
    api.patch("/settings/", {"max_backups": None})


# ---- soundness ----

def test_a_repository_is_checked_with_and_without_reading_its_bytes_and_its_index_repaired(at, api):
    page = at("repositories")
    press(page, "main", "Check")
    assert job_page(page, api, "check main")["result"]["packs_read"] == 0
    page.see("No damage: ")
    at("repositories")
    press(page, "main", "Read every byte")
    assert job_page(page, api, "check main")["result"]["bytes_read"] > 0
    at("repositories")
    press(page, "main", "Repair the index")
    asked(page, "Repair the index of main?", "The index is made anew where it is wrong, from what is stored. No backup is changed.")
    cancelled(page)
    press(page, "main", "Repair the index")
    page.click("Repair the index")
    assert job_page(page, api, "check main")["result"]["repair"]["packs_damaged"] == 0
    at("repositories")
    press(page, "main", "Look again")
    page.see("The list of what is in main is up to date.")


def test_damage_is_found_told_and_nothing_is_removed_until_a_check_is_clean(at, api, place):
    page = at("repositories")
    pack = max((p for p in (place.home / "main" / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    press(page, "main", "Read every byte")
    failed = job_page(page, api, "check main", "failed")
    said = failed["result"]["problems"][0]["text"]
    page.see(said)
    at("repositories")
    page.until(lambda: "The last check found damage. Nothing is removed from it until a check is clean." in card(page, "main").text, "the warning")
    api.wait(api.post("/repositories/main/prune/"), "failed")
    pack.write_bytes(whole)
    press(page, "main", "Read every byte")
    job_page(page, api, "check main")
    at("repositories")
    assert "found damage" not in card(page, "main").text


def test_locks_that_were_left_behind_are_removed_and_others_shown(at, api, place, sesame):
    locks = place.home / "other" / "locks"
    elsewhere = {"BACKSTAY_HOME": str(place.home / "nobody"), "BACKSTAY_PASSWORD": sesame}       # what the daemon does not know of, and so does not tidy up after
    os.mkfifo(place.home / "pipe")
    assert place.program.run("backup", place.home / "media", "--repo", place.home / "other", env={**elsewhere, "BACKSTAY_TEST_FAULT": "w:kill@2"}).status == 137
    left, = locks.iterdir()
    page = at("repositories")
    with place.program.start("backup", f"command:cat {place.home}/pipe", "--repo", place.home / "other", env=elsewhere, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        with open(place.home / "pipe", "wb", buffering=0) as pipe:
            pipe.write(b"so far")
            press(page, "found", "Remove stale locks")
            page.see("1 lock removed.")
            page.see(f"process {running.pid} of ")
            assert left not in list(locks.iterdir())
    assert running.returncode == 0
    press(page, "found", "Remove stale locks")
    page.see("0 locks removed.")


# ---- keys ----

def test_passwords_are_added_changed_and_removed_and_the_daemon_goes_on(at, api, place, sesame):
    page = at("repositories")
    keys = lambda: {p.name for p in (place.home / "other" / "keys").glob("[0-9a-f]*")}      # noqa: E731
    first = keys()
    press(page, "found", "Keys")
    press(page, "found", "Add a password")
    page.fill("New password", "a spare one")
    page.fill("The same once more", "a spare on")
    page.click("Add the password")
    refused(page, "the two passwords differ; nothing was changed")
    page.fill("The same once more", "a spare one")
    page.click("Add the password")
    spare, = page.until(lambda: keys() - first, "the second key")
    page.see(f"Key {spare[:8]} is added.")
    opens = lambda password: place.program.run("list", "--repo", place.home / "other", "--json", env={"BACKSTAY_HOME": str(place.home / "nobody"), "BACKSTAY_PASSWORD": password}).status      # noqa: E731
    assert opens("a spare one") == 0
    press(page, "found", "Remove")                           # the card's own is "Forget"
    asked(page, f"Remove key {spare[:8]}?", "Its password no longer opens the repository.", "Whoever knew it may have read the master key: old copies of the repository stay readable to them.")
    cancelled(page)
    assert keys() == first | {spare}
    press(page, "found", "Remove")
    page.click("Remove")
    page.see(f"Key {spare[:8]} is removed.")
    assert keys() == first
    press(page, "found", "Change the password")
    page.fill("New password", "open wheat")
    page.fill("The same once more", "open wheat")
    page.click("Change it")
    page.see("The password is changed.")
    assert (opens(sesame), opens("open wheat")) == (12, 0)
    api.wait(api.post("/repositories/found/check/"))


def test_a_password_that_was_changed_elsewhere_is_typed_in(at, api, place):
    (place.home / "barley").write_text("open barley\n")
    elsewhere = {"BACKSTAY_HOME": str(place.home / "nobody"), "BACKSTAY_PASSWORD": "open wheat"}
    assert place.program.run("key", "passwd", "--yes", "--new-password-file", place.home / "barley", "--repo", place.home / "other", env=elsewhere).status == 0
    page = at("repositories")
    press(page, "found", "Check")
    job_page(page, api, "check found", "failed")
    page.see("wrong password, or no key found")
    at("repositories")
    press(page, "found", "Change")
    page.fill("Password", "open barley")
    page.click("Save")
    page.see("found is changed.")
    press(page, "found", "Check")
    job_page(page, api, "check found")


# ---- on a phone ----

@pytest.mark.own_size
def test_on_a_phone_a_repository_is_checked(at, api, page):
    page.resize(PHONE)
    at("repositories")
    press(page, "main", "Check")
    job_page(page, api, "check main")
    assert page.js("return document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
