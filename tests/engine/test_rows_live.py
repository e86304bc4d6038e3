"""Runs the C tests of live rows (tests/unit/engine/test_rows_live.c), which need servers."""
import pathlib
import subprocess

from conftest import BACKSTAY

PROGRAM = pathlib.Path(BACKSTAY).parent / "tests" / "unit" / "test_engine_rows_live"


def test_rows_of_live_servers(environment, postgres, fresh_database, mariadb):
    ours = fresh_database("""CREATE TABLE t(id integer PRIMARY KEY, n numeric(10,2), b bytea, s text);
                             INSERT INTO t SELECT i, i * 0.5, '\\x00ff', 's' || i FROM generate_series(1, 1000) i; CREATE SEQUENCE numbers""")
    theirs = mariadb.create()
    mariadb.sql("CREATE TABLE t(id int PRIMARY KEY, n decimal(10,2), b varbinary(10), s text); INSERT INTO t SELECT seq, seq * 0.5, x'00ff', CONCAT('s', seq) FROM seq_1_to_1000", theirs)
    try:
        done = subprocess.run([PROGRAM], env={**environment, "ROWS_LIVE_POSTGRESQL": postgres.url(ours), "ROWS_LIVE_MYSQL": mariadb.url(theirs)}, capture_output=True, text=True)
    finally:
        mariadb.drop(theirs)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "[  PASSED  ] 10 test(s)." in done.stdout + done.stderr and "SKIPPED" not in done.stdout + done.stderr
