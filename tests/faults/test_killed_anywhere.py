"""The plug pulled, the disk full, the store failing: at every operation of a small backup, forget and prune.

BACKSTAY_TEST_FAULT makes the program's store fail on purpose (src/store/store.h). "w:" counts only what changes the repository.
What lives on after a fault runs with sanitizers; what is killed by it has no code of its own to look at, and what is asked afterwards neither.
"""
import os
import pathlib
import shutil
import sqlite3

import pytest
from conftest import make_media, make_shop, rows_of, tree_of

FAULTS = {
    "killed before": "w:kill@{n}",
    "killed after": "w:kill-after@{n}",
    "failing once": "w:error@{n}",
    "disk full from then on": "w:nospace@{n}+",
    "short write": "w:short@{n}",
    "reply lost": "w:lost@{n}",
}


def files(folder):
    return {pathlib.Path(where, name) for where, _, names in os.walk(folder) for name in names}


@pytest.fixture
def two_backups(initialised, plain, home, repository):
    """A repository with two backups of a shop and a folder; returns how to make fresh copies of it and what each backup must give."""
    shop, media = make_shop(home / "shop.db", orders=40), make_media(home / "media")
    expected = []
    for turn in range(2):
        db = sqlite3.connect(shop)
        db.execute("INSERT INTO customers(name) VALUES (?)", (f"turn {turn}",))
        db.commit()
        db.close()
        (media / f"new {turn}").write_bytes(b"%d" % turn * 1000)
        plain("backup", "shop.db", "media")
        expected.append((rows_of(shop), tree_of(media)))
    # What the next backup will find changed.
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM orders WHERE id % 3 = 0")
    db.commit()
    db.close()
    (media / "changed").write_bytes(b"x" * 5000)
    pristine = {path: path.read_bytes() for path in files(repository)}

    def fresh():
        for path in files(repository) - set(pristine):
            path.unlink()
        for path, content in pristine.items():
            if not path.exists() or path.read_bytes() != content:
                path.unlink(missing_ok=True)
                path.write_bytes(content)
        return ids

    ids = [b["id"] for b in sorted(plain("list", "--json").json["backups"], key=lambda b: b["time"])]
    return fresh, expected


def stricken(fault, initialised, plain):
    """The program that a fault strikes."""
    return plain if fault.startswith("killed") else initialised


def restores(backstay, backup, expected, where):
    backstay("restore", backup, "--to", where, "--yes")
    assert rows_of(where / "shop.db") == expected[0]
    assert tree_of(where / "media") == expected[1]
    shutil.rmtree(where)


def only_hints(backstay):
    report = backstay("check", "--read-data", "--json").json
    assert report["errors"] == 0, report


OPERATIONS = range(1, 40)     # more than any of the commands makes; each loop ends where the fault no longer strikes


def test_the_faults_strike_where_they_should(two_backups, initialised):
    """What the loops below rest on: a fault that is out of reach does not strike, the first operation is hit by each kind."""
    fresh, _ = two_backups
    for name, fault in FAULTS.items():
        fresh()
        assert initialised.run("backup", "shop.db", env={"BACKSTAY_TEST_FAULT": fault.format(n=1)}).status != 0, name
    fresh()
    initialised("backup", "shop.db", env={"BACKSTAY_TEST_FAULT": "w:kill@1000"})


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_backup_that_dies_anywhere_leaves_older_backups_whole_and_the_next_one_succeeds(fault, two_backups, initialised, plain, home, tmp_path):
    fresh, expected = two_backups
    program = stricken(fault, initialised, plain)
    now = rows_of(home / "shop.db"), tree_of(home / "media")
    struck = 0
    for n in OPERATIONS:
        older = fresh()
        result = program.run("backup", "shop.db", "media", env={"BACKSTAY_TEST_FAULT": FAULTS[fault].format(n=n)})
        struck += result.status != 0
        listed = {b["id"] for b in plain("list", "--json").json["backups"]}
        assert set(older) <= listed
        if result.status == 0:
            assert len(listed) == 3, "a success that is none"
        for _ in listed - set(older):             # killed after its last write, it may be listed; it is never a half one
            restores(plain, "latest", now, tmp_path / "out")
        only_hints(plain)
        restores(plain, older[0], expected[0], tmp_path / "out")
        plain("backup", "shop.db", "media")
        restores(plain, "latest", now, tmp_path / "out")
        if result.status == 0 and n > struck + 1:     # giving back its lock may fail
            break
    assert struck >= 4


@pytest.mark.parametrize("fault", ["killed before", "killed after", "disk full from then on", "failing once"], ids=str)
def test_two_interrupted_forgets_with_prune_in_a_row_lose_nothing(fault, two_backups, initialised, plain, tmp_path):
    fresh, expected = two_backups
    program = stricken(fault, initialised, plain)
    command = ("forget", "--keep-last", "1", "--prune", "--yes")
    struck = 0
    for n in OPERATIONS:
        older = fresh()
        statuses = [program.run(*command, env={"BACKSTAY_TEST_FAULT": FAULTS[fault].format(n=n)}).status for _ in range(2)]
        struck += statuses[0] != 0
        only_hints(plain)
        restores(plain, older[1], expected[1], tmp_path / "out")
        plain(*command)
        report = plain("check", "--read-data", "--json").json
        assert report["errors"] == 0 and report["unreferenced_packs"] == 0
        restores(plain, older[1], expected[1], tmp_path / "out")
        if statuses[0] == 0 and n > struck + 1:     # giving back its lock may fail
            break
    assert struck >= 4


def test_a_store_that_fails_while_reading_never_gives_a_false_restore(two_backups, initialised, plain, tmp_path):
    fresh, expected = two_backups
    fresh()
    where = tmp_path / "out"
    plain("restore", "latest", "--to", where, "--yes", env={"BACKSTAY_TEST_FAULT": "kill@49"})     # there are less operations than that
    shutil.rmtree(where)
    for kind in ("error", "short", "flip"):
        failed = 0
        for n in range(1, 49, 2):
            program = initialised if n % 3 == 0 else plain
            result = program.run("restore", "latest", "--to", where, "--yes", env={"BACKSTAY_TEST_FAULT": f"{kind}@{n}"})
            if result.status == 0:
                assert rows_of(where / "shop.db") == expected[1][0]
                assert tree_of(where / "media") == expected[1][1]
            else:
                failed += 1
                assert not (where / "shop.db").exists() or rows_of(where / "shop.db") == expected[1][0]
            shutil.rmtree(where, ignore_errors=True)
        assert failed > 3, kind


def test_P4_a_listing_that_comes_back_empty_makes_forget_and_prune_refuse(two_backups, initialised, plain, tmp_path):
    fresh, expected = two_backups
    for n in range(1, 25):
        for program in (plain, initialised):       # with sanitizers where it struck
            older = fresh()
            status = program.run("forget", "--keep-last", "1", "--prune", "--yes", env={"BACKSTAY_TEST_FAULT": f"empty-list@{n}"}).status
            only_hints(plain)
            restores(plain, older[1], expected[1], tmp_path / "out")
            if status == 0:
                break


# ---- what is left beside the target ----

def drafts(folder):
    return sorted(p.name for p in folder.iterdir() if "backstay-draft" in p.name)


@pytest.mark.parametrize("args", [("restore", "latest:shop.db", "--to", "new"), ("restore", "latest:media", "--to", "new"),
                                  ("restore", "latest:echo", "--to", "new"), ("export", "latest:shop.db", "--format", "csv", "-o", "new"),
                                  ("export", "latest:shop.db", "--format", "xlsx", "-o", "new")], ids=lambda a: f"{a[0]} {a[1]} {a[3]}")
def test_what_a_killed_restore_or_export_left_goes_with_the_next_one(args, initialised, plain, shop, media, home, repository):
    with sqlite3.connect(shop) as db:  # more than one pack holds, so that something is read while something grows
        db.execute("CREATE TABLE noise AS WITH n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 16) SELECT randomblob(1000000) AS b FROM n")
    db.close()
    plain("backup", "shop.db", "media", "command:echo hello")
    place = home / "place"
    place.mkdir()
    args = [str(place / a) if a == "new" else a for a in args]
    mine = place / ".new.backstay-draft-0123456789abcdef"
    mine.mkdir()
    left = []
    for n in range(14, 30, 2):
        result = plain.run(*args, env={"BACKSTAY_TEST_FAULT": f"kill@{n}"})
        for lock in (repository / "locks").iterdir():  # reading them would be operations, more each time
            lock.unlink()
        found = [name for name in drafts(place) if name != mine.name]
        assert len(found) <= 1, "each one sweeps what the one before has left"
        left += found
        if result.status == 0 or (place / "new").exists():
            break
    assert left, "none was killed while something grew"
    if not (place / "new").exists():
        (plain if "csv" in args else initialised)(*args)     # the noise as text takes sanitizers two seconds
    assert sorted(p.name for p in place.iterdir()) == [mine.name, "new"]
