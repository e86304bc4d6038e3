"""Backups of MariaDB databases restored for proof's sake, to a throw-away server."""
import pathlib

from my_objects import comparable, make_everything
from test_my_restore import backed_up, client  # noqa: F401 (a fixture)



def test_level_3_and_4_hold_for_a_database_with_everything(initialised, mariadb, tmp_path):
    db = make_everything(mariadb, small_tables=5)
    mariadb.sql("CREATE OR REPLACE USER elsewhere@'10.%'; CREATE DEFINER=elsewhere@'10.%' VIEW theirs AS SELECT id FROM my", db)
    mariadb.sql(f"GRANT ALL ON `{db}`.* TO elsewhere@'10.%'")
    before = comparable(mariadb, db)
    backup = backed_up(initialised, mariadb, db)
    result = initialised("verify", backup, "--level", "4")
    assert f"{db} restored to a scratch database: 21 tables, 29 rows" in result.out
    assert f"{db}: 21 tables with 29 rows, 4 views, 3 triggers, 3 routines, 2 events, 1 sequences, as in the manifest" in result.out
    assert "rows of 21 tables equal to those backed up, by their hashes" in result.out
    # Nothing of it was the real server's business, and nothing is left.
    assert comparable(mariadb, db) == before
    assert list(pathlib.Path(tmp_path / "tmp").iterdir()) == []
    mariadb.drop(db)
    mariadb.sql("DROP USER elsewhere@'10.%'")


def test_level_4_finds_a_row_that_came_back_changed(initialised, mariadb, client):  # noqa: F811
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t (id int PRIMARY KEY, v varchar(10)); INSERT INTO t VALUES (1,'one'),(2,'two')", db)
    backup = backed_up(initialised, mariadb, db)
    client("sed -u \"s/^(2,'two')/(2,'six')/\" | $CLIENT \"$@\"")
    initialised("verify", backup, "--level", "3")
    result = initialised.fails(5, "verify", backup, "--level", "4")
    assert 'the rows of table "t" differ from those that were backed up' in result.err + result.out
    mariadb.drop(db)


def test_an_empty_database_is_a_legal_one(initialised, mariadb):
    db = mariadb.create()
    backup = backed_up(initialised, mariadb, db)
    assert f"{db} restored to a scratch database: 0 tables, 0 rows" in initialised("verify", backup, "--level", "4").out
    mariadb.drop(db)
