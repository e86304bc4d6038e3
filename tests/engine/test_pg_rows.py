"""PostgreSQL's rows: preview, query, compare and export of what is stored, without its server, and against the live database."""
import csv
import io
import json
import subprocess
import zipfile

import pytest

from servers import PostgresServer

SHOP = """
CREATE TABLE customers(id integer PRIMARY KEY, name text NOT NULL, code character(6));
CREATE TABLE orders(id bigserial PRIMARY KEY, customer integer REFERENCES customers(id), total numeric(12,2), paid boolean, note text, picture bytea,
                    at timestamptz DEFAULT '2026-01-02 03:04:05+00');
CREATE INDEX orders_by_customer ON orders(customer);
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 100;
CREATE TABLE nothing(a integer, b text);
CREATE TABLE keyless(word text, n integer);
INSERT INTO customers SELECT i, 'Customer ' || i, 'c' || i FROM generate_series(1, 20) i;
INSERT INTO orders(customer, total, paid, note, picture)
  SELECT i % 20 + 1, i * 1.25, CASE i % 3 WHEN 0 THEN true WHEN 1 THEN false END, CASE i % 4 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE 'note – ' || i END,
         decode(lpad(to_hex(i), 4, '0'), 'hex') FROM generate_series(1, 100) i;
INSERT INTO keyless VALUES ('twice', 1), ('twice', 1), ('once', 2), (NULL, NULL);
"""

TYPES = r'''
CREATE SCHEMA "Odd ""schema""";
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CHECK (value > 0);
CREATE TABLE everything(
  i2 smallint, i4 integer PRIMARY KEY, i8 bigint, n numeric, n2 numeric(30,10), f4 real, f8 double precision, b boolean, t text, v varchar(10), c character(5),
  by bytea, d date, ti time, ts timestamp, tz timestamptz, iv interval, u uuid, j json, jb jsonb, arr integer[], tarr text[], m mood, p pair, dom positive,
  x xml, ip inet, bits bit varying(9), pt point, r int4range, mo money, ts_v tsvector, gen integer GENERATED ALWAYS AS (i4 * 2) STORED);
INSERT INTO everything VALUES
  (-32768, 1, 9223372036854775807, 12345678901234567890.123456789, 0.1, 0.1, 1e300, true, E'tab\tnewline\nback\\slash', '', 'ab', '\x00ff5c', '2026-02-28', '23:59:59.5',
   '0044-03-15 00:00:00 BC', '2026-07-01 12:00:00+02', '1 day 02:03:04', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{"a" : 1}', '{"b":[1,2]}', '{1,NULL,3}',
   ARRAY['a,b', 'c"d', NULL, ''], 'happy', ROW(1, 'x y'), 5, '<a>ü</a>', '10.0.0.1/8', B'1010', '(1,2)', '[1,5)', 12.34, 'fat cat'),
  (NULL, 2, NULL, 'NaN', NULL, 'Infinity', '-Infinity', NULL, '\N', '☃', NULL, '', NULL, NULL, 'infinity', NULL, NULL, NULL, NULL, NULL, '{}', NULL, NULL, NULL, 2,
   NULL, NULL, NULL, NULL, 'empty', NULL, NULL);
CREATE TABLE "Odd ""schema"""."Tab.le ☃"("Col ""umn" text PRIMARY KEY, "semi;colon" integer, "back\slash" text);
INSERT INTO "Odd ""schema"""."Tab.le ☃" VALUES ('it''s', 1, E'\\.'), ('', 2, ''), ('b', 3, NULL);
CREATE TABLE parted(id integer, what text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
CREATE TABLE parted_high PARTITION OF parted FOR VALUES FROM (10) TO (20);
INSERT INTO parted SELECT i, 'w' || i FROM generate_series(1, 19) i;
CREATE TABLE base(a integer, b text);
CREATE TABLE child(c numeric) INHERITS (base);
INSERT INTO base VALUES (1, 'base');
INSERT INTO child VALUES (2, 'child', 2.50);
CREATE TABLE no_columns();
CREATE TABLE two_keys(a text, b integer, c text, PRIMARY KEY (b, a));
INSERT INTO two_keys SELECT chr(122 - i % 26), i % 7, i::text FROM generate_series(1, 100) i ON CONFLICT DO NOTHING;
'''


def diff_of(backstay, *args):
    """{table: (change, added, removed, changed, columns differ)} of what differs."""
    told = backstay("diff", "--json", *args).json
    return {t["name"]: (t["change"], t["added"], t["removed"], t["changed"], t["columns_differ"]) for t in told["tables"] if t["change"] != "same" or t["columns_differ"]}


def rows(backstay, sql, backup="latest"):
    return backstay("query", "--json", backup, sql).json["rows"]


def psql_rows(server, db):
    """Everything of a database as its own COPY says it: {table: sorted lines}."""
    names = server.psql("SELECT quote_ident(nspname) || '.' || quote_ident(relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
                        "WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema' ORDER BY 1", db)
    return {name: sorted(server.psql(f"COPY {name} TO STDOUT", db).split("\n")) for name in names.split("\n") if name}


def load(server, db, sql_file):
    done = subprocess.run(["psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", db, "-f", str(sql_file)], env=server.environment, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture
def shop_url(postgres, backed_up):
    return postgres.url(backed_up(SHOP)[0])


@pytest.fixture
def shop_backup(initialised, shop_url):
    """A repository with a backup of what shop_url names."""
    return initialised


# ---- what fails ----

def test_a_table_that_is_not_there_is_told_with_those_that_are(shop_backup):
    told = shop_backup.fails(2, "query", "latest", "SELECT * FROM absent").err
    assert "no such table: absent" in told and "public.customers, public.keyless, public.nothing, public.orders" in told


def test_a_statement_that_would_write_is_refused(shop_backup):
    for sql in ("DELETE FROM orders", "UPDATE orders SET total = 0", "DROP TABLE orders", "SELECT 1; DELETE FROM orders"):
        shop_backup.fails(2, "query", "latest", sql)
    assert rows(shop_backup, "SELECT count(*) FROM orders") == [[100]]


def test_a_table_that_cannot_be_exported_leaves_no_file(shop_backup, tmp_path):
    result = shop_backup.run("export", "latest", "--format", "sql", "--table", "absent", "-o", tmp_path / "x.sql")
    assert result.status != 0 and 'there is no table "absent"' in result.err
    assert list(tmp_path.glob("x.sql*")) == []


def test_a_pg_restore_that_fails_is_a_failing_export(shop_backup, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    broken = tools / "pg_restore"
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo "pg_restore (PostgreSQL) 99.1"; exit; }\necho "-- half"\nhead -c 100 >/dev/null\necho "pg_restore: error: the moon is full" >&2\nexit 1\n')
    broken.chmod(0o755)
    result = shop_backup.run("export", "latest", "--format", "sql", "-o", tmp_path / "x.sql", env={"BACKSTAY_PG_BIN": str(tools)})
    assert result.status != 0 and "the moon is full" in result.err
    broken.write_text('#!/bin/sh\n[ "$1" = --version ] && { echo "pg_restore (PostgreSQL) 99.1"; exit; }\ncat >/dev/null\necho "-- half"\n')
    result = shop_backup.run("export", "latest", "--format", "sql", "-o", tmp_path / "x.sql", env={"BACKSTAY_PG_BIN": str(tools)})
    assert result.status != 0 and "it is not whole" in result.err
    assert not (tmp_path / "x.sql").exists()


# ---- query ----

def test_an_old_backup_is_asked_with_sql(shop_backup):
    assert rows(shop_backup, "SELECT count(*) FROM orders WHERE total > 100") == [[20]]
    assert rows(shop_backup, "SELECT id, total FROM public.orders WHERE total > 120 ORDER BY total DESC LIMIT 2") == [[100, "125.00"], [99, "123.75"]]
    assert rows(shop_backup, "SELECT c.name, sum(o.total) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.code = 'c3' GROUP BY 1") == [["Customer 3", 262.5]]
    assert rows(shop_backup, "SELECT note IS NULL, note FROM orders WHERE id IN (4, 5) ORDER BY id") == [[1, None], [0, ""]]
    assert rows(shop_backup, "SELECT count(*) FROM orders WHERE paid") == [[33]]
    assert rows(shop_backup, "SELECT hex(picture), at FROM orders WHERE id = 31") == [["001F", "2026-01-02 03:04:05+00"]]
    assert rows(shop_backup, 'SELECT count(*) FROM "nothing"') == [[0]]


def test_every_type_comes_back_as_the_server_says_it(initialised, postgres, fresh_database):
    db = fresh_database(TYPES)
    initialised("backup", postgres.url(db))
    (first, second) = rows(initialised, "SELECT * FROM everything ORDER BY i4")
    told = json.loads(postgres.psql("SELECT json_agg(q) FROM (SELECT i2, i4, i8, n::text, n2::text, f4::text, f8::text, CASE WHEN b THEN 1 END AS b, t, v, c, "
                                    "encode(by, 'base64') AS by, d::text, ti::text, ts::text, tz::text, iv::text, u, j::text, jb::text, arr::text, tarr::text, m, p::text, dom::text, x::text, "
                                    "ip, bits, pt::text, r, mo::text, ts_v::text, NULL AS gen FROM everything ORDER BY i4) q", db))
    by = list(told[0]).index("by")
    for got, want in zip((first, second), told):
        want = list(want.values())
        assert got[by] == {"base64": want[by]}
        assert got[:by] + got[by + 1:] == want[:by] + want[by + 1:]
    assert rows(initialised, "SELECT i4 FROM everything WHERE dom > 10 OR n2 > 1") == [] and rows(initialised, "SELECT i4 FROM everything WHERE dom > 4") == [[1]]
    assert rows(initialised, 'SELECT "Col ""umn", "semi;colon", "back\\slash" FROM "Odd ""schema"""."Tab.le ☃" ORDER BY 2') == [["it's", 1, "\\."], ["", 2, ""], ["b", 3, None]]
    assert rows(initialised, "SELECT count(*) FROM parted_low") == [[9]]
    assert rows(initialised, "SELECT a, b, c FROM child") == [[2, "child", "2.50"]]


def test_other_encodings_come_as_utf8_and_none_as_bytes(initialised, postgres, fresh_database, tmp_path):
    name = fresh_database() + "_latin"
    postgres.psql(f"CREATE DATABASE {name} ENCODING LATIN1 LOCALE 'C' TEMPLATE template0")
    ascii_name = name + "_ascii"
    postgres.psql(f"CREATE DATABASE {ascii_name} ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0")
    try:
        postgres.psql("""CREATE TABLE "größe"(id integer PRIMARY KEY, "name_ä" text); INSERT INTO "größe" VALUES (1, 'Äpfel'), (2, 'naïve');""", name)
        subprocess.run(["psql", "-qX", "-d", ascii_name, "-c", "CREATE TABLE t(id integer PRIMARY KEY, s text); INSERT INTO t VALUES (1, E'\\xff\\xfe'), (2, 'plain')"],
                       env={**postgres.environment, "PGCLIENTENCODING": "SQL_ASCII"}, check=True)
        initialised("backup", postgres.url(name))
        assert rows(initialised, 'SELECT "name_ä" FROM "größe" ORDER BY id') == [["Äpfel"], ["naïve"]]
        assert diff_of(initialised, "latest", "live") == {}
        initialised("export", "latest", "--format", "sql", "-o", tmp_path / "latin.sql", "--table", "größe")
        again = fresh_database()
        load(postgres, again, tmp_path / "latin.sql")
        assert psql_rows(postgres, again) == {'public."größe"': ["1\tÄpfel", "2\tnaïve"]}
        initialised("backup", postgres.url(ascii_name))
        assert rows(initialised, "SELECT hex(s) FROM t ORDER BY id") == [["FFFE"], ["706C61696E"]]
        assert diff_of(initialised, "latest", "live") == {}
    finally:
        postgres.drop(name)
        postgres.drop(ascii_name)


# ---- compare ----

def test_a_live_database_that_did_not_change_does_not_differ(initialised, backed_up):
    backed_up(SHOP + TYPES)
    assert diff_of(initialised, "latest", "live") == {}


def test_added_removed_and_changed_rows_of_the_live_database_are_exact(shop_backup, postgres, shop_url):
    db = shop_url.rpartition("/")[2]
    postgres.psql("""
        INSERT INTO orders(id, customer, total) VALUES (1000, 1, 1.50), (1001, 2, 1.50);
        DELETE FROM orders WHERE id IN (7, 8, 9);
        UPDATE orders SET total = 1.250 WHERE id = 1;
        UPDATE orders SET note = '' WHERE id = 4;
        UPDATE orders SET picture = '\\x00' WHERE id = 50;
        INSERT INTO keyless VALUES ('twice', 1), ('new', 3);
        DELETE FROM keyless WHERE word IS NULL;
        CREATE TABLE later(id integer);
        INSERT INTO later VALUES (1);
        DROP TABLE nothing;
        ALTER TABLE customers ADD COLUMN extra text""", db)
    assert diff_of(shop_backup, "latest", "live") == {
        "public.orders": ("changed", 2, 3, 2, False),
        "public.keyless": ("changed", 2, 1, 0, False),
        "public.later": ("added", 1, 0, 0, False),
        "public.nothing": ("removed", 0, 0, 0, False),
        "public.customers": ("changed", 0, 0, 0, True),
    }
    told = shop_backup("diff", "latest", "live", "--table", "orders", "--rows").out
    assert "note: NULL -> ''" in told and "id=1000" in told and "id=7" in told
    assert "id=1 " not in told                    # 1.250 is 1.25 in numeric(12,2)


def test_two_backups_differ_in_what_changed_between_them(shop_backup, postgres, shop_url):
    db = shop_url.rpartition("/")[2]
    first = shop_backup("list", "--json").json["backups"][0]["id"]
    postgres.psql("UPDATE customers SET name = 'Renamed' WHERE id = 20; DELETE FROM keyless WHERE word = 'once'", db)
    shop_backup("backup", shop_url)
    assert diff_of(shop_backup, first, "latest") == {
        "public.customers": ("changed", 0, 0, 1, False), "public.keyless": ("changed", 0, 1, 0, False)}


# ---- export ----

def test_sql_loads_into_a_fresh_database_with_the_same_rows(initialised, postgres, backed_up, fresh_database, tmp_path):
    db, _ = backed_up(SHOP + TYPES)
    initialised("export", "latest", "--format", "sql", "-o", tmp_path / "all.sql")
    again = fresh_database()
    load(postgres, again, tmp_path / "all.sql")
    assert psql_rows(postgres, again) == psql_rows(postgres, db)
    assert postgres.psql("SELECT count(*) FROM big_orders", again) == "20"
    initialised("export", "--live", postgres.url(db), "--format", "sql", "-o", tmp_path / "live.sql")
    live = fresh_database()
    load(postgres, live, tmp_path / "live.sql")
    assert psql_rows(postgres, live) == psql_rows(postgres, db)


def test_chosen_tables_load_alone_with_all_they_need(initialised, postgres, backed_up, fresh_database, tmp_path):
    db, _ = backed_up(SHOP + TYPES)
    chosen = ["orders", "everything", "parted", 'Odd "schema".Tab.le ☃', "child"]
    initialised("export", "latest", "--format", "sql", "-o", tmp_path / "some.sql", *[a for t in chosen for a in ("--table", t)])
    again = fresh_database()
    load(postgres, again, tmp_path / "some.sql")
    got, want = psql_rows(postgres, again), psql_rows(postgres, db)
    assert set(got) == {"public.orders", "public.everything", "public.parted_low", "public.parted_high", '"Odd ""schema"""."Tab.le ☃"', "public.child", "public.base"}
    assert got.pop("public.base") == [""]         # child inherits from it; its rows were not asked for
    assert all(got[t] == want[t] for t in got)
    assert postgres.psql("SELECT nextval('orders_id_seq')", again) == "101"
    assert postgres.psql("SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'orders'", again) == "orders_by_customer orders_pkey"
    assert postgres.psql("SELECT count(*) FROM pg_constraint WHERE contype = 'f'", again) == "0"
    assert postgres.psql("SELECT count(*) FROM parted", again) == "19"
    initialised("export", "--live", postgres.url(db), "--format", "sql", "-o", tmp_path / "one.sql", "--table", "keyless")
    live = fresh_database()
    load(postgres, live, tmp_path / "one.sql")
    assert psql_rows(postgres, live) == {"public.keyless": want["public.keyless"]}


def test_a_chosen_table_brings_its_identity_types_and_triggers(initialised, postgres, fresh_database, tmp_path):
    db = fresh_database("""
        CREATE SCHEMA kinds; CREATE TYPE kinds.colour AS ENUM ('red', 'green');
        CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.stamped := true; RETURN new; END $$;
        CREATE TABLE ident(id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, c kinds.colour DEFAULT 'red', stamped boolean, twice integer GENERATED ALWAYS AS (1 + 1) STORED);
        COMMENT ON TABLE ident IS 'it''s commented';
        CREATE STATISTICS ident_stats ON id, c FROM ident;
        CREATE TRIGGER stamp BEFORE INSERT ON ident FOR EACH ROW EXECUTE FUNCTION public.stamp();
        ALTER TABLE ident ENABLE ROW LEVEL SECURITY; CREATE POLICY all_of_it ON ident USING (true);
        CREATE MATERIALIZED VIEW seen AS SELECT id FROM ident;
        CREATE TABLE unrelated(a integer);
        INSERT INTO ident(c) VALUES ('green'), (NULL);""")
    initialised("backup", postgres.url(db))
    initialised("export", "latest", "--format", "sql", "-o", tmp_path / "one.sql", "--table", "ident")
    again = fresh_database()
    load(postgres, again, tmp_path / "one.sql")
    assert psql_rows(postgres, again) == {"public.ident": ["1\tgreen\tt", "2\t\\N\tt"]}
    assert postgres.psql("INSERT INTO ident DEFAULT VALUES RETURNING id, c, stamped, twice", again) == "3|red|t|2"
    assert postgres.psql("SELECT obj_description('ident'::regclass), (SELECT count(*) FROM pg_policies), (SELECT count(*) FROM pg_statistic_ext), (SELECT count(*) FROM pg_matviews)",
                         again) == "it's commented|1|1|0"


def test_a_foreign_key_comes_along_when_both_its_tables_do(shop_backup, postgres, fresh_database, tmp_path):
    shop_backup("export", "latest", "--format", "sql", "-o", tmp_path / "two.sql", "--table", "orders", "--table", "customers")
    db = fresh_database()
    load(postgres, db, tmp_path / "two.sql")
    assert postgres.psql("SELECT conname FROM pg_constraint WHERE contype = 'f'", db) == "orders_customer_fkey"


def test_csv_has_the_rows_with_null_told_from_empty(shop_backup, tmp_path):
    shop_backup("export", "latest", "--format", "csv", "-o", tmp_path / "shop.zip")
    with zipfile.ZipFile(tmp_path / "shop.zip") as z:
        assert sorted(z.namelist()) == ["public.customers.csv", "public.keyless.csv", "public.nothing.csv", "public.orders.csv"]
        text = z.read("public.orders.csv").decode()
    lines = text.split("\r\n")
    assert lines[0] == "id,customer,total,paid,note,picture,at"
    assert lines[4] == "4,5,5.00,f,,\\x0004,2026-01-02 03:04:05+00"
    assert lines[5] == '5,6,6.25,,"",\\x0005,2026-01-02 03:04:05+00'
    assert len(list(csv.reader(io.StringIO(text)))) == 101


def test_excel_has_numbers_as_numbers(shop_backup, tmp_path):
    shop_backup("export", "latest", "--format", "xlsx", "-o", tmp_path / "shop.xlsx")
    with zipfile.ZipFile(tmp_path / "shop.xlsx") as z:
        sheets = [z.read(n).decode() for n in sorted(z.namelist()) if n.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 4
    assert '<c r="C6"><v>6.25</v></c>' in sheets[3] and "<t>\\x0005</t>" in sheets[3]


def test_the_archive_is_byte_for_byte_what_restic_gives_out(shop_backup, restic, shop_url, tmp_path):
    db = shop_url.rpartition("/")[2]
    shop_backup("export", "latest", "--format", "archive", "-o", tmp_path / "shop.dump")
    assert (tmp_path / "shop.dump").read_bytes() == restic("dump", "latest", f"/{db}/database.dump").out_bytes
    listed = subprocess.run(["pg_restore", "-l", str(tmp_path / "shop.dump")], capture_output=True, text=True, check=True).stdout
    assert "TABLE DATA public orders" in listed


def test_no_server_is_needed_for_what_is_stored(initialised, plain, tmp_path):
    server = PostgresServer().start()
    try:
        server.create("shop", SHOP)
        plain("backup", server.url("shop"))
    finally:
        server.stop()
    assert rows(initialised, "SELECT count(*), max(total) FROM orders") == [[100, "125.00"]]
    for name, format in (("a.sql", "sql"), ("a.zip", "csv"), ("a.xlsx", "xlsx"), ("a.dump", "archive")):
        initialised("export", "latest", "--format", format, "-o", tmp_path / name)
        assert (tmp_path / name).stat().st_size > 500
    assert "Customer 20" in (tmp_path / "a.sql").read_text()
    assert initialised("show", "latest", "--json").json
    assert diff_of(initialised, "latest", "latest") == {}
    assert "cannot connect" in initialised.run("diff", "latest", "live").err
