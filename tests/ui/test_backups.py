"""The list of backups and a backup's own page: every action, with what came of it looked at outside the browser. The tests of this file follow each other."""
import csv
import gzip
import io
import re
import sqlite3
import subprocess
import tarfile
import zipfile

import pytest
from api_world import World
from browser import DESKTOP, PHONE, Keys, words
from conftest import rows_of
from people import be_logged_in
from webserver import PASSWORD


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A shop on Monday and on Tuesday, when some of its orders have gone and one has changed; and all there is in one backup."""
    w = World(tmp_path_factory.mktemp("backups"))
    w.monday = w.back_up("shop", name="monday")["id"]
    w.before = rows_of(w.shop)
    db = sqlite3.connect(w.shop)
    db.executescript("DELETE FROM orders WHERE id > 198; UPDATE orders SET total = 7 WHERE id = 3")
    db.close()
    w.tuesday = w.back_up("shop", name="tuesday", description="after the sale")["id"]
    w.full = w.back_up("shop", "media", name="everything")["id"]
    yield w
    w.close()


@pytest.fixture(scope="module")
def place(world):
    return world.web


@pytest.fixture
def maria(page, place):
    """The page, with the administrator logged in."""
    be_logged_in(page, place)
    return page


def names(page):
    return page.texts("main tbody td.main > a")


def in_list(page, query=""):
    page.go(f"backups{query}")
    page.heading("Backups")
    page.until(lambda: names(page), "the list")
    return names(page)


def arrived(page, pattern):
    """The one file of this name in the folder of downloads, whole; it is taken away from there."""
    def find():
        found = [p for p in page.downloads.iterdir() if re.fullmatch(pattern, p.name)]
        return found and not list(page.downloads.glob("*.crdownload")) and found[0]
    path = page.until(find, f"a download {pattern}", 60)
    content = path.read_bytes()
    path.unlink()
    return content


def ended(world, page, kind):
    """The job whose page is shown, after its good end."""
    job = page.until(lambda: re.search(r"#/job/(\w+)", page.address), "the page of a job")[1]
    done = world.admin.wait({"id": job})
    assert done["kind"] == kind
    return done


# ---- the list ----

def test_the_list_says_of_each_backup_what_a_person_asks(maria, world):
    assert in_list(maria) == ["everything", "tuesday", "monday"]
    row = maria.visible("//tr[.//a[.='tuesday']]")
    backup = world.admin.get(f"/backups/{world.tuesday}/?manifest=false")
    for text in ("good", "after the sale", "3 tables, 252 rows", "not yet", "token test of maria"):
        assert text in row.text, text
    assert re.search(r"[\d.]+ KiB", row.text) and re.search(r"\d\.\d s", row.text)
    assert backup["author"] == "token test of maria"
    time = row.one("time")
    assert re.fullmatch(r"just now|\d+ (s|min) ago", time.text)
    assert time.get("title") == maria.js("return new Date(arguments[0]).toLocaleString(undefined, {dateStyle: 'medium', timeStyle: 'medium'})", backup["time"])
    assert maria.js("arguments[0].querySelector('a').focus(); return getComputedStyle(arguments[1], '::after').content", row, time).strip('"').strip() == time.get("title")


def test_filters_are_in_the_address_and_outlive_a_reload_and_a_way_back(maria, world):
    in_list(maria)
    maria.choose("Source", "media")
    maria.until(lambda: names(maria) == ["everything"], "only what has media")
    maria.choose("Source", "shop")
    maria.until(lambda: "source=shop" in maria.address and len(names(maria)) == 3, "all of the shop")
    maria.fill("Text", "sale\n")
    maria.until(lambda: names(maria) == ["tuesday"], "only the one with this word")
    maria.refresh()
    maria.until(lambda: names(maria) == ["tuesday"], "the same after a reload")
    assert maria.field("Text").get("value") == "sale"
    maria.click("tuesday")
    maria.heading("tuesday")
    maria.back()
    maria.until(lambda: names(maria) == ["tuesday"], "the same on the way back")
    maria.back()
    maria.until(lambda: len(names(maria)) == 3 and maria.field("Text").get("value") == "", "the list before that filter")
    maria.show_all()
    assert "?" not in maria.address


def test_days_are_those_of_whoever_looks_and_until_a_day_is_with_it(maria, world):
    today = maria.js("return new Date().toLocaleDateString('sv')")
    yesterday = maria.js("return new Date(Date.now() - 86400000).toLocaleDateString('sv')")
    assert len(in_list(maria, f"?after={today}&before={today}")) == 3
    assert maria.field("From").get("value") == today
    maria.go(f"backups?before={yesterday}")
    maria.see("No backup fits.")


def test_a_page_of_a_long_list_is_kept_in_the_address(maria, world):
    maria.go("backups?offset=2")
    maria.until(lambda: names(maria) == ["monday"], "what comes after two")
    maria.see("3 to 3 of 3")
    maria.refresh()
    maria.until(lambda: names(maria) == ["monday"], "the same after a reload")
    maria.click("Newer")
    maria.until(lambda: len(names(maria)) == 3 and "offset" not in maria.address, "the first page")


# ---- the menu of a row ----

def menu(page):
    return page.visible("//*[@role='menu']")


def choose(page, row, item):
    """From the menu of a row."""
    page.click(f"What to do with {row}")
    page.click(item, within=page.until(lambda: menu(page), "the menu"))


def test_the_menu_opens_by_button_and_keyboard_and_gives_the_focus_back(maria):
    in_list(maria)
    maria.click("What to do with monday")
    items = [e.text for e in menu(maria).all("./*")]
    assert items == ["Open", "Restore…", "Download…", "Verify…", "Pin", "Note…", "Delete…"]
    active = lambda: maria.active
    maria.keys(Keys.ARROW_DOWN)
    assert active().text == "Restore…"
    maria.keys(Keys.END)
    assert active().text == "Delete…"
    maria.keys(Keys.ARROW_DOWN)
    assert active().text == "Open"
    maria.keys(Keys.ESCAPE)
    assert menu(maria) is None and active().get("aria-label") == "What to do with monday"
    maria.keys(Keys.ENTER)
    maria.until(lambda: menu(maria), "the menu")
    maria.keys(Keys.ENTER)
    maria.heading("monday")


@pytest.mark.own_size
def test_the_menu_opens_by_the_right_button_where_the_mouse_is(maria):
    maria.resize(DESKTOP)               # a phone has no such button: what it has instead is below
    in_list(maria)
    cell = maria.visible("//tr[.//a[.='monday']]/td[3]")
    cell.ask_for_menu()
    shown = maria.until(lambda: menu(maria), "the menu")
    assert shown.texts("./*")[0] == "Open" and maria.active.text == "Open"
    assert abs(shown.box["x"] - (cell.box["x"] + cell.box["width"] / 2)) < 3
    box = maria.js("const r = arguments[0].getBoundingClientRect(); return [r.left, r.top, r.right, r.bottom, innerWidth, innerHeight]", shown)
    assert box[0] >= 0 and box[1] >= 0 and box[2] <= box[4] and box[3] <= box[5]
    maria.visible("//h1").click()
    assert menu(maria) is None


@pytest.mark.own_size
def test_on_a_phone_it_opens_by_a_long_press_and_a_short_one_opens_the_backup(maria):
    maria.resize(PHONE)
    in_list(maria)
    cell = maria.visible("//tr[.//a[.='monday']]/td[4]")
    maria.js("arguments[0].scrollIntoView({block: 'center'})", cell)
    x, y = maria.js("const r = arguments[0].getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2]", cell)
    touch = lambda kind: maria.call("Input.dispatchTouchEvent", type=kind, touchPoints=[{"x": x, "y": y}] if kind == "touchStart" else [])
    touch("touchStart")
    maria.until(lambda: menu(maria), "the menu of a long press")
    touch("touchEnd")
    maria.heading("Backups")
    box = maria.js("const r = arguments[0].getBoundingClientRect(); return [r.left, r.top, innerWidth - r.right, innerHeight - r.bottom]", menu(maria))
    assert min(box) >= 0
    maria.keys(Keys.ESCAPE)
    touch("touchStart")
    touch("touchEnd")
    maria.heading("monday")


# ---- notes, pins ----

def test_the_menu_and_the_row_lead_where_the_page_of_the_backup_does(maria, world):
    in_list(maria)
    for item, title in (("Download…", "Download monday"), ("Verify…", "Verify monday")):
        choose(maria, "monday", item)
        assert maria.dialog().one("h2").text == title
        maria.click("Cancel")
        maria.until(lambda: not maria.all("dialog[open]"), "the dialog is gone")
    choose(maria, "monday", "Restore…")
    maria.heading("Restore")
    assert maria.address.endswith(f"#/restore/{world.monday}")
    in_list(maria)
    maria.visible("//tr[.//a[.='monday']]/td[4]").click()
    maria.heading("monday")


def test_a_note_is_kept_with_the_run_and_seen_in_both_places(maria, world):
    in_list(maria)
    choose(maria, "monday", "Note…")
    maria.fill("For whoever looks at this later", "asked for by accounting")
    maria.click("Save")
    maria.see("The note is kept.")
    maria.click("Close")
    maria.see_none("The note is kept.")
    maria.see("Note: asked for by accounting")
    backup = world.admin.get(f"/backups/{world.monday}/?manifest=false")
    assert backup["notes"] == "asked for by accounting" == world.admin.get(f"/jobs/{backup['job']}/")["notes"]
    maria.click("monday")
    maria.heading("monday")
    maria.click("Note…")
    assert maria.field("For whoever looks at this later").get("value") == "asked for by accounting"
    maria.fill("For whoever looks at this later", "for the audit")
    maria.click("Save")
    maria.see("for the audit")
    assert world.admin.get(f"/backups/{world.monday}/?manifest=false")["notes"] == "for the audit"


def test_a_pin_protects_and_survives_the_loss_of_the_catalog(maria, world):
    in_list(maria)
    choose(maria, "monday", "Pin")
    maria.see("It is being pinned: no rule will remove it.")
    pinned, = maria.until(lambda: world.admin.get("/backups/?pinned=true")["items"], "its pin", 60)
    maria.until(lambda: maria.visible("//tr[.//a[.='monday']]//*[.='pinned']"), "its pin in the list")
    assert pinned["name"] == "monday" and pinned["original"] == world.monday
    assert "is pinned" in world.web.program.fails(6, "forget", pinned["id"][:8], "--repo", "main", "--yes").err
    world.web.program("catalog", "rebuild")
    assert [b["name"] for b in world.admin.get("/backups/?pinned=true")["items"]] == ["monday"]
    in_list(maria, "?pinned=true")
    choose(maria, "monday", "Delete…")
    maria.click("Delete it")
    maria.see("is pinned. take the pin off first")
    maria.expect(409)
    maria.go(f"backup/{world.monday}")
    maria.heading("monday")
    maria.click("Unpin")
    maria.until(lambda: maria.visible("//button[.='Pin']"), "the page tells by itself that the pin is off", 60)
    assert world.admin.get("/backups/?pinned=true")["items"] == []
    maria.click("Pin")
    maria.until(lambda: maria.visible("//button[.='Unpin']"), "the page tells by itself that it is pinned", 60)
    in_list(maria)
    choose(maria, "monday", "Unpin")
    maria.see("The pin is being taken off.")
    maria.until(lambda: world.admin.get("/backups/?pinned=true")["items"] == [], "no pin", 60)
    world.monday = world.admin.get(f"/backups/{world.monday}/?manifest=false")["id"]


# ---- what is in it ----

@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_tables_are_shown_with_their_rows_page_by_page(maria, world, size):
    maria.resize(size)
    maria.go(f"backup/{world.monday}")
    maria.see("Tables (3)")
    row = maria.visible("//tr[.//button[.='orders']]")
    assert "200" in row.text and "KiB" in row.text
    maria.fill("Find a table", "ord")
    maria.until(lambda: not maria.visible("//button[.='customers']"), "only what fits")
    maria.click("orders")
    maria.see("orders: rows 1 to 50 of 200")
    maria.see("note 1 – “quoted”")
    for page, first in enumerate((51, 101, 151)):
        maria.click("Next")
        maria.see(f"orders: rows {first} to {first + 49} of 200")
    assert not maria.visible("//button[.='Next']").enabled
    maria.see("note 199 – “quoted”")
    maria.click("Back")
    maria.see("orders: rows 101 to 150 of 200")


def test_sql_is_answered_and_what_would_change_anything_is_refused(maria, world):
    maria.go(f"backup/{world.monday}")
    maria.fill("Reading statement", "SELECT name, count(*) AS n FROM customers JOIN orders ON customer = customers.id WHERE customers.id = 7 GROUP BY 1")
    maria.click("Run")
    maria.see("Customer 7")
    maria.fill("Reading statement", "DELETE FROM orders")
    maria.click("Run")
    alert = maria.until(lambda: maria.visible("//*[@role='alert']"), "the refusal")
    assert alert.text == "not authorized\nwhat is stored is only read: SELECT, and PRAGMAs that tell something"
    maria.see_none("Customer 7")
    maria.expect(400)
    assert rows_of(world.shop)["orders"]


def choose_beginning(page, label, text):
    page.choose(label, next(o.text for o in page.field(label).all("option") if o.text.startswith(text)))


def test_two_backups_are_compared_down_to_the_row(maria, world):
    maria.go(f"backup/{world.monday}")
    maria.see("Tables (3)")
    choose_beginning(maria, "With", "tuesday, ")
    maria.click("Compare")
    row = maria.until(lambda: maria.visible("//table[caption='Tables that differ']//tr[.//button[.='orders']]"), "orders differ")
    assert row.texts("td") == ["orders", "changed", "200", "198", "0", "2", "1"]
    assert len(maria.all("//table[caption='Tables that differ']/tbody/tr")) == 1
    maria.click("Rows of orders that differ")
    maria.see("orders: 3 rows differ")
    rows = {words(r) for r in maria.all("//table[caption='Rows of orders that differ']/tbody/tr")}
    assert any(re.fullmatch(r"changed id 3, total 2\.5 → 7(\.0)?", r) for r in rows), rows
    assert sum(r.startswith("only here") and ("id 199," in r or "id 200," in r) for r in rows) == 2, rows


def test_of_very_many_rows_that_differ_the_rest_is_shown_when_asked_for(maria, world):
    kept = world.shop.read_bytes()
    db = sqlite3.connect(world.shop)
    db.executescript("UPDATE orders SET note = 'all anew'; INSERT INTO orders (id, note) SELECT id + 1000, 'more' FROM orders LIMIT 50")
    db.close()
    maria.go(f"backup/{world.tuesday}")
    maria.see("Tables (3)")
    maria.click("Compare")
    maria.click("Rows of orders that differ")
    maria.see("orders: 248 rows differ")
    rows = lambda: len(maria.all("//table[caption='Rows of orders that differ']/tbody/tr"))       # noqa: E731
    assert rows() == 200
    maria.click("Show more: 48 are left")
    assert rows() == 248 and not maria.visible("//button[starts-with(., 'Show more')]")
    world.shop.write_bytes(kept)


def test_a_backup_is_compared_with_what_its_source_holds_now(maria, world):
    maria.go(f"backup/{world.tuesday}")
    maria.see("Tables (3)")
    maria.click("Compare")
    maria.see("Equal: no table, row or file differs.")
    (world.media / "new.txt").write_text("new")
    maria.go(f"backup/{world.full}")
    maria.see("media/")
    maria.click("Compare")
    row = maria.until(lambda: maria.visible("//table[caption='Files that differ']/tbody/tr"), "a file differs")
    assert row.texts("td") == ["new.txt", "only there", "–", "3 B"]
    (world.media / "new.txt").unlink()


# ---- downloads ----

def download(page, form, source=None, table=None, called=None):
    page.click("Download…")
    if called:
        page.fill("Call the file", called)
    if source:
        page.choose("Source", source)
    page.choose("As", form)
    if table:
        page.choose("Tables", f"only {table}")
    page.click("Download")
    page.until(lambda: not page.all("dialog[open]"), "the dialog is gone", 60)


def cells(workbook, sheet):
    """Texts and numbers of a sheet of an Excel file."""
    return re.findall(r"<c [^>]*>(?:<v>|<is><t[^>]*>)(.*?)</", workbook.read(f"xl/worksheets/{sheet}.xml").decode())


def test_a_database_is_downloaded_in_every_form_and_each_is_what_it_says(maria, world, tmp_path):
    maria.go(f"backup/{world.monday}")
    maria.see("Tables (3)")
    download(maria, "As it is stored: the engine's own file")
    (tmp_path / "shop.db").write_bytes(arrived(maria, r"sqlite_backup_\d{8}_\d{6}\.db"))
    assert rows_of(tmp_path / "shop.db") == world.before
    download(maria, "SQL text")
    text = arrived(maria, r"backup_shop_\d{8}_\d{6}\.sql")
    db = sqlite3.connect(tmp_path / "again.db")
    db.executescript(text.decode())
    db.close()
    assert rows_of(tmp_path / "again.db") == world.before
    download(maria, "SQL text, packed as .sql.gz", called="for the auditor.sql.gz")
    assert gzip.decompress(arrived(maria, r"for the auditor\.sql\.gz")) == text
    download(maria, "CSV, a file a table, zipped")
    with zipfile.ZipFile(io.BytesIO(arrived(maria, r"backup_shop_\d{8}_\d{6}\.zip"))) as packed:
        assert {n: len(list(csv.reader(io.StringIO(packed.read(n).decode())))) - 1 for n in ("customers.csv", "orders.csv", "settings.csv")} == {"customers.csv": 50, "orders.csv": 200, "settings.csv": 4}
    download(maria, "Excel, a sheet a table", table="customers")
    with zipfile.ZipFile(io.BytesIO(arrived(maria, r"backup_shop_\d{8}_\d{6}\.xlsx"))) as workbook:
        assert 'name="customers"' in workbook.read("xl/workbook.xml").decode() and 'name="orders"' not in workbook.read("xl/workbook.xml").decode()
        assert cells(workbook, "sheet1")[:6] == ["id", "name", "email", "1", "Customer 1", "c1@example.com"]


def test_of_a_backup_of_several_sources_each_is_downloaded(maria, world, tmp_path):
    pictures = {f"2026/picture {i}.jpg": (world.media / "2026" / f"picture {i}.jpg").read_bytes() for i in range(5)}
    maria.go(f"backup/{world.full}")
    maria.see("Tables (3)")
    download(maria, "SQL text", "shop", "settings")
    text = arrived(maria, r"backup_shop_\d{8}_\d{6}\.sql").decode()
    assert "'theme'" in text and "Customer 1" not in text
    download(maria, "Files as .tar.gz", "media")
    with tarfile.open(fileobj=io.BytesIO(arrived(maria, r"media_backup_\d{8}_\d{6}\.tar\.gz"))) as packed:
        assert {n: packed.extractfile(n).read() for n in pictures} == pictures
    download(maria, "Files as .zip", "media")
    with zipfile.ZipFile(io.BytesIO(arrived(maria, r"media_backup_\d{8}_\d{6}\.zip"))) as packed:
        assert {n: packed.read(n) for n in pictures} == pictures
    download(maria, "Files as .tar.zst", "media")
    plain = subprocess.run(["zstd", "-dc"], input=arrived(maria, r"media_backup_\d{8}_\d{6}\.tar\.zst"), capture_output=True, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(plain)) as packed:
        assert {n: packed.extractfile(n).read() for n in pictures} == pictures


def test_files_are_browsed_and_one_file_or_folder_is_taken_out(maria, world):
    maria.go(f"backup/{world.full}")
    maria.click("media/")
    maria.see("read me.txt")
    choose(maria, "read me.txt", "Download")
    assert arrived(maria, r"read me\.txt") == b"hello\n" * 1000
    choose(maria, "2026", "Download as .zip")
    with zipfile.ZipFile(io.BytesIO(arrived(maria, r"2026\.zip"))) as packed:
        assert packed.read("picture 4.jpg") == (world.media / "2026" / "picture 4.jpg").read_bytes()
    choose(maria, "2026", "Download as .tar.gz")
    with tarfile.open(fileobj=io.BytesIO(arrived(maria, r"2026\.tar\.gz"))) as packed:
        assert packed.extractfile(next(n for n in packed.getnames() if n.endswith("picture 3.jpg"))).read() == (world.media / "2026" / "picture 3.jpg").read_bytes()
    maria.click("2026/")
    maria.see("picture 0.jpg")
    maria.fill("Find a file", "3.j")
    maria.until(lambda: not maria.visible("//td[.='picture 0.jpg']"), "only what fits")
    maria.click("Up")
    maria.see("read me.txt")


def test_one_file_is_restored_to_a_new_place(maria, world):
    maria.go(f"backup/{world.full}")
    maria.click("media/")
    choose(maria, "read me.txt", "Restore…")
    maria.heading("Restore")
    assert maria.field("media/read me.txt").get("checked")
    maria.fill("New place", str(world.home / "taken out"))
    maria.click("Restore")
    maria.see("what was restored equals the backup", 60)
    assert [p.relative_to(world.home / "taken out").as_posix() for p in (world.home / "taken out").rglob("*") if p.is_file()] == ["read me.txt"]
    assert (world.home / "taken out" / "read me.txt").read_bytes() == b"hello\n" * 1000


# ---- verify, delete ----

def test_verify_now_reaches_the_level_that_was_asked_for(maria, world):
    maria.go(f"backup/{world.tuesday}")
    maria.click("Verify…")
    maria.choose("How far", "And compare every row")
    maria.click("Verify")
    ended(world, maria, "verify")
    assert world.admin.get(f"/backups/{world.tuesday}/?manifest=false")["verification"] == "compared"
    maria.go(f"backup/{world.tuesday}")
    maria.see("restored and compared")
    maria.see("What the verification saw")
    in_list(maria, "?level=4")
    assert names(maria) == ["tuesday"] and maria.visible("//tr[.//a[.='tuesday']]//span[contains(@class, 'verified')]")


def test_each_filter_shows_what_the_api_finds(maria, world):
    in_list(maria)
    for label, choice, query in (("Repository", "main", "repository=main"), ("Verified", "compared", "level=4"), ("Safety copies", "only these", "safety=only"), ("Safety copies", "shown too", "safety=all"),
                                 ("Pinned", "only these", "pinned=true"), ("Order", "oldest first", "oldest_first=true")):
        maria.choose(label, choice)
        maria.until(lambda: maria.address.endswith(f"#/backups?{query}"), f"{query} in the address")
        maria.until(lambda: names(maria) == [b["name"] for b in world.admin.get(f"/backups/?{'' if 'safety' in query else 'safety=no&'}{query}")["items"]], f"what {query} finds")
        maria.show_all()


def test_deleting_says_what_is_lost_and_does_it(maria, world):
    only = world.back_up("ledger", name="the only one")["id"]
    maria.go(f"backup/{only}")
    maria.click("Delete…")
    assert "It is the only good backup of ledger: after it there is nothing to restore." in maria.dialog().text
    maria.click("Cancel")
    maria.until(lambda: not maria.all("dialog[open]"), "the dialog is gone")
    assert world.admin.get(f"/backups/{only}/?manifest=false")["name"] == "the only one"
    in_list(maria)
    choose(maria, "tuesday", "Delete…")
    text = maria.dialog().text
    assert "goes for good" in text and "It is verified." in text and "newest" not in text
    maria.click("Delete it")
    ended(world, maria, "forget")
    assert [b["name"] for b in world.admin.get("/backups/")["items"]] == ["the only one", "everything", "monday"]
    assert world.admin.get(f"/backups/{world.tuesday}/", status=404)["detail"].startswith("the catalog knows no backup")
    assert "tuesday" not in world.web.program("list", "--repo", "main", "--no-lock").out


def test_back_up_now_takes_all_there_is_or_the_source_that_is_looked_at(maria, world):
    in_list(maria, "?source=ledger")
    maria.click("Back up now")
    assert ended(world, maria, "backup")["sources"] == ["ledger"]
    in_list(maria)
    maria.click("Back up now")
    done = ended(world, maria, "backup")
    assert done["sources"] == ["ledger", "media", "shop"]
    maria.go(f"backup/{done['backup']}")
    maria.see("Tables (6)")
    maria.see("media/")
    maria.choose("Database", "ledger")
    maria.fill("Reading statement", "SELECT 'orders: ' || count(*) FROM orders")
    maria.click("Run")
    maria.see("orders: 20")
    in_list(maria)
    maria.click("Restore from a file")
    maria.heading("Restore from a file")


def test_a_backup_is_made_with_all_that_can_be_said_of_it(maria, world):
    (world.media / "noise.tmp").write_text("noise")
    in_list(maria, "?source=media")
    maria.click("Back up…")
    assert maria.field("media").get("checked") and not maria.field("shop").get("checked")
    maria.tick("shop")
    maria.fill("Name", "before the move")
    maria.fill("Description", "all that matters")
    maria.fill("Tags", "move\nlast year")
    maria.choose("Repository", "main")
    maria.choose("Compression", "none")
    maria.fill("Leave out files", "*.tmp")
    maria.tick("Take logs and caches too")
    maria.tick("Read everything")
    maria.click("Back up")
    done = ended(world, maria, "backup")
    (world.media / "noise.tmp").unlink()
    made = world.admin.get(f"/backups/{done['backup']}/")
    assert (made["name"], made["description"], sorted(s["name"] for s in made["sources"])) == ("before the move", "all that matters", ["media", "shop"]) and {"move", "last year"} <= set(made["tags"])
    assert "noise.tmp" not in [f["path"] for f in world.admin.get(f"/backups/{done['backup']}/files/?path=media")["entries"]]
    maria.go(f"backup/{done['backup']}")
    maria.see("all that matters")
    assert set(maria.text_at("//dt[.='Tags']/following-sibling::dd").split(", ")) == {"move", "last year"}
    in_list(maria)
    maria.click("Back up…")
    for source in ("shop", "ledger"):
        maria.tick(source)
    assert not maria.visible("//dialog//label[starts-with(., 'Leave out files')]")
    maria.click("Cancel")


def test_one_source_of_several_is_filled_in_without_a_safety_copy(maria, world):
    made = next(b for b in world.admin.get("/backups/")["items"] if b["name"] == "before the move")
    before = len(rows_of(world.shop)["orders"])
    db = sqlite3.connect(world.shop)
    db.executescript("DELETE FROM orders WHERE id > 150; UPDATE orders SET total = 99 WHERE id = 1")
    db.close()
    maria.go(f"restore/{made['id']}")
    maria.tick("shop")
    maria.choose("Where to", "over shop")
    maria.choose("What exists already", "stays; only what is missing is filled in")
    maria.tick("Keep a safety copy", False)
    maria.see("what is missing is filled in")
    maria.click("Restore")
    assert "No safety copy is kept: what is there now cannot be brought back." in maria.dialog().text
    maria.fill("Type shop to go on", "shop")
    maria.click("Replace it")
    maria.log_in_again("maria", PASSWORD)
    maria.see("what was restored equals the backup", 60)
    db = sqlite3.connect(world.shop)
    assert db.execute("SELECT count(*), sum(CASE WHEN id = 1 THEN total END) FROM orders").fetchone() == (before, 99)
    db.close()
    assert not maria.visible("//button[.='Undo this restore']") and world.admin.get("/backups/?safety=only")["items"] == []


def test_the_page_of_a_backup_that_goes_meanwhile_says_so(maria, world):
    doomed = world.back_up("ledger", name="doomed")["id"]
    maria.go(f"backup/{doomed}")
    maria.heading("doomed")
    world.admin.wait(world.admin.call("DELETE", f"/backups/{doomed}/"))
    maria.see("This backup was deleted.", 60)
    maria.click("To the other backups")
    maria.heading("Backups")
    in_list(maria)
    maria.expect(404)


def test_an_operator_is_offered_what_an_operator_may(page, place):
    page.log_in(place, "oliver")
    in_list(page)
    page.click("What to do with monday")
    assert menu(page).texts("./*") == ["Open", "Download…", "Verify…", "Note…"]
