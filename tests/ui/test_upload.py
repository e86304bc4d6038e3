"""Files from elsewhere, sent by the file field or dropped on the page: recognised at once, sent with progress, restored; or refused, clearly, with nothing left."""
import base64
import gzip
import os
import sqlite3
import subprocess

import pytest
from conftest import make_shop, rows_of
from live import SECRET, LiveMariadb, LivePostgres
from people import be_at
from proxy import Proxy
from waiting import until
from webserver import PASSWORD

DROP = """
const [name, data] = arguments, place = document.querySelector(".drop"), moved = new DataTransfer();
moved.items.add(new File([Uint8Array.from(atob(data), c => c.charCodeAt(0))], name));
for (const kind of ["dragenter", "dragover", "drop"])
	place.dispatchEvent(new DragEvent(kind, {bubbles: true, cancelable: true, dataTransfer: moved}));
"""


@pytest.fixture(scope="module")
def pg(postgres, sources):
    live = LivePostgres(postgres, rows=200)
    sources("pg", live.url())
    yield live
    live.drop()


@pytest.fixture(scope="module")
def my(mariadb, sources):
    live = LiveMariadb(mariadb, rows=200)
    mariadb.sql(f"CREATE USER uploader@'127.0.0.1' IDENTIFIED BY '{SECRET}'; GRANT ALL ON *.* TO uploader@'127.0.0.1'")
    sources("my", live.url(user="uploader", password=SECRET))
    yield live
    mariadb.sql("DROP USER uploader@'127.0.0.1'")
    live.drop()


@pytest.fixture(scope="module")
def sources(admin, main_repository):
    return lambda name, url: admin("POST", "/backup/api/sources/", {"name": name, "url": url}, status=201)


@pytest.fixture
def upload(page, place, main_repository, tmp_path):
    """The page, with ways to give it a file: upload.choose(name, content), upload.drop(name, content)."""
    be_at(page, place, "restore")
    page.heading("Restore from a file")

    def choose(name, content):
        (tmp_path / name).write_bytes(content)
        page.field("File to restore").upload(tmp_path / name)

    page.choose_file, page.drop_file = choose, lambda name, content: page.js(DROP, name, base64.b64encode(content).decode())
    yield page
    until(lambda: sent(place) == [])


def sent(place):
    """What of uploads is still there."""
    return os.listdir(place.state / "uploads") if (place.state / "uploads").exists() else []


def pg_dump(live, *options):
    return subprocess.run([str(live.server.bin / "pg_dump"), *options, "-d", live.db], env=live.server.environment, capture_output=True, check=True).stdout


def rows(live, db, table="large"):
    sql = f"SELECT count(*) FROM {table}"
    return int(live.server.psql(sql, db) if live.ENGINE == "postgresql" else live.server.sql(sql, db))


def restored(page):
    page.see("what was restored equals the backup", 60)


def test_a_custom_dump_of_postgresql_goes_into_a_new_database(upload, pg):
    upload.choose_file("shop.dump", pg_dump(pg, "-Fc"))
    upload.see("PostgreSQL archive")
    assert upload.field("Where to").get("value") == "new:pg"
    upload.fill("Name of the new database", f"{pg.db}_restore_1")
    upload.click("Send and restore")
    restored(upload)
    assert rows(pg, f"{pg.db}_restore_1") == 200
    assert [line.split(" ", 1)[1] for line in (e.text for e in upload.all("ol.went li"))][-3:] == [
        "good Rehearsal: everything is written beside what is there", "good Comparison with the backup", "good Swap: what was rehearsed takes its place"]


def test_sql_text_of_mariadb_is_dropped_on_the_page(upload, my):
    upload.drop_file("my shop.sql", my.server.dump(my.db))
    upload.see("SQL text for MySQL or MariaDB")
    upload.fill("Name of the new database", f"{my.db}_restore_1")
    upload.click("Send and restore")
    restored(upload)
    assert rows(my, f"{my.db}_restore_1") == 200


def test_a_packed_dump_goes_over_live_once_its_name_is_typed(upload, my):
    dump = gzip.compress(my.server.dump(my.db))
    my.drift()
    upload.choose_file("shop.sql.gz", dump)
    upload.see("gzip-compressed SQL text for MySQL or MariaDB")
    upload.choose("Where to", "over my")
    upload.click("Send and restore")
    assert "3 tables" in upload.dialog().text
    upload.fill("Type my to go on", "my")
    upload.click("Replace it")
    upload.log_in_again("maria", PASSWORD)
    restored(upload)
    assert (rows(my, my.db), rows(my, my.db, "small")) == (200, 2)


def test_a_database_file_is_dropped_and_becomes_a_new_one(upload, place, tmp_path):
    make_shop(tmp_path / "shop.db")
    upload.drop_file("shop.db", (tmp_path / "shop.db").read_bytes())
    upload.see("SQLite database")
    upload.fill("New place", str(place.home / "restored.db"))
    upload.click("Send and restore")
    restored(upload)
    assert rows_of(place.home / "restored.db") == rows_of(tmp_path / "shop.db")


def test_a_file_that_is_nothing_known_is_refused_before_it_is_sent(upload, place):
    upload.choose_file("holiday.jpg", os.urandom(3_000_000))
    upload.see("holiday.jpg is none of")
    assert not upload.visible("//button[.='Send and restore']")
    upload.expect(422)


def test_a_cut_dump_is_refused_and_makes_nothing(upload, pg):
    dump, there = pg_dump(pg, "-Fc", "-Z0"), pg.beside("restore")
    upload.choose_file("cut.dump", dump[:len(dump) * 2 // 3])
    upload.see("PostgreSQL archive")
    upload.fill("Name of the new database", f"{pg.db}_restore_2")
    upload.click("Send and restore")
    problem = upload.text_at("//*[@class='problem']", seconds=60)
    assert "cut.dump" in problem and "uploads" not in problem
    assert pg.beside("restore") == there


@pytest.fixture
def slowly(browser):
    """The browser sends little at a time."""
    browser.network(upload=600_000)
    yield
    browser.network()


def large_file(page, place, tmp_path):
    """Chosen, and where to."""
    db = sqlite3.connect(tmp_path / "large.db")
    db.execute("CREATE TABLE t(b)")
    db.execute("INSERT INTO t VALUES (randomblob(20000000))")
    db.commit()
    db.close()
    page.choose_file("large.db", (tmp_path / "large.db").read_bytes())
    page.fill("New place", str(place.home / "large.db"))


def test_an_upload_is_cancelled_half_way(upload, place, tmp_path, slowly):
    large_file(upload, place, tmp_path)
    upload.click("Send and restore")
    until(lambda: [n for n in sent(place) if (place.state / "uploads" / n).stat().st_size > 1_100_000])
    assert 0 < float(upload.one("progress[aria-label=Upload]").get("value")) < 20_000_000
    upload.click("Cancel the upload")
    upload.see("The upload was cancelled. Nothing of it was kept, and nothing was changed.")
    until(lambda: sent(place) == [])
    assert not (place.home / "large.db").exists()


def test_a_connection_lost_half_way_is_told(upload, place, tmp_path, slowly):
    with Proxy(place.port) as proxy:
        through = f"http://127.0.0.1:{proxy.port}"
        upload.open(f"{through}/#/restore")
        upload.heading("Restore from a file")
        large_file(upload, place, tmp_path)
        upload.click("Send and restore")
        until(lambda: [n for n in sent(place) if (place.state / "uploads" / n).stat().st_size > 1_100_000])
    upload.see("the connection was lost during the upload")
    upload.see("send the file again")
    until(lambda: sent(place) == [])
    assert not (place.home / "large.db").exists()
    upload.open("about:blank")
    upload.collect()
    upload.errors[:] = [e for e in upload.errors if "ERR_" not in e]
    upload.requests[:] = [u for u in upload.requests if not u.startswith(f"{through}/")]
