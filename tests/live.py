"""One face for databases on both kinds of servers, for tests that hold for each of them alike."""
import contextlib
import os
import pathlib
import subprocess
import threading

SECRET = f"Tr0ub4dor-{os.getpid()}"      # another in each worker: what a test sees of the machine is not its neighbours'


class LivePostgres:
    """A database of a PostgresServer: its name is `db`, its two tables are small(id, v) and large(id, v) with `rows` rows of about 330 bytes."""
    ENGINE, MAKE = "postgresql", "CREATE TABLE small(id int PRIMARY KEY, v text); INSERT INTO small VALUES (1, 'one'), (2, 'two');" \
        "CREATE TABLE large(id int PRIMARY KEY, v text){where}; INSERT INTO large SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, {rows}) i;"

    def __init__(self, server, rows=4000, where=""):
        self.server, self.db = server, f"t{os.urandom(5).hex()}"
        server.create(self.db, self.MAKE.format(rows=rows, where=where))

    def url(self, proxy=None, db=None, user="postgres", password=None):
        url = self.server.url(db or self.db, user, password, tcp=True)
        return url.replace(f":{self.server.port}/", f":{proxy.port}/") if proxy else url

    def sql(self, sql):
        return self.server.psql(sql, self.db)

    def state(self, db=None):
        return self.server.dump(db or self.db)

    def drift(self):
        self.sql("CREATE TABLE more(i int); INSERT INTO more VALUES (7); UPDATE small SET v = 'changed' WHERE id = 1; DELETE FROM large WHERE id % 3 = 0; "
                 "INSERT INTO small VALUES (3, 'three')")

    def beside(self, what):
        """Names of the databases that restores have left: what is "restore" or "before"."""
        names = self.server.psql(f"SELECT datname FROM pg_database WHERE datname LIKE '{self.db}%\\_{what}\\_%' ORDER BY 1")
        return names.split("\n") if names else []

    def sessions(self):
        return int(self.server.psql(f"SELECT count(*) FROM pg_stat_activity WHERE datname LIKE '{self.db}%'"))

    def user(self, name):
        """A superuser whose password is SECRET."""
        self.server.psql(f"DROP ROLE IF EXISTS {name}; CREATE ROLE {name} SUPERUSER LOGIN PASSWORD '{SECRET}'")
        return {"PGPASSWORD": SECRET}

    @contextlib.contextmanager
    def statements_limited(self):
        """Meanwhile the server allows less time than reading the large table takes; gives what a plain client is told then."""
        self.server.psql(f"ALTER DATABASE {self.db} SET statement_timeout = 1")
        done = subprocess.run(["psql", "-qXAt", "-d", self.db, "-c", "SELECT sum(length(md5(v || id))) FROM large"], env=self.server.environment, capture_output=True)
        yield done.stderr.decode()
        self.server.psql(f"ALTER DATABASE {self.db} RESET statement_timeout")

    def drop(self):
        for name in [self.db, *self.beside("restore"), *self.beside("before")]:
            self.server.drop(name)


class LiveMariadb:
    """The same of a MariadbServer."""
    ENGINE, MAKE = "mariadb", "CREATE TABLE small(id int PRIMARY KEY, v text); INSERT INTO small VALUES (1, 'one'), (2, 'two');" \
        "CREATE TABLE large(id int PRIMARY KEY, v text){where}; INSERT INTO large SELECT seq, repeat(md5(seq), 10) FROM seq_1_to_{rows};"

    def __init__(self, server, rows=4000, where=""):
        self.server = server
        self.db = server.create(f"t{os.urandom(5).hex()}")
        server.sql(self.MAKE.format(rows=rows, where=where), self.db)

    def url(self, proxy=None, db=None, user="root", password=None):
        url = self.server.url(db or self.db, user, password, tcp=True)
        return url.replace(f":{self.server.port}/", f":{proxy.port}/") if proxy else url

    def sql(self, sql):
        return self.server.sql(sql, self.db).rstrip("\n")

    def state(self, db=None):
        db = db or self.db
        return self.server.dump(db, "--order-by-primary").replace(f"`{db}`".encode(), b"`DB`")

    drift = LivePostgres.drift

    def beside(self, what):
        return self.server.sql(f"SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE '{self.db}%\\_{what}\\_%' ORDER BY 1").split()

    def sessions(self):
        return int(self.server.sql(f"SELECT count(*) FROM information_schema.processlist WHERE db LIKE '{self.db}%' AND id <> CONNECTION_ID()"))

    def user(self, name):
        self.server.sql(f"CREATE OR REPLACE USER {name}@'127.0.0.1' IDENTIFIED BY '{SECRET}'; GRANT ALL ON *.* TO {name}@'127.0.0.1'")
        return {"MYSQL_PWD": SECRET}

    @contextlib.contextmanager
    def statements_limited(self):
        self.server.sql("SET GLOBAL max_statement_time = 0.001")
        done = subprocess.run(["mariadb", *self.server._login(), self.db, "-e", "SELECT sum(length(md5(concat(v, id)))) FROM large"], capture_output=True)
        try:
            yield done.stderr.decode()
        finally:
            self.server.sql("SET GLOBAL max_statement_time = 0")

    def drop(self):
        for name in [self.db, *self.beside("restore"), *self.beside("before")]:
            self.server.drop(name)


class Watcher:
    """`with Watcher(secret) as w:` looks at the arguments of every process that begins meanwhile, all the time; w.seen holds those with the secret in them,
    w.programs all names."""

    def __init__(self, secret):
        self.secret, self.seen, self.programs, self.done = secret.encode(), set(), set(), threading.Event()
        self.before = set(os.listdir("/proc"))
        self.thread = threading.Thread(target=self._watch)

    def _watch(self):
        while not self.done.wait(0.001):
            for pid in set(os.listdir("/proc")) - self.before:
                if not pid.isdigit():
                    continue
                try:
                    line = pathlib.Path("/proc", pid, "cmdline").read_bytes()
                except OSError:
                    continue
                self.programs.add(os.path.basename(line.split(b"\0")[0]).decode(errors="replace"))
                if self.secret in line:
                    self.seen.add(line)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.done.set()
        self.thread.join()


def processes_of_session(sid):
    """The processes of one session, those that are dead and not waited for left out."""
    found = []
    for pid in os.listdir("/proc"):
        try:
            after_name = pathlib.Path("/proc", pid, "stat").read_text().rsplit(")", 1)[1].split() if pid.isdigit() else None
        except OSError:
            continue
        if after_name and int(after_name[3]) == sid and after_name[0] != "Z":
            found.append(int(pid))
    return found
