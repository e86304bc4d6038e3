"""Backups of MariaDB databases restored for proof's sake, to a throw-away server or to one that is named."""
import pathlib
import signal
import subprocess

import pytest
from hidden import reached, without_programs
from my_objects import comparable, databases, make_everything
from servers import MariadbServer
from test_my_restore import backed_up, client, held, held_script  # noqa: F401 (a fixture)


@pytest.fixture(scope="module")
def second():
    """The server that is named for verification."""
    with MariadbServer() as server:
        yield server


@pytest.fixture
def no_server(initialised):
    """backstay on a machine with MariaDB's clients, but without its server."""
    return without_programs(initialised, "mariadbd", "mariadb-install-db")


def test_level_3_and_4_hold_for_a_database_with_everything(initialised, mariadb, tmp_path):
    db = make_everything(mariadb, small_tables=5)
    mariadb.sql("CREATE OR REPLACE USER elsewhere@'10.%'; CREATE DEFINER=elsewhere@'10.%' VIEW theirs AS SELECT id FROM my", db)
    mariadb.sql(f"GRANT ALL ON `{db}`.* TO elsewhere@'10.%'")
    before = comparable(mariadb, db)
    initialised("backup", mariadb.url(db))
    result = initialised("verify", "latest", "--level", "4")
    assert f"{db} restored to a scratch database on a throw-away server: 21 tables, 29 rows" in result.out
    assert f"{db} compared: 21 tables with 29 rows, 5 views, 3 triggers, 3 routines, 2 events, 1 sequence, as in the manifest" in result.out
    assert f"{db} dumped again and compared: row hashes of 21 tables equal" in result.out
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
    env = {"BACKSTAY_VERIFY_MYSQL": mariadb.url("mysql")}
    initialised("verify", backup, "--level", "3", env=env)
    result = initialised.fails(5, "verify", backup, "--level", "4", env=env)
    assert 'the rows of table "t" differ from those that were backed up' in result.err + result.out
    mariadb.drop(db)


def test_an_empty_database_is_a_legal_one(initialised, mariadb):
    db = mariadb.create()
    backup = backed_up(initialised, mariadb, db)
    told = initialised("verify", backup, "--level", "4", env={"BACKSTAY_VERIFY_MYSQL": mariadb.url("mysql")}).out
    assert f"{db} restored to a scratch database on the verify server {mariadb.socket}: 0 tables, 0 rows" in told
    mariadb.drop(db)


# ---- the server that BACKSTAY_VERIFY_MYSQL names ----

def test_a_named_server_is_used_first_and_left_as_it_was(initialised, mariadb, second):
    db = make_everything(mariadb)
    mariadb.sql("CREATE OR REPLACE USER elsewhere@'10.%'; CREATE DEFINER=elsewhere@'10.%' VIEW theirs AS SELECT 1 AS one", db)
    before = databases(second)
    backup = backed_up(initialised, mariadb, db)
    out = initialised("verify", backup, "--level", "4", env={"BACKSTAY_VERIFY_MYSQL": second.url("mysql", tcp=True)}).out
    assert f"{db} restored to a scratch database on the verify server 127.0.0.1:{second.port}: " in out
    assert f"{db} compared: " in out and f"{db} dumped again and compared: row hashes of " in out and "backstay_verify" not in out
    assert databases(second) == before
    mariadb.drop(db)
    mariadb.sql("DROP USER elsewhere@'10.%'")


def test_without_a_server_here_or_named_level_2_is_what_was_reached(initialised, mariadb, second, no_server, home):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)", db)
    backup = backed_up(initialised, mariadb, db)
    assert f"{db} was not rehearsed: mariadbd is not installed, which a throw-away server for the rehearsal needs" in no_server("verify", backup, "--level", "4").out
    assert reached(no_server("verify", backup, "--level", "4", "--json")) == "structure"
    env = {"BACKSTAY_VERIFY_MYSQL": second.url("mysql")}
    assert f"{db} restored to a scratch database on the verify server {second.socket}: 1 table, 1 row" in no_server("verify", backup, "--level", "4", env=env).out
    assert reached(no_server("verify", backup, "--level", "4", "--json", env=env)) == "compared"
    # A folder's rehearsal says nothing of the database in the same backup.
    (home / "media").mkdir()
    (home / "media" / "a").write_text("a")
    both = initialised("backup", mariadb.url(db), "media", "--json").json["id"]
    result = no_server("verify", both, "--level", "4", "--json")
    assert reached(result) == "structure"
    assert "media compared: every byte of 1 file equal" in result.json["results"][0]["evidence"]
    mariadb.drop(db)


def test_events_are_not_restored_to_a_named_server_where_they_would_happen(initialised, mariadb, second):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t (id int PRIMARY KEY); CREATE EVENT e ON SCHEDULE EVERY 1 SECOND DO DELETE FROM t", db)
    backup = backed_up(initialised, mariadb, db)
    before = databases(second)
    second.sql("SET GLOBAL event_scheduler = ON")
    try:
        result = initialised("verify", backup, "--level", "3", "--json", env={"BACKSTAY_VERIFY_MYSQL": second.url("mysql")})
        told = initialised("verify", backup, "--level", "3", env={"BACKSTAY_VERIFY_MYSQL": second.url("mysql")}).out
    finally:
        second.sql("SET GLOBAL event_scheduler = OFF")
    assert f"{db} was not rehearsed: the backup holds events, which can be restored but must not happen, and the verify server {second.socket} has event_scheduler=ON " \
           "instead of OFF" in told
    assert reached(result) == "structure" and databases(second) == before
    mariadb.drop(db)


def test_a_password_of_the_named_server_never_shows(initialised, mariadb, second):
    db = mariadb.create()
    backup = backed_up(initialised, mariadb, db)
    wrong = {"BACKSTAY_VERIFY_MYSQL": f"mysql://nobody:hush-hush@127.0.0.1:{second.port}/mysql"}
    failed = initialised.fails(8, "verify", backup, "--level", "3", env=wrong)
    assert "connecting to the server for verification" in failed.err and "hush" not in failed.err + failed.out
    for url in ("hush-hush@127.0.0.1/mysql", "me:hush-hush@127.0.0.1/mysql", "postgresql://me:hush-hush@127.0.0.1/mysql"):
        failed = initialised.fails(2, "verify", backup, "--level", "3", env={"BACKSTAY_VERIFY_MYSQL": url})
        assert "BACKSTAY_VERIFY_MYSQL does not hold the URL of a MySQL or MariaDB server" in failed.err and "hush" not in failed.err + failed.out
    mariadb.drop(db)


def test_one_who_may_make_only_such_databases_is_enough(initialised, mariadb, second):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT * FROM t; "
                "CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1; CREATE TRIGGER g BEFORE INSERT ON t FOR EACH ROW SET NEW.id = NEW.id", db)
    backup = backed_up(initialised, mariadb, db)
    second.sql("CREATE OR REPLACE USER prover@localhost IDENTIFIED BY 'hush-hush'")
    env = {"BACKSTAY_VERIFY_MYSQL": second.url("mysql", user="prover", password="hush-hush")}
    failed = initialised.fails(8, "verify", backup, "--level", "4", env=env)
    assert "GRANT ALL ON `backstay\\_verify\\_%`.* TO the user of BACKSTAY_VERIFY_MYSQL" in failed.err
    second.sql("GRANT ALL ON `backstay\\_verify\\_%`.* TO prover@localhost")
    out = initialised("verify", backup, "--level", "4", env=env).out
    assert f"{db} dumped again and compared: row hashes of 1 table equal" in out and "1 view, 1 trigger, 1 routine, as in the manifest" in out
    second.sql("DROP USER prover@localhost")
    mariadb.drop(db)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_an_ended_verification_leaves_on_the_named_server_goes(initialised, mariadb, second, how, client):  # noqa: F811
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)", db)
    backup = backed_up(initialised, mariadb, db)
    before = databases(second)
    env = {"BACKSTAY_VERIFY_MYSQL": second.url("mysql")}
    folder = client("true")
    client(held_script(folder))
    with held(folder) as (wait, go):
        process = initialised.start("verify", backup, "--level", "3", env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait()
        made = databases(second) - before
        assert len(made) == 2
        process.send_signal(how)
        process.wait()
    if how == signal.SIGKILL:
        assert databases(second) - before == made
        # As soon as the server has seen that the clients are gone.
        while any(second.sql(f"SELECT IS_FREE_LOCK('backstay.{name[-8:]}')") != "1\n" for name in made):
            pass
        initialised("verify", backup, "--level", "3", env=env)
    assert databases(second) == before
    mariadb.drop(db)
