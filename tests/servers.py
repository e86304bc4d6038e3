"""Private database servers for tests: on loopback and unix sockets only, in folders of their own, ended by their pid."""
import atexit
import fcntl
import glob
import itertools
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def existing_user(*names):
    """The first of these users that this machine has: mariadb-server-core, for one, brings a server and no user."""
    return next(entry.pw_name for entry in map(user_entry, names) if entry)


def user_entry(name):
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def room():
    """Where servers lie: in memory if there is plenty of it, as each new database is some 300 files, else on the disk.
    Neither is pytest's folder: a socket's path is 107 bytes at most, and that is closed to others."""
    available, = re.findall(r"MemAvailable: +(\d+) kB", pathlib.Path("/proc/meminfo").read_text())
    try:
        return "/dev/shm" if int(available) > 6 << 20 and shutil.disk_usage("/dev/shm").free > 4 << 30 else "/tmp"
    except OSError:
        return "/tmp"


def own_folder(name, user, under=None):
    """A folder that a server's user owns."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=f"bs-{name}-", dir=under or room()))
    if os.geteuid() == 0:
        os.chown(folder, user_entry(user).pw_uid, user_entry(user).pw_gid)
    return folder


def as_user(user, argv, home):
    """argv run as a user when we are root, which servers refuse; setpriv execs, so the child is the program itself."""
    if os.geteuid() != 0:
        return ["env", "-C", str(home), "LC_ALL=C.UTF-8", *map(str, argv)]
    return ["setpriv", f"--reuid={user}", f"--regid={user_entry(user).pw_gid}", "--init-groups", "--reset-env", "env", "-C", str(home), f"HOME={home}", f"TMPDIR={home}",
            "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "LC_ALL=C.UTF-8", *map(str, argv)]


def processes_below(pid):
    """Every process that descends from one, itself not."""
    found = []
    for task in glob.glob(f"/proc/{pid}/task/*/children"):
        try:
            children = [int(c) for c in pathlib.Path(task).read_text().split()]
        except OSError:                # it has ended meanwhile
            continue
        for child in children:
            found += [child, *processes_below(child)]
    return found


def template(name, user, make):
    """A data folder that make(folder) makes once for all servers of a run, in all of its workers; servers take copies of it."""
    shared = os.environ.get("BACKSTAY_TEST_TEMPLATES")
    if not shared:                             # not under pytest (conftest.py)
        shared = os.environ["BACKSTAY_TEST_TEMPLATES"] = tempfile.mkdtemp(prefix="bs-templates-", dir=room())
        os.chmod(shared, 0o755)
        atexit.register(shutil.rmtree, shared, ignore_errors=True)
    made = pathlib.Path(shared) / name
    with open(f"{made}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder = own_folder(name, user, shared)
            make(folder)
            folder.rename(made)
    return made / "data"


def copy_of(data, to):
    subprocess.run(["cp", "-a", "--reflink=auto", str(data), str(to)], check=True)


class Client:
    """A server's own client that stays, as its start costs more than most statements do. An error ends it, and whoever asks next starts another."""
    END = "-- the end of the answer --"

    def __init__(self):
        self.process = None

    def ask(self, sql, ending, argv, env=None):
        """What it prints. ending: what makes it print {}; argv: what starts it."""
        if not self.process:
            self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env)
        self.process.stdin.write(f"{sql.rstrip().removesuffix(';')}\n;\n{ending.format(self.END)}\n".encode())
        self.process.stdin.flush()
        lines = []
        while (line := self.process.stdout.readline()) not in (f"{self.END}\n".encode(), b""):
            lines.append(line)
        assert line, self.close()
        return b"".join(lines).decode(errors="surrogateescape")

    def close(self):
        """End it; what it said of errors."""
        process, self.process = self.process, None
        return process.communicate(timeout=60)[1].decode(errors="replace") if process else ""


class PostgresServer:
    """A private PostgreSQL: trust on its socket, a password over TCP. `.start(tmp_path)`; tmp_path None: a folder of its own."""

    USER, PASSWORD = "postgres", "secret-of-postgres"

    def __init__(self):
        self.folder = self.process = self.port = self.socket = self.pid = None
        self.client = Client()
        self.bin = self.find_bin()

    @staticmethod
    def find_bin():
        found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda p: int(p.parts[-3]))
        return found[-1].parent if found else pathlib.Path(shutil.which("postgres")).parent

    def start(self, tmp_path=None, **settings):
        """settings go into postgresql.conf: start(max_connections=10)."""
        self.folder = own_folder("pg", "postgres", tmp_path)
        self.socket = str(self.folder)
        copy_of(template("pg", "postgres", self._install), self.data)
        self.port = free_port()
        config = {"listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": self.socket, "shared_buffers": "16MB", "max_connections": 40,
                  "fsync": "off", "wal_level": "minimal", "max_wal_senders": 0, "logging_collector": "off", "autovacuum": "off",
                  "max_wal_size": "256MB", **settings}
        with (self.data / "postgresql.conf").open("a") as f:
            f.writelines(f"{name} = '{value}'\n" for name, value in config.items())
        self.restart()
        return self

    def _install(self, folder):
        password = folder / "password"
        password.write_text(self.PASSWORD)
        password.chmod(0o644)
        self._run([self.bin / "initdb", "-D", folder / "data", "-U", self.USER, "-E", "UTF8", "--locale=C.UTF-8", "-k", "--no-sync", "--auth-local=trust",
                   "--auth-host=scram-sha-256", f"--pwfile={password}"])

    @property
    def data(self):
        return self.folder / "data"

    @property
    def log(self):
        return (self.folder / "log").read_text(errors="replace") if (self.folder / "log").exists() else ""

    def _run(self, argv):
        done = subprocess.run(as_user("postgres", argv, self.folder), capture_output=True, stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == 0, done.stderr.decode(errors="replace") + done.stdout.decode(errors="replace")
        return done

    def restart(self):
        """Start the server on its data, after stop() or kill() too."""
        try:
            self._run([self.bin / "pg_ctl", "-D", self.data, "-l", self.folder / "log", "-w", "-t", "60", "start"])
        except AssertionError as e:
            raise AssertionError(f"{e}\n{self.log[-2000:]}") from None
        self.pid = int((self.data / "postmaster.pid").read_text().split()[0])

    def url(self, db="postgres", user=USER, password=None, tcp=False):
        """A URL for the program: by the socket, or by TCP with a password."""
        quote = lambda s: urllib.parse.quote(s, safe="")
        secret = ":" + quote(password) if password is not None else ":" + quote(self.PASSWORD) if tcp and user == self.USER else ""
        if tcp:
            return f"postgresql://{quote(user)}{secret}@127.0.0.1:{self.port}/{quote(db)}"
        return f"postgresql://{quote(user)}{secret}@{quote(self.socket)}:{self.port}/{quote(db)}"

    @property
    def environment(self):
        """For PostgreSQL's own programs, run by a test."""
        return {**os.environ, "PGHOST": self.socket, "PGPORT": str(self.port), "PGUSER": self.USER}

    def psql(self, sql, db="postgres", user=USER):
        """Run SQL (several statements with ';' are run one by one) and return what it prints, unaligned and without its last newline."""
        argv, env = [self.bin / "psql", "-qXAt", "-v", "ON_ERROR_STOP=1", "-U", user, "-d", self._place(db)], {**self.environment, "PGCLIENTENCODING": "UTF8"}
        if (db, user) == ("postgres", self.USER):
            return self.client.ask("SET client_min_messages = error;\n" + sql, r"DISCARD ALL; \echo {}", argv, env).rstrip("\n")
        done = subprocess.run(argv, input=sql.encode(), capture_output=True, timeout=120, env=env)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout.decode().rstrip("\n")

    @staticmethod
    def _place(db):
        return "dbname='" + db.replace("\\", "\\\\").replace("'", "\\'") + "'"

    def dump(self, db, *more):
        """What pg_dump says of a database, without what changes from run to run."""
        done = subprocess.run([self.bin / "pg_dump", *more, "-d", self._place(db)], capture_output=True, env=self.environment)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return re.sub(rb"^\\(un)?restrict .*\n", b"", done.stdout, flags=re.M)

    def create(self, db, sql=""):
        """A new database, with this SQL run in it."""
        quoted = '"' + db.replace('"', '""') + '"'
        self.psql(f"CREATE DATABASE {quoted} STRATEGY file_copy")
        if sql:
            self.psql(sql, db)
        return db

    def drop(self, db):
        quoted = '"' + db.replace('"', '""') + '"'
        self.psql(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")

    def stop(self):
        """End it well (SIGINT: without waiting for clients), and remove its folder."""
        self.client.close()
        if self.pid:
            self._signal_and_wait(signal.SIGINT, [self.pid])
            self.pid = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def kill(self):
        """SIGKILL to the server and all its processes at once: what a crash of the machine is to its clients."""
        self.client.close()
        self._signal_and_wait(signal.SIGKILL, [self.pid, *processes_below(self.pid)])
        self.pid = None
        # A dead process that nobody waits for would count as running.
        (self.data / "postmaster.pid").unlink()
        (self.folder / f".s.PGSQL.{self.port}.lock").unlink()

    @staticmethod
    def _signal_and_wait(sig, pids):
        handles = []
        for pid in pids:
            try:
                handles.append(os.pidfd_open(pid))
                os.kill(pid, sig)
            except ProcessLookupError:
                pass
        for handle in handles:
            ready, _, _ = select.select([handle], [], [], 60)
            os.close(handle)
            assert ready, f"a server's process does not end after signal {sig}"


class MariadbServer:
    """A private MariaDB server on loopback and a socket: user root without a password. `with MariadbServer() as s:` or start() and stop().
    Options are mariadbd's: MariadbServer("--log-bin")."""
    USER = existing_user("mysql", "nobody")
    _names = itertools.count(1)

    def __init__(self, *options):
        self.options, self.process, self.folder, self.port, self.client = list(options), None, None, None, Client()

    @classmethod
    def _install(cls, folder):
        argv = ["mariadb-install-db", "--no-defaults", f"--datadir={folder}/data", "--auth-root-authentication-method=normal", "--skip-test-db",
                "--skip-log-bin", "--innodb-log-file-size=4M", "--innodb-flush-log-at-trx-commit=0"]
        done = subprocess.run(as_user(cls.USER, argv, folder), stdin=subprocess.DEVNULL, capture_output=True)
        assert done.returncode == 0, done.stdout.decode(errors="replace") + done.stderr.decode(errors="replace")

    def start(self, folder=None):
        """`folder`: of another server that was stopped or killed; its data are used as they are. None: a new, empty one."""
        if folder is None and self.folder is None:
            self.folder = own_folder("my", self.USER)
            copy_of(template("my", self.USER, self._install), self.folder / "data")
        elif folder is not None:
            self.folder = pathlib.Path(folder)
        self.socket = self.folder / "s"
        for _ in range(5):                     # another process may take the free port first
            self.port = free_port()
            argv = ["mariadbd", "--no-defaults", f"--datadir={self.folder}/data", f"--socket={self.socket}", f"--port={self.port}",
                    "--bind-address=127.0.0.1", f"--pid-file={self.folder}/pid", f"--tmpdir={self.folder}", "--skip-name-resolve",
                    "--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M", "--innodb-log-file-size=4M", "--performance-schema=OFF",
                    "--event-scheduler=OFF", "--max-allowed-packet=1G", *self.options]
            with open(self.folder / "log", "ab") as log:
                self.process = subprocess.Popen(as_user(self.USER, argv, self.folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
            if self._answers():
                return self
        raise AssertionError("mariadbd does not start:\n" + (self.folder / "log").read_text(errors="replace")[-3000:])

    def _answers(self):
        until = time.monotonic() + 60
        while time.monotonic() < until and self.process.poll() is None:
            if subprocess.run(["mariadb", *self._login(), "-e", "SELECT 1"], capture_output=True).returncode == 0:
                return True
            time.sleep(0.05)
        if self.process.poll() is None:
            self.kill()
        return False

    def _login(self):
        return ["--no-defaults", "--default-character-set=utf8mb4", "-N", "-B", "-u", "root", "-S", str(self.socket)]

    @property
    def pid(self):
        return self.process.pid

    def url(self, db="", user="root", password=None, tcp=False):
        quoted = urllib.parse.quote
        who = quoted(user, "") + ("" if password is None else ":" + quoted(password, ""))
        if tcp:
            return f"mysql://{who}@127.0.0.1:{self.port}/{quoted(db, '')}"
        return f"mysql://{who}@localhost/{quoted(db, '')}?socket={quoted(str(self.socket))}"

    def sql(self, sql, db="", raw=False):
        """What the client prints: a line a row, fields separated by tabs, NULL as such. `raw`: bytes, nothing escaped."""
        if not db and not raw:
            return self.client.ask(sql, "SELECT '{}';", ["mariadb", *self._login(), "-n"])
        done = subprocess.run(["mariadb", *self._login(), *(["--raw"] if raw else []), *([f"--database={db}"] if db else [])],
                              input=sql if isinstance(sql, bytes) else sql.encode(), capture_output=True)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout if raw else done.stdout.decode(errors="surrogateescape")

    def dump(self, db, *more):
        """What mariadb-dump says of a database, without the comments that name it."""
        done = subprocess.run(["mariadb-dump", *(o for o in self._login() if o not in ("-N", "-B")), "--skip-dump-date", "--hex-blob", "--routines", "--events",
                               "--triggers", "--single-transaction", *more, "--", db], capture_output=True)
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        named = (b"-- Host:", b"-- Dumping events for", b"-- Dumping routines for")
        return b"".join(line for line in done.stdout.splitlines(True) if not line.startswith(named))

    def create(self, db=None):
        """An empty database, with a name nobody else has unless one is given."""
        db = db or f"t{next(self._names)}"
        self.sql("CREATE DATABASE `{}` CHARACTER SET utf8mb4".format(db.replace("`", "``")))
        return db

    def drop(self, db):
        self.sql("DROP DATABASE IF EXISTS `{}`".format(db.replace("`", "``")))

    def kill(self):
        """At once, as by a power cut; the data stay."""
        self.client.close()
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()

    def stop(self):
        """End it and remove its data."""
        self.kill()
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
