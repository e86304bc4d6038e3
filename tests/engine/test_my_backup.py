"""Backing up MariaDB: what must not become a backup, what a user cannot see, one consistent state, and the dump as the vendor's client reads it."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import no_backup
from servers import MariadbServer, as_user, own_folder
from waiting import until

REAL = shutil.which("mariadb-dump")


def snapshots(restic):
    return restic("snapshots", "--json").json


def manifest(restic):
    return restic("dump", "latest", "/.backstay/manifest.json").json["sources"][0]


def notes(source, kind):
    return [n["text"] for n in source.get("notes", []) if n["kind"] == kind]


def make_shop(mariadb, db=None):
    """A small database with every kind of thing."""
    db = mariadb.create(db)
    mariadb.sql("""
        CREATE TABLE customers(id INT PRIMARY KEY AUTO_INCREMENT, name VARCHAR(100), photo BLOB);
        CREATE TABLE orders(id INT PRIMARY KEY, customer INT, total DECIMAL(10,2), twice DECIMAL(11,2) AS (total * 2) STORED,
            FOREIGN KEY (customer) REFERENCES customers(id));
        INSERT INTO customers VALUES (1, 'Zoë 😀', x'00ff27'), (2, 'O''Brien\\\\', NULL), (3, 'line\nbreak', '');
        INSERT INTO orders(id, customer, total) VALUES (10, 1, 9.99), (11, 2, 0), (12, 1, 100);
        CREATE SEQUENCE numbers START WITH 7;
        CREATE VIEW big AS SELECT * FROM orders WHERE total > 5;
        CREATE TRIGGER upper_name BEFORE INSERT ON customers FOR EACH ROW SET new.name = UPPER(new.name);
        CREATE PROCEDURE hello() SELECT 'a;b';
        CREATE FUNCTION one() RETURNS INT RETURN 1;
        CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO DELETE FROM orders WHERE id < 0;
    """, db)
    return db


@pytest.fixture(scope="module")
def shop(mariadb):
    """What make_shop() makes, for tests that only read it."""
    return make_shop(mariadb)


@pytest.fixture
def fake(environment, tmp_path):
    """fake(body) puts a mariadb-dump into BACKSTAY_MYSQL_BIN that runs this shell text; "$REAL" "$@" is the real one."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def make(body, shell="bash"):
        script = folder / "mariadb-dump"
        script.write_text(f"#!/bin/{shell}\nREAL={REAL}\nset -o pipefail\nif [ \"$2\" = --version ]; then exec $REAL \"$@\"; fi\ncd {tmp_path}\n{body}\n")
        script.chmod(0o755)
        environment["BACKSTAY_MYSQL_BIN"] = str(folder)
        return folder

    return make


@pytest.fixture
def user(mariadb):
    """user(grants) makes a user with these rights; returns (name, password)."""
    made = []

    def make(*grants):
        name = f"u{os.urandom(4).hex()}"
        made.append(name)
        mariadb.sql(f"CREATE USER {name}@localhost IDENTIFIED BY 'the-secret-of-{name}';" + "".join(f"GRANT {g} TO {name}@localhost;" for g in grants))
        return name, f"the-secret-of-{name}"

    yield make
    mariadb.sql("".join(f"DROP USER {n}@localhost;" for n in made))


# ---- what must not become a backup ----

def test_a_wrong_password_is_told_and_not_shown(initialised, repository, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE USER IF NOT EXISTS locked@localhost IDENTIFIED BY 'right'")
    done = initialised.fails(8, "backup", mariadb.url(db, "locked", "wrong-secret-42"))
    assert "Access denied for user 'locked'@'localhost' (using password: YES)" in done.err
    assert "check the user and the password" in done.err
    assert "wrong-secret-42" not in done.out + done.err
    assert no_backup(repository)


def test_a_database_that_is_not_there_is_told(initialised, repository, mariadb):
    done = initialised.fails(4, "backup", mariadb.url("no_such_database", tcp=True))
    assert "Unknown database 'no_such_database'" in done.err
    assert no_backup(repository)


def test_a_server_that_is_not_there_is_told(initialised, repository):
    done = initialised.run("backup", "mysql://root:hidden-77@127.0.0.1:1/shop")
    assert done.status != 0 and no_backup(repository)
    assert "connecting to 127.0.0.1:1: Can't connect to server on '127.0.0.1'" in done.err
    assert "check that the server runs" in done.err and "hidden-77" not in done.out + done.err


def test_a_password_with_a_slash_in_it_is_not_shown(initialised):
    done = initialised.fails(2, "backup", "mysql://root:sec/ret@127.0.0.1/shop")
    assert "an @ follows the first slash" in done.err and "%2F" in done.err
    assert "sec" not in done.err and "ret" not in done.err


def test_a_server_that_cannot_encrypt_is_refused_when_encryption_is_required(initialised, mariadb):
    done = initialised.fails(8, "backup", mariadb.url(mariadb.create(), tcp=True) + "?ssl-mode=required")
    assert "the server does not encrypt the connection, as ssl-mode=required demands" in done.err


def test_B1_a_server_killed_in_the_middle_of_a_dump_leaves_no_snapshot(initialised, repository, fake, tmp_path):
    with MariadbServer() as server:
        db = server.create()
        server.sql("CREATE TABLE t(id INT PRIMARY KEY, x LONGTEXT); INSERT INTO t SELECT seq, REPEAT('x', 100000) FROM seq_1_to_500", db)
        fake("$REAL \"$@\" | (head -c 1000000; touch began; until [ -e go ]; do sleep 0.02; done; cat)")
        running = initialised.start("backup", server.url(db), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        until((tmp_path / "began").exists, "the dump's beginning", process=running)
        server.kill()
        (tmp_path / "go").touch()
        said = running.communicate(timeout=60)[1].decode()
    assert running.returncode != 0
    assert "failed with status 3" in said and "Lost connection" in said and "when dumping table `t`" in said
    assert no_backup(repository)


@pytest.mark.parametrize("body, said", [
    ("exit 1", "mariadb-dump failed with status 1"),
    ("$REAL \"$@\"; echo 'mariadb-dump: it broke' >&2; exit 5", "mariadb-dump failed with status 5: mariadb-dump: it broke"),
    ("$REAL \"$@\"; kill -9 $$", "mariadb-dump was ended by signal 9 (Killed)"),
    ("exit 0", "ends without its last line, \"-- Dump completed\": it is not whole"),
    ("$REAL \"$@\" | grep -v '^-- Dump completed'", "ends without its last line, \"-- Dump completed\": it is not whole"),
    ("$REAL \"$@\" > all; head -c 100 all", "ends without its last line"),
    ("$REAL \"$@\" > all; head -c $(($(stat -c %s all) / 2)) all", "the output of"),
    ("$REAL \"$@\" > all; head -c $(($(stat -c %s all) - 10)) all", "ends without its last line"),
    ("$REAL \"$@\"; echo 'mariadb-dump: Error: 1146: a table went away' >&2", "ended well but said: mariadb-dump: Error: 1146: a table went away"),
    ("$REAL \"$@\" --ignore-table=${@: -1}.orders", "the dump lacks the table orders, which was there all the time"),
    ("$REAL \"$@\" --ignore-table=${@: -1}.big", "the dump lacks the view big, which was there all the time"),
    ("$REAL \"${@:1:$#-2}\" --skip-triggers -- \"${@: -1}\"", "the dump holds 0 triggers where the server has 1"),
    ("$REAL \"${@:1:$#-2}\" --skip-routines -- \"${@: -1}\"", "the dump holds 0 routines where the server has 2"),
    ("$REAL \"${@:1:$#-2}\" --skip-events -- \"${@: -1}\"", "the dump holds 0 events where the server has 1"),
])
def test_B1_a_dump_that_is_not_whole_is_no_backup(initialised, repository, mariadb, shop, fake, body, said):
    if "--ignore-table" in body:           # options must come before "--"
        body = body.replace("\"$@\" --ignore-table=${@: -1}", "\"${@:1:$#-2}\" --ignore-table=${@: -1}") + " -- \"${@: -1}\""
    fake(body)
    done = initialised.run("backup", mariadb.url(shop))
    assert done.status not in (0, 3), done.out + done.err
    assert said in done.err
    assert no_backup(repository)


def test_views_that_cannot_be_dumped_are_named_before_anything_starts(initialised, repository, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t(a INT); CREATE VIEW one AS SELECT * FROM t; CREATE VIEW two AS SELECT * FROM one; CREATE VIEW good AS SELECT 1; DROP TABLE t", db)
    done = initialised.run("backup", mariadb.url(db))
    assert done.status != 0 and no_backup(repository)
    assert "2 views cannot be dumped, because something behind it is gone or its definer may not read it: one, two" in done.err


def test_a_view_of_a_user_who_is_gone_is_told_as_what_keeps_tables_from_being_locked(initialised, repository, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t(a INT) ENGINE=MyISAM; CREATE DEFINER = gone@nowhere VIEW v AS SELECT 1", db)
    done = initialised.run("backup", mariadb.url(db))
    assert done.status != 0 and no_backup(repository)
    assert "The user specified as a definer ('gone'@'nowhere') does not exist" in done.err
    assert "try: tables that are not transactional are locked, and views with them: make the user again, or give what is its another definer" in done.err


def test_without_the_tools_it_is_said_which_package_has_them(initialised, mariadb, tmp_path):
    (tmp_path / "empty").mkdir()
    done = initialised.run("backup", mariadb.url(mariadb.create()), env={"PATH": str(tmp_path / "empty")})
    assert done.status == 4
    assert "neither mariadb-dump nor mysqldump is installed" in done.err and "install mariadb-client" in done.err


# ---- least privilege ----

def test_B4_what_a_user_cannot_see_is_listed(initialised, restic, mariadb, shop, user):
    name, password = user(f"SELECT, SHOW VIEW ON {shop}.*")
    done = initialised("backup", mariadb.url(shop, name, password))
    source = manifest(restic)
    unseen = notes(source, "unseen")
    assert [n.split(":")[0] for n in unseen] == ["routines", "triggers", "events"]
    assert unseen[1] == f"triggers: '{name}'@'localhost' has no TRIGGER right on all of {shop}; those it cannot see are not in this backup"
    assert all(n in done.err for n in unseen)
    assert source["objects"] == {"view": 1, "sequence": 1}
    assert password not in done.out + done.err + json.dumps(source)


def test_B4_routines_whose_bodies_are_hidden_make_the_backup_a_partial_one(initialised, restic, mariadb, shop, user):
    name, password = user(f"SELECT, SHOW VIEW, TRIGGER, EVENT, EXECUTE ON {shop}.*")
    initialised.fails(3, "backup", mariadb.url(shop, name, password))
    source = manifest(restic)
    assert notes(source, "unseen") == [f"routines: '{name}'@'localhost' may not see the bodies of 2 of 2, so that none is in this backup: hello, one; "
                                       "GRANT SELECT ON mysql.proc lets it see them"]
    assert source["objects"] == {"view": 1, "trigger": 1, "event": 1, "sequence": 1} and source["skipped"] == 2


def test_B4_with_the_rights_that_are_named_everything_is_in_it(initialised, restic, mariadb, shop, user):
    name, password = user(f"SELECT, SHOW VIEW, TRIGGER, EVENT ON {shop}.*", "SELECT ON mysql.proc")
    initialised("backup", mariadb.url(shop, name, password))
    source = manifest(restic)
    assert source.get("notes", []) == []
    assert source["objects"] == {"view": 1, "trigger": 1, "routine": 2, "event": 1, "sequence": 1}


def test_rights_through_a_role_count(initialised, restic, mariadb, shop, user):
    mariadb.sql(f"CREATE ROLE r_{shop}; GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON {shop}.* TO r_{shop}; GRANT SELECT ON mysql.proc TO r_{shop}")
    name, password = user(f"r_{shop}")
    mariadb.sql(f"SET DEFAULT ROLE r_{shop} FOR {name}@localhost")
    initialised("backup", mariadb.url(shop, name, password))
    assert manifest(restic).get("notes", []) == []


@pytest.mark.parametrize("grants, right, why", [
    ("SELECT, TRIGGER, EVENT", "SHOW VIEW", "without which views cannot be dumped"),
    ("INSERT, SHOW VIEW, TRIGGER, EVENT", "SELECT", "so that these tables cannot be read: customers, "),
])
def test_B4_a_right_without_which_the_dump_fails_is_named(initialised, repository, mariadb, shop, user, grants, right, why):
    name, password = user(f"{grants} ON {shop}.*")
    done = initialised.fails(8, "backup", mariadb.url(shop, name, password))
    assert f"has no {right} right on all of {shop}, {why}" in done.err
    assert f"GRANT {right} ON `{shop}`.* TO '{name}'@'localhost'" in done.err
    assert no_backup(repository)


# ---- what is in it ----

def test_the_dump_is_what_the_tool_writes_and_loads_with_the_plain_client(initialised, restic, mariadb, shop):
    initialised("backup", mariadb.url(shop))
    source = manifest(restic)
    dump = restic("dump", "latest", f"/{shop}/database.sql").out_bytes
    assert len(dump) == source["bytes"] and dump.rstrip().endswith(b"-- Dump completed")
    assert source["consistency"] == "one transaction, a snapshot of all tables"
    assert source["server_version"].startswith("MariaDB ") and source["tool_version"].startswith("mariadb-dump ")
    assert {t["name"]: t["rows"] for t in source["tables"]} == {"customers": 3, "orders": 3}
    assert source["objects"] == {"view": 1, "trigger": 1, "routine": 2, "event": 1, "sequence": 1}
    again = mariadb.create()
    mariadb.sql(dump, again)
    assert mariadb.dump(again) == mariadb.dump(shop)


def test_hostile_names_are_backed_up(initialised, restic, mariadb):
    table = "it's `a` \"t\" %/é\\ -- ;"
    for db in ("--help", "it's a `db` %20 \"x\" é;", "a\\b$c"):
        quoted = table.replace("`", "``")
        mariadb.create(db)
        try:
            mariadb.sql(f"CREATE TABLE `{quoted}`(`a``b` INT PRIMARY KEY, `x y` TEXT); INSERT INTO `{quoted}` VALUES (1, '`;--'), (2, 'DELIMITER ;;')", db)
            initialised("backup", mariadb.url(db))
            source = manifest(restic)
            assert [(t["name"], t["rows"]) for t in source["tables"]] == [(table, 2)]
            dump = restic("dump", "latest", "/" + source["artifacts"][0]["path"]).out_bytes
            again = mariadb.create()
            mariadb.sql(dump, again)
            assert mariadb.dump(again) == mariadb.dump(db)
        finally:
            mariadb.drop(db)


def test_B7_the_sum_over_two_tables_is_constant_under_a_writer(initialised, restic, mariadb):
    db = mariadb.create()
    mariadb.sql("""
        CREATE TABLE a(id INT PRIMARY KEY, balance BIGINT, fill TEXT); CREATE TABLE z(id INT PRIMARY KEY, balance BIGINT, fill TEXT);
        INSERT INTO a SELECT seq, 1000, REPEAT('a', 500) FROM seq_1_to_5000; INSERT INTO z SELECT seq, 1000, REPEAT('z', 500) FROM seq_1_to_5000;
        CREATE TABLE turns(n BIGINT); INSERT INTO turns VALUES (0);
    """, db)
    mariadb.sql("""DELIMITER //
        CREATE PROCEDURE churn() BEGIN DECLARE i BIGINT DEFAULT 0;
            WHILE i < 100000000 DO
                START TRANSACTION; UPDATE a SET balance = balance - 7 WHERE id = 1 + i * 31 % 5000; UPDATE z SET balance = balance + 7 WHERE id = 1 + i * 17 % 5000;
                UPDATE turns SET n = n + 1; COMMIT; SET i = i + 1; DO SLEEP(0.0005);
            END WHILE; END//
    """, db)
    writer = subprocess.Popen(["mariadb", *mariadb._login(), db, "-e", "CALL churn()"])
    try:
        turns = lambda: int(mariadb.sql("SELECT n FROM turns", db))
        while turns() == 0:
            assert writer.poll() is None
        seen = []
        for _ in range(3):
            before = turns()
            initialised("backup", mariadb.url(db))
            assert turns() > before and writer.poll() is None
            again = mariadb.create()
            mariadb.sql(restic("dump", "latest", f"/{db}/database.sql").out_bytes, again)
            assert mariadb.sql("SELECT (SELECT SUM(balance) FROM a) + (SELECT SUM(balance) FROM z)", again) == "10000000\n"
            seen.append(int(mariadb.sql("SELECT n FROM turns", again)))
            assert before <= seen[-1] <= turns()
        assert seen == sorted(set(seen))
    finally:
        writer.kill()
        writer.wait()
        for thread in mariadb.sql(f"SELECT id FROM information_schema.processlist WHERE db = '{db}'").split():
            mariadb.sql(f"KILL {thread}")


def test_tables_that_are_not_transactional_are_locked_and_it_says_so(initialised, restic, mariadb, fake, user, tmp_path):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE m(a INT) ENGINE=MyISAM; CREATE TABLE n(a INT) ENGINE=Aria; CREATE TABLE i(a INT) ENGINE=InnoDB; INSERT INTO m VALUES (1)", db)
    name, password = user(f"SELECT, TRIGGER, EVENT ON {db}.*")
    done = initialised.fails(8, "backup", mariadb.url(db, name, password))
    assert f"GRANT LOCK TABLES ON `{db}`.* TO '{name}'@'localhost'" in done.err and "not transactional: m, n" in done.err
    fake("printf '%s\\n' \"$@\" > args; exec $REAL \"$@\"")
    initialised("backup", mariadb.url(db))
    args = (tmp_path / "args").read_text().splitlines()
    assert "--lock-tables" in args and "--single-transaction" not in args
    assert manifest(restic)["consistency"] == "all tables locked together while they were read, because 2 are not transactional: m, n"


def test_option_files_of_the_machine_do_not_change_the_dump(initialised, restic, mariadb, shop, home):
    (home / ".my.cnf").write_text("[mysqldump]\nno-data\nskip-triggers\n[mariadb-dump]\nno-data\nwhere=1=0\n[client]\nuser=nobody-at-all\n")
    (home / ".my.cnf").chmod(0o600)
    initialised("backup", mariadb.url(shop))
    assert {t["name"]: t["rows"] for t in manifest(restic)["tables"]} == {"customers": 3, "orders": 3}


def test_what_a_url_lacks_comes_from_the_option_files_and_no_secret_is_on_a_command_line(initialised, restic, mariadb, user, home, tmp_path, fake):
    db = mariadb.create()
    name, password = user(f"ALL ON {db}.*")
    (home / ".my.cnf").write_text(f"[client]\nuser = {name}\npassword = \"{password}\" # mine\nsocket={mariadb.socket}\n")
    (home / ".my.cnf").chmod(0o600)
    folder = fake("exit 9")
    script = folder / "mariadb-dump"
    script.write_text(f"""#!/usr/bin/python3
import glob, os, sys
secret = os.environ.get("MYSQL_PWD", "").encode()
if "--version" not in sys.argv:
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            found += [path] if secret in open(path, "rb").read() else []
        except OSError:
            pass
    open({str(tmp_path / "seen")!r}, "w").write(repr((len(secret), found)))
os.execv({REAL!r}, [{REAL!r}, *sys.argv[1:]])
""")
    done = initialised("backup", f"mysql:///{db}")
    assert (tmp_path / "seen").read_text() == repr((len(password), []))
    assert password not in done.out + done.err
    assert password not in json.dumps(manifest(restic)) + json.dumps(snapshots(restic))
    assert manifest(restic)["url"] == f"mysql:///{db}"
    assert snapshots(restic)[0]["paths"] == [f"/mysql{mariadb.socket}/{db}"]


def test_a_second_backup_of_unchanged_data_adds_next_to_nothing(initialised, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE t(id INT PRIMARY KEY, x TEXT); INSERT INTO t SELECT seq, SHA2(seq, 512) FROM seq_1_to_20000", db)
    first = initialised("backup", "--json", mariadb.url(db)).json
    second = initialised("backup", "--json", mariadb.url(db)).json
    assert first["bytes_added"] > 1_200_000
    assert second["bytes_added"] < 20_000


def test_R13_the_same_name_on_two_servers_is_two_sources(initialised, restic, mariadb):
    with MariadbServer() as other:
        for server, value in ((mariadb, 1), (other, 2)):
            server.sql("CREATE DATABASE same_name")
            server.sql(f"CREATE TABLE t(a INT); INSERT INTO t VALUES ({value})", "same_name")
            initialised("backup", server.url("same_name", tcp=True))
        paths = [s["paths"] for s in snapshots(restic)]
        assert paths == [[f"/mysql/127.0.0.1:{mariadb.port}/same_name"], [f"/mysql/127.0.0.1:{other.port}/same_name"]]
    mariadb.drop("same_name")


def test_a_cancelled_backup_ends_its_dump_and_leaves_no_snapshot(initialised, repository, mariadb, shop, fake, tmp_path):
    fake("echo $$ > pid; exec sleep 1000")
    running = initialised.start("backup", mariadb.url(shop), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    pid = until(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip(), "the dump's beginning", process=running)
    running.terminate()
    assert running.wait(60) != 0
    running.stderr.close()
    assert not pathlib.Path(f"/proc/{pid}").exists()
    assert no_backup(repository)


@pytest.fixture(scope="module")
def encrypted():
    """A server that speaks TLS, with a certificate for localhost and 127.0.0.1 and one user who must use it; its folder has ca.pem and other.pem."""
    folder = own_folder("tls", MariadbServer.USER)
    for name in ("ca", "other"):
        subprocess.run(as_user(MariadbServer.USER, ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "30",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", f"{folder}/{name}.key",
                        "-out", f"{folder}/{name}.pem"], folder), check=True, capture_output=True)
    with MariadbServer(f"--ssl-cert={folder}/ca.pem", f"--ssl-key={folder}/ca.key") as server:
        server.sql("CREATE USER safe@'127.0.0.1' IDENTIFIED BY 'pw' REQUIRE SSL; GRANT ALL ON *.* TO safe@'127.0.0.1'; CREATE DATABASE tls")
        server.sql("CREATE TABLE t(a INT); INSERT INTO t VALUES (1)", "tls")
        server.tls = folder
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("mode", ["", "?ssl-mode=required", "?ssl-mode=verify-ca&ssl-ca=ca.pem", "?ssl-mode=verify-identity&ssl-ca=ca.pem"])
def test_encrypted_connections_are_made_as_asked(initialised, restic, encrypted, mode):
    url = encrypted.url("tls", "safe", "pw", tcp=True) + mode.replace("ca.pem", f"{encrypted.tls}/ca.pem")
    initialised("backup", url)
    assert [(t["name"], t["rows"]) for t in manifest(restic)["tables"]] == [("t", 1)]


def test_a_certificate_of_another_authority_is_refused(initialised, repository, encrypted):
    done = initialised.run("backup", encrypted.url("tls", "safe", "pw", tcp=True) + f"?ssl-mode=verify-identity&ssl-ca={encrypted.tls}/other.pem")
    assert done.status != 0 and "certificate" in done.err and "ssl-mode and ssl-ca in the URL say" in done.err
    assert no_backup(repository)


def test_without_encryption_a_user_who_must_use_it_is_refused(initialised, repository, encrypted):
    done = initialised.fails(8, "backup", encrypted.url("tls", "safe", "pw", tcp=True) + "?ssl-mode=disabled")
    assert "Access denied for user 'safe'@'127.0.0.1'" in done.err
    assert no_backup(repository)


def test_an_empty_database_is_a_backup(initialised, restic, mariadb):
    db = mariadb.create()
    initialised("backup", mariadb.url(db))
    source = manifest(restic)
    assert source["tables"] == [] and source["structure"] == "counted"


def test_packages_partitions_and_odd_kinds_of_tables_are_all_in_it(initialised, restic, mariadb):
    db = mariadb.create()
    mariadb.sql("""SET sql_mode = ORACLE;
DELIMITER //
CREATE PACKAGE pk AS FUNCTION f RETURN INT; PROCEDURE p; END//
CREATE PACKAGE BODY pk AS FUNCTION f RETURN INT AS BEGIN RETURN 1; END; PROCEDURE p AS BEGIN SELECT 1; END; END//
DELIMITER ;
SET sql_mode = DEFAULT;
CREATE TABLE part(id INT PRIMARY KEY, x INT) PARTITION BY HASH(id) PARTITIONS 3; INSERT INTO part VALUES (1, 1), (2, 2);
CREATE TABLE trg(a INT); CREATE TRIGGER t1 BEFORE INSERT ON trg FOR EACH ROW SET @a = 1; CREATE TRIGGER t2 BEFORE INSERT ON trg FOR EACH ROW SET @a = 2;
CREATE TABLE blobs(id INT PRIMARY KEY, b LONGBLOB); INSERT INTO blobs VALUES (1, REPEAT('x', 17000000));
CREATE TABLE odd(id INT PRIMARY KEY, d JSON, g INT AS (id * 2) VIRTUAL, p POINT, CHECK (id > 0), b BIT(5), u UUID, i INET6);
INSERT INTO odd(id, d, p, b, u, i) VALUES (1, '{"a": 1}', POINT(1, 2), b'101', UUID(), '::1');
CREATE VIEW v1 AS SELECT * FROM part; CREATE VIEW v2 AS SELECT * FROM v1;
CREATE TABLE mem(a INT) ENGINE=MEMORY; INSERT INTO mem VALUES (1); CREATE TABLE comma(a INT NOT NULL) ENGINE=CSV; INSERT INTO comma VALUES (5), (6);
CREATE TABLE history(id INT PRIMARY KEY, x INT) WITH SYSTEM VERSIONING; INSERT INTO history VALUES (1, 1); UPDATE history SET x = 2;
""", db)
    done = initialised("backup", mariadb.url(db))
    source = manifest(restic)
    assert {t["name"]: t["rows"] for t in source["tables"]} == {"blobs": 1, "comma": 2, "history": 1, "mem": 1, "odd": 1, "part": 2, "trg": 0}
    assert source["objects"] == {"view": 2, "trigger": 2, "routine": 2}
    assert notes(source, "unsupported") == ["of system-versioned tables the current rows are in this backup, not their history: history"]
    assert notes(source, "unsupported")[0] in done.err
    again = mariadb.create()
    mariadb.sql(restic("dump", "latest", f"/{db}/database.sql").out_bytes, again)
    assert mariadb.dump(again) == mariadb.dump(db)
