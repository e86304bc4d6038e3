"""Our repositories under stock restic, restic's under Backstay, and both taking turns in one."""
import hashlib
import json
import os
import sqlite3

import pytest
from conftest import PASSWORD, Program, make_media, make_shop, rows_of, tree_of
from waiting import until


def check(restic):
    restic("check", "--read-data")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


# ---- what we write, restic reads ----

def test_restic_finds_no_fault_in_what_we_write(initialised, restic, shop, media):
    initialised("backup", "shop.db", "media")
    check(restic)


def test_restic_dump_equals_our_dump_byte_for_byte(initialised, restic, shop, media):
    initialised("backup", "shop.db", "media")
    for path in ("shop.db", "media/2026/picture 1.jpg", "media/empty", ".backstay/manifest.json"):
        assert restic("dump", "latest", "/" + path).out_bytes == initialised("dump", "latest", path).out_bytes, path


def test_restic_restores_a_folder_equal_to_its_source(initialised, restic, media, tmp_path):
    initialised("backup", "media")
    restic("restore", "latest", "--target", tmp_path / "out", "--verify")
    assert tree_of(tmp_path / "out" / "media") == tree_of(media)


def test_a_database_that_restic_restores_opens_whole_with_every_row(initialised, restic, shop, tmp_path):
    initialised("backup", "shop.db")
    restic("restore", "latest", "--target", tmp_path / "out")
    restored = tmp_path / "out" / "shop.db"
    assert sqlite3.connect(restored).execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert rows_of(restored) == rows_of(shop)


def test_a_database_in_wal_mode_with_an_open_writer_comes_back_through_restic_alone(initialised, restic, home, tmp_path):
    writer = sqlite3.connect(home / "app.db")
    writer.execute("PRAGMA journal_mode=WAL")
    writer.execute("CREATE TABLE t(x)")
    writer.execute("INSERT INTO t VALUES (1), (2)")
    writer.commit()
    initialised("backup", "app.db")
    restic("restore", "latest", "--target", tmp_path / "out")
    assert sqlite3.connect(tmp_path / "out" / "app.db").execute("SELECT sum(x) FROM t").fetchone() == (3,)
    writer.close()


ODD_NAMES = [b"quote'\"", b"back\\slash", b"new\nline", b"percent%41", "emoji 🦉".encode(), b"-rf", b"\xff\xfe not utf-8", b"tab\there", b"\x01control",
             "nbsp\u00a0soft\u00adhyphen".encode(), "unassigned \u0378".encode(), "ideographic\u3000space".encode(), "<html>&amp;".encode(), b"space ", b"..dots",
             "line\u2028separator".encode(), "e\u0301 combining".encode(), b"a" * 255]


def make_odd_names(folder):
    base = os.fsencode(folder)
    os.mkdir(base)
    for i, name in enumerate(ODD_NAMES):
        with open(os.path.join(base, name), "wb") as f:
            f.write(b"content %d" % i)
    os.mkdir(os.path.join(base, b"dir \xe9\n"))
    with open(os.path.join(base, b"dir \xe9\n", b"inner"), "wb") as f:
        f.write(b"inner")
    os.symlink(b"target \xff", os.path.join(base, b"link"))
    return folder


def test_names_of_every_kind_come_back_exact_through_both(initialised, restic, home, tmp_path):
    odd = make_odd_names(home / "odd")
    initialised("backup", "odd", "--include-logs")
    check(restic)
    initialised("restore", "latest", "--to", tmp_path / "ours", "--yes")
    assert tree_of(tmp_path / "ours") == tree_of(odd)
    restic("restore", "latest", "--target", tmp_path / "theirs")
    theirs, expected = tree_of(tmp_path / "theirs" / "odd"), tree_of(odd)
    theirs.pop(b"link"), expected.pop(b"link")    # restic before 0.16 cannot keep a link target that is not UTF-8
    assert theirs == expected


def test_the_same_folder_gives_the_same_trees_as_restic_so_both_share_them(initialised, restic, home):
    odd = make_odd_names(home / "odd")
    os.unlink(os.path.join(os.fsencode(odd), b"link"))
    initialised("backup", "odd", "--include-logs")
    restic("backup", "odd")
    ours, theirs = json.loads(restic("snapshots", "--json").out)
    tree_ours = json.loads(restic("cat", "blob", ours["tree"]).out)
    tree_theirs = json.loads(restic("cat", "blob", theirs["tree"]).out)
    subtree = {n["name"]: n["subtree"] for n in tree_ours["nodes"] if n["type"] == "dir"}["odd"]
    while not any(n["name"] == "odd" for n in tree_theirs["nodes"]):
        tree_theirs = json.loads(restic("cat", "blob", tree_theirs["nodes"][0]["subtree"]).out)
    # Chunks differ in general, but these files are single blobs, so equal metadata means equal trees.
    assert subtree == [n for n in tree_theirs["nodes"] if n["name"] == "odd"][0]["subtree"]


def test_every_key_we_add_opens_with_restic_and_a_removed_one_does_not(initialised, restic, shop, environment, tmp_path):
    (tmp_path / "new").write_text("another password\n")
    initialised("key", "add", "--new-password-file", tmp_path / "new")
    second = {"RESTIC_PASSWORD": "another password"}
    restic("snapshots", env=second)
    restic("snapshots")
    first = [k["id"] for k in initialised("key", "list", "--json").json["keys"] if k["current"]][0]
    initialised("key", "remove", first, "--yes", env={"BACKSTAY_PASSWORD": "another password"})
    restic("snapshots", env=second)
    assert restic.run("snapshots").status != 0


# ---- what restic writes, we read ----

@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A repository that restic has made, with two keys, backups of a folder by each of its compressions, of odd names and of a stream: its place, and where they are."""
    home = tmp_path_factory.mktemp("theirs")
    restic = Program(["restic", "--no-cache", "-q"], {"PATH": os.environ["PATH"], "HOME": str(home), "RESTIC_REPOSITORY": str(home / "repository"), "RESTIC_PASSWORD": PASSWORD}, home)
    restic("init")
    for compression in ("off", "auto", "max"):
        make_media(home / compression)
        restic("backup", "--compression", compression, compression)
    make_odd_names(home / "odd")
    os.unlink(os.path.join(os.fsencode(home / "odd"), b"link"))
    restic("backup", "odd")
    (home / "stream").write_bytes(os.urandom(3_000_000))
    restic("backup", "--stdin", "--stdin-filename", "dump.sql", stdin=(home / "stream").read_bytes())
    (home / "second").write_text("second password\n")
    restic("key", "add", "--new-password-file", "second")
    return home


@pytest.fixture
def reader(backstay, environment, theirs):
    """backstay, for that repository."""
    environment["BACKSTAY_REPOSITORY"] = str(theirs / "repository")
    return backstay


def test_a_repository_made_by_restic_lists_verifies_and_restores_whatever_its_compression_and_names(reader, theirs, tmp_path):
    listed = {b["name"]: b["id"] for b in reader("list", "--json").json["backups"]}
    assert sorted(listed) == ["auto", "dump.sql", "max", "odd", "off"]
    assert reader("verify", "--all", "--json").json["ok"] is True
    for folder in ("off", "auto", "max", "odd"):
        reader("restore", listed[folder], "--to", tmp_path / folder, "--yes")
        assert tree_of(tmp_path / folder) == tree_of(theirs / folder), folder


def test_either_of_two_keys_that_restic_made_opens(reader):
    assert len(reader("list", "--json", env={"BACKSTAY_PASSWORD": "second password"}).json["backups"]) == 5
    assert len(reader("list", "--json").json["backups"]) == 5


def test_a_stream_that_restic_stored_is_dumped_byte_for_byte(reader, theirs):
    assert reader("dump", "latest", "dump.sql").out_bytes == (theirs / "stream").read_bytes()


def test_a_repository_of_format_1_is_read(backstay, restic, media, tmp_path):
    restic("init", "--repository-version", "1")
    restic("backup", "media")
    assert backstay("verify", "--all", "--json").json["ok"] is True
    backstay("restore", "latest", "--to", tmp_path / "out", "--yes")
    assert tree_of(tmp_path / "out") == tree_of(media)


# ---- taking turns ----

def test_both_take_turns_writing_forgetting_and_pruning(initialised, restic, home, tmp_path):
    shop = make_shop(home / "shop.db")
    media = make_media(home / "media")
    for turn in range(3):
        initialised("backup", "shop.db", "media")
        restic("backup", "media")
        (media / f"new {turn}").write_bytes(os.urandom(50_000))
        (media / "2026" / "picture 0.jpg").write_bytes(os.urandom(30_000))
        db = sqlite3.connect(shop)
        db.execute("INSERT INTO customers(name) VALUES (?)", (f"turn {turn}",))
        db.commit()
        db.close()
        if turn % 2:
            restic("forget", "--keep-last", "1", "--prune")
        else:
            initialised("forget", "--keep-last", "1", "--prune", "--yes")
        check(restic)
        assert initialised("check", "--read-data", "--json").json["errors"] == 0
    initialised("backup", "shop.db", "media")
    initialised("restore", "latest", "--to", tmp_path / "out", "--yes")
    assert rows_of(tmp_path / "out" / "shop.db") == rows_of(shop)
    assert tree_of(tmp_path / "out" / "media") == tree_of(media)


def test_a_restic_lock_keeps_us_from_pruning_and_our_message_says_who_holds_it(initialised, restic, shop, environment, home):
    import subprocess
    initialised("backup", "shop.db")
    holder = subprocess.Popen(["restic", "--no-cache", "backup", "--stdin"], env=environment, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        locks = os.path.join(environment["BACKSTAY_REPOSITORY"], "locks")
        until(lambda: os.listdir(locks), "restic's lock", process=holder)
        result = initialised.fails(11, "prune", "--wait", "0")
        assert f"PID {holder.pid}" in result.err
        initialised("backup", "shop.db")          # shared locks stand beside each other
    finally:
        holder.stdin.close()
        holder.wait(60)
    initialised("prune")
