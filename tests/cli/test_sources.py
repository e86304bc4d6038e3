"""Configured names of sources and repositories, hooks, and the catalog made anew from repositories alone."""
import os
import shutil
import sqlite3

import pytest
from conftest import PASSWORD, make_media, make_shop, rows_of, tree_of
from live import SECRET


@pytest.fixture
def state(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def configured(initialised, shop, media):
    initialised.plain("source", "add", "store", "shop.db")
    initialised.plain("source", "add", "pictures", "media", "--exclude", "2026")
    return initialised


def backups(backstay, *args):
    return backstay.plain("list", "--json", *args).json["backups"]


# ---- sources ----

@pytest.mark.parametrize("args, status, message, hint", [
    (["add", "a/b", "shop.db"], 2, 'a source cannot be called "a/b"', 'a name has 1 to 64 letters, digits, ".", "_" and "-", and begins with a letter or digit'),
    (["add", "store", "media"], 6, 'there is a source named "store" already', None),
    (["add", "other"], 2, "source add needs a URL or path", "backstay source add other sqlite:/srv/app.db; or --url-file FILE"),
    (["add", "other", "absent.db"], 4, "absent.db: no such file or folder", None),
    (["add", "other", "shop.db", "--repo", "offsite"], 4, 'there is no repository named "offsite"', None),
    (["add", "other", "shop.db", "--before", "stop 'it"], 2, 'the command "before" of a source: a quote is not closed', None),
    (["add", "other", "shop.db", "--rename", "x"], 2, "source add has no option --rename; it goes with: edit", "backstay source --help"),
    (["show", "stor"], 4, 'there is no source named "stor"', 'did you mean "store"?'),
    (["edit", "store", "--reset", "everything"], 2, '--reset cannot be "everything"; it is one of: include, exclude, include-logs, one-file-system, check, before, '
     "after, optimize, protect, overdue-hours, repo, notes", "backstay source --help"),
    (["remove", "nothing"], 4, 'there is no source named "nothing"', None),
    (["test", "absent.db"], 4, "absent.db: no such file or folder", None),
    (["test", "command:no-such-program x"], 4, "there is no program no-such-program", None),
], ids=lambda a: " ".join(a) if isinstance(a, list) else None)
def test_what_makes_no_sense_for_a_source_is_explained(configured, args, status, message, hint):
    assert configured.fails(status, "source", *args, "--json").json == {"error": {"kind": {2: "usage", 4: "not-found", 6: "exists"}[status], "message": message, "hint": hint}}


def test_a_source_is_added_shown_changed_and_removed(configured, shop, home):
    configured("source", "edit", "store", "--rename", "shop", "--notes", "ask Maria", "--check", "full", "--overdue-hours", "26", "--protect", "--before", "true")
    shown = configured("source", "show", "shop", "--json").json["source"]
    assert {k: shown[k] for k in ("name", "url", "engine", "check", "overdue_hours", "restore_protected", "before", "notes", "repository")} == {
        "name": "shop", "url": f"sqlite:{shop}", "engine": "sqlite", "check": "full", "overdue_hours": 26, "restore_protected": True, "before": "true",
        "notes": "ask Maria", "repository": None}
    configured("source", "edit", "shop", "--reset", "protect", "--reset", "before", "--reset", "check", "--reset", "notes", "--url", "media")
    shown = configured("source", "show", "shop", "--json").json["source"]
    assert (shown["restore_protected"], shown["before"], shown["check"], shown["notes"], shown["engine"]) == (False, None, "auto", None, "folder")
    assert configured("source", "remove", "shop").out == "source shop removed; its backups stay\n"
    assert [(a["action"], a["object"]) for a in configured("audit", "--json").json["entries"]] == [
        ("source-remove", "shop"), ("source-change", "shop"), ("source-change", "shop"), ("source-add", "pictures"), ("source-add", "store")]
    listed = configured("source", "list")
    assert listed.out.splitlines()[0].split() == ["NAME", "ENGINE", "URL", "REPOSITORY", "LAST", "BACKUP"]
    assert listed.out.splitlines()[1].split() == ["pictures", "folder", f"folder:{home}/media", "never"]


def test_what_is_there_is_told_by_a_test(configured, shop):
    assert configured("source", "test", "store").out.startswith(f"sqlite:{shop}: SQLite 3.") and ", 3 tables, " in configured("source", "test", "store").out
    assert configured("source", "test", "pictures").out.endswith(": a folder with 4 entries\n")
    assert configured("source", "test", "command:sh -c true", "--json").json["version"] == "the program is there; it was not run"
    shop.unlink()
    assert configured.fails(4, "source", "test", "store").err == f"backstay: the source store: {shop}: no such file or folder\n"


def test_a_server_that_does_not_answer_is_the_real_reason(initialised):
    initialised("source", "add", "shop", "--url-file", "-", stdin=f"postgresql://shop:{SECRET}@127.0.0.1:1/shop".encode())
    result = initialised.fails(1, "source", "test", "shop")
    assert "Connection refused" in result.err and SECRET not in result.err


# ---- their names ----

def test_a_name_stands_wherever_a_url_does(configured, shop, home):
    made = configured("backup", "store", "pictures", "--json").json
    assert [(s["name"], s["url"]) for s in made["sources"]] == [("store", f"sqlite:{shop}"), ("pictures", f"folder:{home}/media")]
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM orders")
    db.commit()
    db.close()
    changed = rows_of(shop)
    assert len(backups(configured, "--source", "store")) == 1
    assert configured("show", "latest:store", "--json").json["backup"]["id"] == made["id"]
    assert configured.fails(5, "diff", "latest:store", "live", "--exit-code").out.splitlines()[1].startswith("orders")
    assert configured("query", "latest:store", "SELECT count(*) FROM orders", "--format", "csv").out.splitlines()[1] == "200"
    configured("export", "--live", "store", "-f", "csv", "-o", "live.zip")
    configured("export", "latest:store", "-f", "archive", "-o", "archive.db")
    assert len(rows_of(home / "archive.db")["orders"]) == 200
    assert configured("info", "store", "--json").json["source"] == f"sqlite:{shop}"
    configured("optimize", "store")
    configured("verify", "latest:store")
    configured("restore", "latest:store", "--yes")
    assert len(rows_of(shop)["orders"]) == 200
    configured("restore", "--undo", "--yes")
    assert rows_of(shop) == changed
    configured("restore", "latest", "--source", "store", "--to", "store", "--yes")
    assert len(rows_of(shop)["orders"]) == 200
    assert {tuple(j["sources"]) for j in configured("job", "list", "--source", "store", "--json").json["jobs"]} == {("store", "pictures"), ("store",)}
    assert not [j for j in configured("job", "list", "--json").json["jobs"] if "sqlite:" in j["title"]]


def test_a_name_wins_over_a_file_which_is_then_written_with_a_path(configured, home):
    make_shop(home / "store", orders=3)
    made = configured("backup", "store", "--json").json
    assert made["sources"][0]["url"] == f"sqlite:{home}/shop.db"
    made = configured("backup", "./store", "--json").json
    assert made["sources"][0]["url"] == f"sqlite:{home}/store"


def test_a_misspelt_name_is_answered_with_the_nearest(configured):
    assert configured.fails(4, "backup", "stroe").err.endswith('backstay: stroe: no such file or folder\n  try: did you mean "store"?\n')


def test_a_source_brings_its_own_settings(configured, home):
    made = configured("backup", "store", "pictures", "--exclude", "empty", "--json").json
    paths = {e["path"] for e in configured("ls", made["id"], "-R", "--json").json["entries"]}
    assert "pictures/read me.txt" in paths and not [p for p in paths if "2026" in p or p.endswith("/empty")]
    assert "shop.db" not in {p.split("/")[0] for p in paths} and "store" in paths


def test_a_moved_source_does_not_take_the_backups_of_where_it_was(configured, home, shop):
    configured("backup", "store")
    make_shop(home / "other.db", orders=3)
    configured.plain("source", "edit", "store", "--url", "other.db")
    assert f"there is no backup of sqlite:{home}/other.db in" in configured.fails(4, "restore", "latest:store", "--to", "x.db").err
    configured("restore", f"latest:sqlite:{shop}", "--to", "x.db")


def test_no_restore_replaces_a_protected_source(configured, home, shop, media):
    configured("backup", "store", "pictures")
    configured.plain("source", "edit", "store", "--protect")
    before = rows_of(shop)
    for args in (("latest:store",), ("latest:store", "--to", "store"), ("latest:store", "--to", f"sqlite:{shop}"), ("latest:pictures", "--to", str(home))):
        error = configured.fails(6, "restore", *args, "--yes", "--json").json["error"]
        assert error["kind"] == "refused" and error["message"].startswith("the source store is protected: no restore may replace ")
        assert error["hint"] == "restore beside it, or lift it: --to; backstay source edit store --reset protect"
    assert rows_of(shop) == before
    configured("restore", "latest:store", "--to", "copy.db")
    shop.unlink()
    configured("restore", "latest:store", "--yes")
    assert rows_of(shop) == before


# ---- commands before and after ----

def test_a_command_before_that_fails_leaves_no_backup_and_those_that_began_are_ended(configured, home):
    configured.plain("source", "edit", "store", "--before", "sh -c 'echo stopped >> store.log'", "--after", "sh -c 'echo $BACKSTAY_STATE >> store.log'")
    configured.plain("source", "edit", "pictures", "--before", "sh -c 'echo no such service >&2; exit 3'", "--after", "sh -c 'echo $BACKSTAY_STATE >> pictures.log'")
    result = configured.fails(1, "backup", "store", "pictures", "--after", "sh -c 'echo all $BACKSTAY_STATE of $BACKSTAY_SOURCE >> all.log'")
    assert result.err.endswith("backstay: the command before pictures: sh failed with status 3: no such service\n")
    assert (home / "store.log").read_text() == "stopped\nfailed\n"
    assert (home / "pictures.log").read_text() == "failed\n"
    assert (home / "all.log").read_text() == "all failed of store, pictures\n"
    assert backups(configured) == []


def test_a_command_after_that_fails_leaves_the_backup_and_the_job_has_failed(configured):
    configured.plain("source", "edit", "store", "--after", "sh -c 'echo starting; exit 4'")
    result = configured.fails(1, "backup", "store", "--json")
    made, = backups(configured)
    assert result.json["id"] == made["id"]
    assert result.err.endswith(f"backstay: backup {made['short_id']} was made, but the command after store: sh failed with status 4\n")
    job, = configured("job", "list", "--json").json["jobs"]
    assert (job["state"], job["backup"], job["error"]["kind"]) == ("failed", made["id"], "child")
    assert "after store: starting" in [line["text"] for line in configured("job", "log", job["id"], "--json").json["lines"]]


def test_what_a_command_leaves_running_is_not_waited_for(configured, home):
    """As when an application is started again and keeps its output open."""
    configured("backup", "store", "--after", "sh -c 'sleep 1000 & echo $! > pid'")
    os.kill(int((home / "pid").read_text()), 9)


def test_the_commands_know_the_job(configured, home):
    configured("backup", "store", "--before", "sh -c 'echo $BACKSTAY_JOB $BACKSTAY_STATE $BACKSTAY_SOURCE > said'")
    job, = configured("job", "list", "--json").json["jobs"]
    assert (home / "said").read_text() == f"{job['id']} running store\n"


def test_tables_are_optimized_first_and_a_failure_of_that_is_a_warning(configured, shop, home):
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM orders")
    db.commit()
    before = shop.stat().st_size
    configured("backup", "store", "--optimize")
    assert shop.stat().st_size < before
    db.create_function("backwards", 1, lambda text: text[::-1], deterministic=True)
    db.execute("CREATE INDEX by_backwards ON customers(backwards(name))")
    db.commit()
    db.close()
    result = configured("backup", "store", "pictures", "--optimize", "--check", "none")
    assert result.err.count("warning: store was not optimized first: ") == 1 and "backwards" in result.err


# ---- repositories ----

@pytest.fixture
def second(initialised, tmp_path):
    """Another repository, whose password only a file has."""
    where = tmp_path / "second"
    made = initialised.plain("init", "--repo", where, "--json", env={"BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""}).json
    os.rename(made["password_file"], tmp_path / "second.password")
    return where


@pytest.mark.parametrize("args, status, message", [
    (["add", "main", "{second}"], 12, "wrong password, or no key found"),
    (["add", "main", "{home}"], 10, "there is no repository at {home} (chosen by --repo)"),
    (["add", "main"], 2, "repository add needs more: backstay repository add NAME PLACE"),
    (["default", "main"], 4, 'there is no repository named "main"'),
    (["add", "main", "{second}", "--low-space", "much"], 2, '--low-space: "much" is not a size'),
], ids=lambda a: " ".join(a) if isinstance(a, list) else None)
def test_a_repository_that_cannot_be_added_is_explained(initialised, second, home, args, status, message):
    told = [a.format(second=second, home=home) for a in args]
    error = initialised.fails(status, "repository", *told, "--json").json["error"]
    assert message.format(home=home) in error["message"]


def test_a_configured_repository_is_named_and_opens_with_its_own_password(initialised, second, tmp_path, shop):
    initialised("repository", "add", "main", tmp_path / "repository")
    initialised("repository", "add", "offsite", second, "--password-file", tmp_path / "second.password", "--low-space", "10G")
    shown = initialised("repository", "show", "offsite", "--json").json["repository"]
    assert {k: shown[k] for k in ("location", "is_default", "remembered", "low_space", "password_known")} == {
        "location": str(second), "is_default": False, "remembered": False, "low_space": 10 << 30, "password_known": True}
    assert len(shown["repository_id"]) == 64 and shown["bytes_free"] > 0
    result = initialised("backup", "shop.db", "--repo", "offsite")
    assert result.err.startswith(f"repository {second} (chosen by --repo: offsite)\n")
    assert len(backups(initialised, "--repo", "offsite")) == 1 and len(backups(initialised, "--repo", second)) == 1 and backups(initialised) == []
    assert initialised.fails(6, "repository", "remove", "main").err.startswith("backstay: main is the default repository\n")
    initialised("repository", "default", "offsite")
    listed = initialised("list", "--json", env={"BACKSTAY_REPOSITORY": "", "RESTIC_REPOSITORY": ""})
    assert listed.err == f"repository {second} (chosen by default: offsite)\n" and len(listed.json["backups"]) == 1
    assert initialised("repository", "edit", "offsite", "--rename", "far", "--json").json["repository"]["name"] == "far"
    (tmp_path / "wrong").write_text("wrong\n")
    initialised.fails(12, "repository", "edit", "far", "--password-file", tmp_path / "wrong")
    assert len(backups(initialised, "--repo", "far")) == 1


def test_a_source_goes_to_its_own_repository(configured, second, tmp_path):
    configured("repository", "add", "offsite", second, "--password-file", tmp_path / "second.password")
    configured("source", "edit", "store", "--repo", "offsite")
    result = configured("backup", "store")
    assert result.err.startswith(f"repository {second} (chosen by its source: offsite)\n")
    assert len(backups(configured, "--source", "store")) == 1 and backups(configured) == []
    configured("restore", "latest:store", "--to", "copy.db")
    configured("repository", "add", "main", tmp_path / "repository")
    configured("source", "edit", "pictures", "--repo", "main")
    error = configured.fails(2, "backup", "store", "pictures", "--json").json["error"]
    assert error == {"kind": "usage", "message": "store is backed up to offsite, and pictures to main", "hint": "back them up apart, or name one repository with --repo",
                     "plain_hint": "back them up apart, or name one repository"}
    configured("backup", "store", "pictures", "--repo", "main")
    assert configured.fails(6, "repository", "remove", "offsite").err == (
        "backstay: the repository offsite is in use: the source store names it\n  try: give the source another repository first\n")


def test_a_repository_that_is_gone_is_not_made_anew(initialised, second, tmp_path, shop):
    """A disk that is not mounted."""
    initialised.plain("repository", "add", "offsite", second, "--password-file", tmp_path / "second.password")
    shutil.rmtree(second)
    nothing = {"BACKSTAY_REPOSITORY": "", "RESTIC_REPOSITORY": ""}
    assert f"there is no repository at {second}" in initialised.fails(10, "backup", "shop.db", env=nothing).err
    assert not second.exists()


def test_a_repository_that_was_used_is_remembered_but_not_the_default(initialised, shop, repository):
    initialised.plain("backup", "shop.db")
    place, = initialised("repository", "list", "--json").json["repositories"]
    assert (place["name"], place["location"], place["is_default"], place["remembered"]) == ("repository", str(repository), False, True)
    initialised("repository", "add", "main", repository)
    place, = initialised("repository", "list", "--json").json["repositories"]
    assert (place["name"], place["is_default"], place["remembered"]) == ("main", True, False)


# ---- what the catalog knows of backups ----

def known(state):
    db = sqlite3.connect(f"file:{state}/catalog.db?mode=ro", uri=True)
    found = {i: (level, json_list) for i, level, json_list in db.execute("SELECT id, level, evidence FROM backup")}
    db.close()
    return found


def test_the_catalogs_list_of_backups_follows_every_command(initialised, shop, state, restic, media):
    def holds():
        assert set(known(state)) == {b["id"] for b in backups(initialised)}
    initialised("backup", "shop.db", "media")
    holds()
    initialised("restore", "latest:shop.db", "--yes")
    initialised("restore", "--undo", "--yes")
    holds()
    initialised("verify", "latest", "--level", "2")
    newest = backups(initialised)[-1]["id"]
    assert known(state)[newest][0] == 2 and "every byte read back" in known(state)[newest][1]
    restic("backup", str(media))
    assert set(known(state)) < {b["id"] for b in backups(initialised)}
    initialised("forget", newest[:8])
    holds()
    initialised("prune")
    holds()
    initialised("check")
    assert initialised("repository", "list", "--json").json["repositories"][0]["checked"]


# ---- all local state lost (P9) ----

def test_P9_with_the_repository_and_its_password_alone_a_new_machine_knows_verifies_and_restores_everything(configured, state, home, shop, media, repository):
    configured("backup", "store", "pictures", "--name", "nightly")
    configured("backup", "shop.db")
    configured("verify", "latest:store", "--level", "3")
    rows, tree, listed = rows_of(shop), tree_of(media), [b["id"] for b in backups(configured)]
    shutil.rmtree(state)
    shop.unlink()
    shutil.rmtree(media)

    document = configured("catalog", "rebuild", "--json").json
    assert document == {"repositories": 1, "failed": 0, "backups": 2, "sources_added": False,
                        "sources": [{"name": "store", "url": f"sqlite:{home}/shop.db"}, {"name": "pictures", "url": f"folder:{home}/media"}]}
    assert set(known(state)) == set(listed)
    assert [b["id"] for b in backups(configured)] == listed
    assert f"  backstay source add store sqlite:{home}/shop.db\n" in configured("catalog", "rebuild").out
    assert f"source store added: sqlite:{home}/shop.db\n" in configured("catalog", "rebuild", "--add-sources").out
    assert configured("catalog", "rebuild", "--json").json["sources"] == []
    configured("verify", "--all")
    configured("restore", "latest:store", "--yes")
    configured("restore", "latest:pictures", "--yes")
    assert rows_of(shop) == rows
    # What the source's own settings leave out was not in the backup.
    assert tree_of(media) == {p: v for p, v in tree.items() if not p.startswith(b"2026")}
    configured("backup", "store")
    assert configured("catalog", "check").out.startswith("the catalog is whole, and so is the audit trail (")


def test_a_repository_that_cannot_be_read_does_not_keep_the_others_from_being_known(configured, second, tmp_path, shop):
    configured("backup", "store")
    configured.plain("repository", "add", "offsite", second, "--password-file", tmp_path / "second.password")
    shutil.rmtree(second / "keys")
    result = configured.fails(5, "catalog", "rebuild")
    assert result.out.startswith("1 repository read: 1 backup known\n")
    assert "backstay: 1 of 2 repositories could not be read: " in result.err


def test_a_damaged_catalog_is_set_aside_when_that_is_wanted(configured, state):
    configured("backup", "store")
    with open(state / "catalog.db", "r+b") as f:
        f.write(b"not a database any more")
    assert "not confirmed" in configured.fails(6, "catalog", "rebuild").err
    assert (state / "catalog.db").read_bytes().startswith(b"not a database")
    configured("catalog", "rebuild", "--yes")
    assert len(known(state)) == 1
    aside, = state.glob("catalog.db.damaged-*")
    assert aside.read_bytes().startswith(b"not a database")


def test_without_a_repository_there_is_nothing_to_make_a_catalog_from(backstay, environment, tmp_path):
    for name in ("BACKSTAY_REPOSITORY", "RESTIC_REPOSITORY"):
        del environment[name]
    if os.path.exists("/var/backups/backstay"):
        pytest.skip("there is one at the usual place")
    assert backstay.fails(10, "catalog", "rebuild").err.endswith("backstay: there is no repository to make the catalog from\n  try: name one with --repo\n")
