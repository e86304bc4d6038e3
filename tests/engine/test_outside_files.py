"""Dumps from elsewhere: recognised by content, validated, taken in as a backup, restored by the one way; they write nowhere else."""
import functools
import gzip
import io
import os
import pathlib
import shutil
import subprocess
import tarfile
import zipfile

import pytest
from conftest import no_backup
from pg_objects import EVERYTHING, drop_roles

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


@pytest.fixture(scope="module")
def shop(postgres, tmp_path_factory):
    """shop(kind): a dump of a database with SHOP in it. Nobody can connect to that one: whoever tried to write to it again would fail."""
    db = postgres.create("original", SHOP)

    @functools.cache
    def dumped(kind):
        postgres.psql(f"ALTER DATABASE {db} ALLOW_CONNECTIONS true")
        made = PG_FORMATS[kind](postgres, db, tmp_path_factory.mktemp("dumped")) if kind else postgres.dump(db)
        postgres.psql(f"ALTER DATABASE {db} ALLOW_CONNECTIONS false")
        return made

    yield dumped
    postgres.drop(db)


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
def test_R9_nothing_is_run_from_a_script_but_sql(initialised, postgres, databases, repository, home, text, words):
    names = databases()
    put(home, "x.sql", text)
    result = initialised.run("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert result.status != 0 and words in result.err
    assert databases() == names and not (home / "marker").exists() and no_backup(repository)


def test_R9_nothing_is_run_from_an_archive_but_what_makes_one_database(initialised, postgres, databases, shop, repository, home):
    """An archive made by hand, whose statements are others than pg_dump's."""
    whole, names = shop("custom-uncompressed"), databases()
    view = whole[whole.index(b"CREATE VIEW public.big AS"):]
    view = view[:view.index(b";\n") + 2]
    copy = b"COPY public.orders (id, customer, total, note) FROM stdin;\n"
    for old, new, words in [
        (view, "COPY (SELECT 1) TO PROGRAM 'touch marker';", 'x.dump: its entry "VIEW big" holds what is not allowed: COPY with anything but stdin'),
        (view, "/* */ SELECT 1; -- ;\nDROP DATABASE postgres;", 'x.dump: its entry "VIEW big" holds what is not allowed: DROP DATABASE'),
        (view, "ALTER ROLE postgres NOLOGIN", 'x.dump: its entry "VIEW big" holds what is not allowed: ALTER ROLE'),
        (view, "COMMIT;", 'x.dump: its entry "VIEW big" holds what is not allowed: a transaction of its own'),
        (copy, "COPY public.orders FROM PROGRAM 'touch marker';", 'x.dump: its entry "TABLE DATA orders" holds what is not allowed: COPY with anything but stdin'),
        (copy, "DELETE FROM public.customers;", 'x.dump: its entry "TABLE DATA orders" holds what is not allowed: no COPY where rows are read'),
    ]:
        assert whole.count(old) == 1
        put(home, "x.dump", whole.replace(old, new.encode().ljust(len(old))))
        assert words in initialised.fails(6, "restore", "x.dump", "--yes", "--to", postgres.url("outside_copy")).err
    assert databases() == names and no_backup(repository)


@pytest.mark.parametrize("kind", PG_FORMATS)
def test_R2_a_postgresql_dump_that_is_cut_is_refused(initialised, postgres, databases, shop, repository, home, kind):
    whole, names = shop(kind), databases()
    packed = gzip.compress(whole)
    content = whole.rstrip(b"\0")  # a tar ends with blocks of zeros, of which two are enough
    for data in (content[:len(content) // 3], content[:int(len(content) * 0.97)], packed[:len(packed) // 2], packed[:-4]):
        put(home, "x.dump", data)
        result = initialised.run("restore", "x.dump", "--yes", "--to", postgres.url("outside_copy"))
        assert result.status != 0, len(data)
    assert databases() == names and no_backup(repository)


@pytest.fixture(scope="module")
def picky(postgres):
    """A database whose rows no other takes."""
    yield postgres.create("picky", SHOP + "CREATE TABLE picky(a int CHECK (current_database() = 'picky')); INSERT INTO picky VALUES (1)")
    postgres.drop("picky")


@pytest.fixture(scope="module")
def precious(postgres):
    """A database that no test may change, and its dump."""
    db = postgres.create("precious", "CREATE TABLE precious(a int); INSERT INTO precious VALUES (42);")
    yield db, postgres.dump(db)
    postgres.drop(db)


@pytest.mark.parametrize("kind", PG_FORMATS)
def test_R4_a_statement_that_fails_changes_nothing(initialised, postgres, databases, picky, precious, home, tmp_path, kind):
    put(home, "x.dump", PG_FORMATS[kind](postgres, picky, tmp_path))
    (target, before), names = precious, databases()
    result = initialised.run("restore", "x.dump", "--yes", "--to", postgres.url(target))
    assert result.status != 0
    assert 'new row for relation "picky" violates check constraint "picky_check"' in result.err
    assert postgres.dump(target) == before and databases() == names


REHEARSED = [("custom", "plain"), ("tar", "gz"), ("folder", "plain"), ("plain", "zst"), ("plain-inserts", "plain"), ("plain-create", "plain")]


@pytest.mark.parametrize("kind, compression", [*((kind, "plain") for kind in PG_FORMATS), ("custom", "gz"), ("custom", "zst"), ("tar", "gz"), ("folder", "zst"),
                                               ("plain", "gz"), ("plain", "zst")])
def test_R9_a_postgresql_dump_comes_back_under_another_name_and_can_be_rehearsed(initialised, plain, postgres, databases, shop, home, kind, compression):
    put(home, "x.dump", shop(kind), compression)
    original, names = shop(None), databases()
    initialised("restore", "x.dump", "--yes", "--to", postgres.url("outside_copy"))
    assert databases() == names | {"outside_copy"}
    assert postgres.dump("outside_copy") == original
    source = plain("show", "latest", "--json").json["manifest"]["sources"][0]
    assert source["engine"] == "postgresql"
    tables = {t["name"]: t for t in source["tables"]}
    assert tables["orders"]["rows"] == 500 and tables["customers"]["rows"] == 50
    if (kind, compression) not in REHEARSED:
        plain("verify", "latest", "--level", "2")
        return
    # One archive and one script on a server of their own.
    env = {} if (kind, compression) in (("custom", "plain"), ("plain", "zst")) else {"BACKSTAY_VERIFY_POSTGRESQL": postgres.url()}
    told = initialised("verify", "latest", "--level", "4", "--json", env=env).json["results"][0]
    assert told["reached"] == "compared" and told["ok"], told
    assert any("outside" not in line and "2 tables" in line for line in told["evidence"]), told["evidence"]


def test_everything_postgresql_has_comes_through_an_outside_file(initialised, postgres, databases, fresh_database, home, tmp_path):
    db = fresh_database(EVERYTHING)
    try:
        before = postgres.dump(db)
        for kind in ("custom", "tar", "folder", "plain"):
            put(home, "x.dump", PG_FORMATS[kind](postgres, db, tmp_path))
            initialised("restore", "x.dump", "--yes", "--to", postgres.url("outside_copy"))
            assert postgres.dump("outside_copy") == before, kind
            postgres.drop("outside_copy")
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
    one, two = fresh_database("CREATE TABLE t(a int)"), fresh_database("CREATE TABLE t(a int)")
    done = subprocess.run([postgres.bin / "pg_dumpall"], env=postgres.environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    put(home, "all.sql", done.stdout)
    result = initialised.run("restore", "all.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert result.status != 0
    assert "it holds " in result.err and one in result.err and two in result.err


def test_text_in_utf_16_is_told_as_such(initialised, postgres, databases, home):
    put(home, "x.sql", "CREATE TABLE t(a int);\n".encode("utf-16"))
    result = initialised.fails(6, "restore", "x.sql", "--yes", "--to", postgres.url("outside_copy"))
    assert "x.sql is text in UTF-16, which no database reads\n  try: convert it: iconv -f UTF-16 -t UTF-8" in result.err


def test_a_script_by_hand_is_run_with_its_line_in_errors(initialised, postgres, databases, home):
    put(home, "x.sql", "CREATE TABLE t (a int);\nINSERT INTO t VALUES (1), (2);\nDO $$ BEGIN CREATE TABLE u (a int); END $$;\n")
    assert "2 tables, 2 rows" in initialised("restore", "x.sql", "--yes", "--to", postgres.url("outside_copy")).out
    postgres.drop("outside_copy")
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


def test_a_dry_run_says_what_a_dump_is_and_stores_nothing(initialised, postgres, databases, shop, fresh_database, repository, home):
    put(home, "x.dump", shop("custom"), "zst")
    result = initialised("restore", "x.dump", "--dry-run", "--to", postgres.url(fresh_database()))
    assert "x.dump is a zstd-compressed PostgreSQL archive" in result.out + result.err
    assert no_backup(repository)


# ---- what lies in a folder of pg_dump's

@pytest.fixture(scope="module")
def unpacked_once(postgres, tmp_path_factory):
    @functools.cache
    def unpacked(sql, *options):
        folder, db = tmp_path_factory.mktemp("unpacked") / "folder", postgres.create(f"t{os.urandom(5).hex()}", sql)
        pg_dump(postgres, db, "-Fd", "-f", str(folder), *options)
        postgres.drop(db)
        return folder

    return unpacked


@pytest.fixture
def unpacked(unpacked_once, tmp_path):
    """unpacked(sql, *options): the folder that pg_dump -Fd writes of a database with this SQL in it, for a test to change."""
    return lambda *what: pathlib.Path(shutil.copytree(unpacked_once(*what), tmp_path / "folder"))


def test_a_folder_of_pg_dump_is_asked_for_as_a_tar(initialised, postgres, unpacked):
    folder = unpacked("CREATE TABLE t(a int)")
    failed = initialised.run("restore", folder, "--yes", "--to", postgres.url("outside_copy"))
    assert failed.status != 0 and f"{folder} is not a file\n  try: what pg_dump wrote as a folder is read from a tar archive of it" in failed.err


def put_folder(home, name, folder):
    with tarfile.open(home / name, mode="w") as tar:
        tar.add(folder, "dump")


def rename_in_toc(folder, old, new):
    """Another name where pg_restore finds which file an entry's data are in: strings have their length before them."""
    def text(name):
        return b"\0" + len(name).to_bytes(4, "little") + name.encode()

    toc = (folder / "toc.dat").read_bytes()
    assert toc.count(text(old)) == 1
    (folder / "toc.dat").write_bytes(toc.replace(text(old), text(new)))


def data_file(folder, needle):
    """The name of the uncompressed data file that holds these bytes."""
    found = [path.name for path in folder.glob("*.dat") if path.name != "toc.dat" and needle in path.read_bytes()]
    assert len(found) == 1
    return found[0]


@pytest.fixture
def refused(initialised, postgres, databases, repository):
    """refused(): x.tar is not restored, and changes nothing; what is said of that."""
    def refused():
        names = databases()
        result = initialised.run("restore", "x.tar", "--yes", "--to", postgres.url("outside_copy"))
        assert result.status != 0
        assert databases() == names and no_backup(repository)
        return result.err

    return refused


SECRET = """
CREATE TABLE secrets(line text);
INSERT INTO secrets SELECT 'row ' || g FROM generate_series(1, 300) g;
SELECT lo_from_bytea(4711, repeat('large ', 2000)::bytea);
"""


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.dat", "..", ".", "sub/x.dat", "a/../../x.dat"])
def test_R9_a_folder_whose_table_of_contents_leads_elsewhere_is_refused(refused, unpacked, home, name):
    folder = unpacked(SECRET, "-Z0")
    rename_in_toc(folder, data_file(folder, b"row 300"), name)
    put_folder(home, "x.tar", folder)
    assert f'x.tar: its table of contents names "{name}", which is no file beside it' in refused()


@pytest.mark.parametrize("line, words", [
    ("4711 /etc/passwd", 'its table of contents names "/etc/passwd", which is no file beside it'),
    ("4711 ../x", 'its table of contents names "../x", which is no file beside it'),
    ("4711 absent", 'it lacks the file "absent"'),
    ("4711", 'line 1 of "blobs.toc" makes no sense'),
    ("4711 blob_4711.dat /etc/passwd", 'line 1 of "blobs.toc" makes no sense'),
    ("-1 blob_4711.dat", 'line 1 of "blobs.toc" makes no sense'),
])
def test_R9_a_folder_whose_large_objects_lead_elsewhere_is_refused(refused, unpacked, home, line, words):
    folder = unpacked(SECRET, "-Z0")
    assert (folder / "blobs.toc").read_text() == "4711 blob_4711.dat\n"
    (folder / "blobs.toc").write_text(line + "\n")
    put_folder(home, "x.tar", folder)
    assert "x.tar: " + words in refused()


@pytest.mark.parametrize("options", [["-Z0"], ["-Z0", "--inserts"], ["-Z5"]])
def test_R2_a_folder_with_a_file_that_is_cut_is_refused(refused, unpacked, home, options):
    folder = unpacked(SECRET, *options)
    path = next(path for path in folder.glob("*.dat*") if path.name[0].isdigit())
    whole = path.read_bytes()
    lines = whole.split(b"\n")
    at_a_line = b"\n".join(lines[:200]) + b"\n"
    for data in (whole[:len(whole) // 2], at_a_line if "-Z0" in options else whole[:-9], b""):
        path.write_bytes(data)
        put_folder(home, "x.tar", folder)
        told = refused()
        if "-Z0" in options:
            assert f'x.tar: "{path.name}" is not whole: the rows of table "secrets" have no end' in told
        else:
            assert path.name in told
    path.unlink()
    put_folder(home, "x.tar", folder)
    assert f'x.tar: it lacks the file "{path.name.removesuffix(".gz")}"' in refused()


@pytest.mark.parametrize("options", [["-Z0"], ["-Z0", "--inserts"], ["-Z5"]])
def test_a_folder_with_large_objects_says_when_they_may_be_cut(initialised, plain, postgres, databases, unpacked, home, options):
    put_folder(home, "x.tar", unpacked(SECRET + "CREATE TABLE empty(a int);", *options))
    initialised("restore", "x.tar", "--yes", "--to", postgres.url("outside_copy"))
    assert postgres.psql("SELECT length(lo_get(4711)), (SELECT count(*) FROM secrets)", "outside_copy") == "12000|300"
    notes = [note["text"] for note in plain("show", "latest", "--json").json["manifest"]["sources"][0]["notes"]]
    assert ("its large objects are not compressed: whether they are whole cannot be told" in notes) == ("-Z0" in options)


# ---- rows of scripts

ROWS = r'''
CREATE DOMAIN price AS numeric(10, 2);
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE TABLE orders(id bigint PRIMARY KEY, total price, twice numeric GENERATED ALWAYS AS (total * 2) STORED, note text, picture bytea, m mood);
INSERT INTO orders(id, total, note, picture, m) SELECT g, g * 1.25, CASE g % 4 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE E'tab\t \\. ☃ \r\n' || g END,
  decode(lpad(to_hex(g), 4, '0'), 'hex'), 'happy' FROM generate_series(1, 3000) g;
CREATE TABLE nothing(a int, b text);
CREATE SCHEMA "Odd ""schema""";
CREATE TABLE "Odd ""schema"""."Tab.le"("Col ""umn" text PRIMARY KEY, n int);
INSERT INTO "Odd ""schema"""."Tab.le" VALUES ('it''s', 1), ('', 2), (E'\\.', 3);
CREATE TABLE parted(id int, what text, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE parted_low PARTITION OF parted FOR VALUES FROM (0) TO (10);
INSERT INTO parted VALUES (1, 'one'), (2, 'two');
CREATE TABLE base(a int, b text);
CREATE TABLE child(c numeric) INHERITS (base);
INSERT INTO child VALUES (2, 'child', 2.50);
'''


def take_in(backstay, postgres, name):
    backstay("restore", name, "--yes", "--to", postgres.url("outside_copy"))
    postgres.drop("outside_copy")


@pytest.fixture
def both(initialised, prepared, postgres, home):
    """Backups of one database: of itself, and of its script."""
    def make(backstay):
        postgres.drop("rows")
        db = postgres.create("rows", ROWS)
        itself = backstay("backup", postgres.url(db), "--json").json["id"]
        put(backstay.cwd, db, pg_dump(postgres, db))  # what is compared has the same name
        take_in(backstay, postgres, db)
        return db, (backstay.cwd / db).read_bytes(), itself, backstay("list", "--json").json["backups"][0]["id"]

    db, text, itself, script = prepared("rows of scripts", make)
    put(home, db, text)
    return initialised, itself, script, db


def test_a_script_has_the_rows_that_its_database_had(both, postgres, home):
    backstay, itself, script, db = both
    assert itself != script
    compared = backstay("diff", "--json", itself, script).json["tables"]
    assert [t["name"] for t in compared] == ['Odd "schema".Tab.le', "public.base", "public.child", "public.nothing", "public.orders", "public.parted", "public.parted_low"]
    assert all(t["change"] == "same" and not t["columns_differ"] for t in compared)
    for sql in ('SELECT * FROM orders ORDER BY id', 'SELECT * FROM "Tab.le" ORDER BY n', "SELECT * FROM child", 'SELECT count(*) FROM "nothing"', "SELECT count(*) FROM parted",
                "SELECT sum(total), count(note), typeof(total), typeof(picture) FROM orders"):
        assert backstay("query", "--json", script, sql).json["rows"] == backstay.plain("query", "--json", itself, sql).json["rows"]
    assert backstay("query", "--json", script, "SELECT count(*) FROM orders").json["rows"] == [[3000]]
    assert "orders" in backstay("show", script).out
    for form in ("csv", "xlsx"):
        backstay.plain("export", itself, "--format", form, "-o", home / f"itself.{form}")
        backstay("export", script, "--format", form, "-o", home / f"script.{form}")
    with zipfile.ZipFile(home / "itself.csv") as a, zipfile.ZipFile(home / "script.csv") as b:
        assert a.namelist() == b.namelist()
        assert all(a.read(name) == b.read(name) for name in a.namelist())
    with zipfile.ZipFile(home / "itself.xlsx") as a, zipfile.ZipFile(home / "script.xlsx") as b:
        sheets = [name for name in a.namelist() if name.startswith("xl/worksheets/")]
        assert len(sheets) >= 7 and all(a.read(name) == b.read(name) for name in sheets)
    backstay("export", script, "--format", "sql", "-o", home / "out.sql")
    assert (home / "out.sql").read_bytes() == (home / db).read_bytes()


def test_a_change_of_a_database_shows_against_its_script(both, postgres):
    backstay, _, script, db = both
    postgres.psql("UPDATE orders SET note = 'new' WHERE id IN (7, 8); DELETE FROM orders WHERE id = 9; INSERT INTO nothing VALUES (1, 'x')", db)
    backstay("backup", postgres.url(db))
    told = {t["name"]: (t["added"], t["removed"], t["changed"]) for t in backstay("diff", "--json", script, "latest").json["tables"] if t["change"] != "same"}
    assert told == {"public.orders": (0, 1, 2), "public.nothing": (1, 0, 0)}


def test_a_script_with_windows_line_ends_has_the_same_rows(both, postgres, home):
    backstay, itself, _, db = both
    put(home, db, (home / db).read_bytes().replace(b"\n", b"\r\n"))
    take_in(backstay, postgres, db)
    compared = backstay("diff", "--json", itself, "latest").json["tables"]
    assert len(compared) == 7 and all(t["change"] == "same" for t in compared)


def test_rows_in_insert_statements_are_told_to_be_so(initialised, postgres, databases, fresh_database, home):
    db = fresh_database(SHOP + "CREATE TABLE empty(a int);")
    put(home, "x.sql", pg_dump(postgres, db, "--inserts"))
    take_in(initialised, postgres, "x.sql")
    assert initialised("query", "--json", "latest", "SELECT count(*) FROM empty").json["rows"] == [[0]]
    for args in (("query", "latest", "SELECT count(*) FROM orders"), ("export", "latest", "--format", "csv", "-o", "out.zip")):
        result = initialised.run(*args)
        assert result.status != 0 and "are not stored as COPY text" in result.err and "the script was made with --inserts; restore it to see its rows" in result.err
    assert not (home / "out.zip").exists()


def test_rows_of_a_script_by_hand_are_not_taken_for_none(initialised, postgres, databases, home):
    put(home, "x.sql", "CREATE TABLE t (a int);\nCOPY t FROM stdin;\n1\n\\.\nINSERT INTO t VALUES (1), (2);\n")
    take_in(initialised, postgres, "x.sql")
    result = initialised.run("query", "latest", "SELECT count(*) FROM t")
    assert result.status != 0 and 'the rows of table "t" are not stored as COPY text' in result.err
    assert "the script was not written by pg_dump; restore it to see its rows" in result.err
    put(home, "x.sql", "CREATE TABLE t (a int);\nALTER TABLE t RENAME TO u;\n")
    take_in(initialised, postgres, "x.sql")
    result = initialised.run("query", "latest", "SELECT count(*) FROM t")
    assert result.status != 0 and "this backup is an SQL script that changes its tables, so that they are not known" in result.err


# ---- rehearsals

def test_an_outside_file_that_is_not_in_utf_8_can_be_rehearsed(initialised, postgres, databases, home, tmp_path):
    postgres.psql("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    postgres.psql("CREATE TABLE größen (v text); INSERT INTO größen VALUES ('Süß'), ('plain')", "latin")
    dumps = {kind: PG_FORMATS[kind](postgres, "latin", tmp_path) for kind in ("custom", "tar", "plain")}
    postgres.drop("latin")
    for kind, data in dumps.items():
        put(home, "x.dump", data)
        take_in(initialised, postgres, "x.dump")
        told = initialised("verify", "latest", "--level", "4", "--json", env={} if kind == "tar" else {"BACKSTAY_VERIFY_POSTGRESQL": postgres.url()}).json["results"][0]
        assert told["reached"] == "compared" and told["ok"], told
        assert any("row hashes of 1 table equal" in line for line in told["evidence"]), told["evidence"]


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


class MyShop:
    """A database with MY_SHOP in it that was dumped in each of MY_FORMATS, and was changed since."""

    def __init__(self, mariadb):
        self.db = mariadb.create("my_original")
        mariadb.sql(MY_SHOP, self.db)
        self.dumps = {kind: my_dump(mariadb, self.db, *options) for kind, options in MY_FORMATS.items()}
        self.as_dumped = my_state(mariadb, self.db)
        mariadb.sql("DROP PROCEDURE p; UPDATE customers SET name = 'changed since'; CREATE TABLE later(a int)", self.db)
        self.now = mariadb.dump(self.db)


@pytest.fixture(scope="module")
def my_shop(mariadb):
    yield MyShop(mariadb)
    mariadb.drop("my_original")


@pytest.mark.parametrize("text", [
    "\\! touch marker\nSELECT 1;\n", "system touch marker\nSELECT 1;\n", "source marker\nSELECT 1;\n", "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;\n",
    "SELECT 1 INTO OUTFILE '/tmp/marker';\n", "CREATE USER x;\n", "INSERT INTO other.t VALUES (1);\n", "/*!50000 GRANT ALL ON *.* TO x */;\n",
    "ALTER TABLE t ADD b int;\nGRANT ALL ON *.* TO x;\n", "EXECUTE IMMEDIATE 'DROP DATABASE mysql';\n"])
def test_R9_nothing_is_run_from_a_mysql_script_but_sql(initialised, mariadb, my_databases, repository, home, text):
    names = my_databases()
    put(home, "x.sql", "CREATE TABLE t(a int) ENGINE=InnoDB;\n" + text)
    result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    assert result.status != 0 and ("not allowed" in result.err or "not run from a file" in result.err or "would write there" in result.err)
    assert my_databases() == names and not (home / "marker").exists() and no_backup(repository)


@pytest.mark.parametrize("kind", ["one", "databases"])
def test_R2_a_mysql_dump_that_is_cut_is_refused(initialised, mariadb, my_databases, my_shop, repository, home, kind):
    whole, names = my_shop.dumps[kind], my_databases()
    for part in (0.1, 0.6, 0.99):
        put(home, "x.sql", whole[:int(len(whole) * part)])
        result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
        assert result.status != 0, part
    assert my_databases() == names and no_backup(repository)


def test_R4_a_statement_that_fails_changes_no_mysql_database(initialised, mariadb, my_databases, my_shop, home):
    target = mariadb.create()
    mariadb.sql("CREATE TABLE precious(a int) ENGINE=InnoDB; INSERT INTO precious VALUES (42)", target)
    before = mariadb.dump(target)
    names = my_databases()
    put(home, "x.sql", my_shop.dumps["one"].replace(b"INSERT INTO `orders` VALUES\n(1,", b"INSERT INTO `orders` VALUES\n(2,"))
    result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url(target))
    assert result.status != 0 and "nothing was changed" in result.err and "orders" in result.err
    assert mariadb.dump(target) == before and my_databases() == names


@pytest.mark.parametrize("kind, compression", [*((kind, "plain") for kind in MY_FORMATS), ("one", "gz"), ("databases", "zst")])
def test_R9_a_mysql_dump_comes_back_under_another_name(initialised, plain, mariadb, my_databases, my_shop, home, kind, compression):
    put(home, "x.sql", my_shop.dumps[kind], compression)
    names = my_databases()
    initialised("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    assert mariadb.dump(my_shop.db) == my_shop.now, "the original was written to"
    assert my_databases() == names | {"outside_copy"}
    assert my_state(mariadb, "outside_copy") == my_shop.as_dumped
    source = plain("show", "latest", "--json").json["manifest"]["sources"][0]
    assert source["engine"] == "mysql"
    assert {t["name"]: t["rows"] for t in source["tables"]} == {"customers": 50, "orders": 500}


def test_several_mysql_databases_are_refused_by_name(initialised, mariadb, my_databases, my_shop, home):
    one, two = mariadb.create(), my_shop.db
    mariadb.sql(MY_SHOP, one)
    put(home, "x.sql", my_dump(mariadb, two, "--databases", one))
    result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    assert result.status != 0 and f"it holds 2 databases: {one}, {two}" in result.err


def test_what_mydumper_wrote_is_left_to_myloader(initialised, mariadb, my_databases, repository, home):
    (home / "dumped").mkdir()
    for file, text in (("metadata", "Started dump at: 2026-11-29 08:47:14\nFinished dump at: 2026-11-29 08:47:14\n"),
                       ("shop.a-schema.sql", "/*!40101 SET NAMES binary*/;\nCREATE TABLE `a` (`id` int) ENGINE=InnoDB;\n"),
                       ("shop.a.sql", "/*!40101 SET NAMES binary*/;\nINSERT INTO `a` VALUES\n(1);\n")):
        (home / "dumped" / file).write_text(text)
    shutil.make_archive(home / "dumped", "gztar", home, "dumped")
    names = my_databases()
    for file, first in (("dumped", ""), ("dumped.tar.gz", "unpack it, then: ")):
        failed = initialised.fails(6, "restore", file, "--yes", "--to", mariadb.url("outside_copy"))
        assert f"{file} is what mydumper wrote: only myloader brings that back\n  try: {first}myloader --directory FOLDER --database NAME" in failed.err
    assert my_databases() == names and no_backup(repository)
    initialised("restore", "dumped.tar.gz", "--yes", "--to", "unpacked")
    assert (home / "unpacked" / "dumped" / "metadata").read_bytes() == (home / "dumped" / "metadata").read_bytes()


@pytest.mark.parametrize("line, words", [("\\! touch MARKER", "ERROR"), ("system touch MARKER", "ERROR 1064"), ("source SOURCED", "ERROR 1064"), ("\\. SOURCED", "ERROR"),
                                         ("LOAD DATA LOCAL INFILE 'SOURCED' INTO TABLE customers;", "ERROR"), ("tee MARKER", "ERROR 1064"), ("\\T MARKER", "ERROR")])
def test_R9_the_client_touches_no_file_whatever_reaches_it(initialised, mariadb, my_databases, my_shop, home, environment, tmp_path, line, words):
    """Had such a line not been recognised as the file was taken in: it is added to what the client is given."""
    put(home, "x.sql", my_shop.dumps["one"])
    (home / "SOURCED").write_text("CREATE TABLE sourced(a int);\n")
    for name in ("MARKER", "SOURCED"):
        line = line.replace(name, str(home / name))
    (home / "line").write_text("\n" + line + "\n;\n")
    client = tmp_path / "client"
    client.mkdir()
    real = shutil.which("mariadb")
    (client / "mariadb").write_text(f'#!/bin/bash\ncase "$*" in *--version*) exec {real} "$@";; esac\n'
                                    f'printf "%s\\n" "$@" >> {tmp_path}/arguments\ncat - {home}/line | {real} "$@"\n')
    (client / "mariadb").chmod(0o755)
    environment["BACKSTAY_MYSQL_BIN"] = str(client)
    names = my_databases()
    result = initialised.run("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    assert result.status != 0 and words in result.err
    assert my_databases() == names and not (home / "MARKER").exists()
    arguments = (tmp_path / "arguments").read_text().split("\n")
    assert "--local-infile=0" in arguments and "--loose-sandbox" in arguments and "--binary-mode" in arguments


@pytest.mark.parametrize("kind, compression", [("one", "plain"), ("databases", "zst"), ("slow", "gz"), ("bare", "plain")])
def test_an_outside_mysql_file_can_be_rehearsed(initialised, mariadb, my_databases, my_shop, home, kind, compression):
    put(home, "x.sql", my_shop.dumps[kind], compression)
    initialised("restore", "x.sql", "--yes", "--to", mariadb.url("outside_copy"))
    # One on a server of its own.
    env = {} if kind == "databases" else {"BACKSTAY_VERIFY_MYSQL": mariadb.url("mysql")}
    told = initialised("verify", "latest", "--level", "4", "--json", env=env).json["results"][0]
    assert told["reached"] == "compared" and told["ok"], told


# ---- between them

def test_R10_a_dump_does_not_go_into_another_system(initialised, mariadb, shop, repository, home):
    for name, kind in (("x.dump", "custom"), ("x.sql", "plain"), ("x.tar", "tar")):
        put(home, name, shop(kind))
        result = initialised.run("restore", name, "--yes", "--to", mariadb.url("outside_copy"))
        assert result.status != 0 and f"{name} was written for PostgreSQL, not for MySQL or MariaDB" in result.err
        result = initialised.run("restore", name, "--yes", "--to", "new.db")
        assert result.status != 0 and f"{name} was written for PostgreSQL, not for a path" in result.err
    assert not (home / "new.db").exists() and no_backup(repository)
