"""Looking after a live PostgreSQL database: info, optimize, check-tables, repair."""
import signal
import subprocess

import pytest
from servers import PostgresServer
from waiting import until

TABLES = """
    CREATE TABLE big(id int PRIMARY KEY, note text);
    INSERT INTO big SELECT i, repeat(md5(i::text), 5) FROM generate_series(1, 5000) i;
    CREATE INDEX big_note ON big(note);
    CREATE SCHEMA "odd ""schema";
    CREATE TABLE "odd ""schema"."Odd; Table"(a int);
    CREATE TABLE parts(a int PRIMARY KEY) PARTITION BY RANGE (a);
    CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (1000);
    INSERT INTO parts SELECT generate_series(0, 99);
    CREATE MATERIALIZED VIEW totals AS SELECT count(*) FROM big;
"""
ODD = 'odd "schema.Odd; Table'


@pytest.fixture
def db(fresh_database):
    return fresh_database(TABLES)


@pytest.fixture
def clerk(postgres):
    postgres.psql("CREATE ROLE keeper LOGIN")
    yield "keeper"
    postgres.psql("DROP ROLE keeper")


def results(program, command, *args):
    """{table: (state, message)} of a command."""
    document = program.run(command, *args, "--json").json
    return {f"{t['schema']}.{t['table']}": (t["state"], t["message"]) for t in document["tables"]}


def test_info_tells_sizes_and_what_the_user_cannot_read(postgres, clerk, db, backstay):
    info = backstay("info", postgres.url(db), "--json").json
    assert info["name"] == db and info["version"] == f"PostgreSQL {postgres.psql('SHOW server_version').split()[0]}" and info["encoding"] == "UTF8"
    assert info["bytes"] == int(postgres.psql(f"SELECT pg_database_size('{db}')"))
    tables = {f"{t['schema']}.{t['name']}": t for t in info["tables"]}
    assert list(tables) == [ODD, "public.big", "public.parts", "public.parts1", "public.totals"]
    big = tables["public.big"]
    assert (big["kind"], big["rows_exact"]) == ("heap", False)
    assert big["bytes"] == int(postgres.psql("SELECT pg_total_relation_size('big')", db))
    assert big["index_bytes"] == int(postgres.psql("SELECT pg_indexes_size('big')", db)) > 0
    assert (tables["public.parts"]["kind"], tables["public.totals"]["kind"]) == ("partitioned", "materialized view")
    backstay("optimize", postgres.url(db))
    assert {t["name"]: t["rows"] for t in backstay("info", postgres.url(db), "--json").json["tables"]}["big"] == 5000
    postgres.psql("GRANT SELECT ON big, parts, parts1 TO keeper", db)
    notes = backstay("info", postgres.url(db, user=clerk), "--json").json["notes"]
    assert notes == [f"2 tables cannot be read by this user: {ODD}, public.totals"]


def test_optimize_vacuums_and_analyzes_each_table_and_tells_what_it_gave_back(postgres, db, backstay):
    postgres.psql("DELETE FROM big WHERE id > 100", db)
    document = backstay("optimize", postgres.url(db), "--json").json
    done = {t["table"]: t for t in document["tables"]}
    assert {t["state"] for t in done.values()} == {"ok"}
    assert done["big"]["reclaimed"] > 100_000
    assert done["parts"]["message"] == "analyzed as a whole; its partitions are vacuumed one by one"
    assert postgres.psql("SELECT count(*) FROM pg_stats WHERE tablename = 'big'", db) == "2"
    assert postgres.psql("SELECT reltuples FROM pg_class WHERE relname = 'big'", db) == "100"


def test_optimize_of_tables_of_others_is_skipped_with_the_servers_words(postgres, clerk, db, backstay):
    found = results(backstay, "optimize", postgres.url(db, user=clerk))
    state, message = found["public.big"]
    assert state == "skipped" and 'skipping "big"' in message or "permission denied" in message


def test_only_the_tables_asked_for_are_done_and_all_of_them_must_be_there(postgres, db, backstay):
    failed = backstay.fails(4, "check-tables", postgres.url(db), "--table", "big", "--table", "nowhere")
    assert "there is no table nowhere" in failed.err
    assert list(results(backstay, "check-tables", postgres.url(db), "--table", "public.big", "--table", "parts1")) == ["public.big", "public.parts1"]
    assert list(results(backstay, "check-tables", postgres.url(db), "--table", ODD)) == [ODD]


def test_check_uses_amcheck_and_leaves_no_trace_of_it(postgres, db, backstay):
    found = results(backstay, "check-tables", postgres.url(db))
    assert found == {
        ODD: ("ok", "rows and 0 indexes checked by amcheck"),
        "public.big": ("ok", "rows and 2 indexes checked by amcheck"),
        "public.parts": ("skipped", "has no rows of its own; its partitions are done one by one"),
        "public.parts1": ("ok", "rows and 1 index checked by amcheck"),
        "public.totals": ("ok", "rows and 0 indexes checked by amcheck"),
    }
    assert postgres.psql("SELECT count(*) FROM pg_extension WHERE extname = 'amcheck'; SELECT count(*) FROM pg_namespace WHERE nspname = 'backstay_check'", db) == "0\n0"
    postgres.psql("CREATE SCHEMA tools; CREATE EXTENSION amcheck SCHEMA tools", db)
    assert results(backstay, "check-tables", postgres.url(db))["public.big"] == ("ok", "rows and 2 indexes checked by amcheck")


def test_check_reads_every_row_where_amcheck_may_not_be_used(postgres, clerk, db, backstay):
    postgres.psql("GRANT SELECT ON big, parts, parts1, totals TO keeper", db)
    found = results(backstay, "check-tables", postgres.url(db, user=clerk))
    assert found["public.big"] == ("ok", "5000 rows read in full; amcheck cannot be used: permission denied for database " + db)
    assert found[ODD] == ("failed", 'permission denied for schema odd "schema')
    assert backstay.run("check-tables", postgres.url(db, user=clerk)).status == 1
    postgres.psql("CREATE EXTENSION amcheck", db)
    found = results(backstay, "check-tables", postgres.url(db, user=clerk))
    assert found["public.big"] == ("ok", "5000 rows read in full; amcheck cannot be used: permission denied for function verify_heapam")


def test_damage_is_found_in_an_index_and_in_a_table_and_repair_builds_the_index_anew(backstay):
    server = PostgresServer().start()
    try:
        server.create("shop", TABLES + "CREATE TABLE well(a int);")
        heap, index = (server.data / server.psql(f"SELECT pg_relation_filepath('{name}')", "shop") for name in ("parts1", "big_note"))
        server.psql("CHECKPOINT")
        server.kill()
        for file in heap, index:
            with file.open("r+b") as f:
                f.seek(300 if file == heap else 3 * 8192 + 300)
                f.write(b"\x55" * 100)
        server.restart()
        found = results(backstay, "check-tables", server.url("shop"))
        assert found["public.parts1"][0] == found["public.big"][0] == "failed"
        assert "invalid page in block 0" in found["public.parts1"][1]
        assert found["public.big"][1].startswith("index big_note: ") and "invalid page in block 3" in found["public.big"][1]
        assert found["public.well"] == ("ok", "rows and 0 indexes checked by amcheck")
        failed = backstay.fails(1, "check-tables", server.url("shop"))
        assert "2 of 6 tables failed: big, parts1" in failed.err
        found = results(backstay, "repair", "--force", server.url("shop"), "--table", "big")
        assert found == {"public.big": ("ok", None)}
        assert results(backstay, "check-tables", server.url("shop"), "--table", "big")["public.big"] == ("ok", "rows and 2 indexes checked by amcheck")
    finally:
        server.stop()


def test_repair_needs_a_fresh_good_backup_unless_it_is_forced(postgres, db, initialised):
    refused = initialised.fails(6, "repair", postgres.url(db))
    assert "there is no good backup of postgresql://" in refused.err
    initialised("backup", postgres.url(db))
    assert {state for state, _ in results(initialised, "repair", postgres.url(db)).values()} == {"ok", "skipped"}


@pytest.mark.parametrize("command", ["optimize", "check-tables"])
def test_ctrl_c_ends_the_statement_on_the_server_too(postgres, db, backstay, command):
    lock = subprocess.Popen(["psql", "-qXAt", "-d", db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=postgres.environment, text=True)
    lock.stdin.write("BEGIN; LOCK TABLE big IN ACCESS EXCLUSIVE MODE; SELECT 'locked';\n")
    lock.stdin.flush()
    assert lock.stdout.readline() == "locked\n"
    waiting = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{db}' AND wait_event_type = 'Lock'"
    run = backstay.start(command, postgres.url(db), "--table", "big", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    until(lambda: postgres.psql(waiting) == "1", "the wait for the lock", process=run)
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=30)
    assert run.returncode == 130
    assert postgres.psql(waiting) == "0"
    lock.kill()
    lock.wait()
