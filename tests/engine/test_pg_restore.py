"""Restores into real PostgreSQL servers: all or nothing, and everything."""
import contextlib
import os
import pathlib
import signal
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(__file__))
from pg_objects import EVERYTHING, drop_roles  # noqa: E402
from servers import PostgresServer  # noqa: E402
from waiting import until  # noqa: E402

SHOP = """
CREATE TABLE customers(id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO customers(name) SELECT 'Customer ' || g FROM generate_series(1, 50) g;
CREATE TABLE orders(id int PRIMARY KEY, customer int REFERENCES customers, total numeric(10, 2), note varchar(40));
INSERT INTO orders SELECT g, g % 50 + 1, g * 1.25, 'note ' || g FROM generate_series(1, 500) g;
CREATE VIEW big AS SELECT * FROM orders WHERE total > 100;
CREATE INDEX orders_by_customer ON orders(customer);
"""


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


@pytest.fixture
def databases(postgres):
    """databases() -> names of all that are there; those a test adds are dropped after it."""
    def names():
        return set(postgres.psql("SELECT string_agg(datname, '\t') FROM pg_database WHERE datname NOT LIKE 'template%'").split("\t"))

    before = names()
    yield names
    for name in names() - before:
        postgres.psql(f"ALTER DATABASE {quoted(name)} IS_TEMPLATE false")
        postgres.drop(name)


@pytest.fixture
def shop(databases, backed_up):
    """A fresh database with SHOP in it, of which a backup was made."""
    return backed_up(SHOP)[0]


@contextlib.contextmanager
def untouched(server, db, databases, before=None):
    """Whatever happens within leaves the database, and the list of databases, as they were. before: its dump, where that is known."""
    before, names = before or server.dump(db), databases()
    yield
    assert server.dump(db) == before
    assert databases() == names


def sizes(server, db):
    return server.psql("SELECT (SELECT count(*) FROM customers), (SELECT count(*) FROM orders), (SELECT sum(total) FROM orders)", db)


# A function that fails or sleeps in scratch databases only, when the setting bs.how of the role says so.
TRAP = """
CREATE FUNCTION trap(i int) RETURNS bool LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF current_database() ~ '_restore_[0-9a-f]{8}$' THEN
        CASE current_setting('bs.how', true)
            WHEN 'sleep' THEN PERFORM pg_sleep(600);
            WHEN 'full' THEN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100';
            WHEN 'fail' THEN RAISE EXCEPTION 'trapped';
            ELSE NULL;
        END CASE;
    END IF;
    RETURN true;
END $$;
"""
TRAPPED_ROWS = "CREATE TABLE trapped(i int CHECK (trap(i))); INSERT INTO trapped VALUES (1)"
TRAPPED_INDEX = "CREATE TABLE trapped(i int); CREATE INDEX ON trapped(trap(i)); INSERT INTO trapped VALUES (1)"


@pytest.fixture
def trap(postgres):
    """trap("sleep") sets the trap; it is harmless again after the test, or by trap("")."""
    def set_to(how):
        postgres.psql(f"ALTER ROLE postgres SET bs.how = '{how}'" if how else "ALTER ROLE postgres RESET bs.how")

    yield set_to
    set_to("")


def is_asleep(server):
    return server.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname ~ '_restore_'") != "0"


# ---- what fails leaves everything as it was ----


def test_R1_a_failing_statement_fails_the_restore_and_leaves_the_live_database(initialised, plain, postgres, databases, fresh_database):
    # It finds its table only through a search path that dumps do not set.
    db = fresh_database("CREATE TABLE rates(v int); INSERT INTO rates VALUES (2); CREATE TABLE prices(p int);"
                        "CREATE FUNCTION rate() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT max(v) FROM rates'; CREATE INDEX priced ON prices ((p * rate()));"
                        "INSERT INTO prices VALUES (1), (2)")
    plain("backup", postgres.url(db))
    with untouched(postgres, db, databases):
        result = initialised.run("restore", "latest", "--yes")
    assert result.status != 0
    assert "INDEX public.priced" in result.err and 'relation "rates" does not exist' in result.err and "nothing was changed" in result.err


@pytest.mark.parametrize("what", [TRAPPED_ROWS, TRAPPED_INDEX])
def test_R3_a_failing_copy_or_index_names_the_table(initialised, postgres, databases, backed_up, trap, what):
    db, before = backed_up(SHOP + TRAP + what)
    trap("fail")
    with untouched(postgres, db, databases, before):
        result = initialised.run("restore", "latest", "--yes")
    assert result.status != 0 and "trapped" in result.err
    assert ("TABLE DATA public.trapped: " if what == TRAPPED_ROWS else "INDEX public.trapped_") in result.err


def test_a_full_disk_on_the_server_is_told_as_such(initialised, postgres, databases, backed_up, trap):
    db, before = backed_up(SHOP + TRAP + TRAPPED_ROWS)
    trap("full")
    with untouched(postgres, db, databases, before):
        result = initialised.run("restore", "latest", "--yes", "--json")
    assert result.status != 0 and "could not extend file" in result.err + result.out and "no-space" in result.err + result.out


def test_R2_a_backup_with_a_lost_part_is_not_restored(initialised, postgres, databases, backed_up, repository):
    shop, before = backed_up(SHOP)
    for pack in (repository / "data").rglob("*"):
        if pack.is_file():
            pack.unlink()
    with untouched(postgres, shop, databases, before):
        assert initialised.run("restore", "latest", "--yes").status != 0


def test_R2_half_an_archive_is_not_restored(initialised, postgres, databases, backed_up, home):
    shop, before = backed_up(SHOP)
    archive = postgres.dump(shop, "-Fc", "-Z0")
    (home / "half.dump").write_bytes(archive[:len(archive) // 2])
    with untouched(postgres, shop, databases, before):
        assert initialised.run("restore", "half.dump", "--yes", "--to", postgres.url(shop)).status != 0


def test_R6_a_table_with_other_columns_is_refused_and_all_tables_stay(initialised, postgres, databases, shop):
    postgres.psql("ALTER TABLE orders ADD COLUMN more int; DELETE FROM orders WHERE id > 400", shop)
    with untouched(postgres, shop, databases):
        result = initialised.run("restore", "latest", "--yes", "--table", "customers", "--table", "orders")
    assert result.status != 0 and 'table public.orders: it has the column "more", which the backup does not have' in result.err


def test_a_killed_server_during_a_restore_leaves_the_live_database(initialised, plain):
    server = PostgresServer().start()
    try:
        server.create("shop", SHOP + TRAP + TRAPPED_ROWS)
        # A crash makes sequences skip what the log has promised since the last checkpoint.
        server.psql("CHECKPOINT")
        before = server.dump("shop")
        plain("backup", server.url("shop"))
        server.psql("ALTER ROLE postgres SET bs.how = 'sleep'")
        process = initialised.start("restore", "latest", "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda: is_asleep(server))
        server.kill()
        _, err = process.communicate(timeout=60)
        assert process.returncode != 0 and b"TABLE DATA public.trapped" in err
        server.restart()
        server.psql("ALTER ROLE postgres RESET bs.how")
        assert server.dump("shop") == before
        assert "_restore_" in server.psql("SELECT string_agg(datname, ' ') FROM pg_database")
        initialised("restore", "latest", "--yes")
        assert "_restore_" not in server.psql("SELECT string_agg(datname, ' ') FROM pg_database")
        assert server.dump("shop") == before
    finally:
        server.stop()


@pytest.mark.parametrize("phase", ["rows", "indexes", "safety backup"])
def test_a_killed_restore_leaves_the_live_database_and_the_next_cleans_up(initialised, postgres, databases, backed_up, trap, phase):
    what = {"rows": TRAPPED_ROWS, "indexes": TRAPPED_INDEX, "safety backup": "CREATE TABLE trapped(i int)"}[phase]
    (db, before), names = backed_up(SHOP + TRAP + what), databases()
    holder = None
    if phase == "safety backup":
        holder = subprocess.Popen(["psql", "-qXAt", "-d", db], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=postgres.environment)
        holder.stdin.write(b"BEGIN; LOCK TABLE trapped; SELECT 1;\n")
        holder.stdin.flush()
        holder.stdout.readline()
    else:
        trap("sleep")
    process = initialised.start("restore", "latest", "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: is_asleep(postgres) or postgres.psql(f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{db}' AND wait_event_type = 'Lock'") != "0")
    process.send_signal(signal.SIGKILL)
    process.wait()
    if holder:
        holder.communicate(b"ROLLBACK;\n")
    trap("")
    assert postgres.dump(db) == before
    assert len(databases() - names) == 1
    initialised("restore", "latest", "--yes")
    assert all("_before_" in name for name in databases() - names)
    assert postgres.dump(db) == before


def test_a_cancelled_restore_removes_its_scratch_database(initialised, postgres, databases, backed_up, trap):
    db, before = backed_up(SHOP + TRAP + TRAPPED_ROWS)
    trap("sleep")
    with untouched(postgres, db, databases, before):
        process = initialised.start("restore", "latest", "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda: is_asleep(postgres))
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 130 and b"cancelled" in err


def test_prepared_transactions_keep_a_database_from_being_replaced(initialised, plain):
    server = PostgresServer().start(max_prepared_transactions=5)
    try:
        server.create("shop", SHOP)
        plain("backup", server.url("shop"))
        # One that comes after all has been looked at, while the safety backup is made: the swap is given up.
        holder = subprocess.Popen(["psql", "-qXAt", "-d", "shop"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=server.environment)
        holder.stdin.write(b"BEGIN; LOCK TABLE orders; SELECT 1;\n")
        holder.stdin.flush()
        holder.stdout.readline()
        process = initialised.start("restore", "latest", "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        until(lambda: server.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'shop' AND wait_event_type = 'Lock'") != "0")
        holder.communicate(b"PREPARE TRANSACTION 'y';\nBEGIN; CREATE TABLE later(i int); PREPARE TRANSACTION 'x'; ROLLBACK PREPARED 'y';\n")
        _, err = process.communicate(timeout=120)
        assert process.returncode != 0 and b'database "shop" is being accessed by other users' in err
        server.psql("ROLLBACK PREPARED 'x'", "shop")
        assert sizes(server, "shop").startswith("50|500")
        assert server.psql("SELECT string_agg(datname, ' ' ORDER BY datname) FROM pg_database") == "postgres shop template0 template1"
        server.psql("BEGIN; DELETE FROM orders; PREPARE TRANSACTION 'x'", "shop")
        result = initialised.run("restore", "latest", "--yes")
        assert result.status != 0 and "shop has 1 prepared transactions; nothing was changed" in result.err
        server.psql("ROLLBACK PREPARED 'x'", "shop")
        assert sizes(server, "shop").startswith("50|500")
    finally:
        server.stop()


# ---- what is restored, and where ----


def test_R8_what_was_not_in_the_backup_is_gone(initialised, postgres, databases, backed_up):
    shop, before = backed_up(SHOP)
    postgres.psql("CREATE TABLE extra(i int); CREATE SCHEMA more; CREATE FUNCTION more.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; DELETE FROM orders", shop)
    initialised("restore", "latest", "--yes")
    assert postgres.dump(shop) == before


def test_a_restore_can_be_undone(initialised, postgres, databases, backed_up):
    shop, before = backed_up(SHOP)
    postgres.psql("DELETE FROM orders WHERE id > 100; CREATE TABLE later(i int); INSERT INTO later VALUES (7)", shop)
    changed = postgres.dump(shop)
    assert changed != before
    initialised("restore", "latest", "--yes")
    assert postgres.dump(shop) == before
    initialised("restore", "--undo", "--yes")
    assert postgres.dump(shop) == changed


@pytest.fixture(scope="module")
def shop_dump(postgres):
    """What a dump of SHOP says."""
    yield postgres.dump(postgres.create("shop_dump", SHOP))
    postgres.drop("shop_dump")


@pytest.mark.parametrize("name", ["a b", "quo\"te'd", "-dash", "per%cent & /slash\\", "new\nline", "☃" * 20 + "xyz", "UPPER", "select"])
def test_R9_R12_a_copy_under_another_name_leaves_the_original(initialised, plain, postgres, databases, shop_dump, fresh_database, name):
    db = fresh_database(SHOP, name=name)
    copy = (name + "_copy")[-20:]
    plain("backup", postgres.url(db))
    postgres.psql("DELETE FROM orders WHERE id > 10", db)
    names = databases()
    postgres.psql(f"ALTER DATABASE {quoted(db)} ALLOW_CONNECTIONS false")     # whoever tried to write to it would fail
    initialised("restore", "latest", "--yes", "--to", postgres.url(copy))
    assert databases() == names | {copy} and postgres.dump(copy) == shop_dump
    postgres.psql(f"ALTER DATABASE {quoted(db)} ALLOW_CONNECTIONS true")
    initialised("restore", "latest", "--yes")
    assert postgres.dump(db) == shop_dump


def test_R13_of_two_databases_of_one_name_the_one_meant_is_restored(initialised, plain, postgres, databases, fresh_database):
    other = PostgresServer().start()
    try:
        fresh_database(SHOP, name="twins")
        other.create("twins", "CREATE TABLE other(i int)")
        theirs = other.dump("twins")
        plain("backup", postgres.url("twins"))
        before = postgres.dump("twins")
        postgres.psql("DELETE FROM orders", "twins")
        initialised("restore", "latest", "--yes")
        assert postgres.dump("twins") == before
        assert other.dump("twins") == theirs
        initialised("restore", "latest", "--yes", "--to", other.url("twins"))
        assert other.dump("twins") == before
    finally:
        other.stop()


def test_sessions_of_the_replaced_database_are_ended(initialised, postgres, databases, shop):
    client = subprocess.Popen(["psql", "-qXAt", "-d", shop], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=postgres.environment)
    client.stdin.write(b"SELECT 'here', pg_backend_pid();\n")
    client.stdin.flush()
    pid = client.stdout.readline().decode().strip().split("|")[1]
    initialised("restore", "latest", "--yes")
    assert postgres.psql(f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}") == "0"
    client.communicate()
    assert sizes(postgres, shop).startswith("50|500")


PROPERTIES = """SELECT pg_get_userbyid(datdba), (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a), datconnlimit, shobj_description(d.oid, 'pg_database'), (SELECT string_agg(coalesce(nullif(setrole, 0)::regrole::text, '') ||
    array_to_string(setconfig, ';'), '|' ORDER BY setrole) FROM pg_db_role_setting WHERE setdatabase = d.oid), encoding, datcollate FROM pg_database d WHERE datname = '{}'"""


def set_properties(server, db):
    for sql in ["CREATE ROLE bs_owner", f"ALTER DATABASE {db} OWNER TO bs_owner", f"REVOKE CONNECT ON DATABASE {db} FROM PUBLIC",
                f"GRANT TEMP ON DATABASE {db} TO bs_owner WITH GRANT OPTION", f"ALTER DATABASE {db} CONNECTION LIMIT 33", f"COMMENT ON DATABASE {db} IS 'our ''shop'' '",
                f"ALTER DATABASE {db} SET search_path = \"$user\", public, \"Odd\"", f"ALTER DATABASE {db} SET work_mem = '5MB'",
                f"ALTER DATABASE {db} SET my.thing = 'a ''b'' '", f"ALTER ROLE bs_owner IN DATABASE {db} SET DateStyle = 'German'"]:
        server.psql(sql)


def test_a_restore_keeps_the_databases_own_properties(initialised, plain, postgres, databases, shop):
    set_properties(postgres, shop)
    try:
        before = postgres.psql(PROPERTIES.format(shop))
        plain("backup", postgres.url(shop))
        initialised("restore", "latest", "--yes")
        assert postgres.psql(PROPERTIES.format(shop)) == before
        result = initialised("restore", "latest", "--yes", "--to", postgres.url(shop + "_new"))
        assert "could not be kept" not in result.err
        assert postgres.psql(PROPERTIES.format(shop + "_new")) == before
    finally:
        for db in databases():
            if db.startswith(shop):
                postgres.drop(db)
        postgres.psql("DROP ROLE bs_owner")


def test_owners_that_do_not_exist_are_named(initialised, plain, postgres, databases, fresh_database):
    db = fresh_database("CREATE ROLE gone; CREATE TABLE a(i int); ALTER TABLE a OWNER TO gone; CREATE TABLE b(i int); GRANT SELECT ON b TO gone, PUBLIC")
    plain("backup", postgres.url(db))
    postgres.psql("REASSIGN OWNED BY gone TO postgres; DROP OWNED BY gone", db)
    postgres.psql("DROP ROLE gone")
    result = initialised("restore", "latest", "--yes")
    assert 'owner "gone" was not set, as there is no such role: it is "postgres"' in result.err
    assert 'role "gone" does not exist' in result.err
    assert postgres.psql("SELECT relacl FROM pg_class WHERE relname = 'b'", db) == "{postgres=arwdDxt/postgres,=r/postgres}"


def test_a_replaced_database_is_kept_for_a_day(initialised, postgres, databases, shop):
    initialised("restore", "latest", "--yes")
    first, = (d for d in databases() if d.startswith(shop + "_before_"))
    assert sizes(postgres, first) == sizes(postgres, shop)
    initialised("restore", "latest", "--yes")
    assert first in databases()
    oid = postgres.psql(f"SELECT oid FROM pg_database WHERE datname = '{first}'")
    postgres.psql(f"COMMENT ON DATABASE {first} IS 'backstay: replaced by a restore at 2020-01-01T00:00:00Z, kept until 2020-01-02T00:00:00Z'")
    initialised("restore", "latest", "--yes")
    # By its number: what another restore replaces in the same second gets its name.
    assert postgres.psql(f"SELECT count(*) FROM pg_database WHERE oid = {oid}") == "0"
    assert len([d for d in databases() if d.startswith(shop + "_before_")]) == 2


def test_foreign_databases_that_look_like_ours_stay(initialised, postgres, databases, shop):
    postgres.create(shop + "_restore_0123abcd", "CREATE TABLE theirs(i int)")
    postgres.create(shop + "_before_20200101_000000")
    initialised("restore", "latest", "--yes")
    assert {shop + "_restore_0123abcd", shop + "_before_20200101_000000"} <= databases()


# ---- without the right to create databases ----


@pytest.fixture
def modest(postgres, fresh_database):
    """A database of a user who has nothing but it."""
    db = fresh_database()
    postgres.psql("CREATE ROLE modest LOGIN")
    postgres.psql(f"ALTER DATABASE {db} OWNER TO modest")
    postgres.psql(SHOP, db, user="modest")
    yield db
    postgres.drop(db)
    postgres.psql("DROP ROLE modest")


def test_R8_a_user_who_may_not_create_databases_restores_in_place(initialised, plain, postgres, databases, modest):
    before = postgres.dump(modest)
    plain("backup", postgres.url(modest, user="modest"))
    postgres.psql("CREATE TABLE extra(i int); CREATE SCHEMA more; CREATE TYPE mood AS ENUM ('a'); CREATE FUNCTION f() RETURNS mood LANGUAGE sql AS 'SELECT NULL::mood';"
                  "DROP TABLE orders CASCADE", modest, user="modest")
    names = databases()
    result = initialised("restore", "latest", "--yes")
    assert "may not create databases" in result.err
    assert postgres.dump(modest) == before and databases() == names
    initialised("restore", "--undo", "--yes")
    assert postgres.psql("SELECT count(*) FROM pg_class WHERE relname IN ('extra', 'orders')", modest) == "1"


def test_R1_a_failure_in_place_rolls_everything_back(initialised, plain, postgres, databases, modest):
    postgres.psql("CREATE TABLE rates(v int); INSERT INTO rates VALUES (2); CREATE FUNCTION rate() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT max(v) FROM rates';"
                  "CREATE INDEX priced ON orders ((id * rate()))", modest, user="modest")
    plain("backup", postgres.url(modest, user="modest"))
    postgres.psql("CREATE TABLE extra(i int)", modest, user="modest")
    with untouched(postgres, modest, databases):
        result = initialised.run("restore", "latest", "--yes")
    assert result.status != 0 and "INDEX public.priced" in result.err and "rolled back; nothing was changed" in result.err


def test_what_others_own_is_not_lost_in_place(initialised, plain, postgres, databases, modest):
    """A type that goes takes the columns of that type along, whoever's table it is."""
    postgres.psql("CREATE TYPE mood AS ENUM ('good', 'bad'); CREATE TABLE moods(m mood); GRANT SELECT ON moods TO public", modest, user="modest")
    plain("backup", postgres.url(modest, user="modest"))
    postgres.psql("CREATE TABLE theirs(m mood); INSERT INTO theirs VALUES ('bad'); GRANT SELECT ON theirs TO modest", modest)
    with untouched(postgres, modest, databases):
        result = initialised.fails(6, "restore", "latest", "--yes")
    assert "rolled back; nothing was changed: the column m of public.theirs, which is another user's, would be lost: it uses what is replaced" in result.err
    postgres.psql("DROP TABLE theirs; CREATE VIEW their_view AS SELECT m FROM moods; GRANT SELECT ON their_view TO modest", modest)
    result = initialised("restore", "latest", "--yes")
    assert "the view public.their_view was another user's, used what was replaced, and is gone" in result.err


# ---- chosen tables, and what is missing ----


def test_nobody_writes_between_the_safety_backup_and_the_change(initialised, postgres, databases, shop):
    with subprocess.Popen(["psql", "-qXAt", "-d", shop], stdin=subprocess.PIPE, env=postgres.environment, text=True) as holding:
        holding.stdin.write("BEGIN; LOCK TABLE orders IN ACCESS EXCLUSIVE MODE;\n")       # the safety backup waits for it
        holding.stdin.flush()
        until(lambda: postgres.psql("SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND relation = 'orders'::regclass", shop) == "1")
        restore = initialised.start("restore", "latest", "--yes", "--table", "customers", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: postgres.psql("SELECT count(*) FROM pg_locks WHERE NOT granted AND mode = 'AccessShareLock'", shop) == "1")
        with pytest.raises(AssertionError, match="canceling statement due to lock timeout"):
            postgres.psql("SET lock_timeout = 50; INSERT INTO customers(name) VALUES ('would be lost')", shop)
        assert postgres.psql("SELECT count(*) FROM customers", shop) == "50", "reading goes on"
        holding.communicate("COMMIT;\n")
    assert restore.wait() == 0


def test_what_a_chosen_table_leaves_as_it_was_is_named(initialised, plain, postgres, databases, fresh_database):
    db = fresh_database("CREATE TABLE t(a int, b text) PARTITION BY RANGE (a); CREATE TABLE t1 PARTITION OF t FOR VALUES FROM (0) TO (10); INSERT INTO t VALUES (1, 'one');"
                        "CREATE VIEW v AS SELECT count(*) AS n FROM t; CREATE MATERIALIZED VIEW mv AS SELECT n FROM v")
    plain("backup", postgres.url(db))
    postgres.psql("CREATE TABLE t2 PARTITION OF t FOR VALUES FROM (10) TO (20); INSERT INTO t VALUES (11, 'new'), (2, 'new')", db)
    result = initialised("restore", "latest", "--yes", "--table", "t")
    assert "public.t2 is a partition of public.t that the backup does not have: its rows stay" in result.err
    assert "the materialized view public.mv still shows what was there before" in result.err
    assert postgres.psql("SELECT a FROM t ORDER BY 1", db) == "1\n11"


def test_chosen_tables_get_their_rows_back_and_others_stay(initialised, plain, postgres, databases, shop):
    postgres.psql("CREATE TABLE log(t text); CREATE FUNCTION logs() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.log VALUES (tg_op); RETURN new; END';"
                  "CREATE TRIGGER logging AFTER INSERT OR DELETE OR TRUNCATE ON customers FOR EACH STATEMENT EXECUTE FUNCTION logs()", shop)
    before = postgres.dump(shop)
    plain("backup", postgres.url(shop))
    postgres.psql("UPDATE customers SET name = 'wrong'; INSERT INTO customers(name) VALUES ('new'); DELETE FROM log", shop)
    initialised("restore", "latest", "--yes", "--table", "customers")
    assert postgres.dump(shop) == before, "with keys, triggers and sequences as they were"
    postgres.psql("DROP TABLE orders CASCADE", shop)
    initialised("restore", "latest", "--yes", "--table", "public.orders")
    # The view is no part of the table.
    postgres.psql("CREATE VIEW big AS SELECT * FROM orders WHERE total > 100", shop)
    assert postgres.dump(shop) == before


def test_chosen_tables_go_into_a_new_database_with_what_they_need(initialised, plain, postgres, databases, fresh_database):
    db = fresh_database("CREATE SCHEMA app; CREATE TYPE app.mood AS ENUM ('good', 'bad'); CREATE TABLE app.customers(id int PRIMARY KEY);"
                        "CREATE TABLE app.orders(id serial PRIMARY KEY, customer int REFERENCES app.customers, how app.mood DEFAULT 'good'); CREATE INDEX by_customer ON app.orders(customer);"
                        "CREATE TABLE lines(i int); CREATE VIEW of_orders AS SELECT id FROM app.orders;"
                        "INSERT INTO app.customers VALUES (1); INSERT INTO app.orders(customer) VALUES (1), (1); GRANT SELECT ON app.orders TO public")
    plain("backup", postgres.url(db))
    there = databases()
    result = initialised("restore", "latest", "--to", postgres.url(f"{db}_one"), "--table", "orders")
    assert "FK CONSTRAINT orders orders_customer_fkey was left out: it needs what was not chosen" in result.err
    assert databases() == there | {f"{db}_one"}
    assert postgres.psql("SELECT n.nspname, c.relname, c.relacl FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname IN ('app', 'public') ORDER BY 2", f"{db}_one").split("\n") == [
        "app|by_customer|", "app|orders|{postgres=arwdDxt/postgres,=r/postgres}", "app|orders_id_seq|", "app|orders_pkey|"]
    assert postgres.psql("INSERT INTO app.orders(customer) VALUES (7); SELECT * FROM app.orders", f"{db}_one") == "1|1|good\n2|1|good\n3|7|good"


def test_rows_that_would_break_a_foreign_key_are_refused(initialised, postgres, databases, shop):
    postgres.psql("INSERT INTO customers(id, name) VALUES (100, 'new'); INSERT INTO orders VALUES (1000, 100, 1, 'of the new one')", shop)
    with untouched(postgres, shop, databases):
        result = initialised.run("restore", "latest", "--yes", "--table", "customers")
    assert result.status != 0
    assert "table public.orders would have rows that refer to rows missing from public.customers" in result.err


def test_filling_in_adds_what_is_missing_and_changes_nothing_else(initialised, plain, postgres, databases, shop):
    postgres.psql("CREATE TABLE keyless(a int, b text); INSERT INTO keyless VALUES (1, NULL), (2, ''), (3, 'three'); CREATE TYPE mood AS ENUM ('a', 'b'); CREATE TABLE moods(m mood)", shop)
    plain("backup", postgres.url(shop))
    postgres.psql("UPDATE customers SET name = 'kept' WHERE id = 1; DELETE FROM orders WHERE id > 100; INSERT INTO customers(id, name) VALUES (1000, 'new');"
                  "SELECT setval('customers_id_seq', 5000); DELETE FROM keyless WHERE a < 3; DROP VIEW big; DROP TABLE moods; DROP TYPE mood; CREATE TABLE extra(i int)", shop)
    initialised("restore", "latest", "--yes", "--mode", "preserve")
    assert sizes(postgres, shop).startswith("51|500")
    assert postgres.psql("SELECT name FROM customers WHERE id IN (1, 1000) ORDER BY id; SELECT nextval('customers_id_seq'); SELECT count(*), count(b) FROM keyless;"
                         "SELECT count(*) FROM big; SELECT count(*) FROM moods; SELECT count(*) FROM extra", shop) == "kept\nnew\n5001\n3|2\n420\n0\n0"


def test_filling_in_goes_round_rules_and_never_passes_over_a_row(initialised, plain, postgres, databases, fresh_database):
    db = fresh_database("CREATE TABLE ruled(a int); INSERT INTO ruled VALUES (1), (2); CREATE RULE none AS ON INSERT TO ruled DO INSTEAD NOTHING;"
                        "CREATE TABLE mails(id int PRIMARY KEY, mail text UNIQUE); INSERT INTO mails VALUES (1, 'a'), (2, 'b')")
    plain("backup", postgres.url(db))
    postgres.psql("DELETE FROM ruled; DELETE FROM mails WHERE id = 2", db)
    initialised("restore", "latest", "--yes", "--mode", "preserve")
    assert postgres.psql("SELECT count(*) FROM ruled; SELECT count(*) FROM mails; SELECT ev_enabled FROM pg_rewrite WHERE rulename = 'none'", db) == "2\n2\nO"
    postgres.psql("UPDATE mails SET id = 3 WHERE id = 2", db)
    with untouched(postgres, db, databases):
        result = initialised.fails(1, "restore", "latest", "--yes", "--mode", "preserve")
    assert "table public.mails: the server refused it: duplicate key value violates unique constraint" in result.err


# ---- everything ----


def test_rows_that_an_extension_brings_come_back_beside_those_of_the_user(initialised, plain, postgres, databases, fresh_database):
    """As of PostGIS: pg_dump writes of such a table only what is not the extension's own."""
    folder = pathlib.Path(subprocess.run([postgres.bin / "pg_config", "--sharedir"], capture_output=True, text=True, check=True).stdout.strip(), "extension")
    if not os.access(folder, os.W_OK):
        pytest.skip("making an extension takes root")
    name = f"bs_conf_{os.getpid()}"
    (folder / f"{name}.control").write_text("default_version = '1'\n")
    (folder / f"{name}--1.sql").write_text("CREATE TABLE conf(id int PRIMARY KEY); INSERT INTO conf VALUES (1), (2);\n"
                                           "SELECT pg_catalog.pg_extension_config_dump('conf', 'WHERE id > 100');\n")
    try:
        db = fresh_database(f"CREATE EXTENSION {name}; INSERT INTO conf VALUES (101)")
        plain("backup", postgres.url(db))
        initialised("restore", "latest", "--to", postgres.url(f"{db}_copy"))
        assert postgres.psql("SELECT id FROM conf ORDER BY 1", f"{db}_copy") == "1\n2\n101"
    finally:
        (folder / f"{name}.control").unlink()
        (folder / f"{name}--1.sql").unlink()


def test_tables_are_chosen_and_filled_in_by_name_in_a_database_that_is_not_in_utf_8(initialised, plain, postgres):
    db = f"t{os.urandom(5).hex()}"
    postgres.psql(f"CREATE ROLE {db} LOGIN; CREATE DATABASE {db} OWNER {db} ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'")
    try:
        postgres.psql("CREATE TABLE größe(ä int PRIMARY KEY, b text); INSERT INTO größe VALUES (1, 'ß'), (2, 'é')", db, user=db)
        plain("backup", postgres.url(db))
        postgres.psql("UPDATE größe SET b = 'ö' WHERE ä = 1; DELETE FROM größe WHERE ä = 2", db)
        initialised("restore", "latest", "--mode", "preserve", "--yes", "--no-safety")
        assert postgres.psql("SELECT * FROM größe ORDER BY 1", db) == "1|ö\n2|é"
        initialised("restore", "latest", "--table", "größe", "--yes", "--no-safety")
        assert postgres.psql("SELECT * FROM größe ORDER BY 1", db) == "1|ß\n2|é"
        postgres.psql("ALTER TABLE größe ALTER b TYPE varchar(3)", db)
        refused = initialised.fails(6, "restore", "latest", "--mode", "preserve", "--yes", "--no-safety").err
        assert 'table public.größe: its column "b" is character varying(3), and text in the backup' in refused
        initialised("restore", "latest", "--to", postgres.url(db, user=db), "--yes", "--no-safety")     # who may make no databases: in place
        assert postgres.psql(f"SELECT datname FROM pg_database WHERE datname LIKE '{db}%'") == db
        assert postgres.psql("SELECT * FROM größe ORDER BY 1", db) == "1|ß\n2|é"
    finally:
        postgres.drop(db)
        postgres.psql(f"DROP ROLE IF EXISTS {db}")


def test_subscriptions_keep_no_scratch_database(initialised, postgres, databases, fresh_database, trap):
    db = fresh_database(TRAP + "CREATE MATERIALIZED VIEW mv AS SELECT trap(1);"
                        "CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false)")
    initialised("backup", postgres.url(db))
    trap("fail")
    with untouched(postgres, db, databases):
        result = initialised.fails(1, "restore", "latest", "--yes")
    postgres.psql("ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub", db)
    assert "MATERIALIZED VIEW DATA public.mv: the server refused it: trapped" in result.err


def test_an_event_trigger_that_forbids_it_keeps_no_replaced_database_with_a_subscription(initialised, postgres, databases, fresh_database):
    db = fresh_database("CREATE SUBSCRIPTION sub CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false, slot_name = NONE);"
                        "CREATE FUNCTION forbid() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not here'; END $$;"
                        "CREATE EVENT TRIGGER forbids ON ddl_command_end EXECUTE FUNCTION forbid();")
    try:
        initialised("backup", postgres.url(db))
        initialised("restore", "latest", "--yes", "--no-safety")
        kept, = [name for name in databases() if name.startswith(f"{db}_before_")]
        later = initialised("restore", "latest", "--yes", "--no-safety", env={"BACKSTAY_TEST_NOW_OFFSET": "200000"})
        assert "could not be removed" not in later.err and kept not in databases()
    finally:
        for name in databases():
            if name.startswith(db):
                postgres.psql("SET session_replication_role = replica; ALTER SUBSCRIPTION sub DISABLE; DROP SUBSCRIPTION sub", name)


def test_everything_comes_back_equal_to_the_byte(initialised, postgres, databases, fresh_database):
    db = fresh_database(EVERYTHING)
    try:
        before = postgres.dump(db)
        initialised("backup", postgres.url(db))
        result = initialised("restore", "latest", "--yes", "--to", postgres.url(db + "_copy"))
        assert "could not" not in result.err and "left out" not in result.err
        assert postgres.dump(db + "_copy") == before
        assert postgres.dump(db) == before
        assert postgres.psql("SELECT md5(lo_get(123456)), length(lo_get(123457))", db) == postgres.psql("SELECT md5(lo_get(123456)), length(lo_get(123457))", db + "_copy")
        initialised("verify", "latest", "--level", "4")
    finally:
        for name in databases():
            if name.startswith(db):
                postgres.drop(name)
        drop_roles(postgres)


def without_superuser(sql):
    """The lines of EVERYTHING that an ordinary user may run."""
    needs = ["CREATE ROLE", "postgres_fdw", "OPERATOR FAMILY", "elsewhere", "pub_all", "EVENT TRIGGER", "event_trigger", "OWNER TO", "bs_owner", '"" role"']
    lines = sql.replace(" AUTHORIZATION bs_owner", "").split("\n")
    return "\n".join(line for line in lines if not any(word in line for word in needs))


@pytest.mark.parametrize("right", ["NOCREATEDB", "CREATEDB"])
def test_all_that_an_ordinary_user_can_make_comes_back_equal(initialised, plain, postgres, databases, modest, right):
    postgres.psql(f"ALTER ROLE modest {right}")
    postgres.psql("DROP TABLE customers, orders CASCADE", modest, user="modest")
    postgres.psql(without_superuser(EVERYTHING), modest, user="modest")
    before = postgres.dump(modest)
    plain("backup", postgres.url(modest, user="modest"))
    postgres.psql("DROP TABLE app.base CASCADE; CREATE TABLE app.base(other int); UPDATE app.parent SET name = 'wrong';"
                  "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC; ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;"
                  "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT USAGE ON SEQUENCES TO PUBLIC; ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC",
                  modest, user="modest")
    result = initialised("restore", "latest", "--yes")
    assert ("may not create databases" in result.err) == (right == "NOCREATEDB")
    assert postgres.dump(modest) == before
    for name in databases():
        if name.startswith(modest):
            postgres.drop(name)


def test_large_tables_go_through_two_connections(plain, initialised, postgres, databases, fresh_database):
    db = fresh_database("".join(f"""CREATE TABLE big{k}(id int PRIMARY KEY, parent int, t text); CREATE INDEX ON big{k}(t);
        INSERT INTO big{k} SELECT g, g / 2, repeat(md5(g::text), 25) FROM generate_series(0, 11000) g; ALTER TABLE big{k} ADD FOREIGN KEY (parent) REFERENCES big1;""" for k in (1, 2))
        + "".join(f"CREATE TABLE small{k}(id serial PRIMARY KEY, t text UNIQUE); INSERT INTO small{k}(t) VALUES ('{k}');" for k in range(110)))
    before = postgres.dump(db)
    plain("backup", postgres.url(db))
    out = plain("restore", "latest", "--yes", "--to", postgres.url(db + "_new")).out
    assert "112 tables, 22,112 rows" in out
    assert postgres.dump(db + "_new") == before


@pytest.mark.parametrize("options", [["-Fp"], ["-Fp", "--inserts"], ["-Fc", "-Z6"], ["-Fc", "--inserts"]])
def test_outside_dumps_are_restored(initialised, postgres, databases, shop, home, options):
    (home / "outside.dump").write_bytes(postgres.dump(shop, *options))
    initialised("restore", "outside.dump", "--yes", "--to", postgres.url(shop + "_new"))
    assert postgres.dump(shop + "_new") == postgres.dump(shop)


def test_R1_a_script_that_fails_leaves_the_live_database(initialised, postgres, databases, shop, home):
    (home / "bad.sql").write_text("CREATE TABLE fine(i int);\nINSERT INTO missing VALUES (1);\n")
    with untouched(postgres, shop, databases):
        result = initialised.run("restore", "bad.sql", "--yes", "--to", postgres.url(shop))
    assert result.status != 0 and 'relation "missing" does not exist' in result.err


def test_tables_of_every_kind_can_be_chosen_or_filled_in(initialised, plain, postgres, databases, fresh_database):
    # The live database's default privileges hold for what is created in it.
    db = fresh_database(EVERYTHING + "ALTER DEFAULT PRIVILEGES IN SCHEMA app REVOKE SELECT ON TABLES FROM bs_owner")
    try:
        before = postgres.dump(db)
        plain("backup", postgres.url(db))
        initialised("restore", "latest", "--yes", "--mode", "preserve")
        assert postgres.dump(db) == before, "nothing was missing"
        postgres.psql("DELETE FROM app.child WHERE n > 10; UPDATE app.child SET note = 'x'; TRUNCATE app.measured; TRUNCATE ONLY app.heir", db)
        initialised("restore", "latest", "--yes", "--table", "app.child", "--table", "measured", "--table", "heir")
        assert postgres.dump(db) == before
        postgres.psql("DROP TABLE app.child, app.heir; DROP TABLE app.measured; DROP FUNCTION app.twice; DROP AGGREGATE app.total(int); DROP MATERIALIZED VIEW app.mat CASCADE;"
                      "DROP EVENT TRIGGER watch; DROP PUBLICATION pub; DROP EXTENSION pg_trgm; DROP SCHEMA \"odd \"\" schema\" CASCADE; SELECT lo_unlink(123456)", db)
        initialised("restore", "latest", "--yes", "--mode", "preserve")
        assert postgres.dump(db) == before
    finally:
        postgres.drop(db)
        drop_roles(postgres)


def test_a_script_is_restored_in_place_as_well(initialised, postgres, databases, modest, home):
    before = postgres.dump(modest)
    (home / "shop.sql").write_bytes(before)
    postgres.psql("DROP TABLE orders CASCADE; CREATE TABLE extra(i int)", modest, user="modest")
    initialised("restore", "shop.sql", "--yes", "--to", postgres.url(modest, user="modest"))
    assert postgres.dump(modest) == before
