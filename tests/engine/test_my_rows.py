"""MySQL's and MariaDB's rows: preview, query, compare and export of what is stored, without its server, and against the live database."""
import csv
import io
import zipfile

import pytest

from servers import MariadbServer

SHOP = """
CREATE TABLE customers(id int PRIMARY KEY, name varchar(100) NOT NULL, code char(6), UNIQUE KEY by_code(code));
CREATE TABLE orders(id bigint unsigned AUTO_INCREMENT PRIMARY KEY, customer int, total decimal(12,2), paid tinyint(1), note text, picture blob,
                    at timestamp NOT NULL DEFAULT '2026-01-02 03:04:05', twice decimal(13,2) AS (total * 2) STORED,
                    KEY by_customer(customer), FOREIGN KEY (customer) REFERENCES customers(id));
CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 100;
CREATE TABLE empty_one(a int, b text);
CREATE TABLE keyless(word varchar(20), n int);
CREATE TRIGGER shout BEFORE INSERT ON keyless FOR EACH ROW SET new.word = UPPER(new.word);
INSERT INTO customers SELECT seq, CONCAT('Customer ', seq), CONCAT('c', seq) FROM seq_1_to_20;
INSERT INTO orders(customer, total, paid, note, picture)
  SELECT seq % 20 + 1, seq * 1.25, CASE seq % 3 WHEN 0 THEN 1 WHEN 1 THEN 0 END, CASE seq % 4 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE CONCAT('note – ', seq) END,
         UNHEX(LPAD(HEX(seq), 4, '0')) FROM seq_1_to_100;
INSERT INTO keyless VALUES ('twice', 1), ('twice', 1), ('once', 2), (NULL, NULL);
"""

TYPES = r"""
CREATE TABLE everything(
  i1 tinyint, i2 smallint unsigned, i3 mediumint, i4 int PRIMARY KEY, i8 bigint, u8 bigint unsigned, z int(6) unsigned zerofill, d decimal(30,10), f float, g double, b bit(9), y year,
  c char(5), v varchar(10), bi binary(4), vb varbinary(8), t text CHARACTER SET latin1, lt longtext, bl longblob, da date, ti time(3), dt datetime(6), ts timestamp NULL,
  e enum('small','x''l'), s set('a','b'), j json, p point, ascii_v varchar(5) CHARACTER SET ascii, virt int AS (i4 + 1) VIRTUAL);
INSERT INTO everything(i1, i2, i3, i4, i8, u8, z, d, f, g, b, y, c, v, bi, vb, t, lt, bl, da, ti, dt, ts, e, s, j, p, ascii_v) VALUES
  (-128, 65535, -8388608, 1, -9223372036854775808, 18446744073709551615, 42, 12345678901234567890.1234567891, 0.1, 1e300, b'100000001', 2026, 'ab', '', 'a\0b', 'x\'y',
   'Äpfel', 'tab\tnewline\nback\\slash\'quote"double\Zsub ☃ 😀', x'00ff275c0a', '2026-02-28', '-23:59:59.5', '2026-07-01 12:00:00.123456', '2026-07-01 12:00:00', 'x''l', 'a,b',
   '{"a" : [1, null]}', POINT(1, 2), 'abc'),
  (NULL, NULL, NULL, 2, NULL, 7, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, '', '', '', '', NULL, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL);
CREATE TABLE `Odd ``table``; -- ☃`(`Col ``umn` varchar(20) COLLATE utf8mb4_bin PRIMARY KEY, `semi;colon` int, `back\slash` text);
INSERT INTO `Odd ``table``; -- ☃` VALUES ('it''s', 1, '\\N'), ('', 2, ''), ('),(', 3, NULL);
CREATE TABLE two_keys(a varchar(5), b int, c text, PRIMARY KEY (b, a));
INSERT INTO two_keys SELECT CHAR(122 - seq % 26 USING utf8mb4), seq % 7, seq FROM seq_1_to_100 WHERE seq < 50;
CREATE TABLE myisam_one(id int PRIMARY KEY, t text) ENGINE=MyISAM;
INSERT INTO myisam_one VALUES (2, 'b'), (1, 'a');
"""


def diff_of(backstay, *args):
    """{table: (change, added, removed, changed, columns differ)} of what differs."""
    told = backstay("diff", "--json", *args).json
    return {t["name"]: (t["change"], t["added"], t["removed"], t["changed"], t["columns_differ"]) for t in told["tables"] if t["change"] != "same" or t["columns_differ"]}


def rows(backstay, sql, backup="latest"):
    return backstay("query", "--json", backup, sql).json["rows"]


def server_rows(server, db):
    """Everything of a database as its client prints it: {table: sorted lines}."""
    names = [line.split("\t")[0] for line in server.sql("SHOW FULL TABLES WHERE Table_type = 'BASE TABLE'", db).splitlines()]
    return {name: sorted(server.sql("SELECT * FROM `" + name.replace("`", "``") + "`", db).splitlines()) for name in names}


@pytest.fixture
def databases(mariadb):
    """databases(sql="", name=None) makes a database; dropped after the test."""
    made = []

    def make(sql="", name=None):
        made.append(mariadb.create(name))
        if sql:
            mariadb.sql(sql, made[-1])
        return made[-1]

    yield make
    for db in made:
        mariadb.drop(db)


@pytest.fixture
def shop(databases):
    return databases(SHOP, "shop_of_rows")


@pytest.fixture
def shop_backup(initialised, prepared, mariadb, shop):
    """A repository with a backup of shop as it is at first, made once."""
    prepared(shop, lambda backstay: backstay("backup", mariadb.url(shop)))
    return initialised


# ---- what fails ----

def test_a_table_that_is_not_there_is_told_with_those_that_are(shop_backup):
    told = shop_backup.fails(2, "query", "latest", "SELECT * FROM absent").err
    assert "no such table: absent" in told and "the tables are: customers, empty_one, keyless, orders" in told


def test_a_statement_that_would_write_is_refused(shop_backup):
    for sql in ("DELETE FROM orders", "UPDATE orders SET total = 0", "DROP TABLE orders", "SELECT 1; DELETE FROM orders"):
        shop_backup.fails(2, "query", "latest", sql)
    assert rows(shop_backup, "SELECT count(*) FROM orders") == [[100]]


def test_a_table_that_cannot_be_exported_leaves_no_file(shop_backup, tmp_path):
    result = shop_backup.run("export", "latest", "--format", "sql", "--table", "absent", "-o", tmp_path / "x.sql")
    assert result.status != 0 and 'there is no table "absent"' in result.err
    assert list(tmp_path.glob("x.sql*")) == []


def test_a_live_dump_that_is_cut_is_a_failing_export(shop_backup, mariadb, shop, tmp_path):
    tools = tmp_path / "bin"
    tools.mkdir()
    fake = tools / "mariadb-dump"
    fake.write_text('#!/bin/bash\n[ "$2" = --version -o "$1" = --version ] && exec /usr/bin/mariadb-dump --version\n/usr/bin/mariadb-dump "$@" | head -n -3\n')
    fake.chmod(0o755)
    result = shop_backup.run("export", "--live", mariadb.url(shop), "--format", "sql", "-o", tmp_path / "x.sql", env={"BACKSTAY_MYSQL_BIN": str(tools)})
    assert result.status != 0 and "it is not whole" in result.err
    assert not (tmp_path / "x.sql").exists()


# ---- query ----

def test_an_old_backup_is_asked_with_sql(shop_backup):
    assert rows(shop_backup, "SELECT count(*) FROM orders WHERE total > 100") == [[20]]
    assert rows(shop_backup, "SELECT id, total FROM orders WHERE total > 120 ORDER BY total DESC LIMIT 2") == [[100, "125.00"], [99, "123.75"]]
    assert rows(shop_backup, "SELECT c.name, sum(o.total) FROM orders o JOIN customers c ON c.id = o.customer WHERE c.code = 'c3' GROUP BY 1") == [["Customer 3", 262.5]]
    assert rows(shop_backup, "SELECT note IS NULL, note FROM orders WHERE id IN (4, 5) ORDER BY id") == [[1, None], [0, ""]]
    assert rows(shop_backup, "SELECT count(*) FROM orders WHERE paid") == [[33]]
    assert rows(shop_backup, "SELECT hex(picture), at, twice FROM orders WHERE id = 31") == [["001F", "2026-01-02 03:04:05", "77.50"]]
    assert rows(shop_backup, "SELECT count(*) FROM empty_one") == [[0]]


def test_every_type_comes_back_with_its_bytes(initialised, mariadb, databases):
    initialised("backup", mariadb.url(databases(TYPES)))
    (first, second) = rows(initialised, "SELECT * FROM everything ORDER BY i4")
    assert first[:12] == [-128, 65535, -8388608, 1, -9223372036854775808, "18446744073709551615", 42, "12345678901234567890.1234567891", "0.1", "1e300", {"base64": "AQE="}, 2026]
    assert first[12:19] == ["ab", "", {"base64": "YQBiAA=="}, {"base64": "eCd5"}, "Äpfel", "tab\tnewline\nback\\slash'quote\"double\x1asub ☃ 😀", {"base64": "AP8nXAo="}]
    assert first[19:26] == ["2026-02-28", "-23:59:59.500", "2026-07-01 12:00:00.123456", "2026-07-01 12:00:00", "x'l", "a,b", '{"a" : [1, null]}']
    assert first[26]["base64"].startswith("AAAAAAEBAAAA") and first[27:] == ["abc", 2]
    assert second == [None, None, None, 2, None, 7] + [None] * 9 + [{"base64": ""}, "", "", {"base64": ""}] + [None] * 5 + [""] + [None] * 3 + [3]
    assert rows(initialised, 'SELECT * FROM "Odd `table`; -- ☃" ORDER BY 2') == [["it's", 1, "\\N"], ["", 2, ""], ["),(", 3, None]]
    assert rows(initialised, "SELECT i4 FROM everything WHERE u8 > 9223372036854775807") == [[1]]


# ---- compare ----

def test_a_live_database_that_did_not_change_does_not_differ(initialised, mariadb, databases):
    initialised("backup", mariadb.url(databases(SHOP + TYPES)))
    assert diff_of(initialised, "latest", "live") == {}


def test_added_removed_and_changed_rows_of_the_live_database_are_exact(shop_backup, mariadb, shop):
    mariadb.sql("""
        INSERT INTO orders(id, customer, total) VALUES (1000, 1, 1.50), (1001, 2, 1.50);
        DELETE FROM orders WHERE id IN (7, 8, 9);
        UPDATE orders SET note = '' WHERE id = 4;
        UPDATE orders SET picture = x'00' WHERE id = 50;
        INSERT INTO keyless VALUES ('twice', 1), ('new', 3);
        DELETE FROM keyless WHERE word IS NULL;
        CREATE TABLE later(id int);
        INSERT INTO later VALUES (1);
        DROP TABLE empty_one;
        ALTER TABLE customers ADD COLUMN extra text""", shop)
    assert diff_of(shop_backup, "latest", "live") == {
        "orders": ("changed", 2, 3, 2, False),
        "keyless": ("changed", 2, 1, 0, False),
        "later": ("added", 1, 0, 0, False),
        "empty_one": ("removed", 0, 0, 0, False),
        "customers": ("changed", 0, 0, 0, True),
    }
    told = shop_backup("diff", "latest", "live", "--table", "orders", "--rows").out
    assert "note: NULL -> ''" in told and "id=1000" in told and "id=7" in told


def test_two_backups_differ_in_what_changed_between_them(shop_backup, mariadb, shop):
    first = shop_backup("list", "--json").json["backups"][0]["id"]
    mariadb.sql("UPDATE customers SET name = 'Renamed' WHERE id = 20; DELETE FROM keyless WHERE word = 'once'", shop)
    shop_backup("backup", mariadb.url(shop))
    assert diff_of(shop_backup, first, "latest") == {"customers": ("changed", 0, 0, 1, False), "keyless": ("changed", 0, 1, 0, False)}


# ---- export ----

def test_sql_loads_into_a_fresh_database_with_the_same_rows(initialised, mariadb, databases, restic, tmp_path):
    db = databases(SHOP + TYPES)
    initialised("backup", mariadb.url(db))
    initialised("export", "latest", "--format", "sql", "-o", tmp_path / "all.sql")
    again = databases()
    mariadb.sql((tmp_path / "all.sql").read_bytes(), again)
    assert server_rows(mariadb, again) == server_rows(mariadb, db)
    assert mariadb.sql("SELECT count(*) FROM big_orders", again) == "20\n"
    assert (tmp_path / "all.sql").read_bytes() == restic("dump", "latest", f"/{db}/database.sql").out_bytes
    initialised("export", "--live", mariadb.url(db), "--format", "sql", "-o", tmp_path / "live.sql")
    live = databases()
    mariadb.sql((tmp_path / "live.sql").read_bytes(), live)
    assert server_rows(mariadb, live) == server_rows(mariadb, db)


def test_chosen_tables_load_alone_with_their_triggers(shop_backup, mariadb, shop, databases, tmp_path):
    shop_backup("export", "latest", "--format", "sql", "-o", tmp_path / "some.sql", "--table", "keyless", "--table", "orders")
    shop_backup("export", "--live", mariadb.url(shop), "--format", "sql", "-o", tmp_path / "live.sql", "--table", "keyless", "--table", "orders")
    want = server_rows(mariadb, shop)
    for name in ("some.sql", "live.sql"):
        again = databases()
        mariadb.sql((tmp_path / name).read_bytes(), again)
        assert server_rows(mariadb, again) == {t: want[t] for t in ("keyless", "orders")}
        assert mariadb.sql("SHOW TRIGGERS", again).split("\t")[0] == "shout"


def test_csv_has_the_rows_with_null_told_from_empty(shop_backup, tmp_path):
    shop_backup("export", "latest", "--format", "csv", "-o", tmp_path / "shop.zip")
    with zipfile.ZipFile(tmp_path / "shop.zip") as z:
        assert sorted(z.namelist()) == ["customers.csv", "empty_one.csv", "keyless.csv", "orders.csv"]
        text = z.read("orders.csv").decode()
    lines = text.split("\r\n")
    assert lines[0] == "id,customer,total,paid,note,picture,at,twice"
    assert lines[4] == "4,5,5.00,0,,\\x0004,2026-01-02 03:04:05,10.00"
    assert lines[5] == '5,6,6.25,,"",\\x0005,2026-01-02 03:04:05,12.50'
    assert len(list(csv.reader(io.StringIO(text)))) == 101


def test_excel_has_numbers_as_numbers(shop_backup, tmp_path):
    shop_backup("export", "latest", "--format", "xlsx", "-o", tmp_path / "shop.xlsx")
    with zipfile.ZipFile(tmp_path / "shop.xlsx") as z:
        sheets = [z.read(n).decode() for n in sorted(z.namelist()) if n.startswith("xl/worksheets/sheet")]
    assert len(sheets) == 4
    assert '<c r="C6"><v>6.25</v></c>' in sheets[3] and "<t>\\x0005</t>" in sheets[3]


def test_the_archive_is_byte_for_byte_what_restic_gives_out(shop_backup, restic, shop, tmp_path):
    shop_backup("export", "latest", "--format", "archive", "-o", tmp_path / "shop.dump")
    assert (tmp_path / "shop.dump").read_bytes() == restic("dump", "latest", f"/{shop}/database.sql").out_bytes


def test_a_live_database_is_exported_as_it_is_now(shop_backup, mariadb, shop, tmp_path):
    mariadb.sql("DELETE FROM orders WHERE id > 2", shop)
    shop_backup("export", "--live", mariadb.url(shop), "--format", "csv", "-o", tmp_path / "now.zip", "--table", "orders")
    with zipfile.ZipFile(tmp_path / "now.zip") as z:
        assert z.read("orders.csv").decode().count("\r\n") == 3


def test_no_server_is_needed_for_what_is_stored(initialised, plain, tmp_path):
    with MariadbServer() as server:
        server.create("shop")
        server.sql(SHOP, "shop")
        plain("backup", server.url("shop"))
    assert rows(initialised, "SELECT count(*), max(total) FROM orders") == [[100, "125.00"]]
    for name, form in (("a.sql", "sql"), ("a.zip", "csv"), ("a.xlsx", "xlsx"), ("a.dump", "archive")):
        initialised("export", "latest", "--format", form, "-o", tmp_path / name)
        assert (tmp_path / name).stat().st_size > 500
    assert "Customer 20" in (tmp_path / "a.sql").read_text()
    assert diff_of(initialised, "latest", "latest") == {}
    result = initialised.run("diff", "latest", "live")
    assert result.status != 0 and "connect" in result.err
