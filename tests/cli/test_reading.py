"""Commands that only read, over one repository made once: list, show, ls, dump, query, diff, export, check."""
import base64
import csv
import gzip
import io
import json
import os
import sqlite3
import tarfile
import zipfile

import pytest
from checked import CHECKED
from conftest import BACKSTAY, Program, make_media, make_shop, rows_of


class Shelf:
    """A repository with two backups of a shop and one of a folder with odd names."""

    def __init__(self, base):
        self.home = base / "home"
        self.home.mkdir()
        self.repository = base / "repository"
        environment = {
            "PATH": os.environ["PATH"], "HOME": str(self.home), "LANG": "C.UTF-8", "TZ": "Europe/Berlin", "BACKSTAY_HOME": str(base / "state"),
            "BACKSTAY_REPOSITORY": str(self.repository),
            **CHECKED,
        }
        self.backstay = Program([BACKSTAY], environment, self.home)
        self.backstay.plain("init")
        self.shop = make_shop(self.home / "shop.db")
        self.media = make_media(self.home / "media")
        self.first = self.make("shop.db", "media", "--name", "first", "--description", "before the change", "--tag", "monday")
        db = sqlite3.connect(self.shop)
        db.executescript("""
            UPDATE customers SET name = 'Zoë' WHERE id = 3;
            DELETE FROM customers WHERE id = 50;
            INSERT INTO settings VALUES ('new', x'00FF');
            CREATE TABLE added(id INTEGER PRIMARY KEY, text TEXT);
            INSERT INTO added VALUES (1, NULL);
        """)
        db.close()
        (self.media / "2026" / "picture 0.jpg").unlink()
        (self.media / "new.txt").write_text("new")
        self.second = self.make("shop.db", "media", "--name", "second")
        odd = self.home / "odd"
        odd.mkdir()
        (odd / os.fsdecode(b"latin-\xe9")).write_bytes(b"1")
        (odd / "red \x1b[31m").write_bytes(b"22")
        self.odd = self.make("odd")

    def make(self, *args):
        return self.backstay.plain("backup", *args, "--json").json["id"]

    @property
    def says(self):
        return f"repository {self.repository} (chosen by BACKSTAY_REPOSITORY)\n"


@pytest.fixture(scope="module")
def shelf(tmp_path_factory):
    return Shelf(tmp_path_factory.mktemp("shelf"))


def columns(line):
    return [cell for cell in line.split("  ") if cell.strip()]


# ---- list ----

def test_list_shows_the_newest_first(shelf):
    result = shelf.backstay("list")
    lines = result.out.splitlines()
    assert lines[0].split() == ["ID", "AGE", "NAME", "SOURCES", "SIZE", "CONTENT", "VERIFIED", "FLAGS"]
    assert [line.split()[0] for line in lines[1:]] == [shelf.odd[:8], shelf.second[:8], shelf.first[:8]]
    assert "first" in lines[3] and "shop.db, media" in lines[3] and "3 tables, 7 files" in lines[3]
    assert result.err == shelf.says


def test_list_takes_a_source_by_name_path_or_url(shelf):
    for source in ("shop.db", "./shop.db", f"sqlite:{shelf.shop}"):
        found = shelf.backstay("list", "--source", source, "--json").json["backups"]
        assert [b["id"] for b in found] == [shelf.second, shelf.first], source
    assert shelf.backstay("list", "--source", "nothing").out == f"there is no backup of nothing in {shelf.repository}\n"


def test_the_document_of_a_backup_has_every_member(shelf):
    document = shelf.backstay("list", "--json").json
    assert document["repository"] == str(shelf.repository) and document["damaged"] == []
    first = document["backups"][2]
    assert list(first) == ["id", "short_id", "time", "name", "description", "hostname", "username", "tags", "sources", "bytes", "tables", "rows",
                           "files", "verification", "verified", "pinned", "schedule", "partial", "safety", "imported", "foreign", "safety_target", "undo_of"]
    assert first["id"].startswith(first["short_id"]) and len(first["short_id"]) == 8
    assert (first["name"], first["description"], first["tags"]) == ("first", "before the change", ["backstay", "monday"])
    shop, media = first["sources"]
    assert (shop["name"], shop["engine"], shop["url"]) == ("shop.db", "sqlite", f"sqlite:{shelf.shop}")
    assert (shop["tables"], shop["rows"], shop["files"], shop["unchanged"]) == (3, 254, None, False)
    assert (media["tables"], media["rows"], media["files"]) == (0, None, 7)
    assert not (first["partial"] or first["safety"] or first["imported"] or first["foreign"])
    assert document["backups"][0]["description"] is None


@pytest.mark.parametrize("args", [("list",), ("show", "latest"), ("ls", "latest"), ("diff", "latest:shop.db", "live"), ("check",),
                                  ("query", "latest:shop.db", "SELECT 1"), ("key", "list"), ("unlock",), ("prune", "--dry-run"), ("verify", "latest"),
                                  ("forget", "--keep-last", "1", "--dry-run"), ("restore",), ("restore", "latest", "--to", "x", "--dry-run")],
                         ids=lambda a: " ".join(a))
def test_a_document_is_one_line_with_nothing_around_it(shelf, args):
    result = shelf.backstay.plain(*args, "--json")
    assert result.out_bytes.endswith(b"}\n") and result.out_bytes.count(b"\n") == 1
    assert result.json["repository"] == str(shelf.repository)
    assert result.err == shelf.says


@pytest.mark.parametrize("args", [("list",), ("show", "latest"), ("ls", "latest"), ("check",), ("query", "latest:shop.db", "SELECT 1")], ids=lambda a: a[0])
def test_quiet_says_nothing_but_the_result(shelf, args):
    assert shelf.backstay.plain(*args, "--quiet").err == ""


def test_no_lock_leaves_no_lock_behind_and_reads_a_place_that_cannot_be_written(shelf):
    locks = shelf.repository / "locks"
    locks.chmod(0o500)
    try:
        assert shelf.backstay("list", "--no-lock").out.count("\n") == 4
    finally:
        locks.chmod(0o700)
    assert list(locks.iterdir()) == []


FULL = {"BACKSTAY_TEST_FAULT": "w:nospace@1+"}
NO_ROOM = "the repository cannot be written: locks/"


@pytest.mark.parametrize("args", [("list",), ("show", "latest"), ("ls", "latest"), ("dump", "latest:shop.db", "shop.db"), ("check", "--read-data"),
                                  ("diff", "latest:shop.db", "live"), ("query", "latest:shop.db", "SELECT 1"), ("verify", "latest"), ("key", "list"),
                                  ("export", "latest:shop.db", "--format", "sql", "-o", "-"), ("restore",), ("prune", "--dry-run")], ids=lambda a: a[0])
def test_a_full_disk_does_not_keep_from_reading(shelf, args):
    result = shelf.backstay(*args, env=FULL)
    said, warned = result.err.splitlines(keepends=True)[:2]
    assert said == shelf.says
    assert warned.startswith("warning: the repository cannot be written (locks/")
    assert warned.endswith("): it is read without a lock, which fails where another program removes what is read\n")
    assert result.out == shelf.backstay.plain(*args).out


def test_a_full_disk_gives_its_backups_back_but_never_replaces_what_it_cannot_keep_first(shelf, tmp_path):
    copy = tmp_path / "copy.db"
    shelf.backstay("restore", "latest:shop.db", "--to", copy, env=FULL)
    restored = copy.read_bytes()
    assert restored == shelf.backstay.plain("dump", "latest:shop.db", "shop.db").out_bytes
    db = sqlite3.connect(copy)
    db.execute("DELETE FROM orders")
    db.commit()
    db.close()
    changed = copy.read_bytes()
    result = shelf.backstay.fails(9, "restore", "latest:shop.db", "--to", copy, "--yes", env=FULL)
    assert f"backstay: no safety backup of what is there can be made; nothing was changed: {NO_ROOM}" in result.err
    assert result.err.endswith("  try: restore beside what is there, or without a safety copy, which cannot be undone: --to TARGET; --no-safety\n")
    assert copy.read_bytes() == changed
    shelf.backstay("restore", "latest:shop.db", "--to", copy, "--yes", "--no-safety", env=FULL)
    assert sqlite3.connect(copy).execute("SELECT count(*) FROM orders").fetchone() == (200,)


@pytest.mark.parametrize("args", [("backup", "shop.db"), ("forget", "--keep-last", "1", "--yes"), ("prune",), ("restore", "shop.db", "--to", "new.db")],
                         ids=lambda a: a[0])
def test_what_writes_says_that_the_disk_is_full(shelf, args):
    result = shelf.backstay.fails(9, *args, env=FULL)
    assert f"backstay: {NO_ROOM}" in result.err
    assert "make a little room on the repository's disk, then give back what no backup needs: backstay forget --keep-last N --prune\n" in result.err
    assert shelf.backstay.plain("list").out.count("\n") == 4


# ---- show ----

def test_show_tells_everything_in_the_manifest(shelf):
    text = shelf.backstay("show", shelf.first[:6]).out
    for line in (f"backup         {shelf.first}", "name           first", "description    before the change", "tags           backstay, monday",
                 "source         shop.db", f"  from         sqlite:{shelf.shop}", "  holds        1 view, 1 index, 1 trigger",
                 "  holds        7 files, 2 folders, 1 symlink", "verified       not yet: backstay verify"):
        assert line in text.splitlines(), line
    table = [line.split() for line in text.splitlines() if line.startswith("customers")]
    assert table[0][1] == "50" and table[0][-3:] == ["id,", "name,", "email"]


def test_the_document_of_show_holds_the_manifest_as_stored(shelf):
    document = shelf.backstay("show", "latest:shop.db", "--json").json
    stored = json.loads(shelf.backstay("dump", "latest:shop.db", ".backstay/manifest.json").out_bytes)
    assert document["manifest"] == stored
    assert document["backup"]["id"] == shelf.second


@pytest.mark.parametrize("name, message, hint", [
    ("ffffffff", "backup ffffffff: ", "name it by its id, \"latest\" or \"latest:SOURCE\"; `backstay list` shows them"),
    ("latest:nothing", "there is no backup of nothing in ", "backstay list shows what is there"),
])
def test_a_backup_that_is_not_there_is_an_error_with_a_way_out(shelf, name, message, hint):
    for args in (("show", name), ("ls", name), ("dump", name, "x"), ("query", name, "SELECT 1"), ("diff", name, "live"), ("verify", name),
                 ("export", name, "--format", "sql", "-o", "-")):
        result = shelf.backstay.fails(4, *args)
        assert result.out == ""
        assert result.err.startswith(shelf.says + "backstay: " + message) and result.err.endswith(f"\n  try: {hint}\n")


# ---- ls and dump ----

def test_ls_lists_one_folder_or_all(shelf):
    def paths(*args):
        return [line[10 + 2 + 10 + 2 + 16 + 2:] for line in shelf.backstay("ls", shelf.first, *args).out.splitlines()]
    assert paths() == [".backstay/", "media/", "shop.db"]
    assert paths("media") == ["media/2026/", "media/empty", "media/link -> read me.txt", "media/read me.txt"]
    assert paths("/media/2026/") == [f"media/2026/picture {i}.jpg" for i in range(5)]
    assert "media/2026/picture 4.jpg" in paths("-R") and len(paths("-R")) == 13
    assert paths("shop.db") == ["shop.db"]


def test_the_document_of_ls_describes_each_entry(shelf):
    document = shelf.backstay("ls", shelf.first, "media", "--json").json
    assert document["backup"] == shelf.first and document["path"] == "media"
    entries = {e["path"]: e for e in document["entries"]}
    assert list(entries) == ["media/2026", "media/empty", "media/link", "media/read me.txt"]
    assert list(entries["media/empty"]) == ["path", "type", "mode", "size", "mtime", "uid", "gid", "user", "group", "link_target"]
    assert (entries["media/2026"]["type"], entries["media/link"]["type"], entries["media/empty"]["type"]) == ("dir", "symlink", "file")
    assert entries["media/link"]["link_target"] == "read me.txt" and entries["media/empty"]["link_target"] is None
    assert entries["media/read me.txt"]["size"] == 6000


def test_names_go_out_byte_by_byte_to_a_program_and_as_base64_in_json(shelf):
    raw = shelf.backstay("ls", "latest", "odd").out_bytes
    assert b"odd/latin-\xe9\n" in raw and b"odd/red \x1b[31m\n" in raw
    entries = shelf.backstay("ls", "latest", "odd", "--json").json["entries"]
    assert entries[0]["path"] == "odd/latin-\ufffd" and base64.b64decode(entries[0]["path_base64"]) == b"odd/latin-\xe9"
    assert entries[1]["path"] == "odd/red \x1b[31m" and "path_base64" not in entries[1]


def test_dump_gives_a_file_back_byte_by_byte(shelf):
    assert shelf.backstay("dump", shelf.first, "media/read me.txt").out_bytes == b"hello\n" * 1000
    assert shelf.backstay("dump", "latest", os.fsdecode(b"odd/latin-\xe9")).out_bytes == b"1"


@pytest.mark.parametrize("path, status, message, hint", [
    ("media", 6, "media is a folder in the backup, not a file", "backstay ls {b} media; or the whole of it: backstay export {b} --format tar.gz -o FILE"),
    ("media/link", 6, "media/link is a symlink in the backup and has no content", None),
    ("media/none", 4, "backup {b}: media/none: there is no \"none\"", "backstay ls {b}"),
])
def test_dump_says_what_is_no_file(shelf, path, status, message, hint):
    result = shelf.backstay.fails(status, "dump", shelf.second, path)
    assert result.out == ""
    assert result.err == shelf.says + f"backstay: {message}\n".format(b=shelf.second) + (f"  try: {hint}\n".format(b=shelf.second) if hint else "")


def test_dump_and_json_exclude_each_other(shelf):
    assert shelf.backstay.fails(2, "dump", "latest", "x", "--json").json["error"]["kind"] == "usage"


# ---- query ----

def test_query_aligns_a_table_and_shows_null(shelf):
    result = shelf.backstay("query", shelf.second, "SELECT key, value FROM settings ORDER BY key")
    assert result.out.splitlines() == ["key      value", "limit    42", "new      x'00FF'".replace("FF", "ff"), "nothing  NULL", "ratio    0.5", "theme    dark"]
    assert result.err == shelf.says + "5 rows\n"


def test_query_as_csv_and_json(shelf):
    text = shelf.backstay("query", shelf.second, "SELECT * FROM settings ORDER BY key", "--format", "csv").out_bytes.decode()
    assert list(csv.reader(io.StringIO(text, newline="")))[:2] == [["key", "value"], ["limit", "42"]]
    for args in (("--json",), ("--format", "json")):
        document = shelf.backstay("query", shelf.second, "SELECT key, value FROM settings ORDER BY key", *args).json
        assert document["columns"] == ["key", "value"]
        assert document["rows"] == [["limit", 42], ["new", {"base64": "AP8="}], ["nothing", None], ["ratio", 0.5], ["theme", "dark"]]


def test_query_sees_the_backup_and_not_the_live_database(shelf):
    assert shelf.backstay("query", shelf.first, "SELECT count(*) FROM customers", "--json").json["rows"] == [[50]]
    assert shelf.backstay("query", shelf.second, "SELECT count(*) FROM customers", "--json").json["rows"] == [[49]]


def test_query_prints_tables_longer_than_a_page(shelf):
    out = shelf.backstay("query", shelf.first, "WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 2500) SELECT i FROM n").out
    assert out.splitlines() == ["i", *map(str, range(1, 2501))]


@pytest.mark.parametrize("sql", ["DELETE FROM orders", "SELEC 1", "SELECT * FROM nothing", "ATTACH 'x.db' AS x", ""])
def test_query_refuses_what_does_not_read(shelf, sql):
    result = shelf.backstay.fails(2, "query", shelf.first, sql)
    assert result.out == "" and result.err.startswith(shelf.says + "backstay: ")
    assert not (shelf.home / "x.db").exists()


def test_query_of_a_folder_is_an_error(shelf):
    assert shelf.backstay.run("query", "latest", "SELECT 1").status in (2, 4, 6)


def test_json_and_another_format_exclude_each_other(shelf):
    result = shelf.backstay.fails(2, "query", "latest", "SELECT 1", "--json", "--format", "csv")
    assert result.json == {"error": {"kind": "usage", "message": "--json and --format csv exclude each other", "hint": None}}


# ---- diff ----

def test_diff_shows_tables_and_files_that_differ(shelf):
    result = shelf.backstay("diff", shelf.first, shelf.second)
    rows = {line.split()[0]: line.split()[1:] for line in result.out.splitlines()}
    assert rows["TABLE"] == ["CHANGE", "ROWS", "A", "ROWS", "B", "ADDED", "REMOVED", "CHANGED"]
    assert rows["added"] == ["added", "-", "1", "1", "0", "0"]
    assert rows["customers"] == ["changed", "50", "49", "0", "1", "1"]
    assert rows["settings"] == ["changed", "4", "5", "1", "0", "0"]
    assert "orders" not in rows and "1 table is the same" in result.out
    assert "- 2026/picture 0.jpg  19.5 KiB" in result.out and "+ new.txt  3 B" in result.out
    assert result.out.endswith(f"{shelf.first} and {shelf.second} differ\n")


def test_diff_shows_rows_on_request(shelf):
    lines = shelf.backstay("diff", shelf.first, shelf.second, "--table", "customers", "--table", "settings", "--rows").out.splitlines()
    assert "~ customers  id=3 name: 'Customer 3' -> 'Zoë'" in lines
    assert "- customers  id=50 name='Customer 50' email='c50@example.com'" in lines
    assert "+ settings  key='new' value=x'00ff'" in lines


def test_the_document_of_diff_holds_the_rows(shelf):
    document = shelf.backstay("diff", shelf.first, shelf.second, "--rows", "--json").json
    assert (document["a"], document["b"], document["equal"]) == (shelf.first, shelf.second, False)
    changes = [(r["table"], r["change"]) for r in document["rows"]]
    assert sorted(changes) == [("added", "added"), ("customers", "changed"), ("customers", "removed"), ("settings", "added")]
    changed = [r for r in document["rows"] if r["change"] == "changed"][0]
    assert changed["a"] == {"id": 3, "name": "Customer 3", "email": "c3@example.com"} and changed["b"]["name"] == "Zoë"
    assert [r["a"] for r in document["rows"] if r["change"] == "added"] == [None, None]
    tables = {t["name"]: t for t in document["tables"]}
    assert tables["orders"]["change"] == "same" and tables["customers"]["removed"] == 1
    assert document["only_a"] == document["only_b"] == []
    error = shelf.backstay.fails(4, "diff", shelf.first, shelf.odd, "--json").json["error"]
    assert error["message"] == "the two sides have no source in common"
    assert "rows" not in shelf.backstay("diff", shelf.first, shelf.second, "--json").json


def test_diff_with_the_live_source_and_its_exit_code(shelf):
    assert shelf.backstay("diff", "latest:shop.db", "live", "--exit-code").out.endswith("latest:shop.db and live are equal\n")
    result = shelf.backstay.fails(5, "diff", shelf.first, "live", "--exit-code")
    assert result.err == shelf.says + f"backstay: {shelf.first} and live differ\n"
    result = shelf.backstay.fails(5, "diff", shelf.first, "live", "--exit-code", "--json")
    assert result.json["equal"] is False
    shelf.backstay("diff", shelf.first, "live")


def test_diff_of_a_table_that_neither_side_has_is_an_error(shelf):
    assert "nothing" in shelf.backstay.fails(4, "diff", shelf.first, shelf.second, "--table", "nothing").err


# ---- latest:SOURCE among several ----

@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """Two backups of the same two databases and a folder; in the second one order of b.db is gone."""
    shelf = Shelf(tmp_path_factory.mktemp("pair"))
    make_shop(shelf.home / "a.db", orders=10)
    make_shop(shelf.home / "b.db", orders=20)
    shelf.first = shelf.make("a.db", "b.db", "media")
    with sqlite3.connect(shelf.home / "b.db") as db:
        db.execute("DELETE FROM orders WHERE id = 1")
    db.close()
    shelf.second = shelf.make("a.db", "b.db", "media")
    return shelf


def test_a_query_asks_the_database_that_latest_names(pair):
    count = "SELECT count(*) AS n FROM orders"
    result = pair.backstay.fails(2, "query", "latest", count)
    assert result.err.endswith('holds 2 databases\n  try: name one with --source\n')
    for name, n in ("a.db", 10), ("b.db", 19), (f"sqlite:{pair.home}/b.db", 19):
        assert pair.backstay("query", f"latest:{name}", count, "--json").json["rows"] == [[n]]
    assert pair.backstay("query", "latest:a.db", count, "--source", "b.db", "--json").json["rows"] == [[19]]
    assert "holds no database called media" in pair.backstay.fails(4, "query", "latest:media", count).err


def test_an_export_takes_the_source_that_latest_names(pair, tmp_path):
    result = pair.backstay.fails(2, "export", "latest", "--format", "archive", "-o", tmp_path / "x.db")
    assert result.err.endswith("several sources of this backup can be exported so: a.db (sqlite), b.db (sqlite), media (folder)\n"
                               "  try: name one with --source\n")
    pair.backstay("export", "latest:b.db", "--format", "archive", "-o", tmp_path / "b.db")
    assert rows_of(tmp_path / "b.db") == rows_of(pair.home / "b.db")
    pair.backstay("export", "latest:a.db", "--source", "b.db", "--format", "archive", "-o", tmp_path / "c.db")
    assert rows_of(tmp_path / "c.db") == rows_of(pair.home / "b.db")


def test_a_comparison_is_of_the_source_that_latest_names(pair):
    assert pair.backstay("diff", pair.first, "latest", "--json").json["equal"] is False
    assert pair.backstay("diff", pair.first, "latest:a.db", "--json").json["equal"] is True
    document = pair.backstay("diff", pair.first, "latest:b.db", "--json").json
    assert document["equal"] is False
    assert {t["name"]: t["removed"] for t in document["tables"]}["orders"] == 1
    assert pair.backstay("diff", "latest:a.db", pair.first, "--source", "b.db", "--json").json["equal"] is False
    assert pair.backstay("diff", "latest:b.db", f"latest:sqlite:{pair.home}/b.db", "--json").json["equal"] is True
    result = pair.backstay.fails(2, "diff", "latest:a.db", "latest:b.db")
    assert result.err.endswith("a.db and b.db are not the same source\n"
                               "  try: a source is compared with itself, at another time; name it with --source\n")


# ---- export ----

def test_exports_are_what_they_are_called(shelf, tmp_path):
    def made(name, *args):
        result = shelf.backstay("export", "latest:shop.db", "-o", tmp_path / name, *args)
        assert result.out.startswith(f"{tmp_path / name} written: ")
        return tmp_path / name
    assert rows_of(made("a.db", "--format", "archive")) == rows_of(shelf.shop)
    sqlite3.connect(":memory:").executescript(made("a.sql", "--format", "sql").read_text())
    assert gzip.decompress(made("a.sql.gz", "--format", "sql.gz").read_bytes()) == (tmp_path / "a.sql").read_bytes()
    assert {n for n in zipfile.ZipFile(made("a.zip", "--format", "csv")).namelist()} >= {"customers.csv", "orders.csv", "settings.csv"}
    assert zipfile.ZipFile(made("a.xlsx", "--format", "xlsx", "--table", "settings")).testzip() is None
    assert made("b.bin", "--format", "archive", "--path", "media/read me.txt").read_bytes() == (shelf.home / "media" / "read me.txt").read_bytes()
    with tarfile.open(made("a.tar.gz", "--format", "tar.gz", "--source", "media")) as archive:
        assert any(m.name.endswith("read me.txt") for m in archive.getmembers())


def test_an_export_to_standard_output_is_nothing_but_the_export(shelf):
    result = shelf.backstay("export", "latest:shop.db", "--format", "sql", "-o", "-")
    db = sqlite3.connect(":memory:")
    db.executescript(result.out)
    assert db.execute("SELECT count(*) FROM customers").fetchone() == (49,)
    assert result.err == shelf.says


def test_an_existing_file_is_not_replaced_unless_forced(shelf, tmp_path):
    target = tmp_path / "out.sql"
    target.write_text("mine")
    shelf.backstay.fails(6, "export", "latest:shop.db", "--format", "sql", "-o", target)
    assert target.read_text() == "mine"
    document = shelf.backstay("export", "latest:shop.db", "--format", "sql", "-o", target, "--force", "--json").json
    assert document["bytes"] == target.stat().st_size > 1000
    assert (document["format"], document["output"], document["backup"]) == ("sql", str(target), shelf.second)


@pytest.mark.parametrize("args, message", [
    (("-o", "x"), "export needs --format FORMAT"),
    (("--format", "sql"), "export needs --output FILE (- is standard output)"),
    (("--format", "doc", "-o", "x"), "--format cannot be \"doc\"; it is one of: archive, sql, sql.gz, csv, xlsx, tar.gz, tar.zst, zip"),
    (("--format", "sql", "-o", "-", "--json"), "-o - writes the export itself to standard output, where --json wants a document"),
])
def test_export_says_what_it_needs(shelf, args, message):
    result = shelf.backstay.fails(2, "export", "latest", *args)
    assert message in result.err or result.json["error"]["message"] == message


# ---- check and verify ----

def test_check_says_that_the_repository_is_whole(shelf):
    result = shelf.backstay("check", "--read-data")
    assert result.out.splitlines()[0].startswith("looked at 3 backups, ")
    assert result.out.endswith("the repository is whole\n")
    document = shelf.backstay("check", "--json").json
    assert document["ok"] is True and document["errors"] == 0 and document["problems"] == [] and document["repair"] is None


def test_verify_tells_what_it_has_seen_and_list_remembers(shelf):
    result = shelf.backstay("verify", "--level", "4", shelf.first)
    assert result.out.splitlines()[0] == f"{shelf.first[:8]}  first: compared"
    assert all(line.startswith("    ") for line in result.out.splitlines()[1:])
    listed = {b["id"]: b for b in shelf.backstay("list", "--json").json["backups"]}
    assert listed[shelf.first]["verification"] == "compared" and listed[shelf.first]["verified"]
    assert listed[shelf.second]["verification"] is None and listed[shelf.second]["verified"] is None


def test_verify_takes_all_or_names(shelf):
    document = shelf.backstay("verify", "--all", "--level", "1", "--json").json
    assert document["ok"] is True and len(document["results"]) == 3 and document["repository_problems"] == []
    assert {r["reached"] for r in document["results"]} == {"bytes"}
    result = shelf.backstay.fails(2, "verify", "--all", "latest")
    assert result.err == "backstay: verify takes either --all or the names of backups\n"
