"""Dumps from elsewhere: recognised by content, validated, taken in as a backup, restored by the one way; they write nowhere else."""
import gzip
import io
import os
import subprocess
import tarfile

import pytest
from pg_objects import EVERYTHING, drop_roles, dump

SHOP = """
CREATE TABLE customers(id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO customers(name) SELECT 'Customer ' || g FROM generate_series(1, 50) g;
CREATE TABLE orders(id int PRIMARY KEY, customer int REFERENCES customers, total numeric(10, 2), note text);
INSERT INTO orders SELECT g, g % 50 + 1, g * 1.25, E'note; \\\\. \\t' || g FROM generate_series(1, 500) g;
CREATE VIEW big AS SELECT * FROM orders WHERE total > 100;
CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $x$ SELECT 1; $x$;
"""
MY_SHOP = r"""
CREATE TABLE customers(id int AUTO_INCREMENT PRIMARY KEY, name varchar(100) NOT NULL);
INSERT INTO customers(name) SELECT CONCAT('Customer ', seq, ' it''s; \\ "x"') FROM seq_1_to_50;
CREATE TABLE orders(id int PRIMARY KEY, customer int, total decimal(10, 2), picture blob, FOREIGN KEY (customer) REFERENCES customers(id));
INSERT INTO orders SELECT seq, seq % 50 + 1, seq * 1.25, UNHEX('00275c0a') FROM seq_1_to_500;
CREATE VIEW big AS SELECT * FROM orders WHERE total > 100;
DELIMITER //
CREATE TRIGGER tr BEFORE INSERT ON orders FOR EACH ROW BEGIN SET NEW.total = NEW.total + 0; END//
CREATE PROCEDURE p() BEGIN SELECT 1; SELECT 2; END//
DELIMITER ;
"""


def pg_dump(server, db, *options):
    done = subprocess.run([server.bin / "pg_dump", *options, db], env=server.environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def folder_dump(server, db, tmp_path, *options):
    """A tar of what pg_dump -Fd writes, its entries below a folder as tar makes them."""
    folder = tmp_path / f"folder-{os.urandom(4).hex()}"
    pg_dump(server, db, "-Fd", "-f", str(folder), *options)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        tar.add(folder, "dump")
    return out.getvalue()


PG_FORMATS = {
    "custom": lambda s, db, t: pg_dump(s, db, "-Fc"),
    "custom-uncompressed": lambda s, db, t: pg_dump(s, db, "-Fc", "-Z0"),
    "tar": lambda s, db, t: pg_dump(s, db, "-Ft"),
    "folder": lambda s, db, t: folder_dump(s, db, t),
    "plain": lambda s, db, t: pg_dump(s, db),
    "plain-create": lambda s, db, t: pg_dump(s, db, "-C"),
    "plain-clean": lambda s, db, t: pg_dump(s, db, "--clean"),
    "plain-inserts": lambda s, db, t: pg_dump(s, db, "--rows-per-insert=7"),
}
COMPRESSIONS = {"plain": lambda data: data, "gz": gzip.compress,
                "zst": lambda data: subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout}


@pytest.fixture
def databases(postgres):
    """databases() -> names of all; those a test adds are dropped after it."""
    def names():
        return set(postgres.psql("SELECT datname FROM pg_database ORDER BY 1").split("\n"))

    before = names()
    yield names
    for name in names() - before:
        postgres.drop(name)


@pytest.fixture
def my_databases(mariadb):
    def names():
        return set(mariadb.sql("SHOW DATABASES").split("\n"))

    before = names()
    yield names
    for name in names() - before:
        mariadb.drop(name)


def put(home, name, data, compression="plain"):
    (home / name).write_bytes(COMPRESSIONS[compression](data if isinstance(data, bytes) else data.encode()))
    return name


# ---- PostgreSQL

@pytest.mark.parametrize("text, words", [
    ("SELECT 1;\n\\! touch marker\n", 'line 2: "\\! touch marker" is a command of psql'),
    ("SELECT 1;\n\\o marker\nSELECT 2;\n", 'line 2: "\\o marker" is a command of psql'),
    ("CREATE TABLE t(a text);\n\\copy t from program 'touch marker'\n", "line 2: \"\\copy t from program 'touch marker'\" is a command of psql"),
    ("CREATE TABLE t(a text);\nCOPY t FROM PROGRAM 'touch marker';\n", "line 2: COPY with anything but stdin is not allowed"),
    ("CREATE TABLE t(a text);\nCOPY t FROM '/etc/passwd';\n", "line 2: COPY with anything but stdin is not allowed"),
    ("ALTER SYSTEM SET work_mem = '5MB';\n", "line 1: ALTER SYSTEM is not allowed"),
])
def test_R9_nothing_is_run_from_a_script_but_sql(initialised, postgres, databases, home, text, words):
    names = databases()
    put(home, "x.sql", text)
    result = initialised.run("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert result.status != 0 and words in result.err
    assert databases() == names and not (home / "marker").exists()
    assert initialised("list", "--json").json["backups"] == []


@pytest.mark.parametrize("kind", PG_FORMATS)
def test_R2_a_postgresql_dump_that_is_cut_is_refused(initialised, postgres, databases, fresh_database, home, tmp_path, kind):
    whole = PG_FORMATS[kind](postgres, fresh_database(SHOP), tmp_path)
    names = databases()
    packed = gzip.compress(whole)
    content = whole.rstrip(b"\0")  # a tar ends with blocks of zeros, of which two are enough
    for data in (content[:len(content) // 3], content[:int(len(content) * 0.97)], packed[:len(packed) // 2], packed[:-4]):
        put(home, "x.dump", data)
        result = initialised.run("restore", "x.dump", "--yes", "--to", postgres.url("outside_copy"))
        assert result.status != 0, len(data)
    assert databases() == names
    assert initialised("list", "--json").json["backups"] == []


@pytest.mark.parametrize("kind", PG_FORMATS)
def test_R4_a_statement_that_fails_changes_nothing(initialised, postgres, databases, fresh_database, home, tmp_path, kind):
    """Rows that only their own database takes."""
    db = fresh_database(SHOP)
    postgres.psql(f"CREATE TABLE picky(a int CHECK (current_database() = '{db}')); INSERT INTO picky VALUES (1)", db)
    target = fresh_database("CREATE TABLE precious(a int); INSERT INTO precious VALUES (42);")
    put(home, "x.dump", PG_FORMATS[kind](postgres, db, tmp_path))
    before, names = dump(postgres, target), databases()
    result = initialised.run("restore", "x.dump", "--yes", "--to", postgres.url(target))
    assert result.status != 0
    assert 'new row for relation "picky" violates check constraint "picky_check"' in result.err
    assert dump(postgres, target) == before and databases() == names


@pytest.mark.parametrize("kind, compression", [*((kind, "plain") for kind in PG_FORMATS), ("custom", "gz"), ("custom", "zst"), ("tar", "gz"), ("folder", "zst"),
                                               ("plain", "gz"), ("plain", "zst")])
def test_R9_a_postgresql_dump_comes_back_under_another_name(initialised, postgres, databases, fresh_database, home, tmp_path, kind, compression):
    db = fresh_database(SHOP)
    put(home, "x.dump", PG_FORMATS[kind](postgres, db, tmp_path), compression)
    postgres.psql("UPDATE orders SET note = 'changed since'; CREATE TABLE later(a int)", db)
    before, names = dump(postgres, db), databases()
    initialised("restore", "x.dump", "--yes", "--to", postgres.url("outside_copy"))
    assert dump(postgres, db) == before, "the original was written to"
    assert databases() == names | {"outside_copy"}
    postgres.psql("UPDATE orders SET note = 'changed since'; CREATE TABLE later(a int)", "outside_copy")
    assert dump(postgres, "outside_copy") == before
    source = initialised("show", "latest", "--json").json["manifest"]["sources"][0]
    assert source["engine"] == "postgresql"
    tables = {t["name"]: t for t in source["tables"]}
    assert tables["orders"]["rows"] == 500 and tables["customers"]["rows"] == 50
    initialised("verify", "latest", "--level", "2")


@pytest.mark.parametrize("kind", ["custom", "tar", "folder", "plain"])
def test_everything_postgresql_has_comes_through_an_outside_file(initialised, postgres, databases, fresh_database, home, tmp_path, kind):
    db = fresh_database(EVERYTHING)
    try:
        before = dump(postgres, db)
        put(home, "x.dump", PG_FORMATS[kind](postgres, db, tmp_path))
        initialised("restore", "x.dump", "--yes", "--to", postgres.url("outside_copy"))
        assert dump(postgres, "outside_copy") == before
    finally:
        postgres.drop("outside_copy")
        postgres.drop(db)
        drop_roles(postgres)


def test_owners_that_are_no_roles_here_are_noted(initialised, postgres, databases, home):
    put(home, "x.sql", "-- PostgreSQL database dump\nCREATE TABLE public.t (\n    a integer\n);\nALTER TABLE public.t OWNER TO nobody_here;\n"
        "GRANT SELECT ON TABLE public.t TO nobody_here;\nCREATE ROLE outside_role;\n-- PostgreSQL database dump complete\n")
    result = initialised("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert "owners that are no roles here" in result.err + result.out
    assert postgres.psql("SELECT count(*) FROM pg_roles WHERE rolname = 'outside_role'") == "0"
    assert postgres.psql("SELECT count(*) FROM t", "outside_copy") == "0"


def test_a_cluster_with_several_databases_is_refused_by_name(initialised, postgres, databases, fresh_database, home):
    one, two = fresh_database(SHOP), fresh_database(SHOP)
    done = subprocess.run([postgres.bin / "pg_dumpall"], env=postgres.environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    put(home, "all.sql", done.stdout)
    result = initialised.run("restore", "all.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert result.status != 0
    assert "it holds " in result.err and one in result.err and two in result.err


def test_a_script_by_hand_is_run_with_its_line_in_errors(initialised, postgres, databases, home):
    put(home, "x.sql", "CREATE TABLE t (a int);\n\nINSERT INTO t VALUES (1), (2);\nINSERT INTO t VALUES ('x');\n")
    names = databases()
    result = initialised.run("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert result.status != 0 and 'line 4: invalid input syntax for type integer: "x"' in result.err
    assert databases() == names
    put(home, "x.sql", "CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\nx\n\\.\n")
    result = initialised.run("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert result.status != 0 and 'line 4: invalid input syntax for type integer: "x"' in result.err
    assert databases() == names
    put(home, "x.sql", "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (2);\n")
    initialised("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert postgres.psql("SELECT sum(a) FROM t", "outside_copy") == "3"
    put(home, "x.sql", "CREATE TABLE t (a int);\nALTER TABLE t RENAME TO u;\nDO $$ BEGIN CREATE TABLE v (a int); END $$;\n")
    initialised("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert postgres.psql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1", "outside_copy") == "u\nv"


def test_a_dry_run_says_what_a_dump_is_and_stores_nothing(initialised, postgres, databases, fresh_database, home):
    db = fresh_database(SHOP)
    put(home, "x.dump", pg_dump(postgres, db, "-Fc"), "zst")
    result = initialised("restore", "x.dump", "--dry-run", "--to", postgres.url(db))
    assert "x.dump is a zstd-compressed PostgreSQL archive" in result.out + result.err
    assert initialised("list", "--json").json["backups"] == []


# ---- MySQL and MariaDB

def my_dump(server, db, *options):
    done = subprocess.run(["mariadb-dump", "--no-defaults", "--default-character-set=utf8mb4", "-u", "root", "-S", str(server.socket), "--routines", "--events",
                           "--hex-blob", *options, db], capture_output=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


MY_FORMATS = {"one": [], "databases": ["--databases"], "drop-database": ["--add-drop-database", "--databases"], "slow": ["--skip-extended-insert", "--complete-insert"],
              "bare": ["--compact"]}


def my_state(server, db):
    return server.dump(db).replace(db.encode(), b"DB")


@pytest.mark.parametrize("text", [
    "\\! touch marker\nSELECT 1;\n", "system touch marker\nSELECT 1;\n", "source marker\nSELECT 1;\n", "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;\n",
    "SELECT 1 INTO OUTFILE '/tmp/marker';\n", "CREATE USER x;\n", "INSERT INTO other.t VALUES (1);\n", "/*!50000 GRANT ALL ON *.* TO x */;\n"])
def test_R9_nothing_is_run_from_a_mysql_script_but_sql(initialised, mariadb, my_databases, home, text):
    names = my_databases()
    put(home, "x.sql", "CREATE TABLE t(a int) ENGINE=InnoDB;\n" + text)
    result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    assert result.status != 0 and ("not allowed" in result.err or "not run from a file" in result.err or "would write there" in result.err)
    assert my_databases() == names and not (home / "marker").exists()
    assert initialised("list", "--json").json["backups"] == []


@pytest.mark.parametrize("kind", ["one", "databases"])
def test_R2_a_mysql_dump_that_is_cut_is_refused(initialised, mariadb, my_databases, home, kind):
    db = mariadb.create()
    mariadb.sql(MY_SHOP, db)
    whole, names = my_dump(mariadb, db, *MY_FORMATS[kind]), my_databases()
    for part in (0.1, 0.6, 0.99):
        put(home, "x.sql", whole[:int(len(whole) * part)])
        result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
        assert result.status != 0, part
    assert my_databases() == names
    assert initialised("list", "--json").json["backups"] == []


def test_R4_a_statement_that_fails_changes_no_mysql_database(initialised, mariadb, my_databases, home):
    db, target = mariadb.create(), mariadb.create()
    mariadb.sql(MY_SHOP, db)
    mariadb.sql("CREATE TABLE precious(a int) ENGINE=InnoDB; INSERT INTO precious VALUES (42)", target)
    before = mariadb.dump(target)
    names = my_databases()
    put(home, "x.sql", my_dump(mariadb, db).replace(b"INSERT INTO `orders` VALUES\n(1,", b"INSERT INTO `orders` VALUES\n(2,"))
    result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url(target))
    assert result.status != 0 and "nothing was changed" in result.err and "orders" in result.err
    assert mariadb.dump(target) == before and my_databases() == names


@pytest.mark.parametrize("kind, compression", [*((kind, "plain") for kind in MY_FORMATS), ("one", "gz"), ("databases", "zst")])
def test_R9_a_mysql_dump_comes_back_under_another_name(initialised, mariadb, my_databases, home, kind, compression):
    db = mariadb.create()
    mariadb.sql(MY_SHOP, db)
    put(home, "x.sql", my_dump(mariadb, db, *MY_FORMATS[kind]), compression)
    as_dumped = my_state(mariadb, db)
    mariadb.sql("DROP PROCEDURE p; UPDATE customers SET name = 'changed since'; CREATE TABLE later(a int)", db)
    before, names = mariadb.dump(db), my_databases()
    initialised("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    assert mariadb.dump(db) == before, "the original was written to"
    assert my_databases() == names | {"outside_copy"}
    assert mariadb.dump("outside_copy").replace(b"outside_copy", b"DB") == as_dumped
    source = initialised("show", "latest", "--json").json["manifest"]["sources"][0]
    assert source["engine"] == "mysql"
    assert {t["name"]: t["rows"] for t in source["tables"]} == {"customers": 50, "orders": 500}


def test_several_mysql_databases_are_refused_by_name(initialised, mariadb, my_databases, home):
    one, two = mariadb.create(), mariadb.create()
    for db in (one, two):
        mariadb.sql(MY_SHOP, db)
    put(home, "x.sql", my_dump(mariadb, two, "--databases", one))
    result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    assert result.status != 0 and f"it holds 2 databases: {one}, {two}" in result.err


# ---- between them

def test_R10_a_dump_does_not_go_into_another_system(initialised, postgres, mariadb, fresh_database, home):
    db = fresh_database(SHOP)
    for name, data in (("x.dump", pg_dump(postgres, db, "-Fc")), ("x.sql", pg_dump(postgres, db)), ("x.tar", pg_dump(postgres, db, "-Ft"))):
        put(home, name, data)
        result = initialised.run("restore", name, "--yes", "--to", mariadb.url("outside_copy"))
        assert result.status != 0 and f"{name} was written for PostgreSQL, not for MySQL or MariaDB" in result.err
        result = initialised.run("restore", name, "--yes", "--to", "new.db")
        assert result.status != 0 and f"{name} was written for PostgreSQL, not for a path" in result.err
    assert not (home / "new.db").exists()
    assert initialised("list", "--json").json["backups"] == []
