"""SQLite databases in use: backups under writers, restores into live files, undo."""
import os
import pathlib
import signal
import sqlite3
import subprocess
import sys
import time

import pytest
from conftest import make_shop, rows_of
from waiting import until

# Moves money between accounts in transactions, one after the other, and appends a marker row; prints each committed marker.
# It takes a breath now and then: without one a rollback journal lets readers in by luck alone, and the test does nothing but wait for it.
WRITER = """
import random, sqlite3, sys, time
db = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)
n = 0
while True:
    a, b, x = random.sample(range(1, 101), 2) + [random.randint(1, 50)]
    db.execute('BEGIN IMMEDIATE')
    db.execute('UPDATE accounts SET balance = balance - ? WHERE id = ?', (x, a))
    db.execute('UPDATE accounts SET balance = balance + ? WHERE id = ?', (x, b))
    n += 1
    db.execute('INSERT INTO markers VALUES (?)', (n,))
    db.execute('COMMIT')
    print(n, flush=True)
    if n % 4 == 0:
        time.sleep(0.003)
"""


@pytest.fixture(params=["wal", "delete"])
def busy_database(request, home):
    """A database with a process writing to it all the time; yields its path and a function that tells the last committed marker."""
    path = home / "bank.db"
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA journal_mode={request.param}")
    db.execute("CREATE TABLE accounts(id INTEGER PRIMARY KEY, balance INTEGER, padding BLOB)")
    db.execute("CREATE TABLE markers(n INTEGER PRIMARY KEY)")
    db.executemany("INSERT INTO accounts VALUES (?, 1000, ?)", [(i, b"x" * 3000) for i in range(1, 101)])
    db.commit()
    db.close()
    log = open(home.parent / "markers", "w+")
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=log)

    def last_marker():
        lines = pathlib.Path(log.name).read_text().split()
        return int(lines[-1]) if lines else 0

    try:
        until(last_marker, "the first transaction", process=writer)
        yield path, last_marker
    finally:
        writer.kill()
        writer.wait()
        log.close()


def test_B5_B7_a_hundred_restores_of_a_database_under_a_writer_hold_every_committed_row_and_the_same_sum(busy_database, initialised, tmp_path):
    path, last_marker = busy_database
    for turn in range(50):                       # 50 in each journal mode
        before = last_marker()
        program = initialised if turn < 5 else initialised.plain
        program("backup", path, "--check", "none" if turn % 5 else "full")
        out = tmp_path / f"out {turn}.db"
        program("restore", "latest", "--to", out, "--yes")
        db = sqlite3.connect(out)
        assert db.execute("SELECT sum(balance), count(*) FROM accounts").fetchone() == (100_000, 100)
        markers, newest = db.execute("SELECT count(*), max(n) FROM markers").fetchone()
        assert markers == newest >= before
        db.close()
        out.unlink()


def test_P8_two_restores_are_undone_one_after_the_other(initialised, shop):
    states = [rows_of(shop)]
    initialised.plain("backup", "shop.db")
    first = initialised.plain("list", "--json").json["backups"][0]["id"]
    for name in ("second", "third"):
        db = sqlite3.connect(shop)
        db.execute("INSERT INTO customers(name) VALUES (?)", (name,))
        db.commit()
        db.close()
        states.append(rows_of(shop))
        if name == "second":
            initialised.plain("backup", "shop.db")
            second = [b["id"] for b in initialised.plain("list", "--json").json["backups"] if b["id"] != first][0]
    initialised("restore", first, "--yes")
    assert rows_of(shop) == states[0]
    initialised("restore", second, "--yes")
    assert rows_of(shop) == states[1]
    initialised("restore", "--undo", "--yes")
    assert rows_of(shop) == states[0]
    initialised("restore", "--undo", "--yes")
    assert rows_of(shop) == states[2]
    result = initialised.fails(4, "restore", "--undo", "--yes")
    assert "there is nothing to undo: no restore replaced anything, or all were undone" in result.err


def test_R11_a_restore_into_a_live_wal_database_with_an_open_writer_replays_nothing_stale(initialised, home):
    path = home / "app.db"
    writer = sqlite3.connect(path, isolation_level=None)
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("PRAGMA wal_autocheckpoint=0")
    writer.execute("CREATE TABLE t(x)")
    writer.executemany("INSERT INTO t VALUES (?)", [(i,) for i in range(1000)])
    initialised.plain("backup", path)
    writer.execute("DELETE FROM t WHERE x % 2")
    writer.execute("CREATE TABLE later(y)")
    assert os.path.getsize(str(path) + "-wal") > 0
    initialised("restore", "latest", "--yes")
    assert writer.execute("SELECT count(*), sum(x) FROM t").fetchone() == (1000, 499500)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        writer.execute("SELECT * FROM later")
    assert writer.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    writer.close()
    assert rows_of(path)[b"t".decode()] == sorted([(i,) for i in range(1000)], key=repr)


def test_a_restore_killed_at_any_moment_leaves_the_live_database_old_or_new_never_between(initialised, home):
    shop = make_shop(home / "shop.db", orders=3000)
    new = rows_of(shop)
    initialised.plain("backup", "shop.db")
    backup = initialised.plain("list", "--json").json["backups"][0]["id"]
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM orders WHERE id % 2")
    db.execute("CREATE TABLE extra AS SELECT * FROM customers")
    db.commit()
    db.close()
    old = rows_of(shop)
    seen = set()
    delay, struck = 0.0, 0
    while struck < 40:
        child = initialised.plain.start("restore", backup, "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(delay)
        child.send_signal(signal.SIGKILL)
        finished = child.wait() == 0
        # Opened for writing first, as the application would: that rolls a hot journal back.
        assert sqlite3.connect(shop).execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        state = rows_of(shop)
        assert state in (old, new)
        seen.add(state == new)
        if state == new:
            initialised.plain("unlock")
            initialised.plain("restore", "--undo", "--yes")
            assert rows_of(shop) == old
        struck += 1
        delay = 0.0 if finished else delay + 0.006
    initialised("unlock")
    initialised("restore", backup, "--yes")
    assert rows_of(shop) == new
    left = [p.name for p in home.iterdir() if p.name not in ("shop.db", "shop.db-wal", "shop.db-shm", "shop.db-journal")]
    assert left == [], "scratch files stay behind"


def test_R10_a_restore_never_writes_over_a_file_of_another_kind(initialised, shop, home):
    initialised.plain("backup", "shop.db")
    (home / "notes.txt").write_text("precious")
    result = initialised.fails(6, "restore", "latest", "--to", "notes.txt", "--yes")
    assert "backstay: restoring shop.db: notes.txt is not an SQLite database\n" in result.err
    assert (home / "notes.txt").read_text() == "precious"


@pytest.mark.parametrize("status, damage, hint", [
    (6, lambda whole: b"X" * 100 + whole[100:], "if it is a damaged one, move it aside and restore again"),
    (5, lambda whole: whole[:9000], "nothing was changed; move the damaged database aside, with shop.db-wal and shop.db-journal where they are, and restore again"),
    (5, lambda whole: whole[:100] + b"X" * 300 + whole[400:], "nothing was changed; move the damaged database aside, with shop.db-wal and shop.db-journal where they are, and restore again"),
], ids=["header", "cut", "schema"])
def test_a_database_too_damaged_to_be_written_is_left_and_the_way_out_is_said(initialised, shop, status, damage, hint):
    before = rows_of(shop)
    initialised.plain("backup", "shop.db")
    damaged = damage(shop.read_bytes())
    shop.write_bytes(damaged)
    result = initialised.fails(status, "restore", "latest", "--yes")
    assert result.err.endswith(f"\n  try: {hint}\n")
    assert shop.read_bytes() == damaged
    shop.rename(shop.with_suffix(".broken"))
    initialised("restore", "latest", "--yes")
    assert rows_of(shop) == before


def test_chosen_tables_are_restored_exactly_and_others_stay_as_they_are(initialised, shop):
    before = rows_of(shop)
    initialised.plain("backup", "shop.db")
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM settings")
    db.execute("INSERT INTO settings VALUES ('stray', 1)")
    db.execute("UPDATE customers SET name = 'changed' WHERE id = 1")
    db.commit()
    db.close()
    changed = rows_of(shop)
    initialised("restore", "latest", "--table", "settings", "--yes")
    after = rows_of(shop)
    assert after["settings"] == before["settings"]
    assert after["customers"] == changed["customers"] != before["customers"]
    result = initialised.fails(4, "restore", "latest", "--table", "nothing", "--yes")
    assert "nothing" in result.err
    assert rows_of(shop) == after


def test_R5_preserving_fills_in_what_is_missing_and_changes_no_row_that_is_there(initialised, shop):
    before = rows_of(shop)
    initialised.plain("backup", "shop.db")
    db = sqlite3.connect(shop)
    db.execute("UPDATE customers SET name = 'newer' WHERE id = 2")
    db.execute("DELETE FROM customers WHERE id BETWEEN 40 AND 50")
    db.execute("DELETE FROM settings")
    db.commit()
    db.close()
    initialised("restore", "latest", "--mode", "preserve", "--yes")
    after = rows_of(shop)
    assert after["settings"] == before["settings"]
    assert {r[0]: r for r in after["customers"]}[2][1] == b"newer"
    assert len(after["customers"]) == len(before["customers"])


def test_an_untouched_database_is_not_read_again(initialised, shop):
    old = time.time() - 3600
    os.utime(shop, (old, old))
    initialised("backup", "shop.db")
    time.sleep(2.1)                              # the inode's change time must be older than the moment it was noted
    initialised("backup", "shop.db")
    third = initialised("backup", "shop.db", "--json").json
    assert third["sources"][0]["unchanged"] is True
    assert third["bytes_read"] < 10_000
