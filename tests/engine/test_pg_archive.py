"""The archive that a real pg_dump writes to a pipe: understood, and completed so that pg_restore reads it like one written to a file."""
import csv
import io
import json
import pathlib
import subprocess

import pytest
from conftest import BACKSTAY
from servers import PostgresServer

PG_BIN = PostgresServer.find_bin()
TOOL = pathlib.Path(BACKSTAY).parent / "tests" / "unit" / "pg_archive_tool"
EVERYTHING = r"""
    CREATE SCHEMA "odd.one""s";
    CREATE TABLE "odd.one""s"."new
line.t'x" ("a.b" int, "c""d" text DEFAULT E'it''s \\ "q", (x', "from" bytea);
    INSERT INTO "odd.one""s"."new
line.t'x" VALUES (1, E'tab\t newline\n back\\slash \b\f\r\x0b', '\x00ff5c'), (-2147483648, NULL, NULL), (2, '', ''), (3, '\N', 'x'), (4, '\.', NULL);
    CREATE TYPE mood AS ENUM ('good', 'bad, really');
    CREATE DOMAIN positive AS int CHECK (VALUE > 0);
    CREATE TABLE big (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, t text NOT NULL, m mood DEFAULT 'good', at timestamptz(3) DEFAULT now(), n numeric(12,2),
        twice bigint GENERATED ALWAYS AS (n * 2) STORED, list int[] DEFAULT '{1,2}', CONSTRAINT ok CHECK (n > 0));
    INSERT INTO big (t, n) SELECT repeat(md5(i::text), 8), i FROM generate_series(1, 6000) i;
    CREATE TABLE nothing ();
    INSERT INTO nothing SELECT FROM generate_series(1, 5);
    CREATE TABLE only_generated (g int GENERATED ALWAYS AS (1) STORED);
    INSERT INTO only_generated SELECT FROM generate_series(1, 3);
    CREATE TABLE empty (a int, b int, PRIMARY KEY (b, a));
    CREATE TABLE days (day date NOT NULL, v text) PARTITION BY RANGE (day);
    CREATE TABLE days_1 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE days_2 PARTITION OF days FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    INSERT INTO days SELECT '2026-01-01'::date + i, i FROM generate_series(0, 58) i;
    CREATE TABLE base (a int, b text);
    CREATE TABLE derived (c date, generated int) INHERITS (base);
    INSERT INTO base VALUES (1, 'x');
    INSERT INTO derived VALUES (2, 'y', '2026-01-01', 7);
    CREATE TYPE pair AS (x int, y text);
    CREATE TABLE typed OF pair;
    INSERT INTO typed VALUES (1, 'one');
    CREATE VIEW v AS SELECT * FROM big;
    CREATE MATERIALIZED VIEW mv AS SELECT count(*) FROM big;
    CREATE INDEX i ON big (t);
    CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
    CREATE TRIGGER tr BEFORE INSERT ON big FOR EACH ROW EXECUTE FUNCTION f();
    CREATE SEQUENCE s START 7;
    ALTER TABLE empty ADD FOREIGN KEY (a) REFERENCES big(id);
    SELECT lo_from_bytea(16601, 'small'), lo_from_bytea(16602, ''), lo_from_bytea(16603, convert_to(repeat('0123456789', 5000), 'UTF8'));
"""


def run(*argv, env=None, status=0, **more):
    done = subprocess.run(list(map(str, argv)), capture_output=True, env=env, **more)
    assert done.returncode == status, done.stderr.decode(errors="replace")
    return done


def without_date(archive):
    """An archive without the second in which it was made: seven integers behind magic, sizes and compression (format 1.14)."""
    assert archive[:8] == b"PGDMP\x01\x0e\x00"
    return archive[:16] + archive[16 + 35:]


def schema(server, db):
    """As SQL, without the word that pg_dump makes up each time."""
    lines = run(PG_BIN / "pg_dump", "--schema-only", db, env=server.environment).stdout.splitlines()
    return [line for line in lines if not line.startswith((b"\\restrict", b"\\unrestrict"))]


@pytest.fixture(scope="module")
def dumps(postgres, tmp_path_factory):
    """One database dumped to a pipe and to a file, and what the engine made of the first."""
    folder = tmp_path_factory.mktemp("dumps")
    db = postgres.create("archive_everything", EVERYTHING)
    for name, options in {"pipe": ["-Z0"], "gzip": ["-Z6"], "inserts": ["-Z0", "--inserts"]}.items():
        (folder / name).write_bytes(run(PG_BIN / "pg_dump", "-Fc", *options, db, env=postgres.environment).stdout)
    run(PG_BIN / "pg_dump", "-Fc", "-Z0", "-f", folder / "file", db, env=postgres.environment)
    (folder / "manifest").write_bytes(run(TOOL, "watch", folder / "pipe", folder / "ours", 65536).stdout)
    yield folder
    postgres.drop(db)


@pytest.fixture
def tables(dumps):
    source = json.loads((dumps / "manifest").read_text())["sources"][0]
    return {t["name"]: t for t in source["tables"]}


def test_what_came_through_a_pipe_becomes_what_pg_dump_writes_to_a_file(dumps):
    ours, pipe, file = ((dumps / name).read_bytes() for name in ("ours", "pipe", "file"))
    assert without_date(ours) == without_date(file)
    assert without_date(pipe) != without_date(file)


@pytest.mark.parametrize("piece", [1, 4093])
def test_pieces_of_any_size_give_the_same(dumps, tmp_path, piece):
    manifest = run(TOOL, "watch", dumps / "pipe", tmp_path / "again", piece).stdout
    assert manifest == (dumps / "manifest").read_bytes()
    assert (tmp_path / "again").read_bytes() == (dumps / "ours").read_bytes()


def test_pg_restore_goes_straight_to_the_data_without_scanning(dumps, tables, tmp_path):
    """Everything before a table's block is overwritten: only who knows the offset finds its rows."""
    first = min(t["offset"] for t in tables.values() if t.get("length"))
    wanted = max((t for t in tables.values() if t.get("length")), key=lambda t: t["offset"])
    for name, status in ("ours", 0), ("pipe", 1):
        archive = bytearray((dumps / name).read_bytes())
        archive[first:wanted["offset"]] = b"\xff" * (wanted["offset"] - first)
        (tmp_path / name).write_bytes(archive)
        done = run(PG_BIN / "pg_restore", "--data-only", "-f", "-", "-t", wanted["name"], tmp_path / name, status=status)
        assert (b"\\.\n" in done.stdout) == (status == 0)


def test_pg_restore_in_parallel_gives_the_same_database(dumps, postgres, fresh_database):
    db = fresh_database()
    run(PG_BIN / "pg_restore", "--exit-on-error", "-j2", "-d", db, dumps / "ours", env=postgres.environment)
    assert schema(postgres, db) == schema(postgres, "archive_everything")
    counts = "SELECT count(*), md5(string_agg(t, '' ORDER BY id)) FROM big; SELECT count(*) FROM nothing; SELECT md5(string_agg(data, '' ORDER BY loid, pageno)) FROM pg_largeobject"
    assert postgres.psql(counts, db) == postgres.psql(counts, "archive_everything")


def test_a_restored_database_has_the_same_rows_by_their_hashes(dumps, postgres, fresh_database, tmp_path, tables):
    db = fresh_database()
    run(PG_BIN / "pg_restore", "--exit-on-error", "-d", db, dumps / "ours", env=postgres.environment)
    (tmp_path / "again").write_bytes(run(PG_BIN / "pg_dump", "-Fc", "-Z0", db, env=postgres.environment).stdout)
    source = json.loads(run(TOOL, "watch", tmp_path / "again", tmp_path / "out", 65536).stdout)["sources"][0]
    assert {t["name"]: (t.get("rows"), t.get("row_hash")) for t in source["tables"]} == {n: (t.get("rows"), t.get("row_hash")) for n, t in tables.items()}
    assert source["objects"] == json.loads((dumps / "manifest").read_text())["sources"][0]["objects"]


def test_tables_are_counted_and_described(dumps, tables):
    rows = {"new\nline.t'x": 5, "big": 6000, "nothing": 5, "only_generated": 3, "empty": 0, "days_1": 31, "days_2": 28, "base": 1, "derived": 1, "typed": 1}
    assert {name: t.get("rows") for name, t in tables.items()} == {**rows, "days": None}
    assert tables["new\nline.t'x"]["schema"] == 'odd.one"s'
    columns = {name: [(c["name"], c["type"], c.get("key", 0)) for c in t.get("columns", [])] for name, t in tables.items()}
    assert columns["new\nline.t'x"] == [("a.b", "integer", 0), ('c"d', "text", 0), ("from", "bytea", 0)]
    assert columns["big"] == [("id", "bigint", 1), ("t", "text", 0), ("m", "public.mood", 0), ("at", "timestamp(3) with time zone", 0), ("n", "numeric(12,2)", 0),
                              ("twice", "bigint", 0), ("list", "integer[]", 0)]
    assert columns["empty"] == [("a", "integer", 2), ("b", "integer", 1)]
    assert columns["derived"] == [("a", "integer", 0), ("b", "text", 0), ("c", "date", 0), ("generated", "integer", 0)]
    assert columns["days_1"] == [("day", "date", 0), ("v", "text", 0)]
    assert columns["typed"] == [("x", "", 0), ("y", "", 0)]
    assert columns["nothing"] == []
    assert columns["only_generated"] == [("g", "integer", 0)]


def test_objects_are_counted(dumps):
    assert json.loads((dumps / "manifest").read_text())["sources"][0]["objects"] == {"schema": 1, "type": 2, "domain": 1, "view": 1, "materialized view": 1, "index": 1, "function": 1, "trigger": 1, "sequence": 2, "constraint": 2,
                       "foreign key": 1, "large object": 3}


def test_blocks_lie_where_the_manifest_says(dumps, tables):
    archive = (dumps / "ours").read_bytes()
    blocks = [(t["offset"], t["length"]) for t in tables.values() if t.get("length")]
    assert len(blocks) == 10
    for offset, length in blocks:
        block = archive[offset:offset + length]
        assert block[0] == 1 and block.endswith(b"\\.\n\n\n\0\0\0\0\0")


@pytest.mark.parametrize("dump", ["ours", "pipe", "gzip"])
def test_rows_are_read_out_of_the_archive_as_the_server_has_them(dumps, postgres, dump):
    for table, columns in {"big": "id, t, m, at, n, NULL AS twice, list", "derived": "*", "days_2": "*"}.items():
        expected = postgres.psql(f"COPY (SELECT {columns} FROM {table}) TO STDOUT (FORMAT csv, HEADER)", "archive_everything")
        ours = run(TOOL, "rows", dumps / dump, table).stdout.decode()
        assert list(csv.reader(io.StringIO(ours))) == list(csv.reader(io.StringIO(expected)))
    odd = list(csv.reader(io.StringIO(run(TOOL, "rows", dumps / dump, "new\nline.t'x").stdout.decode(), newline="")))
    assert odd[1:] == [["1", "tab\t newline\n back\\slash \b\f\r\v", "\\x00ff5c"], ["-2147483648", "", ""], ["2", "", "\\x"], ["3", "\\N", "\\x78"], ["4", "\\.", ""]]


@pytest.mark.parametrize("dump", ["pipe", "gzip", "file"])
def test_expanding_gives_what_pg_dump_writes_without_compression(dumps, tmp_path, dump):
    run(TOOL, "expand", dumps / dump, tmp_path / "expanded")
    assert without_date((tmp_path / "expanded").read_bytes()) == without_date((dumps / "file").read_bytes())


def test_inserts_are_followed_but_not_counted(dumps, tmp_path):
    source = json.loads(run(TOOL, "watch", dumps / "inserts", tmp_path / "out", 65536).stdout)["sources"][0]
    assert {t["name"] for t in source["tables"] if t.get("rows") is not None} == set()
    assert len([t for t in source["tables"] if t.get("length")]) == 10


def test_an_empty_database_is_whole(postgres, fresh_database, tmp_path):
    (tmp_path / "pipe").write_bytes(run(PG_BIN / "pg_dump", "-Fc", "-Z0", fresh_database(), env=postgres.environment).stdout)
    source = json.loads(run(TOOL, "watch", tmp_path / "pipe", tmp_path / "out", 65536).stdout)["sources"][0]
    assert source.get("tables", []) == []
    assert (tmp_path / "out").read_bytes() == (tmp_path / "pipe").read_bytes()


def test_names_and_rows_of_a_latin_1_database_become_utf_8(postgres, fresh_database, tmp_path):
    db = "archive_latin1"
    postgres.psql(f"CREATE DATABASE {db} ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")
    try:
        postgres.psql("CREATE TABLE größe (ä text); INSERT INTO größe VALUES ('Süß')", db)
        (tmp_path / "pipe").write_bytes(run(PG_BIN / "pg_dump", "-Fc", "-Z0", db, env=postgres.environment).stdout)
        assert "größe".encode("latin-1") in (tmp_path / "pipe").read_bytes()
        source = json.loads(run(TOOL, "watch", tmp_path / "pipe", tmp_path / "out", 65536).stdout)["sources"][0]
        assert [(t["name"], t["columns"][0]["name"], t["rows"]) for t in source["tables"]] == [("größe", "ä", 1)]
        assert run(TOOL, "rows", tmp_path / "pipe", "größe").stdout.decode().splitlines() == ["ä", "Süß"]
    finally:
        postgres.drop(db)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.3, 0.9999])
def test_B1_a_dump_that_was_cut_is_refused(dumps, tmp_path, part):
    pipe = (dumps / "pipe").read_bytes()
    (tmp_path / "cut").write_bytes(pipe[:int(len(pipe) * part)])
    done = run(TOOL, "watch", tmp_path / "cut", tmp_path / "out", 65536, status=1)
    assert done.stderr.decode().startswith("the archive ") and not (tmp_path / "out").exists()
