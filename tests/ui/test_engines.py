"""PostgreSQL and MariaDB in the dashboard, with real servers behind it: connected by a URL, looked into, one table brought back beside and over the live
database, undone, and a restore that fails. Each engine goes through all of it; its tests follow each other."""
import contextlib
import subprocess

import pytest
from browser import words
from live import SECRET, LiveMariadb, LivePostgres
from managing import card, cells, press, size
from people import be_at
from proxy import Proxy
from webserver import PASSWORD

ROWS = 300


class Postgres(LivePostgres):
    NAME, VERSION, TITLE = "pg", "PostgreSQL", "public.large"
    WRONG = {"password": 'password authentication failed for user "boss"', "database": 'database "nowhere" does not exist', "port": "Connection refused", "host": "could not translate host name"}
    UNSEEN = "1 table cannot be read by this user: public.large"
    GROW, FILE = "INSERT INTO large SELECT i, repeat(md5(i::text), 10) FROM generate_series(1001, 3000) i", "SELECT pg_total_relation_size('large')"
    COUNTED, OPTIMIZED, CHECKED, REPAIRED, OLD = "ANALYZE", "–", "rows and 1 index checked by amcheck", "✓ ok", "CREATE TABLE old(i int)"

    def client(self):
        return subprocess.Popen(["psql", "-qXAt", "-d", self.db], env=self.server.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def roles(self):
        self.server.psql(f"CREATE ROLE boss SUPERUSER LOGIN PASSWORD '{SECRET}'; CREATE ROLE humble LOGIN PASSWORD '{SECRET}'")
        self.sql("GRANT SELECT ON small TO humble")


class Mariadb(LiveMariadb):
    NAME, VERSION, TITLE = "my", "MariaDB", "large"
    WRONG = {"password": "Access denied for user 'boss'", "database": "Unknown database 'nowhere'", "port": "Can't connect to server", "host": "Unknown server host 'nowhere.invalid'"}
    UNSEEN = "this user has no right to read all of the database; a table it has no right to at all does not show"
    GROW = "INSERT INTO large SELECT seq, repeat(md5(seq), 10) FROM seq_1001_to_3000"
    FILE = "SELECT file_size FROM information_schema.innodb_sys_tablespaces WHERE name = CONCAT(DATABASE(), '/large')"
    COUNTED, OPTIMIZED, CHECKED, REPAIRED = "ANALYZE TABLE small, large", "Table does not support optimize, doing recreate + analyze instead", "OK", "– skipped"
    OLD = "CREATE TABLE old(i int) ENGINE=MyISAM"

    def client(self):
        return subprocess.Popen(["mariadb", *self.server._login(), "--unbuffered", self.db], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def roles(self):
        self.server.sql(f"CREATE USER boss@'127.0.0.1' IDENTIFIED BY '{SECRET}'; GRANT ALL ON *.* TO boss@'127.0.0.1';"
                        f"CREATE USER humble@'127.0.0.1' IDENTIFIED BY '{SECRET}'; GRANT SELECT ON `{self.db}`.small TO humble@'127.0.0.1'")


@pytest.fixture(scope="module", params=[Postgres, Mariadb], ids=lambda engine: engine.NAME)
def live(request):
    """A database with the tables small and large; all of its server's accounts are its own."""
    server = request.getfixturevalue({"pg": "postgres", "my": "mariadb"}[request.param.NAME])
    one = request.param(server, rows=ROWS)
    one.roles()
    yield one
    one.drop()
    (server.psql if one.NAME == "pg" else server.sql)("DROP OWNED BY humble; DROP ROLE boss, humble" if one.NAME == "pg" else "DROP USER boss@'127.0.0.1', humble@'127.0.0.1'")


@pytest.fixture
def client(place):
    """Sessions end with every restore over live data."""
    return place.client().log_in()


def boss(live, **more):
    return live.url(user="boss", password=SECRET, **more)


def new_source(page, name, url):
    page.click("New source")
    page.fill("Name", name)
    page.fill("Where it is", url)
    page.click("Add it")


def count(live, db=None, table="large"):
    sql = f"SELECT count(*) FROM {table}"
    return int(live.server.psql(sql, db or live.db) if live.NAME == "pg" else live.server.sql(sql, db or live.db))


def tables_of(live, db):
    return sorted((live.server.psql("SELECT tablename FROM pg_tables WHERE schemaname = 'public'", db) if live.NAME == "pg" else live.server.sql("SHOW TABLES", db)).split())


def newest(client, **query):
    return client("GET", "/backup/api/backups/?" + "&".join(f"{k}={v}" for k, v in query.items())).json["items"][0]


def restore_page(page, backup, query=""):
    """Opened anew, whatever was shown."""
    page.go("jobs")
    page.heading("Jobs")
    page.go(f"restore/{backup['id']}{query}")
    page.heading("Restore")


def wait(page, seconds=30):
    """For the end of a restore that is watched."""
    page.until(lambda: page.visible("//section[.//h2[.='Restoring' or .='Undoing']]//p[contains(., ' after ')]"), "the end of the restore", seconds)


def steps(page):
    """What each step is called, with the word for how it went in front."""
    return [e.text.split(None, 1)[1] for e in page.all("ol.went li")]


def saw(page, *expected):
    """These are the last steps, whatever was drawn anew meanwhile."""
    page.until(lambda: steps(page)[-len(expected):] == list(expected), f"the steps {expected}")


def test_a_pasted_url_is_looked_at_at_once(page, place, live, main_repository):
    page.log_in(place, where="sources")
    page.heading("Sources")
    new_source(page, live.NAME, boss(live))
    page.until(lambda: all(found in card(page, live.NAME).text for found in (live.VERSION, "Tables\n2", "Size")), "what was found")
    assert SECRET not in page.source


def test_what_a_user_of_few_rights_cannot_see_is_named(page, live):
    new_source(page, f"{live.NAME}-humble", live.url(user="humble", password=SECRET))
    page.see(live.UNSEEN)


@pytest.mark.parametrize("wrong", ["password", "database", "port", "host"])
def test_the_real_reason_is_told_when_it_cannot_be_reached(page, place, live, client, wrong):
    url = {"password": live.url(user="boss", password="nonsense"), "database": boss(live, db="nowhere"), "port": boss(live).replace(f":{live.server.port}/", ":1/"),
           "host": boss(live).replace("127.0.0.1", "nowhere.invalid")}[wrong]
    client("PATCH", f"/backup/api/sources/{live.NAME}-humble/", {"url": url}, status=200)
    page.until(lambda: {"password": "boss", "database": "nowhere", "port": ":1/", "host": "nowhere.invalid"}[wrong] in card(page, f"{live.NAME}-humble").text, "the changed URL")
    press(page, f"{live.NAME}-humble", "Test the connection")
    page.see(live.WRONG[wrong])
    assert page.text_at("//*[@class='problem']//*[@class='hint']") != ""
    assert SECRET not in page.source and "nonsense" not in page.source
    page.expect(403, 404, 503)


def test_a_backup_is_looked_into_and_compared_with_live(page, live, client):
    press(page, live.NAME, "Back up now")
    page.until(lambda: page.visible("//main//span[contains(@class, 'good')]"), "a good end", 60)
    backup = newest(client, source=live.NAME)
    page.go(f"backup/{backup['id']}")
    page.see("Tables (2)")
    assert str(ROWS) in page.text_at("//table[caption='Tables']//tr[contains(., 'large')]")
    page.click(live.TITLE.replace("large", "small"))
    page.see("small: rows 1 to 2")
    page.see("two")
    page.fill("Reading statement", "SELECT sum(id) FROM large")
    page.click("Run")
    page.see(str(ROWS * (ROWS + 1) // 2))
    page.fill("Find a table", "sma")
    page.see_none(live.TITLE)
    page.click("Compare")
    page.see("Equal: no table, row or file differs.")
    live.sql("UPDATE large SET v = 'changed' WHERE id = 7")
    page.click("Compare")
    page.click(f"Rows of {live.TITLE} that differ")
    page.see(f"{live.TITLE}: 1 row differs")
    row = words(page.visible(f"//table[caption='Rows of {live.TITLE} that differ']//tbody/tr"))
    assert row.startswith("changed") and "id 7" in row and row.endswith("→ changed")


def test_one_table_goes_into_a_new_database_unless_said_otherwise(page, live, client):
    backup = newest(client, source=live.NAME)
    restore_page(page, backup, "?table=large")
    assert page.field("Where to").get("value") == f"new:{live.NAME}"
    assert page.field("Name of the new database").get("value").startswith(f"{live.db}_restored_")
    before = live.state()
    page.fill("Name of the new database", f"{live.db}_look_restore_1")
    page.click("Restore")
    page.see("what was restored equals the backup", 60)
    saw(page, "good Rehearsal: everything is written beside what is there", "good Comparison with the backup", "good Swap: what was rehearsed takes its place")
    assert tables_of(live, f"{live.db}_look_restore_1") == ["large"]
    assert count(live, f"{live.db}_look_restore_1") == ROWS
    assert live.state() == before


def test_a_name_that_is_not_typed_right_replaces_nothing(page, live, client):
    restore_page(page, newest(client, source=live.NAME), "?table=large")
    live.sql(f"DELETE FROM large WHERE id > {ROWS // 3}")
    before = live.state()
    page.choose("Where to", f"over {live.NAME}")
    row = page.text_at("//table[caption='Tables now and in the backup']//tr[td[1]='large' or th='large']")
    assert "is replaced" in row and str(ROWS) in row
    assert "stays" in page.text_at("//table[caption='Tables now and in the backup']//tr[td[1]='small' or th='small']")
    assert page.visible("//span[@class='replaced' and .='is replaced']").css("color") != page.visible("//main//h1").css("color")
    page.click("Restore")
    dialog = page.dialog()
    assert "2 tables" in dialog.text and live.db in dialog.text
    page.fill(f"Type {live.NAME} to go on", live.NAME + "x")
    assert not dialog.one(".//button[normalize-space(.)='Replace it']").enabled
    page.click("Cancel")
    assert live.state() == before
    page.expect(409)


def test_one_table_is_restored_over_live_and_undone(page, live, client):
    live.sql(f"INSERT INTO small VALUES (3, 'three'); DELETE FROM large WHERE id > {ROWS // 3}")
    before = live.state()
    restore_page(page, newest(client, source=live.NAME), "?table=large")
    page.choose("Where to", f"over {live.NAME}")
    page.see("Rows there now")
    page.click("Restore")
    page.fill(f"Type {live.NAME} to go on", live.NAME)
    page.click("Replace it")
    page.log_in_again("maria", PASSWORD)
    page.see("what was restored equals the backup", 60)
    saw(page, *{
        "pg": ["good Safety copy of what is there", "good Swap: written in one go, all or nothing"],
        "my": ["good Safety copy of what is there", "good Swap: what was rehearsed takes its place"]}[live.NAME])
    assert count(live) == ROWS and count(live, table="small") == 3
    page.click("Undo this restore")
    page.click("Yes")
    page.until(lambda: page.visible("//dialog[@open]//label[starts-with(normalize-space(.), 'Type ')]"), "the name is asked for")
    page.fill("Type ", live.NAME)
    page.click("Bring it back")
    page.log_in_again("maria", PASSWORD)
    wait(page)
    assert live.state() == before


def test_a_whole_restore_over_live_is_rehearsed_compared_kept_and_swapped(page, live, client):
    restore_page(page, newest(client, source=live.NAME, safety="no"))
    page.choose("Where to", "where it came from: what is there is replaced")
    page.see("Rows there now")
    page.click("Restore")
    page.fill(f"Type {live.NAME} to go on", live.NAME)
    page.click("Replace it")
    page.log_in_again("maria", PASSWORD)
    page.see("what was restored equals the backup", 60)
    saw(page, "good Rehearsal: everything is written beside what is there", "good Comparison with the backup", "good Safety copy of what is there", "good Swap: what was rehearsed takes its place")
    assert count(live) == ROWS and count(live, table="small") == 2


def test_a_server_that_goes_away_during_a_restore_leaves_all_as_it_was(page, live, client):
    before = live.state()
    with Proxy(live.server.port) as proxy:
        client("POST", "/backup/api/sources/", {"name": f"{live.NAME}-far", "url": boss(live, proxy=proxy)}, status=201)
        restore_page(page, newest(client, source=live.NAME, safety="no"))
        page.choose("Where to", f"over {live.NAME}-far")
        page.see("Rows there now")          # above the button, which moves
        page.click("Restore")
        page.fill(f"Type {live.NAME}-far to go on", f"{live.NAME}-far")
        proxy.cut("up", 60_000)             # the rows of the large table are more
        page.click("Replace it")
        page.see("nothing was changed", 60)
        assert proxy.struck.is_set()
    assert page.text_at("//*[@class='problem']//*[@class='hint']") != ""
    assert not page.one("//details[summary='What it said']").get("open")
    page.one("//details/summary[.='What it said']").click()
    assert "nothing was changed" in page.text_at("//details[summary='What it said']//li[last()]")
    assert "failed" in steps(page)[-1]
    assert live.state() == before
    page.expect(409)


# ---- looking after it ----

def looking_after(page, place):
    be_at(page, place, "maintenance")
    page.heading("Maintenance")


def outcome(page, source, title):
    """Of a job of maintenance, below its source: all that is said, and the cells of the row of each table."""
    def look():
        box = page.visible(f".//section[h2='{title}']", card(page, source))
        return box and (rows := cells(box)) and (box.text, rows)

    return page.until(look, f"what {title} brought", 60)


def last(client, kind):
    job = client("GET", f"/backup/api/jobs/?kind={kind}&limit=1").json["items"][0]
    return client("GET", f"/backup/api/jobs/{job['id']}/").json


@contextlib.contextmanager
def locked(live, table):
    """Another client has it for itself."""
    with live.client() as holder:
        holder.stdin.write((f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE" if live.NAME == "pg" else f"LOCK TABLES {table} WRITE").encode() + b"; SELECT 'locked';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"locked\n"
        yield


def test_a_live_database_is_looked_at_with_the_size_of_each_table(page, place, live, client):
    live.sql(live.COUNTED)
    looking_after(page, place)
    press(page, live.NAME, "Information")
    shown = page.until(lambda: cells(card(page, live.NAME)), "its tables")
    info = client("GET", f"/backup/api/sources/{live.NAME}/info/").json
    assert shown == [[live.TITLE.replace("large", t["name"]), t["kind"], f"{'' if t['rows_exact'] else 'about '}{t['rows']}", size(t["bytes"]), size(t["index_bytes"]) if t["index_bytes"] else "–", "–"] for t in info["tables"]]
    assert [r[0] for r in shown] == [live.TITLE, live.TITLE.replace("large", "small")]
    facts = card(page, live.NAME).text
    assert all(text in facts for text in (info["name"], info["version"], size(info["bytes"]), info["encoding"])) and live.VERSION in info["version"]
    assert live.NAME == "my" or info["tables"][0]["bytes"] == int(live.sql(live.FILE))


def test_optimize_says_of_each_table_what_it_gave_back(page, place, live, client):
    live.sql(live.GROW)
    live.sql("DELETE FROM large WHERE id > 1000")
    before = int(live.sql(live.FILE))
    looking_after(page, place)
    press(page, live.NAME, "Optimize")
    text, (large, small) = outcome(page, live.NAME, f"optimize {live.NAME}")
    given = before - int(live.sql(live.FILE))
    assert given > 500_000
    assert [*large[:3], large[4]] == [live.TITLE, "✓ ok", live.OPTIMIZED, size(given)] and [*small[:2], small[4]] == [live.TITLE.replace("large", "small"), "✓ ok", "–"]
    result = last(client, "optimize")["result"]
    assert result["tables"][0]["reclaimed"] == given and f"2 tables done, {size(result['reclaimed'])} given back." in text
    page.refresh()
    assert outcome(page, live.NAME, f"optimize {live.NAME}")[1] == [large, small]


def test_the_tables_that_are_ticked_are_checked(page, place, live):
    small = live.TITLE.replace("large", "small")
    looking_after(page, place)
    press(page, live.NAME, "Information")
    page.tick(small, within=card(page, live.NAME))
    press(page, live.NAME, "Check")
    text, rows = outcome(page, live.NAME, f"check-tables {live.NAME}")
    assert "1 table done." in text and [r[:3] for r in rows] == [[small, "✓ ok", live.CHECKED]]


def test_a_repair_wants_a_good_backup_of_today_or_that_one_insists(page, place, live, client):
    other = f"{live.db}_look_restore_1"
    (live.server.psql if live.NAME == "pg" else live.server.sql)(f"DROP TABLE IF EXISTS old; {live.OLD}", other)
    url = client("POST", "/backup/api/sources/", {"name": f"{live.NAME}-other", "url": boss(live, db=other)}, status=201).json["url"]
    looking_after(page, place)
    press(page, f"{live.NAME}-other", "Repair")
    page.click("Repair")
    page.see(f"there is no good backup of {url} from the last 24 hours, and a repair may change data")
    page.see("make one first, or insist")
    press(page, f"{live.NAME}-other", "Repair")
    page.tick("Even without a good backup")
    page.click("Repair")
    _, rows = outcome(page, f"{live.NAME}-other", f"repair {live.NAME}-other")
    assert [r[:2] for r in rows] == [[live.TITLE, live.REPAIRED], [live.TITLE.replace("large", "old"), "✓ ok"]]
    press(page, live.NAME, "Repair")
    page.click("Repair")
    _, rows = outcome(page, live.NAME, f"repair {live.NAME}")
    assert [r[1] for r in rows] == [live.REPAIRED] * 2


def test_work_that_waits_for_somebody_shows_how_far_it_is_and_is_cancelled(page, place, live, client):
    before = live.state()
    looking_after(page, place)
    with locked(live, "small"):
        press(page, live.NAME, "Optimize")
        page.see("optimizing: 1 of 2 tables")
        press(page, live.NAME, "Cancel")
        page.until(lambda: "cancelled" in page.visible(f".//section[h2='optimize {live.NAME}']", card(page, live.NAME)).text, "its end")
    job = last(client, "optimize")
    assert job["state"] == "cancelled"
    assert live.state() == before
