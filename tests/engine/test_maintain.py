"""info, optimize, check-tables and repair of MariaDB and SQLite databases."""
import os
import signal
import sqlite3
import subprocess

import pytest
from conftest import make_shop, rows_of
from waiting import until


def answers(result):
    return [(t["table"], t["state"], t["message"]) for t in result.json["tables"]]


# ---- MariaDB ----

def test_info_tells_sizes_and_versions_of_mariadb(backstay, mariadb):
    db = mariadb.create()
    mariadb.sql("""CREATE TABLE b(id INT PRIMARY KEY, x TEXT, KEY (x(10))); INSERT INTO b SELECT seq, REPEAT('y', 100) FROM seq_1_to_1000;
        CREATE TABLE A(a INT) ENGINE=MyISAM; INSERT INTO A VALUES (1), (2), (3); CREATE VIEW v AS SELECT 1; ANALYZE TABLE b""", db)
    info = backstay("info", "--json", mariadb.url(db)).json
    assert info["name"] == db and info["encoding"] == "utf8mb4"
    assert info["version"] == "MariaDB " + mariadb.sql("SELECT VERSION()").split("-")[0]
    assert [(t["name"], t["kind"], t["rows_exact"]) for t in info["tables"]] == [("A", "MyISAM", True), ("b", "InnoDB", False)]
    assert info["tables"][0]["rows"] == 3 and 900 <= info["tables"][1]["rows"] <= 1100
    assert info["tables"][1]["bytes"] > info["tables"][1]["index_bytes"] > 0
    assert info["bytes"] == sum(t["bytes"] for t in info["tables"]) and info["notes"] == []


def test_optimize_gives_back_the_room_of_deleted_rows(backstay, mariadb):
    db = mariadb.create()
    mariadb.sql("""CREATE TABLE big(id INT PRIMARY KEY, x LONGTEXT); INSERT INTO big SELECT seq, REPEAT('x', 5000) FROM seq_1_to_4000;
        DELETE FROM big WHERE id > 10; CREATE TABLE small(a INT) ENGINE=MyISAM""", db)
    done = backstay("optimize", "--json", mariadb.url(db))
    assert answers(done) == [("big", "ok", "Table does not support optimize, doing recreate + analyze instead"), ("small", "ok", "Table is already up to date")]
    assert done.json["done"] == 2 and done.json["failed"] == 0
    assert done.json["tables"][0]["reclaimed"] > 10_000_000
    assert mariadb.sql("SELECT COUNT(*) FROM big", db) == "10\n"


def test_versioned_tables_keep_their_history_when_optimized(backstay, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE v(id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING; INSERT INTO v VALUES (1, 1); UPDATE v SET x = 2", db)
    assert [state for _, state, _ in answers(backstay("optimize", "--json", mariadb.url(db)))] == ["ok"]
    assert mariadb.sql("SELECT x FROM v FOR SYSTEM_TIME ALL ORDER BY x", db) == "1\n2\n"


def test_a_table_that_is_not_there_is_told_before_anything_is_done(backstay, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t(a INT)", db)
    done = backstay.fails(4, "optimize", mariadb.url(db), "--table", "t", "--table", "gone")
    assert f"{db} has no table gone" in done.err and done.out == ""


def test_a_damaged_table_is_found_and_repaired(initialised, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE m(a INT, b VARCHAR(50), KEY(a)) ENGINE=MyISAM; INSERT INTO m SELECT seq, REPEAT('b', 40) FROM seq_1_to_3000; "
                "CREATE TABLE i(a INT); FLUSH TABLES", db)
    index = mariadb.folder / "data" / db / "m.MYI"
    os.truncate(index, 2048)
    found = initialised.run("check-tables", "--json", mariadb.url(db))
    assert found.status != 0
    (name, state, message), other = sorted(answers(found), reverse=True)
    assert (name, state) == ("m", "failed") and message
    assert other == ("i", "ok", "OK")
    refused = initialised.run("repair", mariadb.url(db))
    assert refused.status != 0 and mariadb.sql("CHECK TABLE m", db).splitlines()[-1].split("\t")[2:] != ["status", "OK"]
    done = initialised("repair", "--force", "--json", mariadb.url(db))
    (name, state, message), (other, skipped, words) = sorted(answers(done), reverse=True)
    assert (name, state) == ("m", "ok")
    assert (other, skipped, words) == ("i", "skipped", "The storage engine for the table doesn't support repair")
    assert mariadb.sql("SELECT COUNT(*), SUM(a) FROM m", db) == "3000\t4501500\n"
    assert mariadb.sql("CHECK TABLE m", db).endswith("\tcheck\tstatus\tOK\n")


def test_a_broken_view_is_found(backstay, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t(a INT); CREATE VIEW v AS SELECT * FROM t; DROP TABLE t", db)
    done = backstay.run("check-tables", "--json", mariadb.url(db))
    assert done.status != 0
    (name, state, message), = answers(done)
    assert (name, state) == ("v", "failed") and f"Table '{db}.t' doesn't exist" in message


def test_cancelling_ends_the_statement_on_the_server(backstay, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t(a INT)", db)
    holder = subprocess.Popen(["mariadb", *mariadb._login(), "--unbuffered", db], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    holder.stdin.write(b"LOCK TABLES t WRITE; SELECT 'locked';\n")
    holder.stdin.flush()
    assert holder.stdout.readline() == b"locked\n"
    waiting = f"SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE 'OPTIMIZE TABLE `{db}`%'"
    try:
        running = backstay.start("optimize", mariadb.url(db), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda: mariadb.sql(waiting) == "1\n", "the wait for the lock", process=running)
        running.send_signal(signal.SIGINT)
        said = running.communicate(timeout=30)[1].decode()
        assert running.returncode not in (0, -signal.SIGKILL) and "cancelled" in said
        assert mariadb.sql(waiting) == "0\n"
    finally:
        holder.kill()
        holder.communicate()


# ---- SQLite ----

def test_info_tells_sizes_of_sqlite(backstay, shop):
    info = backstay("info", "--json", shop).json
    assert info["name"] == "shop.db" and info["version"].startswith("SQLite 3.") and info["encoding"] == "UTF-8"
    assert info["bytes"] == shop.stat().st_size
    assert {t["name"]: (t["rows"], t["rows_exact"]) for t in info["tables"]} == {
        "customers": (50, True), "orders": (200, True), "settings": (4, True)}
    orders = next(t for t in info["tables"] if t["name"] == "orders")
    assert orders["bytes"] > orders["index_bytes"] > 0


def test_sqlite_is_compacted_and_says_by_how_much(backstay, shop):
    db = sqlite3.connect(shop)
    db.execute("CREATE TABLE bulk(x)")
    db.executemany("INSERT INTO bulk VALUES (?)", [("y" * 1000,)] * 2000)
    db.execute("DELETE FROM bulk")
    db.commit()
    db.close()
    before, rows = shop.stat().st_size, rows_of(shop)
    assert "optimize gives them back" in backstay("info", shop).err
    done = backstay("optimize", "--json", shop)
    assert answers(done) == [(None, "ok", "VACUUM and ANALYZE")]
    assert done.json["tables"][0]["reclaimed"] == before - shop.stat().st_size > 1_500_000
    after = rows_of(shop)
    assert after == rows


def test_a_sound_sqlite_database_is_told_so_table_by_table(backstay, shop):
    assert answers(backstay("check-tables", "--json", shop)) == [
        (None, "ok", "ok"), ("customers", "ok", "ok"), ("orders", "ok", "ok"), ("settings", "ok", "ok")]
    assert answers(backstay("check-tables", "--json", shop, "--table", "orders")) == [("orders", "ok", "ok")]
    assert answers(backstay("repair", "--force", "--json", shop)) == [(None, "ok", "nothing to repair")]


def test_rows_that_refer_to_nothing_are_found(backstay, shop):
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM customers WHERE id IN (3, 4)")
    orphans, = db.execute("SELECT COUNT(*) FROM orders WHERE customer IN (3, 4)").fetchone()
    db.commit()
    db.close()
    done = backstay.run("check-tables", "--json", shop)
    assert done.status != 0
    assert ("orders", "failed", f"{orphans} rows refer to nothing in customers") in answers(done)


@pytest.fixture
def keys(home):
    """A database with an index whose entries are easily found in the file."""
    path = home / "keys.db"
    db = sqlite3.connect(path)
    db.executescript("PRAGMA page_size = 4096; PRAGMA user_version = 7; CREATE TABLE k(id INTEGER PRIMARY KEY, name TEXT, more TEXT); CREATE INDEX k_name ON k(name);"
                     "CREATE TABLE other(a); CREATE VIEW v AS SELECT name FROM k; CREATE TABLE seq(id INTEGER PRIMARY KEY AUTOINCREMENT)")
    db.executemany("INSERT INTO k VALUES (?, ?, ?)", [(i, f"name-{i:05}", "m" * 200) for i in range(1, 1001)])
    db.execute("INSERT INTO other VALUES (1)")
    db.execute("INSERT INTO seq VALUES (50)")
    db.execute("DELETE FROM seq")
    db.commit()
    db.close()
    return path


def pages_of(path, name):
    db = sqlite3.connect(path)
    found = [n for (n,) in db.execute("SELECT pageno FROM dbstat WHERE name = ? AND pagetype = 'leaf'", (name,))]
    db.close()
    return found


def overwrite(path, page, change):
    with open(path, "r+b") as f:
        f.seek((page - 1) * 4096)
        old = f.read(4096)
        f.seek((page - 1) * 4096)
        f.write(change(old))


def damage_index(path):
    page = pages_of(path, "k_name")[0]
    overwrite(path, page, lambda old: old.replace(b"name-0000", b"nbme-0000"))


def test_damaged_sqlite_indexes_are_found_and_built_anew(initialised, keys):
    rows = rows_of(keys)
    damage_index(keys)
    found = initialised.run("check-tables", "--json", keys)
    assert found.status != 0
    states = {t: (s, m) for t, s, m in answers(found)}
    assert states[None][0] == states["k"][0] == "failed" and "k_name" in states["k"][1] and states["other"] == ("ok", "ok")
    assert initialised.run("repair", keys).status != 0
    done = initialised("repair", "--force", "--json", keys)
    assert answers(done) == [(None, "ok", "the indexes were damaged and have been built anew")]
    assert answers(initialised("check-tables", "--json", keys))[0] == (None, "ok", "ok")
    assert rows_of(keys) == rows


def test_a_damaged_sqlite_database_whose_rows_can_all_be_read_is_built_anew(backstay, keys):
    rows = rows_of(keys)
    db = sqlite3.connect(keys)
    db.executescript("PRAGMA writable_schema = ON; DELETE FROM sqlite_schema WHERE name = 'k_name'")
    db.close()
    assert "never used" in str(answers(backstay.run("check-tables", "--json", keys)))
    done = backstay("repair", "--force", "--json", keys)
    assert answers(done) == [(None, "ok", "built anew from its 1,001 rows, all of which could be read")]
    assert answers(backstay("check-tables", "--json", keys))[0] == (None, "ok", "ok")
    assert rows_of(keys) == rows
    db = sqlite3.connect(keys)
    assert db.execute("PRAGMA user_version").fetchone() == (7,)
    assert db.execute("SELECT COUNT(*) FROM v").fetchone() == (1000,)
    assert db.execute("SELECT * FROM sqlite_sequence").fetchall() == [("seq", 50)]
    db.close()
    assert [p.name for p in keys.parent.iterdir() if p.name.startswith("keys.db")] == ["keys.db"]


def test_a_sqlite_database_that_lost_rows_is_left_alone_and_what_can_be_read_is_put_beside_it(backstay, keys):
    leaves = pages_of(keys, "k")
    overwrite(keys, leaves[len(leaves) // 2], lambda old: b"\xff" * 4096)
    before = keys.read_bytes()
    done = backstay.run("repair", "--force", "--json", keys)
    assert done.status != 0
    (table, state, message), = answers(done)
    assert (table, state) == (None, "failed")
    assert message.startswith("rows are lost, so that the database was left as it is: k (") and "restore the last good backup" in message
    assert keys.read_bytes() == before
    beside, = [p for p in keys.parent.iterdir() if p.name.startswith("keys.db.recovered-") and not p.name.endswith("-journal")]
    assert str(beside) in message
    saved = sqlite3.connect(beside)
    ids = [i for (i,) in saved.execute("SELECT id FROM k ORDER BY id")]
    assert ids[0] == 1 and ids[-1] == 1000 and 950 < len(ids) < 1000
    assert saved.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    saved.close()


def test_sqlite_works_on_the_whole_file_only(backstay, shop):
    assert "SQLite compacts a database as a whole" in backstay.fails(2, "optimize", shop, "--table", "orders").err
    assert "SQLite repairs a database as a whole" in backstay.fails(2, "repair", "--force", shop, "--table", "orders").err
    assert "has no table gone" in backstay.fails(4, "check-tables", shop, "--table", "gone").err


def test_optimize_of_a_file_that_is_no_database_changes_nothing(backstay, home):
    (home / "x.db").write_bytes(b"not a database at all" * 100)
    done = backstay.run("optimize", "sqlite:x.db")
    assert done.status != 0 and "is not" in done.err
    assert (home / "x.db").read_bytes() == b"not a database at all" * 100


def test_rows_of_a_shop_survive_all_care(backstay, home):
    path = make_shop(home / "care.db", 500)
    rows = rows_of(path)
    for command in (["optimize"], ["check-tables"], ["repair", "--force"]):
        backstay(*command, path)
    assert rows_of(path) == rows
