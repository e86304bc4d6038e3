"""`cleanup`, `pin` and `unpin`: what stays, why, and what is never removed."""
import shutil

import pytest


@pytest.fixture
def configured(initialised, shop, media):
    initialised.plain("source", "add", "shop", shop)
    initialised.plain("source", "add", "media", media)
    return initialised


def back_up(backstay, *args, **more):
    return backstay.plain("backup", *args, "--json", **more).json["id"]


def clean(backstay, *args, **more):
    """{id: reason} of what was kept, the ids of what was removed, and the document."""
    document = backstay("cleanup", *args, "--json", **more).json
    backups = [backup for repository in document["repositories"] for backup in repository["backups"]]
    return {b["id"]: b["reason"] for b in backups if b["keep"]}, [b["id"] for b in backups if not b["keep"]], document


def ids(backstay):
    return {backup["id"] for backup in backstay.plain("list", "--json").json["backups"]}


def damage_a_pack(repository):
    pack = max((p for p in (repository / "data").rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    whole = pack.read_bytes()
    pack.chmod(0o600)
    pack.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    return pack, whole


# ---- what is refused ----

def test_a_schedule_that_is_not_there_is_told(configured):
    assert 'there is no schedule named "nightly"' in configured.fails(4, "cleanup", "--schedule", "nightly").err


def test_nothing_goes_by_rules_after_a_check_that_found_damage(configured, repository):
    back_up(configured, "shop")
    back_up(configured, "shop", "--force")
    pack, whole = damage_a_pack(repository)
    configured.fails(5, "check", "--read-data")
    refusal = f"nothing was removed, because the last check found damage in {repository}"
    for args in (["cleanup"], ["forget", "--keep-last", "1"], ["prune"]):
        assert refusal in configured.fails(6, *args).err
    assert len(ids(configured)) == 2
    pack.write_bytes(whole)
    configured("check", "--read-data")
    configured("forget", "--keep-last", "1")
    assert len(ids(configured)) == 1


def test_P6_a_catalog_that_is_older_than_the_repository_decides_nothing(configured, tmp_path):
    configured.plain("schedule", "add", "nightly", "--source", "shop", "--keep-last", "2")
    first = back_up(configured, "shop", "--schedule", "nightly")
    stale = (tmp_path / "state" / "catalog.db").read_bytes()
    others = [back_up(configured, "shop", "--schedule", "nightly", "--force") for _ in range(3)]
    for name in ("catalog.db-wal", "catalog.db-shm"):
        (tmp_path / "state" / name).unlink(missing_ok=True)
    (tmp_path / "state" / "catalog.db").write_bytes(stale)
    kept, removed, _ = clean(configured)
    assert set(kept) == set(others[1:]) and set(removed) == {first, others[0]}


def test_a_schedule_that_makes_no_backups_has_none_to_clean_up(configured):
    configured.plain("schedule", "add", "drill", "--action", "verify")
    assert "the schedule drill makes no backups, and cleans up none" in configured.fails(2, "cleanup", "--schedule", "drill").err


# ---- what stays, and why ----

def test_every_schedule_keeps_its_own_and_the_settings_keep_the_rest(configured):
    configured.plain("schedule", "add", "nightly", "--source", "shop", "--keep-last", "1")
    configured.plain("schedule", "add", "careful", "--source", "shop", "--keep-all")
    nightly = [back_up(configured, "shop", "--schedule", "nightly") for _ in range(2)]
    careful = [back_up(configured, "shop", "--schedule", "careful") for _ in range(2)]
    gone = back_up(configured, "shop", "--schedule", "gone")
    elsewhere = back_up(configured, "shop", env={"BACKSTAY_HOST": "web-2"})
    by_hand = back_up(configured, "shop")
    kept, removed, document = clean(configured, "--dry-run")
    assert document["dry_run"] and document["removed"] == 1 and len(ids(configured)) == 7
    kept, removed, document = clean(configured)
    assert removed == [nightly[0]]
    assert kept == {nightly[1]: "last", careful[0]: "its schedule keeps everything", careful[1]: "its schedule keeps everything",
                    gone: "of the schedule gone, which this machine does not have", elsewhere: "made on another machine, web-2",
                    by_hand: "younger than 30 days"}
    assert ids(configured) == set(kept)
    configured("forget", "--schedule", "gone", "--keep-days", "1", "--dry-run")


def test_what_another_program_made_is_left_to_it(configured, restic, shop):
    host = configured("show", back_up(configured, "shop"), "--json").json["backup"]["hostname"]
    for year in (2020, 2021):
        restic("backup", "--host", host, "--time", f"{year}-01-01 00:00:00", shop)
    kept, removed, _ = clean(configured)
    assert sorted(kept.values()) == ["made by another program", "made by another program", "younger than 30 days"] and removed == []


def test_a_schedule_may_clean_up_by_rules_of_its_own_what_no_schedule_made(configured):
    configured.plain("schedule", "add", "nightly", "--keep-last", "1")
    configured.plain("schedule", "add", "tidy", "--weekly", "sun", "--action", "cleanup", "--source", "shop", "--keep-last", "1")
    by_hand = [back_up(configured, "shop", "--force") for _ in range(2)]
    nightly = [back_up(configured, "shop", "--schedule", "nightly", "--force") for _ in range(2)]
    other = [back_up(configured, "media", "--force") for _ in range(2)]
    job, = configured("schedule", "run", "tidy", "--force", "--json").json["jobs"]
    assert job["state"] == "success" and job["kind"] == "cleanup"
    assert ids(configured) == {by_hand[1], nightly[1], *other}


def test_one_schedule_or_source_alone_is_cleaned_up(configured):
    configured.plain("schedule", "add", "a", "--keep-last", "1")
    configured.plain("schedule", "add", "b", "--keep-last", "1")
    for _ in range(2):
        for schedule in "ab":
            for source in ("shop", "media"):
                back_up(configured, source, "--schedule", schedule, "--force")
    assert clean(configured, "--schedule", "a", "--source", "shop")[2]["removed"] == 1
    assert clean(configured, "--schedule", "a")[2]["removed"] == 1
    assert clean(configured)[2]["removed"] == 2


def test_with_auto_cleanup_off_nothing_goes_unless_forced(configured):
    configured.plain("schedule", "add", "nightly", "--keep-last", "1")
    for _ in range(2):
        back_up(configured, "shop", "--schedule", "nightly")
    off = {"BACKUP_AUTO_CLEANUP": "false"}
    assert configured("cleanup", env=off).out == "the setting auto_cleanup is off, so nothing was removed; to clean up now: backstay cleanup --force\n"
    assert configured("cleanup", "--json", env=off).json == {"dry_run": False, "off": True, "repositories": [], "removed": 0, "kept": 0}
    assert clean(configured, "--force", env=off)[2]["removed"] == 1


def test_all_configured_repositories_are_cleaned_up_whatever_one_of_them_says(configured, tmp_path, environment):
    configured.plain("schedule", "add", "nightly", "--keep-last", "1")
    second, password = tmp_path / "second", tmp_path / "password"
    password.write_text(environment.pop("BACKSTAY_PASSWORD"))
    del environment["RESTIC_PASSWORD"]
    configured.plain("repository", "add", "repository", tmp_path / "repository", "--password-file", password)
    configured.plain("init", "--repo", second)     # with a password made up and kept
    for place in (tmp_path / "repository", second):
        for _ in range(2):
            back_up(configured, "shop", "--schedule", "nightly", "--repo", place)
    moved = shutil.move(second, tmp_path / "away")
    failed = configured.fails(10, "cleanup")
    assert "repository: 1 backup removed, 1 kept" in failed.out
    assert "1 of 2 repositories could not be cleaned up: the repository second: there is no repository at" in failed.err
    shutil.move(moved, second)
    assert clean(configured)[2]["removed"] == 1


def test_the_space_comes_back_when_asked_for(configured):
    configured.plain("schedule", "add", "nightly", "--keep-last", "1")
    back_up(configured, "media", "--schedule", "nightly")
    back_up(configured, "shop", "--schedule", "nightly")
    back_up(configured, "shop", "--schedule", "nightly", "--force")
    document = clean(configured, "--prune")[2]
    assert document["removed"] == 1 and document["repositories"][0]["prune"]["bytes_removed"] > 0
    configured("check", "--read-data")


# ---- pins ----

def test_a_pinned_backup_stays_until_it_is_unpinned(configured):
    configured.plain("schedule", "add", "nightly", "--keep-last", "1")
    first = back_up(configured, "shop", "--schedule", "nightly")
    configured.plain("verify", first)
    back_up(configured, "shop", "--schedule", "nightly", "--force")
    out = configured("pin", first[:8]).out
    fresh = configured("pin", first, "--json").json["backups"][0]["id"]
    assert out == f"backup {first[:8]} is pinned; its id is {fresh[:8]} now, and the old one still finds it\n"
    assert configured("pin", first).out == f"backup {fresh[:8]} is pinned already\n"
    shown = configured("show", first, "--json").json["backup"]
    assert shown["id"] == fresh and shown["pinned"] and shown["verification"] == "structure"
    assert any(line.startswith(fresh[:8]) and line.endswith("pinned") for line in configured("list").out.splitlines())
    assert clean(configured)[0][fresh] == "pinned"
    assert f"backup {first} is pinned\n  try: take the pin off first: backstay unpin {first}" in configured.fails(6, "forget", first).err
    configured("unpin", first)
    configured.plain("verify", "latest")
    assert clean(configured)[2]["removed"] == 1


def test_a_pin_is_seen_by_a_machine_that_has_nothing_but_the_repository(configured, tmp_path):
    pinned = configured("pin", back_up(configured, "shop"), "--json").json["backups"][0]["id"]
    elsewhere = {"BACKSTAY_HOME": str(tmp_path / "elsewhere")}
    back_up(configured, "shop", "--force")
    document = configured("forget", "--keep-last", "1", "--json", env=elsewhere).json
    assert [(b["id"], b["reason"]) for b in document["backups"] if b["keep"]][1] == (pinned, "pinned")


def test_restic_sees_a_pin_and_a_change_of_its_own_loses_neither_id_nor_evidence(configured, restic):
    first = back_up(configured, "shop")
    configured.plain("verify", first)
    pinned = configured("pin", first, "--json").json["backups"][0]["id"]
    assert [s["id"] for s in restic("snapshots", "--json", "--tag", "backstay-pinned").json] == [pinned]
    restic("tag", "--add", "mine", pinned)
    shown = configured("show", first, "--json").json["backup"]
    assert shown["id"] not in (first, pinned) and shown["pinned"] and "mine" in shown["tags"] and shown["verification"] == "structure"


def test_pinning_nothing_changes_nothing(configured):
    first = back_up(configured, "shop")
    assert "backup 00000000: no snapshot begins with 00000000" in configured.fails(4, "pin", first, "00000000").err
    assert ids(configured) == {first}


def test_who_pinned_what_is_in_the_audit_trail(configured):
    first = back_up(configured, "shop")
    configured("pin", first)
    row = configured("audit", "--json").json["entries"][0]
    assert row["action"] == "backup-pin" and row["object"] == first
