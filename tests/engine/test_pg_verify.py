"""Rehearsals of PostgreSQL backups on throw-away servers."""
import os
import pathlib
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(__file__))
from pg_objects import EVERYTHING, drop_roles  # noqa: E402


def servers_of(home):
    """Server processes that were started with this home folder in their environment."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "cmdline").read_bytes().split(b"\0")[0].endswith(b"/postgres") and os.fsencode(home) in (entry / "environ").read_bytes():
                    found.append(entry.name)
            except OSError:
                pass
    return found


def test_a_rehearsal_of_everything_compares_row_hashes(initialised, postgres, fresh_database):
    db = fresh_database(EVERYTHING)
    try:
        initialised("backup", postgres.url(db))
        three = initialised("verify", "latest", "--level", "3").out
        assert f"{db} restored to a scratch database: " in three
        four = initialised("verify", "latest", "--level", "4").out
        assert "dumped again and compared: row hashes of " in four
    finally:
        postgres.drop(db)
        drop_roles(postgres)


def test_an_empty_database_can_be_verified(initialised, postgres, fresh_database):
    initialised("backup", postgres.url(fresh_database()))
    assert "0 tables, 0 rows" in initialised("verify", "latest", "--level", "4").out


def test_a_rehearsal_that_fails_names_the_statement(initialised, postgres, fresh_database):
    db = fresh_database("CREATE TABLE rates(v int); INSERT INTO rates VALUES (2); CREATE TABLE prices(p int); INSERT INTO prices VALUES (1);"
                        "CREATE FUNCTION rate() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT max(v) FROM rates'; CREATE INDEX priced ON prices ((p * rate()))")
    initialised("backup", postgres.url(db))
    result = initialised.run("verify", "latest", "--level", "3")
    assert result.status != 0 and "INDEX public.priced" in result.out + result.err and 'relation "rates" does not exist' in result.out + result.err


def test_a_killed_rehearsal_leaves_no_server(initialised, postgres, fresh_database, environment):
    db = fresh_database("CREATE FUNCTION slow(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN IF current_database() ~ '_restore_' THEN PERFORM pg_sleep(600); END IF;"
                        "RETURN true; END $$; CREATE TABLE t(i int CHECK (slow(i))); INSERT INTO t VALUES (1)")
    initialised("backup", postgres.url(db))
    process = initialised.start("verify", "latest", "--level", "3", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not servers_of(environment["BACKSTAY_HOME"]):
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    while servers_of(environment["BACKSTAY_HOME"]):
        assert time.monotonic() < until
        time.sleep(0.05)
