"""Commands that change something, and the errors of the command line itself."""
import os
import pathlib
import sqlite3
import stat
import subprocess
import zipfile

import pytest
from conftest import PASSWORD, rows_of, tree_of
from waiting import until


@pytest.fixture
def says(repository):
    return f"repository {repository} (chosen by BACKSTAY_REPOSITORY)\n"


def test_a_table_may_have_no_name_and_its_backup_comes_back(initialised, home):
    db = sqlite3.connect(home / "odd.db")
    db.executescript('CREATE TABLE ""("" TEXT, "a\nb"); INSERT INTO "" VALUES (\'x\', 1); CREATE TABLE "-"(a)')
    db.close()
    initialised("backup", "odd.db")
    assert [t["name"] for t in initialised("show", "latest", "--json").json["manifest"]["sources"][0]["tables"]] == ["", "-"]
    initialised("restore", "latest", "--to", "back.db")
    assert sqlite3.connect(home / "back.db").execute('SELECT * FROM ""').fetchall() == [("x", 1)]
    assert "2 tables and 1 row" in initialised("verify", "latest", "--level", "4").out


def test_a_zip_with_two_names_that_would_become_one_is_refused(initialised, home):
    with zipfile.ZipFile(home / "x.zip", "w") as z:
        z.writestr("\u00e9", "one")
        z.writestr("e\u0301", "two")
    refused = initialised.fails(5, "restore", "x.zip", "--to", "folder")
    assert 'x.zip holds "\u00e9" twice, or two names that differ only in how an accent is written\n' in refused.err
    assert not (home / "folder").exists()


def test_latest_passes_over_what_a_wrong_clock_dated_ahead(initialised, shop):
    def backup(days):
        return initialised.plain("backup", shop, "--name", f"{days} days", "--json", env={"BACKSTAY_TEST_NOW_OFFSET": str(days * 86400)}).json["id"]

    def chosen(which):
        return initialised("show", which, "--json").json["backup"]["id"]
    ahead = backup(400)
    assert chosen("latest") == chosen("latest:shop.db") == ahead
    now, soon = backup(0), backup(0.9)
    assert chosen("latest") == chosen("latest:shop.db") == soon
    listed = {line.split()[0]: line for line in initialised("restore").out.splitlines() if "days" in line}
    assert [name for name, line in listed.items() if line.endswith(" ahead")] == [ahead[:8]] and len(listed) == 3
    assert f"restore one with: backstay restore {soon[:8]}\n" in initialised("restore").out and now[:8] in listed


def test_a_catalog_that_cannot_be_read_is_not_called_empty(backstay, home):
    state = pathlib.Path(backstay.env["BACKSTAY_HOME"])
    state.mkdir(exist_ok=True)
    (state / "catalog.db").write_bytes(b"no database at all" * 400)
    for args in (["job", "list"], ["job", "show", "1a2b3c4d"], ["source", "list"], ["source", "show", "shop"], ["repository", "list"],
                 ["repository", "show", "main"]):
        result = backstay.run(*args)
        assert (result.status, result.out) == (5, ""), args
        assert f"backstay: the catalog {state}/catalog.db is damaged: file is not a database\n" in result.err, args


def newest(backstay):
    return backstay.plain("list", "--json").json["backups"][0]


# ---- the command line ----

@pytest.mark.parametrize("args, message, hint", [
    (["bakup"], 'there is no command "bakup"; did you mean "backup"?', "backstay backup --help"),
    (["frobnicate"], 'there is no command "frobnicate"', "backstay help"),
    (["help", "lst"], 'there is no command "lst"; did you mean "list"?', "backstay list --help"),
    (["--quiet"], "no command is given", "backstay help"),
    (["--repo"], "--repo needs a value: --repo PLACE", "backstay help"),
    (["--nothing"], "there is no option --nothing", "backstay help"),
    (["-Z", "list"], "there is no option -Z", "backstay help"),
    (["list", "-Z"], "list has no option -Z", "backstay list --help"),
    (["backup", "--nmae", "x"], "backup has no option --nmae; did you mean --name?", "backstay backup --help"),
    (["backup", "--no-lock", "x"], "backup has no option --no-lock", "backstay backup --help"),
    (["list", "--json=yes"], "--json takes no value", "backstay list --help"),
    (["backup", "--threads", "many", "x"], '--threads needs a whole number, not "many"', "backstay backup --help"),
    (["backup", "--check=twice", "x"], '--check cannot be "twice"; it is one of: auto, full, none', "backstay backup --help"),
    (["backup"], "backup needs more: backstay backup SOURCE...", "backstay backup --help"),
    (["show", "a", "b"], 'show cannot take "b" too: backstay show BACKUP', "backstay show --help"),
    (["key", "steal"], 'key cannot be "steal"; it is one of: list, add, remove, passwd', "backstay key --help"),
    (["verify", "--level", "5"], '--level cannot be "5"; it is one of: 1, 2, 3, 4', "backstay verify --help"),
    (["restore", "--undo", "--to", "x"], "--undo brings back exactly what was replaced; --to has no place there", None),
    (["backup", "--compression", "20", "shop.db"], '--compression cannot be "20"; it is 1 to 19, off, auto or max', None),
    (["backup", "--compression", "", "shop.db"], '--compression cannot be ""; it is 1 to 19, off, auto or max', None),
    (["backup", "--threads", "65", "shop.db"], "--threads cannot be more than 64", None),
    (["forget"], "forget needs to know what: the names of backups, or rules of what to keep", "backstay forget --keep-daily 7 --keep-weekly 4 --dry-run"),
    (["forget", "latest", "--keep-last", "1"], "forget takes either the names of backups or rules of what to keep",
     "backstay forget --keep-daily 7 --keep-weekly 4 --dry-run"),
    (["check", "--repair-index", "--no-lock"], "--repair-index writes, which needs the lock: leave out --no-lock", None),
    (["key", "remove"], "key remove needs the ID of a key", None),
    (["key", "list", "x"], "key list takes nothing more", None),
], ids=lambda a: " ".join(a) if isinstance(a, list) else None)
def test_a_wrong_command_line_is_explained(backstay, shop, args, message, hint):
    result = backstay.fails(2, *args)
    assert result.out == ""
    assert result.err == f"backstay: {message}\n" + (f"  try: {hint}\n" if hint else "")
    result = backstay.plain.fails(2, *args, "--json") if "--json=yes" not in args else backstay.plain.fails(2, "--json", *args)
    if args != ["--repo"]:
        assert result.json == {"error": {"kind": "usage", "message": message, "hint": hint}}
        assert result.err == ""


def test_options_may_stand_anywhere(backstay, repository, says):
    for args in (("--repo", repository, "--json", "init"), ("init", "--json", f"--repo={repository}"), ("--json", "init", "-r", repository), ("init", f"-r{repository}", "--json")):
        document = backstay(*args, env={"BACKSTAY_REPOSITORY": "", "BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""}).json
        assert document["repository"] == str(repository)
        subprocess.run(["rm", "-rf", repository], check=True)


def test_two_dashes_end_the_options(backstay, home):
    result = backstay.fails(4, "backup", "--", "--name")
    assert "--name" in result.err and "no option" not in result.err


def test_the_version_is_told(backstay):
    assert backstay("--version").out == "backstay 0.1.0\n"
    assert backstay("--version", "--json").json == {"version": "0.1.0"}


# ---- where, and with which password ----

def test_an_explicitly_named_repository_must_exist(backstay, repository, shop, says):
    for args in (("list",), ("backup", "shop.db"), ("restore",), ("check",), ("unlock",)):
        result = backstay.fails(10, *args)
        assert result.err == says + (f"backstay: there is no repository at {repository} (chosen by BACKSTAY_REPOSITORY)\n"
                                     f"  try: make one with: backstay init --repo '{repository}'\n")
    error = backstay.fails(10, "list", "--json").json["error"]
    assert error["kind"] == "no-repo" and error["hint"].startswith("make one with: backstay init")
    assert not repository.exists()


def test_an_empty_folder_is_no_repository_whatever_the_password(backstay, repository):
    repository.mkdir()
    backstay.fails(10, "list", env={"BACKSTAY_PASSWORD": ""})


@pytest.fixture
def usual(backstay, home, tmp_path):
    """backstay with nothing chosen, and the place it then takes. Root sees an empty folder in the place of /var/backups."""
    chosen = ("BACKSTAY_REPOSITORY", "RESTIC_REPOSITORY", "BACKSTAY_PASSWORD", "RESTIC_PASSWORD")
    backstay.env = {k: v for k, v in backstay.env.items() if k not in chosen}
    if os.geteuid() != 0:
        assert not os.access("/var/backups", os.W_OK)
        return backstay, home / ".local/share/backstay/repository"
    (tmp_path / "backups").mkdir()
    inside = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /var/backups && exec "$@"', str(tmp_path / "backups")]
    if subprocess.run([*inside, "true"], capture_output=True).returncode != 0:
        pytest.skip("root may not mount here, and /var/backups is not ours to fill")
    backstay.argv = [*inside, *backstay.argv]
    return backstay, pathlib.Path("/var/backups/backstay")


def test_backup_makes_the_repository_at_the_usual_place(usual, shop):
    backstay, place = usual
    result = backstay("backup", "shop.db", "--json")
    document = result.json
    assert document["repository"] == str(place) and document["repository_made"] is True
    for path in (document["password_file"], document["recovery_sheet"]):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert path in result.err
    assert result.err.startswith(f"repository {place} (the first writable place)\nmade a new repository at {place}\n")
    again = backstay("backup", "shop.db", "--json")
    assert again.err == f"repository {place} (the first place that holds a repository)\n"
    assert [again.json[k] for k in ("repository_made", "password_file", "recovery_sheet")] == [False, None, None]


def test_only_backup_makes_a_repository_by_itself(usual, shop):
    backstay, place = usual
    for args in (("list",), ("restore", "shop.db", "--to", "x"), ("forget", "--keep-last", "1"), ("check",)):
        assert "make one with: backstay init" in backstay.fails(10, *args).err
    assert not place.exists()


def test_init_keeps_a_password_it_made_up_and_writes_a_recovery_sheet(backstay, repository, tmp_path, says):
    result = backstay("init", env={"BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""})
    kept = list((tmp_path / "state" / "passwords").iterdir())
    sheets = list((tmp_path / "state").glob("recovery-*.txt"))
    assert len(kept) == len(sheets) == 1
    assert result.out == f"made a new repository at {repository}\n"
    assert result.err == says + (f"its password is kept in {kept[0]}\nrecovery sheet: {sheets[0]}\n"
                                 "keep it apart from this machine: without the password nobody can read the backups\n")
    password = kept[0].read_text().strip()
    assert password in sheets[0].read_text()
    backstay("list", env={"BACKSTAY_PASSWORD": password, "RESTIC_PASSWORD": ""})


def test_init_with_a_password_writes_it_nowhere(backstay, tmp_path):
    document = backstay("init", "--json").json
    assert list(document) == ["repository", "id", "format_version", "password_file", "recovery_sheet"]
    assert document["password_file"] is None and len(document["id"]) == 64 and document["format_version"] == 2
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or PASSWORD.encode() not in path.read_bytes()


def test_init_twice_is_refused(initialised, repository, says):
    result = initialised.fails(6, "init")
    assert result.err == says + f"backstay: a repository exists already at {repository}\n  try: use it as it is, or choose another place with --repo\n"


def test_wrong_and_missing_passwords_have_a_status_of_their_own(initialised, says):
    result = initialised.fails(12, "list", env={"BACKSTAY_PASSWORD": "wrong"})
    assert result.err.startswith(says) and "wrong password, or no key found" in result.err
    assert result.err.endswith("  try: the password was that of BACKSTAY_PASSWORD\n")
    result = initialised.fails(12, "list", env={"BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""})
    assert "no password is known for the repository" in result.err
    assert initialised.fails(12, "list", "--json", env={"BACKSTAY_PASSWORD": "wrong"}).json["error"]["kind"] == "password"


# ---- backup ----

def test_backup_tells_what_it_has_stored(initialised, shop, media, says):
    result = initialised("backup", "shop.db", "media", "--name", "nightly")
    lines = result.out.splitlines()
    assert lines[0].split() == ["SOURCE", "ENGINE", "SIZE", "CONTENT", "CHECKED"]
    assert lines[1].split()[:2] == ["shop.db", "sqlite"] and "3 tables" in lines[1] and lines[1].endswith("integrity_check")
    assert lines[2].split()[:2] == ["media", "folder"] and "7 files" in lines[2]
    assert lines[3].startswith(f"backup {newest(initialised)['short_id']} \"nightly\" made in ")
    assert result.err == says


def test_the_document_of_backup_has_every_member(initialised, shop):
    document = initialised("backup", "shop.db", "--tag", "a", "--tag", "b", "--json").json
    listed = newest(initialised)
    assert {k: document[k] for k in listed} == listed
    assert document["tags"] == ["backstay", "a", "b"]
    for member in ("files_new", "files_changed", "files_unmodified", "files_total", "bytes_read", "bytes_total", "data_blobs_added", "tree_blobs_added",
                   "bytes_added", "skipped"):
        assert isinstance(document[member], int), member
    assert document["repository_made"] is False and document["seconds"] >= 0


@pytest.mark.parametrize("level", ["off", "auto", "max", "1", "19"])
def test_every_compression_comes_back_equal(initialised, media, tmp_path, level):
    initialised("backup", "media", "--compression", level)
    initialised("restore", "latest", "--to", tmp_path / "out")
    assert tree_of(tmp_path / "out") == tree_of(media)


def test_excludes_come_from_options_and_files(initialised, home, media):
    (home / "patterns").write_text("# no pictures\n*.jpg  \n\n")
    initialised("backup", "media", "--exclude", "empty", "--exclude-file", "patterns")
    assert [e["path"] for e in initialised("ls", "-R", "latest", "media", "--json").json["entries"]] == ["media/2026", "media/link", "media/read me.txt"]
    assert "nowhere" in initialised.fails(4, "backup", "media", "--exclude-file", "nowhere").err


def test_what_cannot_be_read_makes_a_partial_backup_with_status_3(initialised):
    unreadable = "/proc/sys/net/ipv4/route"        # has a file, flush, that not even root may read
    result = initialised.fails(3, "backup", unreadable)
    warnings = [line for line in result.err.splitlines() if line.startswith("warning: ")]
    assert warnings[0] == "warning: unreadable: flush: opening it: Permission denied"
    assert len(warnings) == 11 and "more: backstay show " in warnings[10]
    assert result.err.endswith("backstay: the backup was made, but 1 entry could not be read and is not in it\n")
    assert "1 not read" in result.out
    assert newest(initialised)["partial"] is True and " partial" in initialised("list").out
    document = initialised.fails(3, "backup", unreadable, "--json").json
    assert document["partial"] is True and document["skipped"] == 1


def test_a_source_that_fails_makes_no_backup(initialised, shop, home):
    initialised.fails(4, "backup", "shop.db", "nothing.db")
    result = initialised.run("backup", "shop.db", "command:false")
    assert result.status == 1 and result.out == ""
    assert initialised.plain("list", "--json").json["backups"] == []


def test_a_source_that_is_not_there_fails_before_the_repository_is_opened(backstay):
    result = backstay.fails(4, "backup", "nothing.db")
    assert "repository" not in result.err.splitlines()[0]


# ---- what others left ----

def test_a_backup_of_restic_is_shown_as_foreign(initialised, restic, media, home):
    restic("backup", "media")
    listed = newest(initialised)
    assert (listed["foreign"], listed["name"], listed["verification"]) == (True, "media", None)
    assert listed["sources"][0]["url"] == f"folder:{media}"
    shown = initialised("show", "latest")
    assert "manifest       none: this backup was made by another program" in shown.out.splitlines()
    assert initialised("show", "latest", "--json").json["manifest"] is None
    assert initialised("list").out.splitlines()[1].split()[-4:] == ["-", "-", "-", "foreign"]     # restic 0.14 does not say a size


def test_a_damaged_backup_hides_no_other_and_is_named(initialised, shop, repository):
    initialised("backup", "shop.db")
    second = initialised("backup", "shop.db", "--json").json["id"]
    snapshot = repository / "snapshots" / second
    snapshot.chmod(0o600)
    snapshot.write_bytes(snapshot.read_bytes()[:-1])
    result = initialised("list")
    assert len(result.out.splitlines()) == 2
    warnings = [line for line in result.err.splitlines() if line.startswith("warning: ")]
    assert len(warnings) == 1 and second[:8] in warnings[0]
    document = initialised("list", "--json").json
    assert len(document["backups"]) == len(document["damaged"]) == 1
    initialised.fails(5, "verify", "--all")
    initialised.fails(6, "forget", "--keep-last", "1")
    initialised.fails(6, "prune")
    assert initialised("forget", second, "--prune", "--json").json["unreadable"] == [second]
    initialised("verify", "--all")


# ---- restore ----

def test_restore_without_a_name_lists_what_there_is_and_the_next_command(initialised, shop, repository):
    assert initialised("restore").out == f"there is no backup in {repository} yet; make one with: backstay backup SOURCE\n"
    initialised.plain("backup", "shop.db")
    listed = initialised("list").out
    short = newest(initialised)["short_id"]
    assert initialised("restore").out == listed + (f"\nrestore one with: backstay restore {short}\n"
                                                   f"or beside what is there: backstay restore {short} --to TARGET\n")


def test_restore_beside_needs_no_confirmation(initialised, shop, home):
    initialised.plain("backup", "shop.db")
    result = initialised("restore", "latest", "--to", "copy.db")
    assert rows_of(home / "copy.db") == rows_of(shop)
    assert result.out.splitlines()[1].endswith("new") and "--undo" not in result.out


def test_restore_over_something_needs_yes_where_there_is_no_terminal(initialised, shop, says):
    initialised.plain("backup", "shop.db")
    before = shop.read_bytes()
    result = initialised.fails(6, "restore", "latest")
    assert result.out == ""
    assert result.err.startswith(says + f"This replaces:\n  {shop}: ")
    assert result.err.endswith("Go on?\nbackstay: not confirmed, and there is no terminal to ask on; nothing was changed\n  try: give --yes to go on without a question\n")
    assert initialised.fails(6, "restore", "latest", "--json").json["error"]["kind"] == "refused"
    assert shop.read_bytes() == before
    assert len(initialised.plain("list", "--json").json["backups"]) == 1


def test_restore_and_undo_and_their_dry_runs(initialised, shop, home):
    backup = initialised.plain("backup", "shop.db", "--json").json["id"]
    db = sqlite3.connect(shop)
    db.execute("DELETE FROM orders")
    db.commit()
    db.close()
    changed = rows_of(shop)
    preview = initialised("restore", backup, "--dry-run")
    assert preview.out.startswith("this would replace:\n  ") and str(shop) in preview.out
    assert initialised("restore", backup, "--dry-run", "--json").json["dry_run"] is True
    assert initialised("restore", backup, "--to", "other.db", "--dry-run").out == "nothing that exists would be replaced\n"
    assert rows_of(shop) == changed and len(initialised.plain("list", "--json").json["backups"]) == 1

    document = initialised("restore", backup, "--yes", "--json").json
    assert document["backup"] == backup
    done = document["restored"][0]
    assert (done["source"], done["replaced"], done["tables"], done["rows"]) == ("shop.db", True, 3, 254)
    safety = document["safety"]
    assert len(safety) == 1 and newest(initialised)["id"] == safety[0] and newest(initialised)["safety"] is True
    assert len(rows_of(shop)["orders"]) == 200

    undo = initialised("restore", "--undo", "--dry-run")
    assert undo.out.startswith("this would replace:\n") and str(shop) in undo.out
    assert len(rows_of(shop)["orders"]) == 200
    result = initialised("restore", "--undo", safety[0][:8], "--yes")
    assert "bring it back with: backstay restore --undo" in result.out
    assert rows_of(shop) == changed
    assert initialised.fails(4, "restore", "--undo", "--yes").err.endswith("backstay: there is nothing to undo: no restore replaced anything, or all were undone\n")


def test_restore_takes_paths_as_ls_shows_them(initialised, media, tmp_path):
    initialised.plain("backup", "media")
    initialised("restore", "latest", "--path", "media/2026", "--to", tmp_path / "a")
    initialised("restore", "latest", "--path", "2026", "--to", tmp_path / "b")
    wanted = {os.fsencode(os.path.join("2026", f"picture {i}.jpg")) for i in range(5)} | {b"2026"}
    assert set(tree_of(tmp_path / "a")) == set(tree_of(tmp_path / "b")) == wanted


def test_restore_of_one_source_of_several(initialised, shop, media, tmp_path):
    initialised.plain("backup", "shop.db", "media")
    initialised("restore", "latest", "--only", "database", "--to", tmp_path / "a.db")
    assert rows_of(tmp_path / "a.db") == rows_of(shop)
    initialised("restore", "latest", "--source", "media", "--to", tmp_path / "m")
    assert tree_of(tmp_path / "m") == tree_of(media)
    initialised("restore", "latest", "--to", tmp_path / "both")
    assert rows_of(tmp_path / "both" / "shop.db") == rows_of(shop) and tree_of(tmp_path / "both" / "media") == tree_of(media)


def test_latest_with_a_source_restores_that_source_alone(initialised, shop, media, home):
    initialised.plain("backup", "shop.db", "media")
    rows, tree = rows_of(shop), tree_of(media)
    (media / "read me.txt").write_text("changed")
    changed = tree_of(media)
    with sqlite3.connect(shop) as db:
        db.execute("DELETE FROM customers")
    db.close()
    result = initialised.fails(6, "restore", "latest:shop.db")
    assert ("\nOf the backup's 2 sources, only shop.db is restored. A safety backup is made first. Go on?\n") in result.err
    assert str(media) not in result.err
    done = initialised("restore", "latest:shop.db", "--yes", "--json").json
    assert [r["source"] for r in done["restored"]] == ["shop.db"]
    assert rows_of(shop) == rows and tree_of(media) == changed
    preview = initialised("restore", "latest:shop.db", "--source", "media", "--dry-run")
    assert str(media) in preview.out and str(shop) not in preview.out
    result = initialised.fails(4, "restore", "latest:shop.db", "--only", "files")
    assert 'fits what was asked for; it holds: shop.db (sqlite), media (folder)' in result.err
    initialised("restore", "latest:media", "--yes")
    assert tree_of(media) == tree
    initialised("restore", "latest:shop.db", "--to", home / "copy.db")
    assert rows_of(home / "copy.db") == rows


def test_an_outside_file_is_taken_in_and_restored(initialised, shop, home, says):
    result = initialised.fails(2, "restore", "shop.db")
    assert result.err == says + "backstay: where should shop.db be restored to?\n  try: backstay restore shop.db --to TARGET\n"
    preview = initialised("restore", "shop.db", "--to", "copy.db", "--dry-run")
    assert preview.out == "nothing that exists would be replaced\n" and "shop.db is a" in preview.err
    assert initialised.plain("list", "--json").json["backups"] == []
    result = initialised("restore", "shop.db", "--to", "copy.db")
    assert rows_of(home / "copy.db") == rows_of(shop)
    assert newest(initialised)["imported"] is True
    assert f"shop.db was taken in as backup {newest(initialised)['short_id']}\n" in result.err
    initialised("restore", "shop.db", "--to", "third.db", "--name", "from the old machine.db")
    assert newest(initialised)["name"] == "from the old machine.db"
    result = initialised.fails(2, "restore", "shop.db", "--to", "fourth.db", "--name", "../x")
    assert result.err.endswith('backstay: "../x" cannot be the name of a file\n')
    for target in ("copy.db", "sqlite:copy.db"):
        preview = initialised("restore", "shop.db", "--to", target, "--dry-run", "--json").json
        assert preview["targets"] == [f"sqlite:{home}/copy.db"] and preview["replaces"][0].startswith(f"{home}/copy.db: ")


def test_restore_of_neither_backup_nor_file_is_an_error(initialised, says):
    result = initialised.fails(4, "restore", "nothing.db")
    assert result.err == says + 'backstay: there is no backup and no file "nothing.db"\n  try: backstay list\n'


def test_a_failed_restore_says_that_nothing_was_changed_and_leaves_the_target(initialised, shop, media):
    initialised.plain("backup", "shop.db")
    before = tree_of(media)
    assert initialised.run("restore", "latest", "--to", "media/read me.txt", "--yes").status == 6
    assert tree_of(media) == before


# ---- forget and prune ----

def test_forget_by_rules_tells_why_and_removes(initialised, shop):
    ids = [initialised.plain("backup", "shop.db", "--json").json["id"] for _ in range(3)]
    preview = initialised("forget", "--keep-last", "1", "--dry-run")
    assert preview.out.endswith("2 would be forgotten, 1 kept\nthe space comes back with: backstay prune\n")
    assert len(initialised.plain("list", "--json").json["backups"]) == 3
    document = initialised("forget", "--keep-last", "1", "--json").json
    assert (document["dry_run"], document["removed"], document["kept"], document["prune"]) == (False, 2, 1, None)
    assert [(b["id"], b["keep"]) for b in document["backups"]] == [(ids[2], True), (ids[1], False), (ids[0], False)]
    assert all(b["reason"] for b in document["backups"])
    assert [b["id"] for b in initialised.plain("list", "--json").json["backups"]] == [ids[2]]


def test_forget_by_name_and_prune_give_space_back(initialised, media, says):
    first = initialised.plain("backup", "media", "--json").json["id"]
    for picture in media.glob("2026/*.jpg"):
        picture.write_bytes(os.urandom(20_000))
    initialised.plain("backup", "media")
    document = initialised("forget", first[:8], "--prune", "--json").json
    assert document["removed"] == 1 and document["prune"]["bytes_removed"] > 0
    assert document["prune"]["bytes_after"] < document["prune"]["bytes_before"]
    assert initialised("prune", "--dry-run", "--json").json["dry_run"] is True
    assert initialised("prune").out.startswith("0 B given back: 0 packs removed, 0 packs written anew; ")
    assert initialised.plain("check", "--read-data", "--json").json["ok"] is True


def test_an_emptied_repository_is_pruned_only_when_told_so(initialised, shop):
    backup = initialised.plain("backup", "shop.db", "--json").json["id"]
    initialised("forget", backup)
    result = initialised.fails(6, "prune")
    assert "nothing was removed: no backup is listed" in result.err
    assert result.err.endswith("\n  try: if all backups were really forgotten, remove their data too: `backstay prune --allow-empty`\n")
    assert initialised("prune", "--allow-empty", "--json").json["prune"]["bytes_after"] == 0


def test_forget_in_an_empty_repository_has_nothing_to_do(initialised):
    assert initialised("forget", "--keep-last", "1").out == "there is no backup to forget\n"


# ---- check, unlock, key ----

def test_check_names_the_damage_and_the_backups_it_touches(initialised, shop, repository):
    backup = initialised.plain("backup", "shop.db", "--json").json["id"]
    pack = max(repository.glob("data/*/*"), key=lambda p: p.stat().st_size)
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[100] ^= 1
    pack.write_bytes(data)
    initialised("check")
    result = initialised.fails(5, "check", "--read-data")
    assert "error: " in result.out and backup[:8] in result.out
    assert result.err.splitlines()[-2].startswith("backstay: the repository is damaged: ") and "1 backup cannot be restored whole" in result.err
    result = initialised.fails(5, "check", "--read-data", "--json")
    assert result.json["ok"] is False and result.json["damaged_backups"] == [backup]
    assert result.json["problems"][0]["backups"] == [backup]
    result = initialised.fails(5, "verify", "--json")
    assert result.json["ok"] is False and result.json["results"][0]["reached"] == "none" and result.json["results"][0]["problems"]
    assert newest(initialised)["verification"] == "failed"


def test_the_index_is_repaired(initialised, shop, repository):
    initialised.plain("backup", "shop.db")
    for index in (repository / "index").iterdir():
        index.unlink()
    initialised.fails(5, "check")
    document = initialised("check", "--repair-index", "--json").json
    assert document["ok"] is True and document["repair"]["packs_added"] > 0


def test_locks_are_shown_and_removed(initialised, repository, shop):
    assert initialised("unlock").out == "0 locks removed\n"
    dead = initialised.run("backup", "shop.db", env={"BACKSTAY_TEST_FAULT": "w:kill@2"})
    assert dead.status == 137 and len(list((repository / "locks").iterdir())) == 1
    document = initialised("unlock", "--json").json
    assert document["removed"] == 1 and document["remaining"] == []
    assert list((repository / "locks").iterdir()) == []


def test_a_locked_repository_is_waited_for_only_when_asked(initialised, repository, home, environment):
    holder = subprocess.Popen(["restic", "--no-cache", "backup", "--stdin"], env=environment, cwd=home, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    try:
        until(lambda: list((repository / "locks").iterdir()), "restic's lock", process=holder)
        result = initialised.fails(11, "prune")
        assert "is locked" in result.err
        assert initialised.fails(11, "forget", "--keep-last", "1", "--json").json["error"]["kind"] == "locked"
        remaining = initialised("unlock", "--json").json["remaining"]
        assert len(remaining) == 1 and remaining[0]["pid"] == holder.pid and remaining[0]["exclusive"] is False
    finally:
        holder.communicate(b"x")
    initialised("prune", "--wait", "10s")


def test_keys_are_added_listed_removed_and_changed(initialised, tmp_path):
    (tmp_path / "new").write_text("second password\n")
    second = {"BACKSTAY_PASSWORD": "second password"}
    added = initialised("key", "add", "--new-password-file", tmp_path / "new", "--json").json["added"]
    keys = initialised("key", "list", "--json", env=second).json["keys"]
    assert [k["current"] for k in keys] == [k["id"] == added for k in keys] and len(keys) == 2
    first = [k["id"] for k in keys if not k["current"]][0]
    result = initialised.fails(6, "key", "remove", added, env=second)
    assert result.err.endswith(f"backstay: key {added[:8]} is the one in use\n  try: open with another password to remove it, or change it: backstay key passwd\n")
    assert initialised("key", "remove", first[:8], env=second).out == f"key {first[:8]} removed\n"
    initialised.fails(12, "list")
    (tmp_path / "third").write_text("third password")
    document = initialised("key", "passwd", "--new-password-file", tmp_path / "third", "--json", env=second).json
    assert document["removed"] == added
    initialised.fails(12, "list", env=second)
    initialised("list", env={"BACKSTAY_PASSWORD": "third password"})


def test_a_kept_password_is_changed_with_the_key(backstay, tmp_path):
    none = {"BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""}
    backstay("init", env=none)
    (tmp_path / "new").write_text("my own\n")
    result = backstay("key", "passwd", "--new-password-file", tmp_path / "new", env=none)
    assert "the new password is kept in " in result.err
    backstay("list", env=none)
    backstay("list", env={"BACKSTAY_PASSWORD": "my own"})


def test_a_new_password_must_not_be_empty(initialised, tmp_path):
    (tmp_path / "new").write_text("\n")
    result = initialised.fails(2, "key", "passwd", "--new-password-file", tmp_path / "new")
    assert result.err.endswith("backstay: the new password is empty; nothing was changed\n")
    initialised("list")


# ---- the process ----

def test_a_full_disk_behind_standard_output_is_an_error(initialised, home):
    for args in (["list"], ["list", "--json"], ["help"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([*initialised.argv, *args], env=initialised.env, cwd=home, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 9 and done.stderr.endswith(b"backstay: writing to standard output: No space left on device\n"), args


def test_closed_standard_descriptors_do_no_harm(initialised, home, shop):
    script = f"exec {initialised.argv[0]} backup shop.db <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], env=initialised.env, cwd=home).returncode == 0
    assert initialised.plain("check", "--read-data", "--json").json["ok"] is True
    assert rows_of(shop)


def test_files_are_private(initialised, shop, home, tmp_path):
    initialised.plain("backup", "shop.db")
    initialised("restore", "latest", "--to", "copy.db")
    initialised("export", "latest", "--format", "sql", "-o", "shop.sql")
    assert stat.S_IMODE((home / "shop.sql").stat().st_mode) == 0o600
    for path in [tmp_path / "repository", *(tmp_path / "repository").rglob("*"), *(tmp_path / "state").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_an_interrupt_ends_with_130_and_leaves_no_lock(initialised, repository, shop, home):
    fifo = home / "wait"
    os.mkfifo(fifo)
    process = initialised.start("backup", f"command:cat {fifo}", stderr=subprocess.PIPE)
    with open(fifo, "wb") as feed:         # opens when the command reads
        feed.write(b"x")
        feed.flush()
        process.terminate()
        err = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 130, err
    assert err.endswith("cancelled\n")
    assert list((repository / "locks").iterdir()) == []
    assert initialised.plain("list", "--json").json["backups"] == []
