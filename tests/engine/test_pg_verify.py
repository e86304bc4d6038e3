"""Rehearsals of PostgreSQL backups on throw-away servers, or on one that is named."""
import os
import pathlib
import signal
import subprocess
import sys

import pytest
from servers import PostgresServer

sys.path.insert(0, os.path.dirname(__file__))
from hidden import reached, without_programs  # noqa: E402
from pg_objects import EVERYTHING, drop_roles  # noqa: E402
from waiting import until  # noqa: E402


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


def here(postgres):
    """Rehearsals on the server that there is already, where it is not the throw-away server that is looked at: that takes a second to make."""
    return {"BACKSTAY_VERIFY_POSTGRESQL": postgres.url()}


def test_a_rehearsal_of_everything_compares_row_hashes(initialised, postgres, fresh_database):
    db = fresh_database(EVERYTHING)
    try:
        initialised("backup", postgres.url(db))
        four = initialised("verify", "latest", "--level", "4").out
        assert f"{db} restored to a scratch database on a throw-away server: " in four
        assert f"{db} dumped again and compared: row hashes of " in four
        three = initialised("verify", "latest", "--level", "3", env=here(postgres)).out
        assert f"{db} restored to a scratch database on the verify server {postgres.socket}:{postgres.port}: " in three and "dumped again" not in three
    finally:
        postgres.drop(db)
        drop_roles(postgres)


def test_an_empty_database_can_be_verified(initialised, plain, postgres, fresh_database):
    plain("backup", postgres.url(fresh_database()))
    assert "0 tables, 0 rows" in initialised("verify", "latest", "--level", "4", env=here(postgres)).out


def test_a_rehearsal_that_fails_names_the_statement(initialised, plain, postgres, fresh_database):
    db = fresh_database("CREATE TABLE rates(v int); INSERT INTO rates VALUES (2); CREATE TABLE prices(p int); INSERT INTO prices VALUES (1);"
                        "CREATE FUNCTION rate() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT max(v) FROM rates'; CREATE INDEX priced ON prices ((p * rate()))")
    plain("backup", postgres.url(db))
    result = initialised.run("verify", "latest", "--level", "3", env=here(postgres))
    assert result.status != 0 and "INDEX public.priced" in result.out + result.err and 'relation "rates" does not exist' in result.out + result.err


SLOW = ("CREATE FUNCTION slow(i int) RETURNS bool LANGUAGE plpgsql AS $$ BEGIN IF current_database() ~ '_restore_' THEN PERFORM pg_sleep(600); END IF;"
        "RETURN true; END $$; CREATE TABLE t(i int CHECK (slow(i))); INSERT INTO t VALUES (1)")


def test_a_killed_rehearsal_leaves_no_server(initialised, backed_up, environment):
    backed_up(SLOW)
    process = initialised.start("verify", "latest", "--level", "3", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: servers_of(environment["BACKSTAY_HOME"]), "the rehearsal's server")
    process.send_signal(signal.SIGKILL)
    process.wait()
    until(lambda: not servers_of(environment["BACKSTAY_HOME"]), "its end")


# ---- the server that BACKSTAY_VERIFY_POSTGRESQL names ----

@pytest.fixture(scope="module")
def second():
    server = PostgresServer().start()
    yield server
    server.stop()


def databases(server):
    return set(server.psql("SELECT datname FROM pg_database").splitlines())


SMALL = "CREATE TABLE t(id int PRIMARY KEY, b bytea); INSERT INTO t VALUES (1, '\\x00ff41'); CREATE VIEW v AS SELECT id FROM t"


def test_a_named_server_is_used_first_and_left_as_it_was(initialised, postgres, second, fresh_database):
    db = fresh_database(EVERYTHING)
    before = databases(second)
    env = {"BACKSTAY_VERIFY_POSTGRESQL": second.url(tcp=True)}
    try:
        initialised("backup", postgres.url(db))
        lacking = initialised("verify", "latest", "--level", "4", env=env).out
        second.psql("CREATE ROLE bs_owner; CREATE ROLE \"bs \"\"odd\"\" role\"")
        out = initialised("verify", "latest", "--level", "4", env=env).out
    finally:
        postgres.drop(db)
        drop_roles(postgres)
        drop_roles(second)
    assert f'{db} was not rehearsed: the role "bs_owner", which a policy or user mapping of the backup names, is not there on the verify server 127.0.0.1:{second.port}' in lacking
    assert f"{db} restored to a scratch database on the verify server 127.0.0.1:{second.port}: " in out
    assert f"{db} dumped again and compared: row hashes of " in out and second.PASSWORD not in out
    assert databases(second) == before


def test_without_a_server_here_or_named_level_2_is_what_was_reached(initialised, postgres, second, backed_up):
    db, _ = backed_up(SMALL)
    bare = without_programs(initialised, "initdb", folders=[str(postgres.bin)])
    assert f"{db} was not rehearsed: there is no PostgreSQL server on this machine (initdb and postgres were not found)" in bare("verify", "latest", "--level", "4").out
    assert reached(bare("verify", "latest", "--level", "4", "--json")) == "structure"
    env = {"BACKSTAY_VERIFY_POSTGRESQL": second.url()}
    assert f"{db} restored to a scratch database on the verify server {second.socket}:{second.port}: 1 table, 1 row" in bare("verify", "latest", "--level", "4", env=env).out
    assert reached(bare("verify", "latest", "--level", "4", "--json", env=env)) == "compared"


def test_a_password_of_the_named_server_never_shows(initialised, second, backed_up):
    db, _ = backed_up(SMALL)

    def fails(status, url):
        failed = initialised.fails(status, "verify", "latest", "--level", "3", env={"BACKSTAY_VERIFY_POSTGRESQL": url})
        assert "hush" not in failed.err + failed.out
        return failed.err

    assert "connecting to the server for verification" in fails(8, f"postgresql://postgres:hush-hush@127.0.0.1:{second.port}/postgres")
    assert "does not exist" in fails(2, second.url("nowhere"))
    for url in ("hush-hush@127.0.0.1/postgres", "me:hush-hush@127.0.0.1/postgres", "mysql://me:hush-hush@127.0.0.1/postgres"):
        assert "BACKSTAY_VERIFY_POSTGRESQL does not hold the URL of a PostgreSQL server" in fails(2, url)


def test_one_who_may_create_databases_is_enough(initialised, second, backed_up):
    db, _ = backed_up(SMALL)
    second.psql("CREATE ROLE prover LOGIN PASSWORD 'hush:@/hush'")
    try:
        env = {"BACKSTAY_VERIFY_POSTGRESQL": second.url(user="prover", password="hush:@/hush", tcp=True)}
        failed = initialised.fails(8, "verify", "latest", "--level", "4", env=env)
        assert "permission denied to create database" in failed.err and "ALTER ROLE ... CREATEDB for the user of BACKSTAY_VERIFY_POSTGRESQL" in failed.err
        second.psql("ALTER ROLE prover CREATEDB")
        assert f"{db} dumped again and compared: row hashes of 1 table equal" in initialised("verify", "latest", "--level", "4", env=env).out
    finally:
        second.psql("DROP ROLE prover")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_what_an_ended_verification_leaves_on_the_named_server_goes(initialised, plain, postgres, second, backed_up, fresh_database, how):
    backed_up(SLOW)
    before = databases(second)
    env = {"BACKSTAY_VERIFY_POSTGRESQL": second.url()}
    process = initialised.start("verify", "latest", "--level", "3", env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: second.psql("SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'"), process=process)
    made = databases(second) - before
    assert len(made) == 2
    process.send_signal(how)
    process.wait()
    if how == signal.SIGKILL:
        assert databases(second) - before == made
        # As soon as the server has seen that the clients are gone.
        until(lambda: not second.psql("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'"))
        fresh = fresh_database(SMALL)
        plain("backup", postgres.url(fresh))
        initialised("verify", "latest", "--level", "3", env=env)
    assert databases(second) == before
