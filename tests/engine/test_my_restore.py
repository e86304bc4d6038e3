"""Databases of MariaDB restored: what fails leaves all as it was, what succeeds is equal to the byte."""
import contextlib
import os
import re
import select
import signal
import subprocess

import pytest

from my_objects import comparable, databases, leftovers, make_everything
from servers import MariadbServer
from waiting import until

CLIENT = "/usr/bin/mariadb"
SHOP = """
CREATE TABLE customers (id int PRIMARY KEY, name varchar(40) NOT NULL);
CREATE TABLE orders (id int PRIMARY KEY AUTO_INCREMENT, customer int, total decimal(10,2), CONSTRAINT orders_customer FOREIGN KEY (customer) REFERENCES customers(id));
CREATE TABLE log (id int PRIMARY KEY, text varchar(40));
INSERT INTO customers VALUES (1,'Ann'),(2,'Bob'),(3,'Eve');
INSERT INTO orders VALUES (1,1,10.50),(2,2,20),(3,3,7.25);
INSERT INTO log VALUES (1,'made');
CREATE TRIGGER orders_log AFTER INSERT ON orders FOR EACH ROW INSERT INTO log SELECT max(id)+1, concat('order ', NEW.id) FROM log;
CREATE VIEW big AS SELECT * FROM orders WHERE total > 8;
"""
DRIFT = """
CREATE TABLE extra (id int PRIMARY KEY); INSERT INTO extra VALUES (1);
CREATE VIEW extra_view AS SELECT * FROM extra;
CREATE FUNCTION extra_function() RETURNS int DETERMINISTIC RETURN 1;
CREATE EVENT extra_event ON SCHEDULE EVERY 1 DAY STARTS '2031-01-01' DO SELECT 1;
CREATE TRIGGER extra_trigger AFTER INSERT ON customers FOR EACH ROW SET @x = 1;
DROP TRIGGER orders_log;
ALTER TABLE orders ADD COLUMN later int, DROP COLUMN total;
CREATE OR REPLACE VIEW big AS SELECT id FROM orders;
DELETE FROM log;
UPDATE customers SET name = 'Changed' WHERE id = 1;
"""


@pytest.fixture
def shop(mariadb):
    """A fresh database with SHOP in it, always of the same name."""
    db = mariadb.create("shop")
    mariadb.sql(SHOP, db)
    yield db
    for name in [db, *sum(leftovers(mariadb, db), [])]:
        mariadb.drop(name)


@pytest.fixture
def client(tmp_path, environment):
    """client(script) puts a shell script in the place of the vendor's client; "$@" are its arguments, and the real one is $CLIENT."""
    folder = tmp_path / "client"
    folder.mkdir()

    def make(script):
        path = folder / "mariadb"
        path.write_text(f'#!/bin/sh\nCLIENT={CLIENT}\ncase "$*" in *--version*) exec $CLIENT "$@";; esac\n{script}\n')
        path.chmod(0o755)
        environment["BACKSTAY_MYSQL_BIN"] = str(folder)
        return folder

    yield make


@contextlib.contextmanager
def held(folder, nth=1):
    """A client that stops when it is started for the nth time: yields what waits for that, and what lets it go on."""
    started, go = folder / "started", folder / "go"
    os.mkfifo(started)
    os.mkfifo(go)
    # Read and write: opening must not wait, and the client must not either.
    a, b = os.open(started, os.O_RDWR), os.open(go, os.O_RDWR)

    def wait():
        ready, _, _ = select.select([a], [], [], 60)
        assert ready, "the client was not started"
        os.read(a, 100)

    try:
        yield wait, lambda: os.write(b, b"go\n")
    finally:
        os.write(b, b"go\ngo\ngo\n")
        os.close(a)
        os.close(b)


def held_script(folder, nth=1):
    return (f'echo x >> {folder}/count\nif [ "$(wc -l < {folder}/count)" = {nth} ]; then echo held > {folder}/started; read go < {folder}/go; fi\nexec $CLIENT "$@"')


@pytest.fixture
def backup(prepared, mariadb, shop):
    """A backup of shop as it is at first, made once; the id."""
    return prepared("shop of MariaDB", lambda backstay: backed_up(backstay, mariadb, shop))


def backed_up(backstay, server, db, **more):
    """The id of a backup, made by the program without sanitizers: it is the restore that is tested."""
    return backstay.plain("backup", server.url(db, **more), "--json").json["id"]


def wait_for(server, where):
    """Until a connection of the server is in a state."""
    until(lambda: server.sql(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE {where}"), f"a connection with {where}")


def wait_for_none(server, where):
    until(lambda: not server.sql(f"SELECT 1 FROM information_schema.PROCESSLIST WHERE ({where}) AND ID <> CONNECTION_ID()"), f"the end of all connections with {where}")


def message(result):
    return result.err.replace("\n  try:", " | try:").strip().splitlines()[-1]


# ---- failures ----

def test_R1_a_statement_that_fails_is_an_error_and_nothing_changes(initialised, mariadb, shop):
    other = mariadb.create()
    mariadb.sql("CREATE TABLE t (id int PRIMARY KEY)", other)
    mariadb.sql(f"CREATE VIEW elsewhere AS SELECT * FROM `{other}`.t", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.drop(other)
    mariadb.sql("DROP VIEW elsewhere", shop)
    before = comparable(mariadb, shop)
    result = initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--yes")
    assert f"nothing was changed: view \"elsewhere\": ERROR 1146 (42S02): Table '{other}.t' doesn't exist" in message(result)
    assert comparable(mariadb, shop) == before
    assert leftovers(mariadb, shop) == ([], [])


def test_R2_a_dump_that_arrives_in_part_is_an_error_and_nothing_changes(initialised, mariadb, shop, backup, client):
    mariadb.sql(DRIFT, shop)
    before = comparable(mariadb, shop)
    client('head -c 2000 | $CLIENT "$@"; cat > /dev/null')
    result = initialised.fails(5, "restore", backup, "--to", mariadb.url(shop), "--yes")
    assert 'the scratch copy is not what was backed up; nothing was changed: table "' in message(result)
    assert comparable(mariadb, shop) == before
    assert leftovers(mariadb, shop) == ([], [])


def test_R3_rows_that_fail_are_an_error_that_names_the_table(initialised, mariadb, shop, backup, client):
    before = comparable(mariadb, shop)
    client("sed -u 's/^(2,2,/(1,2,/' | $CLIENT \"$@\"")
    result = initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--yes")
    # 1180: with unique_checks=0, as dumps have it, MariaDB notices only when the statement ends.
    assert re.search(r'nothing was changed: table "orders": ERROR (1062|1180) \(', message(result)), result.err
    assert comparable(mariadb, shop) == before
    assert leftovers(mariadb, shop) == ([], [])


def test_a_client_that_dies_is_an_error(initialised, mariadb, shop, backup, client):
    before = comparable(mariadb, shop)
    client("kill -9 $$")
    result = initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--yes")
    assert "was ended by signal 9 (Killed)" in message(result)
    assert comparable(mariadb, shop) == before
    assert leftovers(mariadb, shop) == ([], [])


@pytest.mark.parametrize("table, waits", [("orders", "DROP TRIGGER%"), ("customers", "RENAME TABLE%")])
def test_a_target_whose_tables_are_in_use_is_left_alone(initialised, mariadb, shop, backup, table, waits):
    """Whoever holds a table is waited for; cancelled meanwhile, triggers that were away are back."""
    before = comparable(mariadb, shop)
    with holding(mariadb, shop, table):
        running = initialised.start("restore", backup, "--to", mariadb.url(shop), "--yes", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        wait_for(mariadb, f"INFO LIKE '{waits}'")
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=60)
        assert running.returncode == 130, err
    assert comparable(mariadb, shop) == before
    assert leftovers(mariadb, shop) == ([], [])


@contextlib.contextmanager
def holding(server, db, table="customers"):
    """Another connection with a transaction that has read from the database."""
    # While somebody waits for the table, InnoDB's purge of what was deleted in it would turn round and round.
    server.sql("SET GLOBAL innodb_max_purge_lag_wait = 0")
    reader = subprocess.Popen([CLIENT, *server._login(), "-n", db], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    reader.stdin.write(f"BEGIN; SELECT count(*) FROM {table};\n".encode())
    reader.stdin.flush()
    assert reader.stdout.readline() == b"3\n"
    try:
        yield
    finally:
        reader.stdin.close()
        reader.wait()
        reader.stdout.close()


def test_a_user_that_may_not_make_databases_is_told_which_rights_it_takes(initialised, mariadb, shop, backup):
    mariadb.sql(f"CREATE OR REPLACE USER small@localhost IDENTIFIED BY 'secret'; GRANT ALL ON `{shop}`.* TO small@localhost")
    before = comparable(mariadb, shop)
    result = initialised.fails(8, "restore", backup, "--to", mariadb.url(shop, user="small", password="secret"), "--yes")
    assert "making a scratch database" in result.err and "Access denied for user 'small'@'localhost'" in result.err
    assert f"try: a restore makes databases beside its target: GRANT ALL ON `{shop}\\_restore\\_%`.* and GRANT ALL ON `{shop}\\_before\\_%`.*" in result.err
    assert "secret" not in result.err + result.out
    assert comparable(mariadb, shop) == before


def test_a_user_that_may_not_set_definers_restores_as_itself_and_says_so(initialised, mariadb, shop, backup):
    mariadb.sql("CREATE OR REPLACE USER middle@localhost IDENTIFIED BY 'secret'; " +
                "".join(f"GRANT ALL ON `{shop}{more}`.* TO middle@localhost; " for more in ("", r"\_restore\_%", r"\_before\_%")))
    result = initialised("restore", backup, "--to", mariadb.url(shop, user="middle", password="secret"), "--yes", "--no-safety")
    assert "views, triggers, routines and events now run as the user who restored them" in result.err
    assert mariadb.sql(f"SELECT DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{shop}'") == "middle@localhost\n"
    assert mariadb.sql(f"SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{shop}'") == "middle@localhost\n"


def test_the_password_is_in_no_command_line(initialised, mariadb, shop, client, tmp_path):
    mariadb.sql(f"CREATE OR REPLACE USER secretive@localhost IDENTIFIED BY 'hush-hush'; GRANT ALL ON *.* TO secretive@localhost")
    backup = backed_up(initialised, mariadb, shop, user="secretive", password="hush-hush")
    client(f'tr "\\0" " " < /proc/$PPID/cmdline >> {tmp_path}/seen; echo "$@" >> {tmp_path}/seen; exec $CLIENT "$@"')
    url = mariadb.url(shop + "_copy", user="secretive", password="hush-hush")
    initialised("restore", backup, "--to", url)
    seen = (tmp_path / "seen").read_text()
    mariadb.drop(shop + "_copy")
    ours = [line for line in seen.splitlines() if "--database=" in line]
    assert ours and all("hush-hush" not in line.replace(url, "") for line in ours)


def test_a_table_that_is_not_in_the_backup_is_an_error(initialised, mariadb, shop, backup):
    result = initialised.fails(4, "restore", backup, "--to", mariadb.url(shop), "--table", "nothing", "--yes")
    assert 'there is no table "nothing" in the backup; its tables are: customers, log, orders' in result.err


def test_the_servers_own_databases_are_refused(initialised, mariadb, shop, backup):
    assert 'the database "mysql" is the server\'s own' in initialised.fails(6, "restore", backup, "--to", mariadb.url("mysql"), "--yes").err


def test_two_restores_to_one_target_do_not_meet(initialised, mariadb, shop, backup, client):
    folder = client("true")
    client(held_script(folder))
    with held(folder) as (wait, go):
        first = initialised.start("restore", backup, "--to", mariadb.url(shop), "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait()
        again = ("restore", backup, "--to", mariadb.url(shop), "--yes")
        assert "or backstay job cancel " in initialised.fails(11, *again).err
        result = initialised.fails(11, *again, env={"BACKSTAY_HOME": str(folder / "another machine")})
        assert f'another restore to the database "{shop}" is under way' in result.err
        assert len(leftovers(mariadb, shop)[0]) == 1
        go()
        assert first.wait(60) == 0, first.stderr.read()
        first.stderr.close()
    assert leftovers(mariadb, shop)[0] == []


# ---- exactness ----

def test_a_database_with_everything_is_equal_to_the_byte_after_a_round_trip(initialised, mariadb):
    db = make_everything(mariadb, small_tables=120)
    backup = backed_up(initialised, mariadb, db)
    before = comparable(mariadb, db)
    result = initialised("restore", backup, "--to", mariadb.url(db + "_copy"), "--json").json
    assert result["restored"][0]["tables"] == 136 and result["restored"][0]["replaced"] is False
    assert comparable(mariadb, db + "_copy") == before
    assert comparable(mariadb, db) == before
    assert leftovers(mariadb, db + "_copy") == ([], [])
    # The copy's sequence is its own.
    assert mariadb.sql(f"INSERT INTO useseq(v) VALUES (2); SELECT max(id) FROM useseq", db + "_copy") == "150\n"
    assert comparable(mariadb, db) == before
    for name in (db, db + "_copy"):
        mariadb.drop(name)


def test_R6_R8_a_drifted_database_becomes_what_was_backed_up_and_undo_brings_it_back(initialised, mariadb, shop, backup):
    before = comparable(mariadb, shop)
    mariadb.sql(DRIFT, shop)
    drifted = comparable(mariadb, shop)
    result = initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert comparable(mariadb, shop) == before
    scratch, (kept,) = leftovers(mariadb, shop)
    assert scratch == []
    assert re.search(f'the database before is kept as "{kept}" until [0-9-]{{10}} [0-9:]{{5}} UTC, when a later restore removes it', result.err)
    assert mariadb.sql("SELECT id FROM extra", kept) == "1\n"
    # The trigger works, and the foreign key points to where it should.
    mariadb.sql("INSERT INTO orders VALUES (4,1,1)", shop)
    assert mariadb.sql("SELECT text FROM log WHERE id = 2", shop) == "order 4\n"
    mariadb.sql("DELETE FROM orders WHERE id = 4; DELETE FROM log WHERE id = 2; ALTER TABLE orders AUTO_INCREMENT = 4", shop)
    initialised("restore", "--undo", "--yes")
    assert comparable(mariadb, shop) == drifted


def test_everything_replaced_in_place_is_equal_to_the_byte(initialised, mariadb):
    db = make_everything(mariadb)
    before = comparable(mariadb, db)
    backup = backed_up(initialised, mariadb, db)
    mariadb.sql("DROP TABLE child; CREATE TABLE child (id int PRIMARY KEY); DROP SEQUENCE sq; DROP EVENT ev1; DROP FUNCTION agg; CREATE TABLE ev1 (id int PRIMARY KEY); "
                "DROP VIEW `zz``v`; CREATE TABLE `zz``v` (id int PRIMARY KEY); ALTER TABLE useseq ALTER id DROP DEFAULT; DROP TABLE nokey; CREATE VIEW nokey AS SELECT 1", db)
    initialised("restore", backup, "--to", mariadb.url(db), "--yes")
    assert comparable(mariadb, db) == before
    for name in [db, *leftovers(mariadb, db)[1]]:
        mariadb.drop(name)


def test_rows_that_broke_a_rule_come_back_as_they_were(initialised, mariadb, shop):
    mariadb.sql("CREATE TABLE odd (id int PRIMARY KEY, v int, CHECK (v > 0), CONSTRAINT no_parent FOREIGN KEY (v) REFERENCES customers(id)); "
                "SET check_constraint_checks=0, foreign_key_checks=0; INSERT INTO odd VALUES (1,-5)", shop)
    before = comparable(mariadb, shop)
    backup = backed_up(initialised, mariadb, shop)
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert comparable(mariadb, shop) == before


ODD = r"""
SET sql_mode=ORACLE;
DELIMITER $$
CREATE PACKAGE pk AS FUNCTION f RETURN INT; PROCEDURE p; END; $$
CREATE PACKAGE BODY pk AS FUNCTION f RETURN INT AS BEGIN RETURN 1; END; PROCEDURE p AS BEGIN NULL; END; END; $$
DELIMITER ;
SET sql_mode='ANSI_QUOTES,PIPES_AS_CONCAT';
CREATE VIEW vq AS SELECT "id" || 'x' AS "q""r" FROM "log";
DELIMITER $$
CREATE PROCEDURE pq() BEGIN SELECT "id" || 'y' FROM "log"; END $$
DELIMITER ;
SET sql_mode='', NAMES latin1;
CREATE FUNCTION lat() RETURNS varchar(10) DETERMINISTIC RETURN '@';
CREATE VIEW latv AS SELECT '@' AS x;
CREATE TRIGGER latt BEFORE INSERT ON log FOR EACH ROW SET NEW.text = '@';
SET NAMES utf8mb4;
"""


def test_definitions_of_other_dialects_and_character_sets_are_equal_to_the_byte(initialised, mariadb, shop):
    mariadb.sql(ODD.replace("SET sql_mode='', NAMES latin1", "SET sql_mode=''; SET NAMES latin1").encode().replace(b"@", b"\xe9"), shop)
    # The database has another collation now than when these were made, which the dump says.
    mariadb.sql(f"ALTER DATABASE `{shop}` CHARACTER SET latin1 COLLATE latin1_bin")
    before = comparable(mariadb, shop)
    assert any(b"ALTER DATABASE" in line for line in before)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("SET sql_mode=ORACLE; DROP PACKAGE pk;\nDELIMITER $$\nCREATE PACKAGE pk AS PROCEDURE other; END; $$\nDELIMITER ;\n"
                "DROP PROCEDURE pq; CREATE OR REPLACE VIEW vq AS SELECT 2; DROP VIEW latv; DROP FUNCTION lat; DELETE FROM log", shop)
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert comparable(mariadb, shop) == before
    initialised("restore", backup, "--to", mariadb.url(shop + "_copy"))
    assert comparable(mariadb, shop + "_copy") == before
    assert "COLLATE latin1_bin" in mariadb.sql(f"SHOW CREATE DATABASE `{shop}_copy`")
    mariadb.drop(shop + "_copy")


def test_what_was_replaced_goes_when_its_day_is_over(initialised, mariadb, shop, backup):
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes", "--no-safety")
    (kept,) = leftovers(mariadb, shop)[1]
    mariadb.sql("UPDATE _backstay_kept SET kept_until = 1", kept)
    result = initialised("restore", backup, "--to", mariadb.url(shop), "--yes", "--no-safety")
    assert f"removed {kept}, which was kept for a day" in result.err
    (fresh,) = leftovers(mariadb, shop)[1]           # made in the same second it has the same name
    assert mariadb.sql("SELECT kept_until > 1 FROM _backstay_kept", fresh) == "1\n"


def test_a_database_of_somebody_else_with_such_a_name_is_left_alone(initialised, mariadb, shop, backup):
    foreign = mariadb.create(shop + "_restore_0123abcd")
    mariadb.sql("CREATE TABLE precious (id int PRIMARY KEY)", foreign)
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes", "--no-safety")
    assert foreign in databases(mariadb)


def test_a_foreign_key_of_another_database_follows_to_the_restored_table(initialised, mariadb, shop, backup):
    other = mariadb.create()
    mariadb.sql(f"CREATE TABLE o (id int PRIMARY KEY, c int, CONSTRAINT outside FOREIGN KEY (c) REFERENCES `{shop}`.customers(id) ON DELETE CASCADE); INSERT INTO o VALUES (1,3)", other)
    definition = mariadb.sql("SHOW CREATE TABLE o", other)
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes", "--no-safety")
    assert mariadb.sql("SHOW CREATE TABLE o", other) == definition
    mariadb.sql(f"DELETE FROM `{shop}`.orders WHERE customer = 3; DELETE FROM `{shop}`.customers WHERE id = 3")
    assert mariadb.sql("SELECT count(*) FROM o", other) == "0\n"
    mariadb.sql("INSERT INTO o VALUES (2,2)", other)
    mariadb.sql("DELETE FROM orders WHERE customer = 2; DELETE FROM customers WHERE id = 2", shop)
    mariadb.drop(other)


def test_a_row_elsewhere_that_would_lose_what_it_refers_to_stops_the_restore(initialised, mariadb, shop, backup):
    other = mariadb.create()
    mariadb.sql("INSERT INTO customers VALUES (9,'New')", shop)
    mariadb.sql(f"CREATE TABLE o (id int PRIMARY KEY, c int, CONSTRAINT outside FOREIGN KEY (c) REFERENCES `{shop}`.customers(id)); INSERT INTO o VALUES (1,9)", other)
    before = comparable(mariadb, shop)
    result = initialised.fails(5, "restore", backup, "--to", mariadb.url(shop), "--yes")
    assert f'table "{other}.o" would have 1 rows that refer to rows missing from "customers" (constraint "outside")' in result.err
    assert comparable(mariadb, shop) == before and leftovers(mariadb, shop) == ([], [])
    mariadb.drop(other)


# ---- the right target ----

def test_R9_a_restore_under_another_name_leaves_the_original_alone(initialised, mariadb, shop):
    mariadb.sql(f"DROP TRIGGER orders_log; CREATE TRIGGER `{shop}`.orders_log AFTER INSERT ON `{shop}`.orders FOR EACH ROW SET @x = 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("UPDATE customers SET name = 'Newer' WHERE id = 1", shop)
    before, sums = comparable(mariadb, shop), mariadb.sql("CHECKSUM TABLE customers, orders, log", shop)
    initialised("restore", backup, "--to", mariadb.url(shop + "_copy"))
    assert comparable(mariadb, shop) == before and mariadb.sql("CHECKSUM TABLE customers, orders, log", shop) == sums
    assert mariadb.sql("SELECT name FROM customers ORDER BY id", shop + "_copy") == "Ann\nBob\nEve\n"
    assert mariadb.sql(f"SELECT EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{shop}_copy'") == "orders\n"
    mariadb.drop(shop + "_copy")


@pytest.mark.parametrize("name", ['we"ird `na\'me & 100%', "a/b\\c", "-dash", "naïve é", "x" * 64])
def test_R12_hostile_names_of_databases(initialised, mariadb, name):
    db = mariadb.create(name)
    mariadb.sql(SHOP, db)
    before = comparable(mariadb, db)
    backup = backed_up(initialised, mariadb, db)
    # mariadb-dump 10.11 cannot dump the events and routines of a database with some of these names.
    mariadb.sql("\n".join(line for line in DRIFT.splitlines() if "EVENT" not in line and "FUNCTION" not in line), db)
    known = databases(mariadb)
    initialised("restore", backup, "--to", mariadb.url(db), "--yes")
    assert comparable(mariadb, db) == before
    (kept,) = databases(mariadb) - known
    for each in (db, kept.replace("\\\\", "\\")):
        mariadb.drop(each)


def test_R13_databases_of_one_name_on_two_ports_are_told_apart(initialised, mariadb, shop):
    with MariadbServer("--lower-case-table-names=1") as second:
        second.sql(SHOP.replace("Ann", "Second"), second.create(shop))
        backup = backed_up(initialised, mariadb, shop, tcp=True)
        other = backed_up(initialised, second, shop, tcp=True)
        mariadb.sql("UPDATE customers SET name = 'x'", shop)
        second.sql("UPDATE customers SET name = 'y'", shop)
        initialised("restore", backup, "--to", mariadb.url(shop, tcp=True), "--yes")
        assert mariadb.sql("SELECT name FROM customers WHERE id = 1", shop) == "Ann\n"
        assert second.sql("SELECT name FROM customers WHERE id = 1", shop) == "y\n"
        initialised("restore", other, "--to", second.url(shop, tcp=True), "--yes")
        assert second.sql("SELECT name FROM customers WHERE id = 1", shop) == "Second\n"
        assert mariadb.sql("SELECT name FROM customers WHERE id = 1", shop) == "Ann\n"
        mariadb.sql("RENAME TABLE customers TO Customers", shop)
        refused = initialised.fails(5, "restore", backed_up(initialised, mariadb, shop), "--to", second.url("other"), "--yes").err
        assert "nothing was changed: table \"customers\" is there, but was not backed up\n  try: this server changes the case of names (lower_case_table_names): " \
            "one that keeps \"Customers\" as it is can take the backup" in refused


# ---- killed ----

def test_the_server_killed_during_a_restore_leaves_the_database_whole(initialised, client):
    with MariadbServer() as server:
        db = server.create("shop")
        server.sql(SHOP, db)
        backup = backed_up(initialised, server, db)
        server.sql(DRIFT, db)
        before = comparable(server, db)
        folder = client("true")
        client(held_script(folder))
        with held(folder) as (wait, go):
            running = initialised.start("restore", backup, "--to", server.url(db), "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            wait()
            server.kill()
            go()
            _, err = running.communicate(timeout=60)
        assert running.returncode == 1, err
        assert b"ERROR 2002 (HY000)" in err
        server.start(server.folder)
        assert comparable(server, db) == before
        assert len(leftovers(server, db)[0]) == 1
        result = initialised("restore", backup, "--to", server.url(db), "--yes")
        assert "which an interrupted restore had left" in result.err
        assert leftovers(server, db)[0] == []
        assert server.sql("SELECT name FROM customers WHERE id = 1", db) == "Ann\n"


def kill(running):
    running.kill()
    running.communicate(timeout=60)
    assert running.returncode == -signal.SIGKILL


def fails_at_once(client):
    client("cat > /dev/null; echo 'ERROR 1 (HY000) at line 1: no' >&2; exit 1")


def test_our_process_killed_while_it_loads_leaves_a_scratch_database_that_the_next_removes(initialised, mariadb, shop, backup, client):
    mariadb.sql(DRIFT, shop)
    before = comparable(mariadb, shop)
    folder = client("true")
    client(held_script(folder))
    with held(folder) as (wait, go):
        running = initialised.start("restore", backup, "--to", mariadb.url(shop), "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait()
        kill(running)
    wait_for_none(mariadb, "USER = 'root'")
    assert len(leftovers(mariadb, shop)[0]) == 1
    assert comparable(mariadb, shop) == before
    fails_at_once(client)
    initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--yes")
    assert leftovers(mariadb, shop) == ([], [])
    assert comparable(mariadb, shop) == before


@pytest.mark.parametrize("table, waits", [("customers", "DROP TRIGGER%"), ("orders", "RENAME TABLE%")])
def test_our_process_killed_around_the_move_of_the_tables_is_settled_by_the_next(initialised, mariadb, shop, backup, client, table, waits):
    """The server goes on waiting for what our last statement needs, and does it after our end: the trigger goes and comes back, the tables have moved and stay."""
    wanted = comparable(mariadb, shop)
    mariadb.sql(DRIFT, shop)
    before = comparable(mariadb, shop)
    with holding(mariadb, shop, table):
        running = initialised.start("restore", backup, "--to", mariadb.url(shop), "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait_for(mariadb, f"INFO LIKE '{waits}'")
        kill(running)
    wait_for_none(mariadb, "USER = 'root'")
    fails_at_once(client)
    initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--yes")
    moves = waits.startswith("RENAME")
    assert comparable(mariadb, shop) == (wanted if moves else before)
    scratch, kept = leftovers(mariadb, shop)
    assert scratch == [] and len(kept) == moves


def held_after_the_move(backstay, server, db, client, backup, then):
    """A restore whose tables are in place and whose events are about to come: then(running, go)."""
    folder = client("true")
    client(held_script(folder, nth=2))
    with held(folder) as (wait, go):
        running = backstay.start("restore", backup, "--to", server.url(db), "--yes", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        wait()
        assert server.sql("SELECT name FROM customers WHERE id = 1", db) == "Ann\n"
        return then(running, go)


def killed_after_the_move(backstay, server, db, client, backup):
    held_after_the_move(backstay, server, db, client, backup, lambda running, go: kill(running))
    wait_for_none(server, "USER = 'root'")


def test_our_process_killed_after_the_tables_moved_leaves_them_to_the_next_which_keeps_what_was_written_since(initialised, mariadb, shop, client):
    mariadb.sql("CREATE EVENT later ON SCHEDULE AT '2035-01-01' DO SELECT 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    wanted = comparable(mariadb, shop)
    mariadb.sql(DRIFT, shop)
    killed_after_the_move(initialised, mariadb, shop, client, backup)
    (kept,) = leftovers(mariadb, shop)[1]
    assert mariadb.sql("SELECT name FROM customers WHERE id = 1", kept) == "Changed\n"
    # Between: what was being made goes missing, a table that was there before comes anew, rows come and go.
    mariadb.sql("DROP TRIGGER orders_log; DROP VIEW big; CREATE VIEW mine AS SELECT 1 AS one; CREATE TABLE extra (mine int PRIMARY KEY); INSERT INTO extra VALUES (77); "
                "INSERT INTO customers VALUES (50,'Newest'); DELETE FROM orders WHERE id = 2", shop)
    fails_at_once(client)
    result = initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--yes")
    assert leftovers(mariadb, shop) == ([], [kept])
    assert mariadb.sql("SELECT name FROM customers ORDER BY id; SELECT id FROM orders ORDER BY id; SELECT mine FROM extra; SELECT one FROM mine; SELECT count(*) FROM big", shop) \
        == "Ann\nBob\nEve\nNewest\n1\n3\n77\n1\n1\n"
    assert mariadb.sql(f"SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{shop}'") == "orders_log\n"
    since = comparable(mariadb, shop)
    client('exec $CLIENT "$@"')
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert comparable(mariadb, shop) == wanted
    initialised("restore", "--undo", "--yes")
    assert comparable(mariadb, shop) == since


def test_the_next_restore_says_what_one_that_was_killed_after_the_tables_moved_had_done(initialised, mariadb, shop, client):
    mariadb.sql("CREATE EVENT later ON SCHEDULE AT '2035-01-01' DO SELECT 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    killed_after_the_move(initialised, mariadb, shop, client, backup)
    (kept,) = leftovers(mariadb, shop)[1]
    mariadb.sql("DROP TRIGGER orders_log; DROP VIEW big; DROP TABLE orders", shop)
    client('exec $CLIENT "$@"')
    result = initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert f'a restore that was interrupted had replaced the tables of "{shop}" already: what was written there since stays' in result.err
    assert f'the tables before that one are kept in "{kept}"' in result.err
    assert f'after an interrupted restore to "{shop}", the TRIGGER "orders_log" could not be made (' in result.err
    assert 'the VIEW "big" could not be made (what it shows is missing, or its name is taken); it is: CREATE' in result.err


def test_a_database_dropped_after_a_restore_was_killed_does_not_stop_the_next(initialised, mariadb, shop, client):
    mariadb.sql("CREATE EVENT later ON SCHEDULE AT '2035-01-01' DO SELECT 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    wanted = comparable(mariadb, shop)
    killed_after_the_move(initialised, mariadb, shop, client, backup)
    mariadb.sql(f"DROP DATABASE `{shop}`")
    client('exec $CLIENT "$@"')
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert comparable(mariadb, shop) == wanted and leftovers(mariadb, shop)[0] == []


def ours(server):
    return server.sql("SELECT GROUP_CONCAT(ID) FROM information_schema.PROCESSLIST WHERE USER = 'root' AND ID <> CONNECTION_ID()").strip().split(",")


def test_a_connection_lost_after_the_tables_moved_is_made_again_and_the_restore_finished(initialised, mariadb, shop, client):
    mariadb.sql("CREATE EVENT later ON SCHEDULE AT '2035-01-01' DO SELECT 1; CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    wanted = comparable(mariadb, shop)
    mariadb.sql(DRIFT, shop)

    def cut(running, go):
        for each in ours(mariadb):
            mariadb.sql(f"KILL CONNECTION {each}")
        go()
        _, err = running.communicate(timeout=60)
        return running.returncode, err.decode()

    status, err = held_after_the_move(initialised, mariadb, shop, client, backup, cut)
    assert status == 0, err
    assert "the connection to the server was lost when the tables were in place; it was made again and the rest was done" in err
    assert comparable(mariadb, shop) == wanted and leftovers(mariadb, shop)[0] == []


def test_a_server_that_stays_away_after_the_tables_moved_leaves_them_and_the_next_restore_loses_nothing(initialised, client):
    with MariadbServer() as server:
        db = server.create("shop")
        server.sql(SHOP + "CREATE EVENT later ON SCHEDULE AT '2035-01-01' DO SELECT 1;", db)
        backup = backed_up(initialised, server, db)
        wanted = comparable(server, db)
        server.sql(DRIFT, db)

        def end(running, go):
            server.kill()
            go()
            _, err = running.communicate(timeout=60)
            return running.returncode, err.decode()

        status, err = held_after_the_move(initialised, server, db, client, backup, end)
        server.start(server.folder)
        (kept,) = leftovers(server, db)[1]
        assert status == 1
        assert '"shop" has the restored tables already, but not all of their views, triggers, routines, events and keys (' in err
        assert f"; the tables before are in {kept}" in err
        assert "try: restore again: that first completes these, and keeps what is written until then" in err
        server.sql("CREATE TABLE more (i int); INSERT INTO more VALUES (7); INSERT INTO customers VALUES (50,'Newest')", db)
        since = comparable(server, db)
        client('exec $CLIENT "$@"')
        initialised("restore", backup, "--to", server.url(db), "--yes")
        assert comparable(server, db) == wanted and leftovers(server, db)[0] == []
        initialised("restore", "--undo", "--yes")
        assert comparable(server, db) == since
        assert server.sql("SELECT i FROM more; SELECT name FROM customers WHERE id = 50", db) == "7\nNewest\n"


def test_a_failure_after_the_tables_moved_puts_everything_back(initialised, mariadb, shop, client):
    mariadb.sql("CREATE EVENT later ON SCHEDULE AT '2035-01-01' DO SELECT 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql(DRIFT, shop)
    before = comparable(mariadb, shop)
    client("sed -u 's/EVENT `later` ON SCHEDULE AT/EVENT `later` ON SCHEDULE NEVER/' | $CLIENT \"$@\"")
    result = initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--yes")
    assert "nothing was changed: events: ERROR 1064 (42000): You have an error in your SQL syntax" in result.err
    assert comparable(mariadb, shop) == before
    assert leftovers(mariadb, shop) == ([], [])


def test_what_a_foreign_scratch_database_says_is_not_done(initialised, mariadb, shop, backup):
    """Who may make a database of some name must not move tables of another by it."""
    forged = mariadb.create("elsewhere_restore_0123abcd")
    mariadb.sql(f"CREATE TABLE _backstay_scratch (target varchar(64), kept varchar(64), swapping int, kinds int); INSERT INTO _backstay_scratch VALUES ('{shop}', NULL, 1, 15)", forged)
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes", "--no-safety")
    assert forged in databases(mariadb)
    mariadb.drop(forged)


# ---- chosen tables ----

def test_a_chosen_table_is_replaced_and_the_rest_stays(initialised, mariadb, shop, backup):
    mariadb.sql("UPDATE customers SET name = 'Kept' WHERE id = 1; DROP TRIGGER orders_log; UPDATE orders SET total = 0", shop)
    initialised("restore", backup, "--to", mariadb.url(shop), "--table", "orders", "--yes")
    assert mariadb.sql("SELECT total FROM orders ORDER BY id", shop) == "10.50\n20.00\n7.25\n"
    assert mariadb.sql("SELECT name FROM customers WHERE id = 1", shop) == "Kept\n"
    assert mariadb.sql(f"SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{shop}'") == "orders_log\n"
    # Its foreign key points to the table that stayed.
    assert f"REFERENCES `customers` (`id`)" in mariadb.sql("SHOW CREATE TABLE orders", shop)
    # What is kept of the old table binds no rows.
    mariadb.sql("DELETE FROM orders WHERE customer = 2; DELETE FROM customers WHERE id = 2", shop)


def test_foreign_keys_of_tables_that_stay_follow_to_the_one_that_was_replaced(initialised, mariadb, shop, backup):
    definition = mariadb.sql("SHOW CREATE TABLE orders", shop)
    mariadb.sql("UPDATE customers SET name = 'x'", shop)
    initialised("restore", backup, "--to", mariadb.url(shop), "--table", "customers", "--yes")
    assert mariadb.sql("SELECT name FROM customers ORDER BY id", shop) == "Ann\nBob\nEve\n"
    assert mariadb.sql("SHOW CREATE TABLE orders", shop) == definition
    assert mariadb.sql(f"SELECT REFERENCED_TABLE_SCHEMA FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = '{shop}' AND CONSTRAINT_NAME = 'orders_customer'") == shop + "\n"


def test_a_chosen_table_without_which_others_would_refer_to_nothing_is_an_error(initialised, mariadb, shop, backup):
    mariadb.sql("INSERT INTO customers VALUES (4,'New'); INSERT INTO orders VALUES (9,4,1)", shop)
    before = comparable(mariadb, shop)
    result = initialised.fails(5, "restore", backup, "--to", mariadb.url(shop), "--table", "customers", "--yes")
    assert 'table "orders" would have 1 rows that refer to rows missing from "customers" (constraint "orders_customer")' in result.err
    assert "restore both tables, or the whole database" in result.err
    assert comparable(mariadb, shop) == before and leftovers(mariadb, shop) == ([], [])


def test_a_chosen_table_that_is_a_view_there_is_an_error(initialised, mariadb, shop, backup):
    mariadb.sql("DROP TABLE log; CREATE VIEW log AS SELECT 1 AS id", shop)
    assert 'table "log" is a view in the live database' in initialised.fails(6, "restore", backup, "--to", mariadb.url(shop), "--table", "log", "--yes").err


# ---- filling in ----

def test_preserve_adds_rows_and_tables_that_are_missing_and_fires_no_trigger(initialised, mariadb, shop):
    mariadb.sql("CREATE TABLE nokey (a int); INSERT INTO nokey VALUES (1); CREATE TABLE loose (id int PRIMARY KEY) ENGINE=MyISAM; INSERT INTO loose VALUES (1),(2)", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("DELETE FROM orders WHERE id > 1; DELETE FROM customers WHERE id = 3; UPDATE customers SET name = 'Mine' WHERE id = 1; DROP TABLE log; CREATE TABLE log (id int PRIMARY KEY, text varchar(40)); "
                "DROP VIEW big; INSERT INTO customers VALUES (8,'Newer'); DELETE FROM loose WHERE id = 1; RENAME TABLE log TO log2, log2 TO log", shop)
    triggers = mariadb.sql(f"SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{shop}'")
    result = initialised("restore", backup, "--to", mariadb.url(shop), "--mode", "preserve", "--yes")
    assert mariadb.sql("SELECT * FROM customers ORDER BY id", shop) == "1\tMine\n2\tBob\n3\tEve\n8\tNewer\n"
    assert mariadb.sql("SELECT id FROM orders ORDER BY id", shop) == "1\n2\n3\n"
    assert mariadb.sql("SELECT * FROM log", shop) == "1\tmade\n"
    assert mariadb.sql("SELECT id FROM loose ORDER BY id", shop) == "1\n2\n"
    assert mariadb.sql("SELECT count(*) FROM big", shop) == "2\n"
    assert mariadb.sql(f"SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = '{shop}'") == triggers == "orders_log\n"
    assert 'table "nokey" has rows and no primary key: it is left as it is' in result.err
    assert leftovers(mariadb, shop) == ([], [])


def test_preserve_brings_back_a_table_that_is_gone(initialised, mariadb, shop, backup):
    before = comparable(mariadb, shop)
    mariadb.sql("DROP TABLE orders", shop)
    mariadb.sql("DROP VIEW big", shop)
    initialised("restore", backup, "--to", mariadb.url(shop), "--mode", "preserve", "--yes")
    assert comparable(mariadb, shop) == before


def test_preserve_that_breaks_another_rule_changes_nothing(initialised, mariadb, shop):
    mariadb.sql("ALTER TABLE customers ADD UNIQUE KEY (name)", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("DELETE FROM orders; DELETE FROM customers; INSERT INTO customers VALUES (7,'Bob')", shop)
    before = comparable(mariadb, shop)
    result = initialised.fails(1, "restore", backup, "--to", mariadb.url(shop), "--mode", "preserve", "--yes")
    assert 'nothing was changed: table "customers": adding rows: Duplicate entry \'Bob\' for key \'name\' (1062)' in result.err
    assert comparable(mariadb, shop) == before and leftovers(mariadb, shop) == ([], [])


def test_preserve_of_a_table_with_another_key_is_an_error(initialised, mariadb, shop, backup):
    mariadb.sql("ALTER TABLE log DROP PRIMARY KEY, ADD PRIMARY KEY (text)", shop)
    before = comparable(mariadb, shop)
    assert 'table "log": the live table has another primary key' in initialised.fails(6, "restore", backup, "--to", mariadb.url(shop), "--mode", "preserve", "--yes").err
    assert comparable(mariadb, shop) == before


def test_preserve_makes_up_no_values_and_cuts_none_short(initialised, mariadb, shop):
    mariadb.sql("CREATE TABLE numbers (id int PRIMARY KEY, n bigint); INSERT INTO numbers VALUES (1, 5000000000)", shop)
    backup = backed_up(initialised, mariadb, shop)
    arguments = "restore", backup, "--to", mariadb.url(shop), "--mode", "preserve", "--yes"
    mariadb.sql("DELETE FROM numbers; ALTER TABLE numbers MODIFY n int", shop)
    assert 'nothing was changed: table "numbers": its column "n" is int(11), and bigint(20) in the backup' in initialised.fails(6, *arguments).err
    mariadb.sql("ALTER TABLE numbers MODIFY n bigint, ADD must int NOT NULL", shop)
    assert 'nothing was changed: table "numbers": it needs a value for the column "must", which the backup does not have' in initialised.fails(6, *arguments).err
    mariadb.sql("ALTER TABLE numbers ALTER must SET DEFAULT 7", shop)
    initialised(*arguments)
    assert mariadb.sql("SELECT * FROM numbers", shop) == "1\t5000000000\t7\n"


# ---- what people see ----

def test_history_that_no_backup_has_is_told_before_and_after(initialised, mariadb):
    db = mariadb.create()
    mariadb.sql("CREATE TABLE prices (id int PRIMARY KEY, v int) WITH SYSTEM VERSIONING; INSERT INTO prices VALUES (1, 1); UPDATE prices SET v = 2;"
                "CREATE TABLE _backstay_notes (id int); INSERT INTO _backstay_notes VALUES (7)", db)
    backup = backed_up(initialised, mariadb, db)
    assert "no backup holds the history of its system-versioned tables: prices" in initialised("restore", backup, "--dry-run").out
    result = initialised("restore", backup, "--yes")
    _, (kept,) = leftovers(mariadb, db)
    assert f'the history of the system-versioned tables that were replaced (prices) is in no backup, and cannot be undone: it is in "{kept}" until ' in result.err
    assert mariadb.sql("SELECT count(*) FROM prices FOR SYSTEM_TIME ALL", kept) == "2\n"
    assert mariadb.sql("SELECT id FROM _backstay_notes", db) == "7\n", "a name that only looks like ours"
    mariadb.drop(kept)
    mariadb.drop(db)


def test_a_dry_run_says_what_would_be_replaced(initialised, mariadb, shop, backup):
    out = initialised("restore", backup, "--to", mariadb.url(shop), "--dry-run").out
    assert f"{mariadb.url(shop)}: 3 tables, " in out
    assert initialised("restore", backup, "--to", mariadb.url(shop + "_copy"), "--dry-run").out == "nothing that exists would be replaced\n"


def test_B4_what_the_backup_lacks_is_told_before_it_is_gone(initialised, mariadb, shop):
    mariadb.sql(f"CREATE OR REPLACE USER blind@localhost; GRANT SELECT, SHOW VIEW, LOCK TABLES ON `{shop}`.* TO blind@localhost")
    backup = backed_up(initialised, mariadb, shop, user="blind")
    lacks = f"triggers: 'blind'@'localhost' has no TRIGGER right on all of {shop}; those it cannot see are not in this backup"
    told = initialised("restore", backup, "--to", mariadb.url(shop), "--dry-run").out
    assert "    what the backup lacks would be gone:\n" in told and f"    {lacks}\n" in told
    before = comparable(mariadb, shop)
    assert f"not in the backup, and so not in what was restored: {lacks}" in initialised("restore", backup, "--to", mariadb.url(shop), "--yes").err
    assert comparable(mariadb, shop) != before
    initialised("restore", "--undo", "--yes")
    assert comparable(mariadb, shop) == before
    mariadb.sql("DROP USER blind@localhost")


def test_an_account_that_views_run_as_and_is_not_there_is_named(initialised, mariadb, shop):
    mariadb.sql(f"CREATE OR REPLACE USER gone@localhost; GRANT ALL ON `{shop}`.* TO gone@localhost; CREATE DEFINER=gone@localhost VIEW theirs AS SELECT id FROM log", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("DROP USER gone@localhost; DROP VIEW theirs", shop)
    result = initialised("restore", backup, "--to", mariadb.url(shop + "_copy"))
    mariadb.drop(shop + "_copy")
    assert "the account 'gone'@'localhost', which some of the views, triggers, routines or events run as, does not exist on this server" in result.err


def test_a_target_made_anew_gets_the_character_set_and_one_that_is_there_keeps_its_own(initialised, mariadb, shop):
    asked = "SELECT concat(DEFAULT_CHARACTER_SET_NAME, '/', DEFAULT_COLLATION_NAME) FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = '{}'"
    mariadb.sql(f"ALTER DATABASE `{shop}` CHARACTER SET latin2 COLLATE latin2_croatian_ci")
    backup = backed_up(initialised, mariadb, shop)
    initialised("restore", backup, "--to", mariadb.url(shop + "_copy"))
    assert mariadb.sql(asked.format(shop + "_copy")) == "latin2/latin2_croatian_ci\n"
    mariadb.drop(shop + "_copy")
    mariadb.sql(f"ALTER DATABASE `{shop}` CHARACTER SET utf8mb4 COLLATE utf8mb4_czech_ci")
    initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert mariadb.sql(asked.format(shop)) == "utf8mb4/utf8mb4_czech_ci\n"


def test_a_broken_view_does_not_stop_a_restore_and_undo_brings_back_all_but_it(initialised, mariadb, shop, backup):
    mariadb.sql("UPDATE customers SET name = 'Newer' WHERE id = 1", shop)
    # One whose definer is gone can be dumped.
    mariadb.sql(f"CREATE OR REPLACE USER gone@localhost; GRANT ALL ON `{shop}`.* TO gone@localhost; CREATE DEFINER=gone@localhost VIEW theirs AS SELECT id FROM log; DROP USER gone@localhost", shop)
    before = comparable(mariadb, shop)
    mariadb.sql("CREATE TABLE behind (id int PRIMARY KEY); CREATE VIEW broken AS SELECT id FROM behind; CREATE VIEW on_broken AS SELECT id FROM broken; DROP TABLE behind", shop)
    result = initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert result.err.count("not in the safety backup") == 2
    for view in ("broken", "on_broken"):
        assert re.search(f"not in the safety backup, so that undo does not bring it back: {view}: the view cannot be dumped, because something behind it is gone "
                         rf"or its definer may not read it; it is: CREATE .*VIEW `{view}` AS select ", result.err), result.err
    assert mariadb.sql("SELECT name FROM customers WHERE id = 1", shop) == "Ann\n"
    assert mariadb.sql(f"SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = '{shop}'") == "big\n"
    initialised("restore", "--undo", "--yes")
    assert comparable(mariadb, shop) == before


def test_a_broken_table_still_stops_a_restore(initialised, mariadb, shop):
    mariadb.sql("CREATE TABLE parts (id int) ENGINE=MyISAM", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("FLUSH TABLES", shop)
    (mariadb.folder / "data" / shop / "parts.MYI").unlink()
    before = mariadb.sql("CHECKSUM TABLE customers, orders, log", shop)
    result = initialised.run("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert result.status != 0 and "making the safety backup of " in result.err and "parts" in result.err
    assert mariadb.sql("CHECKSUM TABLE customers, orders, log", shop) == before


def rights(mariadb, db):
    return mariadb.sql(f"SELECT User, Host, Routine_type, Routine_name, Proc_priv FROM mysql.procs_priv WHERE Db = '{db}' ORDER BY 1, 4")


def test_rights_to_routines_that_are_made_again_stay(initialised, mariadb, shop):
    mariadb.sql("CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 1; CREATE PROCEDURE p() SELECT 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("DROP FUNCTION f; DROP PROCEDURE p; CREATE FUNCTION f() RETURNS int DETERMINISTIC RETURN 2; CREATE PROCEDURE p() SELECT 2; "
                "CREATE OR REPLACE USER `it's`@localhost; CREATE OR REPLACE ROLE clerks; "
                f"GRANT EXECUTE, ALTER ROUTINE ON FUNCTION `{shop}`.f TO `it's`@localhost WITH GRANT OPTION; GRANT EXECUTE ON PROCEDURE `{shop}`.p TO clerks", shop)
    given = rights(mariadb, shop)
    assert given.count("\n") == 2
    result = initialised("restore", backup, "--to", mariadb.url(shop), "--yes")
    assert mariadb.sql("SELECT f()", shop) == "1\n" and rights(mariadb, shop) == given
    assert "a right to it" not in result.err
    initialised("restore", "--undo", "--yes")
    assert mariadb.sql("SELECT f()", shop) == "2\n" and rights(mariadb, shop) == given
    mariadb.sql("DROP USER `it's`@localhost; DROP ROLE clerks")


def test_rights_to_routines_that_cannot_be_seen_are_named(initialised, mariadb, shop):
    mariadb.sql(f"CREATE OR REPLACE USER worker@localhost; GRANT ALL ON `{shop}%`.* TO worker@localhost; GRANT SELECT ON mysql.proc TO worker@localhost", "mysql")
    mariadb.sql("CREATE DEFINER=worker@localhost PROCEDURE p() SELECT 1", shop)
    backup = backed_up(initialised, mariadb, shop)
    mariadb.sql("DROP PROCEDURE p; CREATE DEFINER=worker@localhost PROCEDURE p() SELECT 2", shop)
    result = initialised("restore", backup, "--to", mariadb.url(shop, user="worker"), "--yes")
    assert 'the PROCEDURE "p" was made again; who had a right to it alone has lost that, because this user may not read mysql.procs_priv' in result.err
    mariadb.sql("DROP USER worker@localhost")


LARGE = """
CREATE TABLE large_a (id bigint PRIMARY KEY AUTO_INCREMENT, k int, t varchar(100), v int AS (k % 7) VIRTUAL, KEY zz (k), KEY aa (t(10), k) COMMENT 'x,y', UNIQUE KEY u (t, id), KEY vv (v)) AUTO_INCREMENT=900001;
CREATE TABLE large_b (id bigint PRIMARY KEY, n bigint NOT NULL AUTO_INCREMENT, t varchar(100), KEY n (n), KEY tt (t));
CREATE TABLE referred (id bigint PRIMARY KEY, k int, t varchar(100), KEY k (k), KEY t (t));
CREATE TABLE referring (id bigint PRIMARY KEY, k int, KEY other (id), CONSTRAINT by_key FOREIGN KEY (k) REFERENCES referred(k));
CREATE TABLE words (id bigint PRIMARY KEY, k int, t varchar(100), KEY k (k), FULLTEXT KEY t (t));
INSERT INTO large_a (id, k, t) SELECT seq, seq % 100, concat(md5(seq), sha2(seq, 224)) FROM seq_1_to_12000;
INSERT INTO large_b SELECT id, id, t FROM large_a; INSERT INTO referred SELECT id, k, t FROM large_a; INSERT INTO referring SELECT id, k FROM large_a;
INSERT INTO words SELECT id, k, t FROM large_a;
"""


def test_tables_whose_indexes_are_built_behind_their_rows_are_equal_to_the_byte(initialised, mariadb, shop, client, tmp_path):
    mariadb.sql(LARGE, shop)
    before = comparable(mariadb, shop)
    backup = backed_up(initialised, mariadb, shop)
    folder = client(f'cat > {tmp_path}/fed.$$; exec $CLIENT "$@" < {tmp_path}/fed.$$')
    initialised("restore", backup, "--to", mariadb.url(shop + "_copy"))
    assert folder.exists() and comparable(mariadb, shop + "_copy") == before
    fed = b"".join(path.read_bytes() for path in tmp_path.glob("fed.*"))
    assert re.findall(rb"ALTER TABLE `(\w+)` (ADD .*)\n", fed) == [(b"large_a", b"ADD KEY `zz` (`k`), ADD KEY `aa` (`t`(10),`k`) COMMENT 'x,y', ADD KEY `vv` (`v`);")]
    mariadb.drop(shop + "_copy")
