"""What tests of the whole program share: running it, restic and sqlite3 in a private home, and making things to back up."""
import hashlib
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile

import pytest
from checked import CHECKED
from daemon import Daemon
from servers import MariadbServer, PostgresServer, room
from webserver import Web

ROOT = pathlib.Path(__file__).resolve().parents[1]
BACKSTAY = os.environ.get("BACKSTAY", str(ROOT / "build" / "backstay"))
# The build without sanitizers, for tests of memory and time.
BACKSTAY_PLAIN = os.environ.get("BACKSTAY_PLAIN", str(ROOT / "build" / "backstay"))
PASSWORD = "correct horse battery staple"


def pytest_configure(config):
    config.addinivalue_line("markers", "own_size: chooses the size of the screen itself, whatever the usual one is; left out where everything is run again on a phone")
    if not hasattr(config, "workerinput"):     # not in a worker of xdist, which takes over the environment
        os.environ["BACKSTAY_TEST_TEMPLATES"] = tempfile.mkdtemp(prefix="bs-templates-", dir=room())     # servers.template()
        os.chmod(os.environ["BACKSTAY_TEST_TEMPLATES"], 0o755)


def pytest_unconfigure(config):
    if not hasattr(config, "workerinput"):
        shutil.rmtree(os.environ["BACKSTAY_TEST_TEMPLATES"], ignore_errors=True)


def shares(item):
    """Whether a test builds on others of its file, or on something that is made once for its file."""
    return item.path.parent.name == "ui" or any(found[-1].scope == "module" for found in item._fixtureinfo.name2fixturedefs.values())


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    again = [item for item in items if os.environ.get("BACKSTAY_TEST_PHONE") and item.get_closest_marker("own_size")]
    items[:] = [item for item in items if item not in again]
    config.hook.pytest_deselected(items=again)
    in_groups(items)


def in_groups(items):
    """For `--dist loadgroup`: tests that share something stay in one worker. They begin first, the browser's before all, and what takes no time ends the run."""
    for item in items:
        if shares(item):
            item.add_marker(pytest.mark.xdist_group(item.path.stem))
    items.sort(key=lambda item: 0 if item.path.parent.name == "ui" else 1 if shares(item) else 3 if item.path.parent.name == "house" else 2)


class Result:
    def __init__(self, done):
        self.status = done.returncode
        self.out_bytes = done.stdout
        self.err_bytes = done.stderr

    @property
    def out(self):
        return self.out_bytes.decode(errors="surrogateescape")

    @property
    def err(self):
        return self.err_bytes.decode(errors="surrogateescape")

    @property
    def json(self):
        return json.loads(self.out_bytes)


class Program:
    """Runs a program in a private environment. Called with arguments it demands success; .fails(status, ...) demands that exit status."""

    def __init__(self, argv, env, cwd):
        self.argv, self.env, self.cwd = argv, env, cwd

    @property
    def plain(self):
        """Our program without sanitizers, which starts in a quarter of the time: for set-up, and for questions that the test is not about."""
        return Program([*self.argv[:-1], BACKSTAY_PLAIN], self.env, self.cwd)

    def run(self, *args, env=None, stdin=b"", timeout=300, **more):
        done = subprocess.run([*self.argv, *map(os.fspath, args)], env={**self.env, **(env or {})}, cwd=self.cwd,
                              input=stdin, capture_output=True, timeout=timeout, **more)
        return Result(done)

    def __call__(self, *args, **more):
        result = self.run(*args, **more)
        assert result.status == 0, f"{args}: status {result.status}\n{result.out}\n{result.err}"
        return result

    def fails(self, status, *args, **more):
        result = self.run(*args, **more)
        assert result.status == status, f"{args}: status {result.status}, not {status}\n{result.out}\n{result.err}"
        return result

    def start(self, *args, env=None, **more):
        return subprocess.Popen([*self.argv, *map(os.fspath, args)], env={**self.env, **(env or {})}, cwd=self.cwd, **more)


@pytest.fixture
def home(tmp_path):
    """A private home folder, also the current folder of every program run."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


@pytest.fixture
def repository(tmp_path):
    return tmp_path / "repository"


@pytest.fixture
def environment(home, repository, tmp_path):
    (tmp_path / "tmp").mkdir()
    return {
        "PATH": os.environ["PATH"], "HOME": str(home), "TMPDIR": str(tmp_path / "tmp"), "LANG": "C.UTF-8", "TZ": "Europe/Berlin",
        "BACKSTAY_HOME": str(tmp_path / "state"), "BACKSTAY_REPOSITORY": str(repository), "BACKSTAY_PASSWORD": PASSWORD,
        "RESTIC_REPOSITORY": str(repository), "RESTIC_PASSWORD": PASSWORD, **CHECKED,
    }


@pytest.fixture
def backstay(environment, home):
    return Program([BACKSTAY], environment, home)


@pytest.fixture
def plain(environment, home):
    """The same without sanitizers, for long loops."""
    return Program([BACKSTAY_PLAIN], environment, home)


@pytest.fixture
def restic(environment, home):
    return Program(["restic", "--no-cache", "-q"], environment, home)


@pytest.fixture(scope="session")
def made_repository(tmp_path_factory):
    """What `backstay init` makes, once for all tests: (repository, state folder, password). The password is one made up by the program,
    which is stretched less than a chosen one."""
    folder = tmp_path_factory.mktemp("made")
    repository, state = folder / "repository", folder / "state"
    env = {"PATH": os.environ["PATH"], "HOME": str(folder), "BACKSTAY_HOME": str(state), "BACKSTAY_REPOSITORY": str(repository), **CHECKED}
    Program([BACKSTAY], env, folder)("init")
    kept, = (state / "passwords").iterdir()
    password = kept.read_text().strip()
    kept.unlink()
    return repository, state, password


@pytest.fixture
def initialised(backstay, environment, repository, tmp_path, made_repository):
    """backstay with a repository made, a copy of one."""
    made, state, password = made_repository
    shutil.copytree(made, repository)
    shutil.copytree(state, tmp_path / "state")
    environment["BACKSTAY_PASSWORD"] = environment["RESTIC_PASSWORD"] = password
    return backstay


@pytest.fixture(scope="module")
def once(tmp_path_factory, made_repository):
    """What `prepared` copies."""
    made, state, password = made_repository
    kept = {}

    def prepare(key, make):
        if key not in kept:
            folder = tmp_path_factory.mktemp("prepared")
            shutil.copytree(made, folder / "repository")
            shutil.copytree(state, folder / "state")
            env = {"PATH": os.environ["PATH"], "HOME": str(folder), "BACKSTAY_HOME": str(folder / "state"), "BACKSTAY_REPOSITORY": str(folder / "repository"),
                   "BACKSTAY_PASSWORD": password, "LANG": "C.UTF-8", "TZ": "Europe/Berlin"}
            kept[key] = folder / "repository", folder / "state", make(Program([BACKSTAY_PLAIN], env, folder))
        return kept[key]

    return prepare


@pytest.fixture
def prepared(initialised, once, repository, tmp_path):
    """prepared(key, make): a copy of a repository that make(a program without sanitizers) has put something into, once for all tests of a file that give this key.
    Returns what make did."""
    def copy(key, make):
        made, state, returned = once(key, make)
        shutil.copytree(made, repository, dirs_exist_ok=True)
        shutil.copytree(state, tmp_path / "state", dirs_exist_ok=True)
        return returned

    return copy


def no_backup(repository):
    """Nothing is in it that anybody would take for a backup, neither we nor restic."""
    return os.listdir(repository / "snapshots") == []


def make_shop(path, orders=200):
    """A small shop database with every kind of thing SQLite has."""
    db = sqlite3.connect(path)
    db.executescript("""
        PRAGMA foreign_keys = ON;
        CREATE TABLE customers(id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT UNIQUE);
        CREATE TABLE orders(id INTEGER PRIMARY KEY AUTOINCREMENT, customer INTEGER REFERENCES customers(id), total REAL, note TEXT, picture BLOB);
        CREATE TABLE settings(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
        CREATE INDEX orders_by_customer ON orders(customer);
        CREATE VIEW big_orders AS SELECT * FROM orders WHERE total > 100;
        CREATE TRIGGER orders_note AFTER INSERT ON orders WHEN new.note IS NULL BEGIN UPDATE orders SET note = 'none' WHERE id = new.id; END;
    """)
    db.executemany("INSERT INTO customers VALUES (?, ?, ?)", [(i, f"Customer {i}", f"c{i}@example.com") for i in range(1, 51)])
    db.executemany("INSERT INTO orders(customer, total, note, picture) VALUES (?, ?, ?, ?)",
                   [(i % 50 + 1, i * 1.25, None if i % 7 == 0 else f"note {i} – “quoted”", bytes([i % 256]) * (i % 300)) for i in range(orders)])
    db.executemany("INSERT INTO settings VALUES (?, ?)", [("theme", "dark"), ("limit", 42), ("ratio", 0.5), ("nothing", None)])
    db.commit()
    db.close()
    return path


def rows_of(path):
    """Everything in a database as Python values: {table: sorted rows}."""
    db = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    db.text_factory = bytes
    names = [n.decode(errors="surrogateescape") for (n,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
    result = {}
    for name in names:
        quoted = '"' + name.replace('"', '""') + '"'
        result[name] = sorted(db.execute(f"SELECT * FROM {quoted}").fetchall(), key=repr)
    db.close()
    return result


@pytest.fixture
def shop(home):
    return make_shop(home / "shop.db")


def make_media(folder):
    """A small folder with a few kinds of files."""
    folder.mkdir()
    (folder / "2026").mkdir()
    for i in range(5):
        (folder / "2026" / f"picture {i}.jpg").write_bytes(os.urandom(20_000 + i))
    (folder / "empty").write_bytes(b"")
    (folder / "read me.txt").write_text("hello\n" * 1000)
    (folder / "link").symlink_to("read me.txt")
    return folder


@pytest.fixture
def media(home):
    return make_media(home / "media")


def tree_of(folder):
    """{relative path bytes: (type, mode, mtime_ns, content)} of everything below a folder."""
    result = {}
    base = os.fsencode(folder)
    for where, folders, files in os.walk(base):
        for name in folders + files:
            path = os.path.join(where, name)
            info = os.lstat(path)
            kind = info.st_mode & 0o170000
            content = os.readlink(path) if kind == 0o120000 else open(path, "rb").read() if kind == 0o100000 else None
            result[os.path.relpath(path, base)] = (kind, info.st_mode & 0o7777, info.st_mtime_ns if kind != 0o120000 else None, content)
    return result


@pytest.fixture(scope="session")
def postgres():
    """A PostgreSQL server for all tests; what a test changes of it beyond its own databases it must put back."""
    server = PostgresServer().start()
    yield server
    server.stop()


@pytest.fixture
def fresh_database(postgres):
    """fresh_database(sql="") makes a database with a name of its own on the server `postgres`, and returns the name; dropped after the test."""
    made = []

    def make(sql="", name=None):
        made.append(name or f"t{os.urandom(5).hex()}")
        return postgres.create(made[-1], sql)

    yield make
    for db in made:
        postgres.drop(db)


@pytest.fixture
def backed_up(prepared, postgres):
    """backed_up(sql): a fresh database on the server `postgres` with this SQL in it, of which a backup was made: its name and dump.
    Both are copies of what was made once, so that it always has the same name; dropped after the test."""
    made = []

    def make(sql):
        db = f"backed_up_{hashlib.sha256(sql.encode()).hexdigest()[:8]}"

        def first(backstay):
            postgres.drop(f"template_{db}")
            postgres.create(db, sql)
            backstay("backup", postgres.url(db))
            before = postgres.dump(db)
            postgres.psql(f"ALTER DATABASE {db} RENAME TO template_{db}; ALTER DATABASE template_{db} ALLOW_CONNECTIONS false")
            return before

        before = prepared(db, first)
        made.append(db)
        postgres.psql(f"CREATE DATABASE {db} TEMPLATE template_{db} STRATEGY file_copy")
        return db, before

    yield make
    for db in made:
        postgres.drop(db)


@pytest.fixture(scope="session")
def mariadb():
    """A MariaDB server for all tests; each makes databases of its own: mariadb.create(). Who stops or kills one starts its own."""
    with MariadbServer() as server:
        yield server


@pytest.fixture
def daemon(backstay, tmp_path):
    """A daemon for this test, not started yet: daemon.start(). See daemon.py."""
    one = Daemon(backstay, tmp_path)
    yield one
    one.close()


def make_web(folder, **more):
    """A web server in this folder, not yet started (webserver.py)."""
    return Web(folder, lambda env, cwd: Program([BACKSTAY], env, cwd), **more)


@pytest.fixture(scope="module")
def web(tmp_path_factory):
    """A web server for all tests of a module."""
    server = make_web(tmp_path_factory.mktemp("web")).start()
    yield server
    server.close()


@pytest.fixture(scope="module")
def anybody(web):
    return web.client()


@pytest.fixture(scope="module")
def admin(web):
    return web.client().log_in("maria")


@pytest.fixture(scope="module")
def operator(web):
    return web.client().log_in("oliver")


@pytest.fixture(scope="module")
def viewer(web):
    return web.client().log_in("vera")


# ---- the dashboard (tests/ui): one daemon a file, and one session of the browser; set-up goes through `admin`, the browser does what the test is about ----

@pytest.fixture(scope="module")
def place(web):
    """The daemon whose dashboard is looked at; a file that wants another overrides this."""
    return web


@pytest.fixture(scope="module")
def main_repository(admin):
    """The default repository of `web`, made."""
    admin("POST", "/backup/api/repositories/", {"name": "main", "location": str(admin.web.home / "repository"), "is_default": True}, status=201)
    admin("POST", "/backup/api/repositories/main/init/", status=200)


@pytest.fixture(scope="session")
def chromium():
    from chromium import Chromium
    one = Chromium()
    yield one
    one.close()


@pytest.fixture(scope="module")
def browser(chromium):
    from browser import Browser
    b = Browser(chromium)
    yield b
    b.quit()


@pytest.fixture
def page(browser, place):
    """The browser; no test may leave an error on the console, a report of the content security policy, or a request to somebody else."""
    browser.fresh()
    yield browser
    browser.collect()
    assert browser.errors == []
    assert [u for u in browser.requests if not u.startswith((f"{place.address}/", "blob:", "data:"))] == []
