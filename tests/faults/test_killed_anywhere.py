"""The plug pulled, the disk full, the store failing: at every operation of a small backup, forget and prune.

BACKSTAY_TEST_FAULT makes the program's store fail on purpose (src/store/store.h). "w:" counts only what changes the repository.
"""
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


@pytest.fixture
def two_backups(initialised, home, repository, tmp_path):
    """A repository with two backups of a shop and a folder; returns how to make fresh copies of it and what each backup must give."""
    shop, media = make_shop(home / "shop.db", orders=40), make_media(home / "media")
    expected = []
    for turn in range(2):
        db = sqlite3.connect(shop)
        db.execute("INSERT INTO customers(name) VALUES (?)", (f"turn {turn}",))
        db.commit()
        db.close()
        (media / f"new {turn}").write_bytes(b"%d" % turn * 1000)
        initialised("backup", "shop.db", "media")
        expected.append((rows_of(shop), tree_of(media)))
    # What the next backup will find changed.
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM orders WHERE id % 3 = 0")
    db.commit()
    db.close()
    (media / "changed").write_bytes(b"x" * 5000)
    pristine = tmp_path / "pristine"
    shutil.copytree(repository, pristine)

    def fresh():
        shutil.rmtree(repository)
        shutil.copytree(pristine, repository)
        return [b["id"] for b in sorted(initialised("list", "--json").json["backups"], key=lambda b: b["time"])]

    return fresh, expected


def restores(backstay, backup, expected, where):
    backstay("restore", backup, "--to", where, "--yes")
    assert rows_of(where / "shop.db") == expected[0]
    assert tree_of(where / "media") == expected[1]
    shutil.rmtree(where)


def only_hints(backstay):
    report = backstay("check", "--read-data", "--json").json
    assert report["errors"] == 0, report


def operations(backstay, *command):
    """How many changing operations a command makes: the first fault number that never strikes."""
    return 40


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_backup_that_dies_anywhere_leaves_older_backups_whole_and_the_next_one_succeeds(fault, two_backups, initialised, home, tmp_path):
    fresh, expected = two_backups
    struck = 0
    for n in range(1, operations(initialised)):
        older = fresh()
        result = initialised.run("backup", "shop.db", "media", env={"BACKSTAY_TEST_FAULT": FAULTS[fault].format(n=n)})
        listed = {b["id"] for b in initialised("list", "--json").json["backups"]}
        assert set(older) <= listed
        if result.status == 0:
            # Never a false success: what was reported done is there and whole.
            assert len(listed) == 3
            restores(initialised, "latest", (rows_of(home / "shop.db"), tree_of(home / "media")), tmp_path / "out")
        elif fault not in ("killed after", "reply lost"):
            assert listed == set(older), f"a half backup is listed after operation {n}"
        only_hints(initialised)
        restores(initialised, older[0], expected[0], tmp_path / "out")
        initialised("backup", "shop.db", "media")
        restores(initialised, "latest", (rows_of(home / "shop.db"), tree_of(home / "media")), tmp_path / "out")
        if result.status == 0 and fault != "failing once":
            break
        struck += result.status != 0
    assert struck >= 3


@pytest.mark.parametrize("fault", ["killed before", "killed after", "disk full from then on", "failing once"], ids=str)
def test_two_interrupted_forgets_with_prune_in_a_row_lose_nothing(fault, two_backups, initialised, restic, tmp_path):
    fresh, expected = two_backups
    for n in range(1, operations(initialised)):
        older = fresh()
        statuses = [initialised.run("forget", "--keep-last", "1", "--prune", "--yes", env={"BACKSTAY_TEST_FAULT": FAULTS[fault].format(n=n)}).status
                    for _ in range(2)]
        only_hints(initialised)
        restores(initialised, older[1], expected[1], tmp_path / "out")
        initialised("forget", "--keep-last", "1", "--prune", "--yes")
        report = initialised("check", "--read-data", "--json").json
        assert report["errors"] == 0 and report["unreferenced_packs"] == 0
        restores(initialised, older[1], expected[1], tmp_path / "out")
        if statuses == [0, 0]:
            break
    restic("check", "--read-data")
    assert n > 3


def test_a_store_that_fails_while_reading_never_gives_a_false_restore(two_backups, initialised, home, tmp_path):
    fresh, expected = two_backups
    fresh()
    for kind in ("error", "short", "flip"):
        failed = 0
        for n in range(1, 60):
            where = tmp_path / "out"
            result = initialised.run("restore", "latest", "--to", where, "--yes", env={"BACKSTAY_TEST_FAULT": f"{kind}@{n}"})
            if result.status == 0:
                assert rows_of(where / "shop.db") == expected[1][0]
                assert tree_of(where / "media") == expected[1][1]
                shutil.rmtree(where)
            else:
                failed += 1
                assert not (where / "shop.db").exists() or rows_of(where / "shop.db") == expected[1][0]
                shutil.rmtree(where, ignore_errors=True)
        assert failed > 3, kind


def test_P4_a_listing_that_comes_back_empty_makes_forget_and_prune_refuse(two_backups, initialised, tmp_path):
    fresh, expected = two_backups
    older = fresh()
    for n in range(1, 30):
        initialised.run("forget", "--keep-last", "1", "--prune", "--yes", env={"BACKSTAY_TEST_FAULT": f"empty-list@{n}"})
        only_hints(initialised)
        restores(initialised, older[1], expected[1], tmp_path / "out")
        fresh()
