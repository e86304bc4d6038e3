"""Backups of PostgreSQL databases: only what is whole, seen at one moment, and without a secret outside."""
import json
import os
import pathlib
import re
import signal
import subprocess

import pytest
from conftest import no_backup
from servers import PostgresServer
from waiting import until

PG_BIN = PostgresServer.find_bin()
SHOP = """
    CREATE TABLE customers(id int PRIMARY KEY, name text NOT NULL);
    CREATE TABLE orders(id int PRIMARY KEY, customer int REFERENCES customers, note text);
    CREATE VIEW big AS SELECT * FROM orders WHERE id > 100;
    CREATE SEQUENCE numbers START 7;
    INSERT INTO customers SELECT i, 'Customer ' || i FROM generate_series(1, 50) i;
    INSERT INTO orders SELECT i, i % 50 + 1, repeat(md5(i::text), 10) FROM generate_series(1, 2000) i;
"""


@pytest.fixture(scope="module")
def doomed():
    """A server that tests may kill; it is started again when it is needed."""
    server = PostgresServer().start()
    yield server
    server.stop()


def stored(restic, path, to):
    """What a stock restic gives back of a file of the latest backup."""
    to.write_bytes(restic("dump", "latest", path).out_bytes)
    return to


def manifest(backstay, source=0):
    return backstay.plain("show", "latest", "--json").json["manifest"]["sources"][source]


def notes(backstay):
    return [n["text"] for n in manifest(backstay).get("notes", [])]


def pg_restore(server, dump, db, *options):
    subprocess.run(["pg_restore", "--exit-on-error", "-d", db, *options, str(dump)], env=server.environment, check=True, capture_output=True)


def fake_tool(folder, name, script):
    """A program in a folder for BACKSTAY_PG_BIN, which answers to --version as a good one does."""
    folder.mkdir(exist_ok=True)
    tool = folder / name
    tool.write_text(f"#!/bin/bash\nif [ \"$1\" = --version ]; then echo '{name} (PostgreSQL) 99.1'; exit; fi\n{script}\n")
    tool.chmod(0o755)
    return {"BACKSTAY_PG_BIN": str(folder)}


def held_dump(folder, after):
    """pg_dump that waits after so many bytes until it is told to go on. Returns the environment and the two paths: of the sign that it waits, and of the one to go on."""
    waits, go = folder / "waits", folder / "go"
    env = fake_tool(folder, "pg_dump", f"""set -o pipefail
        '{PG_BIN}/pg_dump' "$@" | {{ head -c {after}; touch '{waits}'; until [ -e '{go}' ]; do sleep 0.02; done; cat; }}""")
    return env, waits, go


# ---- B1: what is not whole is no backup ----


@pytest.mark.parametrize("how", ["the server is killed", "its connection is ended"])
def test_B1_a_dump_cut_off_in_its_midst_leaves_no_backup(doomed, initialised, repository, tmp_path, how):
    if not doomed.pid:
        doomed.restart()
    db = f"cut{os.urandom(4).hex()}"
    doomed.create(db, "CREATE TABLE a(x text); INSERT INTO a SELECT repeat(md5(i::text), 100) FROM generate_series(1, 10000) i;")
    env, waits, go = held_dump(tmp_path / "bin", 2_000_000)
    backup = initialised.start("backup", doomed.url(db), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(waits.exists, process=backup)
    if how == "the server is killed":
        doomed.kill()
    else:
        # While it waits for pg_dump to read on: else it would still say why it ends, and pg_dump fail in another place.
        end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'COPY %' AND wait_event = 'ClientWrite'"
        until(lambda: doomed.psql(end) == "t", process=backup)
    go.touch()
    _, err = backup.communicate(timeout=120)
    assert backup.returncode == 1
    assert b"pg_dump failed with status 1: pg_dump: error: Dumping the contents of table \"a\" failed: PQgetCopyData() failed" in err
    assert no_backup(repository)


def test_B1_a_backup_that_is_killed_itself_leaves_no_backup_and_no_pg_dump(postgres, fresh_database, initialised, repository, restic, tmp_path):
    db = fresh_database(SHOP)
    env, waits, go = held_dump(tmp_path / "bin", 100_000)
    backup = initialised.start("backup", postgres.url(db), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(waits.exists, process=backup)
    backup.send_signal(signal.SIGINT)
    backup.communicate(timeout=60)
    assert backup.returncode == 130
    assert no_backup(repository) and initialised("list", "--json").json["backups"] == [] and restic("snapshots", "--json").json == []
    until(lambda: postgres.psql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{db}'") == "0")


@pytest.fixture(scope="module")
def archive(postgres, tmp_path_factory):
    """A whole archive of a small database as pg_dump writes it to a pipe, and where its TOC ends."""
    db = postgres.create("archive", SHOP)
    whole = subprocess.run([PG_BIN / "pg_dump", "-Fc", "-Z0", db], env=postgres.environment, check=True, capture_output=True).stdout
    postgres.drop(db)
    kept = tmp_path_factory.mktemp("archive") / "whole"
    kept.write_bytes(whole)
    return kept


@pytest.fixture(scope="module")
def empty(postgres):
    """An empty database that no test changes."""
    yield postgres.create("empty")
    postgres.drop("empty")


@pytest.mark.parametrize("script, words", [
    ("cat '{whole}'; echo 'pg_dump: error: disk on fire' >&2; exit 1", "pg_dump failed with status 1: pg_dump: error: disk on fire"),
    ("cat '{whole}'; kill -KILL $$", "pg_dump was ended by signal 9 (Killed)"),
    ("head -c 50000 '{whole}'; kill -TERM $$", "pg_dump was ended by signal 15 (Terminated)"),
    ("cat '{whole}'; echo 'pg_dump: error: out of luck' >&2", "pg_dump ended well but said: error: out of luck"),
    ("true", "pg_dump printed nothing"),
    ("echo 'no archive at all, but a text of some length'", None),
    ("head -c 3 '{whole}'", None),
    ("head -c 11 '{whole}'", None),
    ("head -c 1000 '{whole}'", None),
    ("head -c 9000 '{whole}'", None),
    ("head -c 300000 '{whole}'", None),
    ("head -c -5 '{whole}'", None),
    ("head -c -1 '{whole}'", None),
    ("cat '{whole}'; printf x", None),
    ("cat '{whole}' '{whole}'", None),
])
def test_B1_what_a_failing_or_lying_pg_dump_prints_is_never_a_backup(postgres, empty, initialised, repository, archive, tmp_path, script, words):
    env = fake_tool(tmp_path / "bin", "pg_dump", script.format(whole=archive))
    failed = initialised.run("backup", postgres.url(empty), env=env)
    assert failed.status in ((1,) if words else (1, 5, 6, 7)), failed.err
    assert (words or "archive") in failed.err
    assert no_backup(repository)


def test_the_whole_archive_from_the_same_fake_pg_dump_is_a_backup(postgres, empty, initialised, restic, archive, tmp_path):
    env = fake_tool(tmp_path / "bin", "pg_dump", f"cat '{archive}'; echo 'pg_dump: warning: something to know' >&2")
    initialised("backup", postgres.url(empty), env=env)
    assert "pg_dump: warning: something to know" in notes(initialised)
    # Only the offsets in the table of contents were not known to a pg_dump that writes to a pipe.
    dump = stored(restic, f"/{empty}/database.dump", tmp_path / "dump").read_bytes()
    whole = archive.read_bytes()
    assert len(dump) == len(whole)
    first = whole.index(b"COPY public.orders")
    different = [i for i in range(len(whole)) if whole[i] != dump[i]]
    data = whole.index(b"1\tCustomer 1\n")
    assert different and different[-1] < data and first < data


# ---- B4: a user that may not read everything ----


@pytest.fixture
def clerk(postgres):
    """A user without any rights, with a hostile name. Asked for before fresh_database, so that it goes after what it was granted."""
    name = f"clerk \"{os.urandom(4).hex()}\""
    quoted = '"' + name.replace('"', '""') + '"'
    postgres.psql(f"CREATE ROLE {quoted} LOGIN PASSWORD 'clerk-secret'")
    yield name, quoted
    postgres.psql(f"DROP ROLE {quoted}")


def test_B4_tables_that_the_user_may_not_read_are_an_error_that_names_them_and_the_way_out(postgres, clerk, fresh_database, initialised, repository):
    name, quoted = clerk
    db = fresh_database("CREATE TABLE open(a int); CREATE TABLE closed(a int); CREATE SCHEMA vault; CREATE TABLE vault.gold(a int); CREATE SEQUENCE counter;")
    postgres.psql(f"GRANT SELECT ON open, vault.gold TO {quoted}", db)
    failed = initialised.fails(8, "backup", postgres.url(db, user=name))
    assert f"the user {name} may not read 2 tables (public.closed, vault.gold), 1 sequence (public.counter)" in failed.err
    assert f"as a superuser: GRANT pg_read_all_data TO {quoted}" in failed.err
    assert no_backup(repository)
    postgres.psql(f"GRANT pg_read_all_data TO {quoted}")
    initialised("backup", postgres.url(db, user=name))
    assert {f"{t['schema']}.{t['name']}" for t in manifest(initialised)["tables"]} == {"public.open", "public.closed", "vault.gold"}


def test_B4_rows_hidden_by_row_level_security_are_an_error(postgres, clerk, fresh_database, initialised, restic):
    name, quoted = clerk
    db = fresh_database("CREATE TABLE mine(a int); INSERT INTO mine VALUES (1), (2); ALTER TABLE mine ENABLE ROW LEVEL SECURITY; CREATE POLICY p ON mine USING (a = 1);")
    postgres.psql(f"GRANT SELECT ON mine TO {quoted}", db)
    failed = initialised.fails(8, "backup", postgres.url(db, user=name))
    assert f"the user {name} may not read all rows of 1 table with row-level security (public.mine)" in failed.err
    assert f"as a superuser: ALTER ROLE {quoted} BYPASSRLS" in failed.err
    postgres.psql(f"ALTER ROLE {quoted} BYPASSRLS")
    initialised("backup", postgres.url(db, user=name))
    assert manifest(initialised)["tables"][0]["rows"] == 2
    assert manifest(initialised)["notes"] == [{"kind": "note", "text": "passwords of roles are left out: only a superuser sees them"}]
    globals_sql = restic("dump", "latest", f"/{db}/globals.sql").out
    assert f"CREATE ROLE {quoted};" in globals_sql and "PASSWORD" not in globals_sql.replace("NOPASSWORD", "")


def test_B4_large_objects_that_the_user_may_not_read_are_an_error(postgres, clerk, fresh_database, initialised, repository):
    name, quoted = clerk
    db = fresh_database("SELECT lo_from_bytea(4711, 'seen'); SELECT lo_from_bytea(4712, 'unseen');")
    postgres.psql(f"GRANT SELECT ON LARGE OBJECT 4711 TO {quoted}", db)
    failed = initialised.fails(8, "backup", postgres.url(db, user=name))
    assert f"the user {name} may not read 1 large object (4712)" in failed.err
    assert f"GRANT SELECT ON LARGE OBJECT n TO {quoted}" in failed.err
    assert no_backup(repository)
    postgres.psql(f"GRANT SELECT ON LARGE OBJECT 4712 TO {quoted}", db)
    initialised("backup", postgres.url(db, user=name))
    assert manifest(initialised)["objects"]["large object"] == 2


# ---- B7: one moment ----

# With a pause after each, so that the server has time for others too.
TRANSFER = """
import subprocess, sys
psql = subprocess.Popen(["psql", "-qXAt", "-d", sys.argv[1]], stdin=subprocess.PIPE, text=True)
n = 0
while True:
    n += 1
    psql.stdin.write(f"BEGIN; UPDATE one SET money = money - {n % 7} WHERE id = {n % 100}; UPDATE two SET money = money + {n % 7} WHERE id = {n * 31 % 100}; "
                     f"INSERT INTO log VALUES ({n}); COMMIT; DO 'BEGIN PERFORM pg_sleep(0.001); END';\\n")
    psql.stdin.flush()
"""


def test_B7_money_moved_between_two_tables_during_a_backup_is_neither_lost_nor_doubled(postgres, fresh_database, initialised, restic, tmp_path):
    db = fresh_database("""CREATE TABLE one(id int PRIMARY KEY, money int); CREATE TABLE two(id int PRIMARY KEY, money int); CREATE TABLE log(n int);
        CREATE TABLE padding(a text); INSERT INTO padding SELECT repeat(md5(i::text), 30) FROM generate_series(1, 5000) i;
        INSERT INTO one SELECT i, 1000 FROM generate_series(0, 99) i; INSERT INTO two SELECT i, 1000 FROM generate_series(0, 99) i;""")
    writer = subprocess.Popen(["/usr/bin/python3", "-c", TRANSFER, db], env=postgres.environment, start_new_session=True)
    try:
        until(lambda: postgres.psql("SELECT count(*) > 10 FROM log", db) == "t", process=writer)
        seen = []
        for i in range(3):
            before = int(postgres.psql("SELECT count(*) FROM log", db))
            initialised("backup", postgres.url(db))
            dump = stored(restic, f"/{db}/database.dump", tmp_path / "dump")
            copy = fresh_database()
            pg_restore(postgres, dump, copy)
            assert postgres.psql("SELECT (SELECT sum(money) FROM one) + (SELECT sum(money) FROM two)", copy) == "200000"
            rows = int(postgres.psql("SELECT count(*) FROM log", copy))
            assert rows >= before
            seen.append(rows)
            assert {t["name"]: t["rows"] for t in manifest(initialised)["tables"]}["log"] == rows
        assert seen[0] < seen[1] < seen[2]
    finally:
        os.killpg(writer.pid, signal.SIGKILL)
        writer.wait()
    assert re.fullmatch(r"one snapshot \([0-9A-F]{8}-[0-9A-F]{8}-1\), pg_dump --snapshot", manifest(initialised)["consistency"])


# ---- R13: which database ----


def test_R13_databases_of_one_name_on_two_ports_are_two_sources(postgres, doomed, fresh_database, initialised, restic, tmp_path):
    if not doomed.pid:
        doomed.restart()
    db = fresh_database("CREATE TABLE here(a int);")
    doomed.create(db, "CREATE TABLE there(a int);")
    urls = [postgres.url(db, tcp=True), doomed.url(db, tcp=True)]
    for order in (urls, urls[::-1], urls):
        initialised("backup", *order)
    sources = initialised("show", "latest", "--json").json["manifest"]["sources"]
    assert [(s["name"], s["tables"][0]["name"]) for s in sources] == [(db, "here"), (f"{db}-2", "there")]
    for snapshot in restic("snapshots", "--json").json:
        assert sorted(snapshot["paths"]) == sorted(f"/postgresql/127.0.0.1:{s.port}/{db}" for s in (postgres, doomed))
    dump = stored(restic, f"/{db}-2/database.dump", tmp_path / "dump")
    assert b"TABLE public there" in subprocess.run(["pg_restore", "-l", dump], check=True, capture_output=True).stdout
    doomed.drop(db)


# ---- what cannot be reached ----


def test_a_server_newer_than_the_tools_is_an_error_that_names_the_package(postgres, empty, initialised, repository, tmp_path):
    env = fake_tool(tmp_path / "bin", "pg_dump", "exit 1")
    tool = tmp_path / "bin" / "pg_dump"
    tool.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    major = postgres.psql("SHOW server_version").split(".")[0]
    failed = initialised.fails(7, "backup", postgres.url(empty), env=env)
    assert f"the server is PostgreSQL {major}, the newest pg_dump here is 9.6.1" in failed.err
    assert f"install postgresql-client-{major}" in failed.err
    assert no_backup(repository)


def test_programs_of_the_path_are_not_even_asked_where_the_usual_folders_have_what_suits(fresh_database, initialised, postgres, tmp_path):
    asked = tmp_path / "asked"
    for tool in ("pg_dump", "pg_dumpall"):
        fake_tool(tmp_path / "bin", tool, "exit 1")
        (tmp_path / "bin" / tool).write_text(f"#!/bin/sh\ntouch '{asked}'\nexit 1\n")
    initialised("backup", postgres.url(fresh_database()), env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"})
    assert not asked.exists()


def test_a_wrong_password_is_told_without_being_repeated(postgres, empty, initialised, repository):
    failed = initialised.fails(8, "backup", postgres.url(empty, password="wrong-secret", tcp=True))
    assert f"cannot connect to the database {empty}: " in failed.err
    assert "password authentication failed for user \"postgres\"" in failed.err
    assert "PGPASSWORD" in failed.err
    assert "wrong-secret" not in failed.err + failed.out and "28P01" not in failed.err
    failed = initialised.fails(8, "backup", f"postgresql://postgres@127.0.0.1:{postgres.port}/{empty}")
    assert "no password supplied" in failed.err and "~/.pgpass" in failed.err
    assert no_backup(repository)


def test_a_database_that_is_not_there_is_told(postgres, initialised, repository):
    failed = initialised.fails(4, "backup", postgres.url("nowhere"))
    assert 'cannot connect to the database nowhere: ' in failed.err and 'database "nowhere" does not exist' in failed.err
    failed = initialised.fails(1, "backup", f"postgresql://{'%2F'}nowhere/shop")
    assert "No such file or directory" in failed.err
    assert no_backup(repository)


# ---- names, secrets ----

HOSTILE = ["it's a \"shop\"", "a/b", "..", "postgresql://other/db", "dbname=postgres", "back\\slash $(touch x) ; --help", "--help", "naïve ☃"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_database_of_any_name_is_backed_up_as_itself(postgres, fresh_database, initialised, restic, tmp_path, name):
    table = name + "\n\t%"
    quoted = '"' + table.replace('"', '""') + '"'
    db = fresh_database(f"CREATE TABLE {quoted}({quoted} int); INSERT INTO {quoted} VALUES (42);", name=name)
    initialised("backup", postgres.url(db))
    source = manifest(initialised)
    assert [(t["name"], t["rows"], t["columns"][0]["name"]) for t in source["tables"]] == [(table, 1, table)]
    assert "/" not in source["name"] and source["name"] not in (".", "..")
    dump = stored(restic, "/" + source["name"] + "/database.dump", tmp_path / "dump")
    copy = fresh_database()
    pg_restore(postgres, dump, copy)
    assert postgres.psql(f"SELECT * FROM {quoted}", copy) == "42"


def test_no_password_is_seen_in_any_argument_or_file_name_while_a_backup_runs(postgres, fresh_database, initialised, tmp_path):
    db = fresh_database(SHOP)
    env, waits, go = held_dump(tmp_path / "bin", 100_000)
    fake_tool(tmp_path / "bin", "pg_dumpall", f"touch '{waits}-2'; until [ -e '{go}-2' ]; do sleep 0.02; done; exec '{PG_BIN}/pg_dumpall' \"$@\"")
    backup = initialised.start("backup", postgres.url(db, tcp=True), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(waits.exists, process=backup)
    samples = [read_all_arguments()]
    go.touch()
    until(pathlib.Path(f"{waits}-2").exists, process=backup)
    samples.append(read_all_arguments())
    pathlib.Path(f"{go}-2").touch()
    out, err = backup.communicate(timeout=60)
    assert backup.returncode == 0, err
    assert b"--snapshot=" in samples[0] and b"--globals-only" in samples[1]
    for seen in (*samples, out, err):
        assert PostgresServer.PASSWORD.encode() not in seen
    assert PostgresServer.PASSWORD not in json.dumps(initialised("show", "latest", "--json").json)


def read_all_arguments():
    seen = b""
    for file in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            seen += file.read_bytes() + b"\n"
        except OSError:
            pass
    return seen


# ---- what is stored ----


def test_the_stored_archive_is_what_pg_restore_reads_in_parallel_and_dumps_again_the_same(postgres, fresh_database, initialised, restic, tmp_path):
    db = fresh_database(SHOP + """
        CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE every(a mood, b bytea, c jsonb, d int[], e timestamptz DEFAULT now(), f numeric GENERATED ALWAYS AS (1) STORED);
        INSERT INTO every(a, b, c, d) VALUES ('ok', '\\x00ff5c', '{"a": "\\\\n"}', '{1,NULL}'); CREATE MATERIALIZED VIEW m AS SELECT count(*) FROM orders;
        CREATE TABLE parts(a int) PARTITION BY RANGE (a); CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (10); INSERT INTO parts VALUES (5);
        CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'; SELECT lo_from_bytea(4711, 'large'); CREATE INDEX i ON orders(note);""")
    initialised("backup", postgres.url(db))
    dump = stored(restic, f"/{db}/database.dump", tmp_path / "dump")
    source = manifest(initialised)
    assert dump.stat().st_size == next(a["bytes"] for a in source["artifacts"] if a["format"] == "pg_dump custom")
    assert {t["name"]: t["rows"] for t in source["tables"] if "rows" in t}.items() >= {"customers": 50, "orders": 2000, "every": 1, "parts1": 1}.items()
    assert source["objects"].items() >= {"view": 1, "materialized view": 1, "function": 1, "sequence": 1, "large object": 1}.items()
    assert (source["server_version"], source["structure"]) == (f"PostgreSQL {postgres.psql('SHOW server_version').split()[0]}", "counted")
    assert source["tool_version"].startswith("pg_dump ")
    listed = subprocess.run(["pg_restore", "-l", dump], check=True, capture_output=True).stdout.decode()
    assert "TABLE DATA public orders" in listed and "Compression: 0" in listed
    copy = fresh_database()
    pg_restore(postgres, dump, copy, "-j2")
    plain = [subprocess.run([PG_BIN / "pg_dump", d], env=postgres.environment, check=True, capture_output=True).stdout for d in (db, copy)]
    lines = [[x for x in p.splitlines() if not x.startswith((b"\\restrict", b"\\unrestrict"))] for p in plain]
    assert lines[0] == lines[1]


def test_roles_are_kept_beside_the_database(postgres, clerk, empty, initialised, restic):
    initialised("backup", postgres.url(empty))
    globals_sql = restic("dump", "latest", f"/{empty}/globals.sql").out
    assert f"CREATE ROLE {clerk[1]};" in globals_sql and "SCRAM-SHA-256" in globals_sql
    assert "-- PostgreSQL database cluster dump complete" in globals_sql
    assert [t for t in manifest(initialised)["tables"]] == []
    assert notes(initialised) == []


@pytest.mark.parametrize("script, words", [
    ("echo 'pg_dumpall: error: query failed: ERROR:  permission denied for table pg_authid' >&2; exit 1", "roles and tablespaces are left out: this user may not see them"),
])
def test_roles_that_may_not_be_seen_are_a_note(postgres, empty, initialised, restic, tmp_path, script, words):
    env = fake_tool(tmp_path / "bin", "pg_dumpall", script)
    initialised("backup", postgres.url(empty), env=env)
    assert words in notes(initialised)
    assert [a["path"] for a in manifest(initialised)["artifacts"]] == [f"{empty}/database.dump"]


@pytest.mark.parametrize("script, words", [
    ("echo 'pg_dumpall: error: disk on fire' >&2; exit 1", "pg_dumpall failed with status 1: pg_dumpall: error: disk on fire"),
    ("echo 'CREATE ROLE half'", "does not end as it should"),
    ("kill -KILL $$", "was ended by signal 9 (Killed)"),
])
def test_roles_that_cannot_be_read_to_their_end_are_a_failed_backup(postgres, empty, initialised, repository, tmp_path, script, words):
    failed = initialised.fails(1, "backup", postgres.url(empty), env=fake_tool(tmp_path / "bin", "pg_dumpall", script))
    assert words in failed.err
    assert no_backup(repository)


def test_a_second_backup_of_an_unchanged_database_adds_next_to_nothing(postgres, fresh_database, initialised):
    db = fresh_database("CREATE TABLE a(x text); INSERT INTO a SELECT md5(random()::text) FROM generate_series(1, 40000);")
    first = initialised("backup", postgres.url(db), "--json").json
    second = initialised("backup", postgres.url(db), "--json").json
    added = [next(v for k, v in r.items() if k.startswith("added") or k == "bytes_added") for r in (first, second)]
    assert added[0] > 500_000 and added[1] < 25_000


def test_pg_dump_is_started_without_options_that_poolers_refuse_unless_it_takes_them(postgres, fresh_database, initialised, tmp_path):
    seen = tmp_path / "seen"
    env = fake_tool(tmp_path / "bin", "pg_dump", f"env >> '{seen}'; exec '{PG_BIN}/pg_dump' \"$@\"")
    usual = fresh_database("CREATE TABLE t(b bytea); INSERT INTO t VALUES ('\\x00ff5c41')")
    initialised("backup", postgres.url(usual), env=env)
    assert "PGAPPNAME=backstay" in seen.read_text() and "PGOPTIONS" not in seen.read_text()
    other = fresh_database("CREATE TABLE t(b bytea); INSERT INTO t VALUES ('\\x00ff5c41')")
    postgres.psql(f"ALTER DATABASE {other} SET bytea_output = escape; ALTER DATABASE {other} SET statement_timeout = '10min'")
    initialised("backup", postgres.url(other), env=env)
    assert "PGOPTIONS=-c bytea_output=hex -c statement_timeout=0\n" in seen.read_text()
    # What was restored has another setting, and its rows have the same hashes.
    assert "row hashes of 1 table equal" in initialised("verify", "latest", "--level", "4", env={"BACKSTAY_VERIFY_POSTGRESQL": postgres.url()}).out
    # The user's own are kept.
    seen.unlink()
    initialised("backup", postgres.url(other), env={**env, "PGOPTIONS": "-c work_mem=8MB"})
    assert "PGOPTIONS=-c work_mem=8MB -c bytea_output=hex -c statement_timeout=0\n" in seen.read_text()
