"""The network cut, the server stalled or full, the disk full, the program killed: with databases on servers, during backups and restores.

Each test runs for PostgreSQL and for MariaDB. Whatever fails, no backup is listed that is not whole, and the live database is as it was.
"""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

import pytest
import servers
from conftest import make_shop, rows_of
from live import SECRET, LiveMariadb, LivePostgres, Watcher, processes_of_session
from proxy import Proxy
from servers import MariadbServer, PostgresServer
from waiting import until


@pytest.fixture(params=[LivePostgres, LiveMariadb], ids=lambda kind: kind.ENGINE)
def live(request):
    """A database on a server that the whole run shares; gone after the test, with all that restores have left beside it."""
    database = request.param(request.getfixturevalue("postgres" if request.param is LivePostgres else "mariadb"))
    yield database
    database.drop()


@pytest.fixture
def proxy(live):
    with Proxy(live.server.port) as proxy:
        yield proxy


def listed(backstay):
    return [b["id"] for b in backstay("list", "--json").json["backups"]]


def locks(repository):
    return list((repository / "locks").iterdir())


def whole(backstay):
    report = backstay("check", "--read-data", "--json").json
    assert report["errors"] == 0, report


def passed(proxy, run):
    """How many bytes go each way while something runs."""
    before = dict(proxy.bytes)
    run()
    return {way: proxy.bytes[way] - before[way] for way in before}


# ---- the connection is cut ----

LOST = re.compile(r"the connection to the server was lost|server closed the connection|Lost connection to server|server has gone away|Can't connect to server|no connection to the server"
                  # mariadb-dump's own words; of some statements it says nothing but this status.
                  r"|mariadb-dump failed with status 2", re.I)


def test_B1_a_backup_whose_connection_is_cut_anywhere_is_none(initialised, plain, live, proxy):
    backup = ("backup", live.url(proxy))
    total = passed(proxy, lambda: plain(*backup))
    older = listed(plain)
    for way, part, how in (("down", 0, "rst"), ("up", 0.5, "fin"), ("down", 0.7, "rst"), ("down", 0.95, "fin")):
        proxy.cut(way, int(total[way] * part), how)
        failed = initialised.run(*backup)
        assert proxy.struck.is_set() and failed.status == 1 and LOST.search(failed.err), (way, part, failed.err)
        assert listed(plain) == older
    until(lambda: live.sessions() == 0)
    plain(*backup)
    assert len(listed(plain)) == 2


def test_a_restore_whose_connection_is_cut_anywhere_changes_nothing_or_everything(initialised, plain, live, proxy):
    plain("backup", live.url())
    restored = live.state()
    restore = ("restore", "latest", "--to", live.url(proxy), "--yes", "--no-safety")
    total = passed(proxy, lambda: plain(*restore))
    live.drift()
    before = live.state()
    for way, part, how in (("up", 0.3, "rst"), ("down", 0.5, "rst"), ("up", 0.999, "fin"), ("down", 0.99, "rst")):
        proxy.cut(way, int(total[way] * part), how)
        failed = initialised.run(*restore)
        assert proxy.struck.is_set() and LOST.search(failed.err), (way, part, failed.err)
        now = live.state()
        if failed.status == 0:
            assert "the connection to the server was lost when the tables were in place; it was made again and the rest was done" in failed.err
            assert now == restored
            live.drift()
            before = live.state()
            continue
        assert failed.status == 1
        assert now == before if "nothing was changed" in failed.err else now in (before, restored)
    plain(*restore)
    assert live.state() == restored and live.beside("restore") == []


def test_one_connection_lost_while_the_target_is_looked_at_does_not_change_the_way_of_the_restore(initialised, plain, live, proxy):
    """It counted as a user who may not create databases, whose target is replaced in place."""
    plain("backup", live.url())
    restored = live.state()
    live.drift()
    before = live.state()
    restore = ("restore", "latest", "--to", live.url(proxy), "--yes", "--no-safety")
    for after in range(1, 2500, 500):
        proxy.cut("down", after)
        result = initialised.run(*restore)
        assert proxy.struck.is_set() and "within" not in result.err
        assert live.state() == (restored if result.status == 0 else before)
        if result.status == 0:
            live.drift()
            before = live.state()


# ---- the server says nothing any more ----


def interrupted(backstay, proxy, *command):
    """Runs a command until the proxy stalls, then Ctrl-C: what it said."""
    running = backstay.start(*command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
    until(lambda: proxy.struck.is_set() or running.poll() is not None)
    assert running.poll() is None, running.communicate()
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=20)
    assert running.returncode == 130, err
    assert processes_of_session(running.pid) == []
    return err.decode()


@pytest.mark.parametrize("way, part", [("down", 0.6)])
def test_a_backup_of_a_stalled_server_ends_at_ctrl_c_and_leaves_nothing(initialised, plain, live, proxy, repository, way, part):
    total = passed(proxy, lambda: plain("backup", live.url(proxy)))
    older = listed(plain)
    proxy.cut(way, int(total[way] * part), "stall")
    interrupted(initialised, proxy, "backup", live.url(proxy))
    assert listed(plain) == older and locks(repository) == []
    proxy.heal()
    until(lambda: live.sessions() == 0)


def test_a_backup_of_a_server_that_stalls_at_the_connection_ends_at_ctrl_c(initialised, plain, live, proxy, repository):
    proxy.cut("down", 0, "stall")
    interrupted(initialised, proxy, "backup", live.url(proxy))
    assert listed(plain) == [] and locks(repository) == []


@pytest.mark.parametrize("way, part", [("down", 0), ("up", 0.5)])
def test_a_restore_to_a_stalled_server_ends_at_ctrl_c_and_the_next_one_cleans_up(initialised, plain, live, proxy, repository, way, part):
    plain("backup", live.url())
    restored = live.state()
    restore = ("restore", "latest", "--to", live.url(proxy), "--yes", "--no-safety")
    total = passed(proxy, lambda: plain(*restore))
    live.drift()
    before = live.state()
    proxy.cut(way, int(total[way] * part), "stall")
    interrupted(initialised, proxy, *restore)
    assert locks(repository) == []
    assert live.state() == before
    proxy.heal()
    initialised(*restore)
    assert live.state() == restored and live.beside("restore") == []


# ---- killed ----


@pytest.mark.parametrize("part", [0, 0.6])
def test_a_backup_killed_leaves_no_backup_no_process_and_no_session(initialised, plain, live, proxy, repository, part):
    total = passed(proxy, lambda: plain("backup", live.url(proxy)))
    older = listed(plain)
    live.sql("UPDATE large SET v = concat(v, id)")
    proxy.cut("down", int(total["down"] * part), "stall")
    running = plain.start("backup", live.url(proxy), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    until(proxy.struck.is_set)
    running.kill()
    running.wait()
    assert len(locks(repository)) == 1
    assert listed(plain) == older
    proxy.heal()
    until(lambda: processes_of_session(running.pid) == [])
    until(lambda: live.sessions() == 0)
    plain("unlock", "--yes")
    assert locks(repository) == []
    plain("backup", live.url())
    assert len(listed(plain)) == 2
    whole(plain)


@pytest.mark.parametrize("moment", ["w:kill@3", "w:kill-after@4"])
def test_a_backup_killed_while_it_writes_is_none_and_its_lock_keeps_nobody_out(initialised, plain, live, repository, moment):
    killed = plain.run("backup", live.url(), env={"BACKSTAY_TEST_FAULT": moment})
    assert killed.status == 137
    assert listed(plain) == []
    until(lambda: live.sessions() == 0)
    assert len(locks(repository)) == 1
    plain("backup", live.url())
    assert len(listed(plain)) == 1
    plain("prune")                                 # takes the repository for itself
    assert locks(repository) == []
    whole(plain)


# ---- limits of time ----


def test_B3_a_limit_of_time_on_statements_never_makes_a_short_backup_or_restore(initialised, plain, live):
    before = live.state()
    with live.statements_limited() as told:
        assert "statement timeout" in told or "max_statement_time exceeded" in told
        initialised("backup", live.url())
        tables = {t["name"]: t["rows"] for t in plain("show", "latest", "--json").json["manifest"]["sources"][0]["tables"]}
        restored = initialised.run("restore", "latest", "--to", live.url(), "--yes", "--no-safety")
    assert tables == {"small": 2, "large": 4000}
    assert restored.status == 0 or "nothing was changed" in restored.err and "max_statement_time exceeded" in restored.err
    assert live.state() == before
    plain("restore", "latest", "--to", live.url(), "--yes", "--no-safety")
    assert live.state() == before and live.beside("restore") == []


# ---- secrets ----


def holding(folder, secret):
    """Files below a folder whose name or content has the secret in it."""
    return [f for f in folder.rglob("*") if secret in str(f) or (f.is_file() and secret.encode() in f.read_bytes())]


def test_no_secret_is_in_any_argument_file_or_text(initialised, live, environment, restic, repository, tmp_path, home):
    name = f"watched_{live.db}"
    environment.update(live.user(name))
    url = live.url(user=name)
    asked, wrong = live.url(user=name, password=SECRET), live.url(user=name, db="no_such_database", password=SECRET)
    said = []
    with Watcher(SECRET) as watcher:
        for command in (("backup", url, "--json", "-v"), ("restore", "latest", "--to", url, "--yes", "-v"), ("verify", "--level", "2", "-v"),
                        ("diff", "latest", "live", "--json"), ("export", "--live", url, "-f", "sql", "-o", "x.sql"), ("export", "--live", url, "-f", "csv", "-o", "x.zip"),
                        ("info", url, "--json"), ("optimize", url, "-v"), ("check-tables", url, "-v")):
            done = initialised(*command)
            said.append(done.out_bytes + done.err_bytes)
        for command in (("backup", live.url(user=name, db="no_such_database"), "-v"), ("info", live.url(user=name, db="no_such_database"), "--json"),
                        ("restore", "latest", "--to", live.url(user="nobody_at_all"), "--yes", "-v")):
            done = initialised.run(*command)
            assert done.status != 0
            said.append(done.out_bytes + done.err_bytes)
    assert {"backstay", "pg_dump" if live.ENGINE == "postgresql" else "mariadb-dump"} <= watcher.programs
    assert watcher.seen == set()
    # In a URL it is seen by those who look at once; but nothing repeats or keeps it.
    for command in (("backup", asked, "-v"), ("backup", asked, "--json"), ("backup", wrong, "-v"), ("backup", wrong, "--json", "-v"), ("info", wrong, "-v"),
                    ("restore", "latest", "--to", wrong, "--dry-run", "--json", "-v"), ("list", "--json"), ("show", "latest", "--json")):
        done = initialised.run(*command)
        said.append(done.out_bytes + done.err_bytes)
    assert SECRET.encode() not in b"".join(said)
    assert SECRET not in restic("snapshots", "--json").out + restic("ls", "latest").out + restic("dump", "latest", "/.backstay/manifest.json").out
    assert [f for place in (tmp_path / "state", tmp_path / "tmp", repository, home) for f in holding(place, SECRET)] == []


# ---- at the same time ----


def test_two_restores_to_one_target_at_once_both_leave_it_whole(initialised, plain, live, proxy):
    plain("backup", live.url())
    restored = live.state()
    backup = listed(plain)[0]
    total = passed(proxy, lambda: plain("restore", backup, "--to", live.url(proxy), "--yes", "--no-safety"))
    live.drift()
    before = live.state()
    proxy.cut("up", total["up"] // 2, "stall")
    first = initialised.start("restore", backup, "--to", live.url(proxy), "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    until(proxy.struck.is_set)
    # A backup meanwhile is of what is there now.
    made = plain("backup", live.url(), "--json").json["id"]
    assert live.state() == before
    second = initialised.run("restore", backup, "--to", live.url(), "--yes")
    if live.ENGINE == "mariadb":
        assert second.status == 11 and f'another restore to the database "{live.db}" is under way' in second.err
    else:
        # Each has a scratch database of its own; they take turns with the swap, and the later one finds what the earlier one has restored.
        assert second.status == 0 and live.state() == restored
    assert len(live.beside("restore")) == 1
    proxy.heal()
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert live.state() == restored and live.beside("restore") == []
    plain("restore", made, "--to", live.url(), "--yes")
    assert live.state() == before


# ---- full disks ----


class SmallDisk:
    """`with SmallDisk(folder, "8m") as disk:` a tmpfs there. disk.argv goes before programs that shall see it: nothing for root, else the way into a namespace."""

    def __init__(self, folder, size):
        self.folder, self.options, self.argv, self.holder = folder, f"size={size},mode=777", [], None

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        mount = ["mount", "-t", "tmpfs", "-o", self.options, "none", str(self.folder)]
        if os.geteuid() == 0:
            done = subprocess.run(mount, capture_output=True)
            assert done.returncode == 0 or self._enter_namespace(mount), done.stderr
        else:
            self._enter_namespace(mount) or pytest.skip("neither mount nor unshare -Urm is allowed here")
        return self

    def _enter_namespace(self, mount):
        self.holder = subprocess.Popen(["unshare", "-Urm", "sh", "-c", '"$@" && echo mounted && exec cat', "sh", *mount], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.argv = ["nsenter", "--user", "--mount", "--preserve-credentials", "--wd=.", "-t", str(self.holder.pid)]
        return self.holder.stdout.readline() == b"mounted\n"

    def __exit__(self, *_):
        if self.holder:
            self.holder.communicate()
        else:
            subprocess.run(["umount", "-l", str(self.folder)], check=True)


NOISE = {"postgresql": "UPDATE large SET v = noise FROM (SELECT i, string_agg(md5(random()::text), '') noise FROM generate_series(1, 4000) i, generate_series(1, 20) GROUP BY i) n WHERE i = id",
         "mariadb": "UPDATE large SET v = CONCAT(SHA2(RAND(), 512), SHA2(RAND(), 512), SHA2(RAND(), 512), SHA2(RAND(), 512), SHA2(RAND(), 512), SHA2(RAND(), 512))"}


def test_a_full_disk_under_the_repository_fails_the_backup_and_spares_older_ones(initialised, plain, live, repository, tmp_path):
    repository.rename(tmp_path / "made")
    with SmallDisk(repository, "1200k") as disk:
        subprocess.run([*disk.argv, "cp", "-a", f"{tmp_path}/made/.", str(repository)], check=True)
        for program in (initialised, plain):
            program.argv[:0] = disk.argv
        plain("backup", live.url())
        older = listed(plain)
        live.sql(NOISE[live.ENGINE])
        failed = initialised.fails(9, "backup", live.url())
        assert "No space left on device" in failed.err
        assert listed(plain) == older
        whole(plain)
        plain("verify", "--level", "2", older[0])


@pytest.mark.parametrize("command, size, words", [
    (("verify", "--level", "3"), "1m", "MiB twice, and "),
    (("query", "latest", "SELECT count(*) FROM large"), "1m", "the scratch database: database or disk is full"),
], ids=["verify", "query"])
def test_too_little_room_for_temporary_files_is_told_as_such(initialised, plain, live, tmp_path, command, size, words):
    for i in range(3):
        live.sql(f"INSERT INTO large SELECT id + {10_000 << i}, v FROM large")
    plain("backup", live.url())
    with SmallDisk(tmp_path / "tmp", size) as disk:
        initialised.argv[:0] = disk.argv
        failed = initialised.fails(9, *command, "--json").json["error"]
        assert failed["kind"] == "no-space" and words in failed["message"]
        assert "TMPDIR" in failed["hint"]
        assert list((tmp_path / "tmp").iterdir()) == []


def test_too_little_room_for_a_verify_server_is_told_as_such(initialised, plain, live, environment):
    plain("backup", live.url())
    folder = servers.own_folder("tmp", live.server.USER)
    environment["TMPDIR"] = str(folder)
    with SmallDisk(folder, "16m") as disk:
        folder.chmod(0o777)
        initialised.argv[:0] = disk.argv
        failed = initialised.fails(9, "verify", "--level", "3", "--json").json["error"]
        assert failed["kind"] == "no-space" and "TMPDIR" in failed["hint"]
        assert "No space left on device" in failed["message"] or "with error 28" in failed["message"]
        assert list(folder.iterdir()) == []
    folder.rmdir()


def test_a_full_disk_on_a_postgresql_server_changes_nothing(initialised, plain, monkeypatch):
    server = PostgresServer()
    with contextlib.ExitStack() as stack:
        original = servers.as_user
        folder = pathlib.Path(tempfile.mkdtemp(prefix="bs-space-"))
        stack.callback(folder.rmdir)
        disk = stack.enter_context(SmallDisk(folder, "2500k"))
        if os.geteuid() == 0:
            shutil.chown(folder, PostgresServer.USER)
        monkeypatch.setattr(servers, "as_user", lambda user, argv, home: [*disk.argv, *original(user, argv, home)])
        server.start()
        stack.callback(server.stop)
        server.psql(f"CREATE TABLESPACE small LOCATION '{folder}'")
        live = LivePostgres(server, where=" TABLESPACE small")
        plain("backup", live.url())
        live.drift()
        before = live.state()
        failed = initialised.fails(9, "restore", "latest", "--to", live.url(), "--yes", "--no-safety", "--json").json["error"]
        assert failed["kind"] == "no-space" and "nothing was changed" in failed["message"] and "could not extend file" in failed["message"]
        assert live.state() == before and live.beside("restore") == []


def test_a_full_disk_on_a_mariadb_server_changes_nothing(initialised, plain, monkeypatch):
    folder = servers.own_folder("my", MariadbServer.USER)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        template = servers.template("my", MariadbServer.USER, MariadbServer()._install)
        original = servers.as_user
        disk = stack.enter_context(SmallDisk(folder / "data", "200m"))
        monkeypatch.setattr(servers, "as_user", lambda user, argv, home: [*disk.argv, *original(user, argv, home)])
        subprocess.run([*disk.argv, "cp", "-a", f"{template}/.", str(folder / "data")], check=True)
        server = MariadbServer().start(folder)
        stack.callback(server.kill)
        live = LiveMariadb(server)
        plain("backup", live.url())
        live.drift()
        before = live.state()
        subprocess.run([*disk.argv, "sh", "-c", f"head -c $(( $(df --output=avail -B1 '{folder}/data' | tail -1) - 700000 )) /dev/zero > '{folder}/data/filler'"], check=True)
        # MariaDB 10.11 does not always say why: some full disks are "error 1, Operation not permitted" to it.
        failed = initialised.run("restore", "latest", "--to", live.url(), "--yes", "--no-safety")
        assert failed.status in (1, 9) and "nothing was changed: table \"" in failed.err
        assert live.state() == before and live.beside("restore") == []
        subprocess.run([*disk.argv, "rm", f"{folder}/data/filler"], check=True)
        plain("restore", "latest", "--to", live.url(), "--yes", "--no-safety")
        assert live.beside("restore") == []


# ---- ways in which other tools lost data ----


def test_B2_a_source_that_fails_makes_no_green_backup_of_the_others(initialised, plain, live, home):
    (home / "folder").mkdir()
    (home / "folder" / "file").write_text("kept")
    for sources in ([live.url(), live.url(db="no_such_database")], [live.url(db="no_such_database"), live.url()], ["folder", live.url(db="no_such_database")]):
        failed = initialised.run("backup", *sources)
        assert failed.status not in (0, 3) and "no_such_database" in failed.err
        assert listed(plain) == []


def test_R5_a_row_that_was_changed_comes_back_as_it_was(initialised, plain, live):
    plain("backup", live.url())
    before = live.state()
    live.sql("UPDATE small SET v = 'changed' WHERE id = 1; UPDATE large SET id = -id WHERE id = 7; DELETE FROM large WHERE id = 8; INSERT INTO large VALUES (-8, 'new')")
    assert live.state() != before
    initialised("restore", "latest", "--to", live.url(), "--yes", "--no-safety")
    assert live.state() == before


def test_R7_a_lost_pack_makes_check_rebuild_verify_and_restore_fail_and_names_the_backup(initialised, plain, live, repository):
    plain("backup", live.url())
    backup, = listed(plain)
    live.drift()
    before = live.state()
    lost = max((f for f in (repository / "data").rglob("*") if f.is_file()), key=lambda f: f.stat().st_size)
    lost.unlink()
    for command in (("check",), ("check", "--repair-index"), ("check",)):
        report = initialised.fails(5, *command, "--json").json
        assert report["errors"] > 0 and any(backup in p["backups"] for p in report["problems"]), report
    initialised.fails(5, "verify", "--level", "1", backup)
    failed = initialised.run("restore", backup, "--to", live.url(), "--yes")
    assert failed.status not in (0, 3)
    assert live.state() == before and live.beside("restore") == [] and live.beside("before") == []


def test_R10_a_backup_goes_into_its_own_kind_of_server_only(initialised, plain, live, postgres, mariadb, home):
    other = (LiveMariadb if live.ENGINE == "postgresql" else LivePostgres)(mariadb if live.ENGINE == "postgresql" else postgres)
    try:
        plain("backup", live.url())
        before = other.state()
        make_shop(home / "shop.db")
        rows = rows_of(home / "shop.db")
        (home / "folder").mkdir()
        for target in (other.url(), other.url(db="none_yet"), "shop.db", "new.db", "folder"):
            failed = initialised.fails(6, "restore", "latest", "--to", target, "--yes")
            words = "cannot be restored into" if target.startswith(("postgresql:", "mysql:")) else "names no database on a server"
            assert f"{live.db} is a backup of " in failed.err and words in failed.err
        assert other.state() == before and other.beside("restore") == []
        assert rows_of(home / "shop.db") == rows and list((home / "folder").iterdir()) == [] and not (home / "new.db").exists()
    finally:
        other.drop()


def test_B1_a_mariadb_connection_cut_near_the_end_of_the_dump_never_makes_a_backup_with_less(initialised, plain, mariadb):
    """mariadb-dump ends well, with its trailer, when the connection goes while it asks for the last definitions of views."""
    live = LiveMariadb(mariadb, rows=3)
    live.server.sql("CREATE PROCEDURE hello() SELECT 'a;b'; CREATE VIEW v AS SELECT * FROM small; CREATE VIEW w AS SELECT * FROM v", live.db)
    cut = 0
    with Proxy(mariadb.port) as proxy:
        sent = passed(proxy, lambda: plain("backup", live.url(proxy)))["up"]
        whole = plain("show", "latest", "--json").json["manifest"]["sources"][0]
        for at in range(sent - 1000, sent, 100):
            proxy.cut("up", at, "fin")
            cut += initialised.run("backup", live.url(proxy)).status != 0
            source = plain("show", "latest", "--json").json["manifest"]["sources"][0]
            assert (source["bytes"], source["objects"]) == (whole["bytes"], whole["objects"])
    live.drop()
    assert whole["objects"]["view"] == 2 and cut >= 3
