"""What people see on a terminal: questions, passwords without echo, the bar, names made safe."""
import os
import pty
import select

import pytest
from conftest import rows_of


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, program, *args, env=None, columns=80):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(program.cwd)
            argv = [*program.argv, *map(os.fspath, args)]
            os.execve(argv[0], argv, {**program.env, "TERM": "xterm", "COLUMNS": str(columns), **(env or {})})
        self.seen = b""

    def read(self, timeout=60):
        """More output; False at its end."""
        ready, _, _ = select.select([self.fd], [], [], timeout)
        assert ready, f"nothing came: {self.seen!r}"
        try:
            data = os.read(self.fd, 65536)
        except OSError:
            return False
        self.seen += data
        return bool(data)

    def expect(self, text):
        while text.encode() not in self.seen:
            assert self.read(), f"{text!r} did not come: {self.seen!r}"

    def type(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """The exit status, after all output was read."""
        while self.read():
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    @property
    def text(self):
        return self.seen.decode(errors="surrogateescape")


@pytest.fixture
def shop_backup(initialised, shop):
    initialised.plain("backup", "shop.db")
    return initialised


def test_a_restore_asks_and_takes_yes(shop_backup, shop):
    terminal = Terminal(shop_backup, "restore", "latest")
    terminal.expect("Go on? [y/N] ")
    terminal.type("y\n")
    assert terminal.end() == 0
    assert "replaced" in terminal.text and "backstay restore --undo" in terminal.text
    assert rows_of(shop)["customers"]


@pytest.mark.parametrize("answer", ["n\n", "\n", "maybe\n", "\x04", "\x03"], ids=["no", "nothing", "something else", "end of file", "ctrl-c"])
def test_anything_but_yes_changes_nothing(shop_backup, shop, answer):
    before = shop.read_bytes()
    terminal = Terminal(shop_backup, "restore", "latest")
    terminal.expect("Go on? [y/N] ")
    terminal.type(answer)
    assert terminal.end() == 130
    assert shop.read_bytes() == before
    assert len(shop_backup.plain("list", "--json").json["backups"]) == 1


def test_forget_shows_and_asks(shop_backup):
    shop_backup.plain("backup", "shop.db")
    terminal = Terminal(shop_backup, "forget", "--keep-last", "1")
    terminal.expect("Forget 1 backup? It cannot be brought back. [y/N] ")
    terminal.type("no\n")
    assert terminal.end() == 130
    assert len(shop_backup.plain("list", "--json").json["backups"]) == 2
    assert Terminal(shop_backup, "forget", "--keep-last", "1", "--yes").end() == 0
    assert len(shop_backup.plain("list", "--json").json["backups"]) == 1


def test_a_password_is_asked_for_without_echo(initialised, environment):
    terminal = Terminal(initialised, "list", env={"BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""})
    terminal.expect(f"password of the repository {environment['BACKSTAY_REPOSITORY']}: ")
    terminal.type(environment["BACKSTAY_PASSWORD"] + "\n")
    assert terminal.end() == 0
    assert environment["BACKSTAY_PASSWORD"] not in terminal.text


def test_a_new_password_is_typed_twice(backstay):
    none = {"BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""}
    terminal = Terminal(backstay, "init", "--ask-password", env=none)
    terminal.expect("new password: ")
    terminal.type("one\n")
    terminal.expect("once more: ")
    terminal.type("two\n")
    assert terminal.end() == 2 and "the two passwords differ; nothing was changed" in terminal.text
    terminal = Terminal(backstay, "init", "--ask-password", env=none)
    terminal.expect("new password: ")
    terminal.type("mine\n")
    terminal.expect("once more: ")
    terminal.type("mine\n")
    assert terminal.end() == 0
    backstay.plain("list", env={"BACKSTAY_PASSWORD": "mine"})


def test_names_are_made_safe(initialised, home):
    odd = home / "odd"
    odd.mkdir()
    (odd / "red \x1b[31m").write_bytes(b"")
    (odd / os.fsdecode(b"latin-\xe9")).write_bytes(b"")
    (odd / "turn \u202e").write_bytes(b"")
    (odd / "fine – ü 漢").write_bytes(b"")
    initialised("backup", "odd", "--name", "bell\x07 and \x9b31m".encode("utf-8", "surrogateescape").decode())
    terminal = Terminal(initialised, "ls", "latest", "odd")
    assert terminal.end() == 0
    for shown in ("red \\x1B[31m", "latin-\\xE9", "turn \\xE2\\x80\\xAE", "fine – ü 漢"):
        assert shown in terminal.text, shown
    assert "\x1b[31m" not in terminal.text
    terminal = Terminal(initialised, "list")
    assert terminal.end() == 0
    assert "bell\\x07" in terminal.text and "\x07" not in terminal.text


def test_a_table_is_cut_to_the_terminals_width(initialised, shop):
    import fcntl
    import struct
    import termios
    initialised.plain("backup", "shop.db", "--name", "n" * 200)
    terminal = Terminal(initialised, "restore")
    fcntl.ioctl(terminal.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    assert terminal.end() == 0
    rows = [line for line in terminal.text.replace("\r\n", "\n").split("\n") if "nnn" in line]
    assert len(rows) == 1 and len(rows[0]) <= 80 and "…" in rows[0]
    assert "n" * 200 in initialised("list").out


def test_colour_is_for_terminals_only_and_can_be_turned_off(shop_backup):
    assert "\x1b" not in shop_backup("list").out
    terminal = Terminal(shop_backup, "list")
    assert terminal.end() == 0 and "\x1b[2m" in terminal.text
    terminal = Terminal(shop_backup, "list", env={"NO_COLOR": "1"})
    assert terminal.end() == 0 and "\x1b" not in terminal.text


def test_a_long_backup_draws_a_bar_with_a_rate(initialised, home):
    fifo = home / "feed"
    os.mkfifo(fifo)
    terminal = Terminal(initialised, "backup", f"command:cat {fifo}")
    with open(fifo, "wb") as feed:
        while b"/s" not in terminal.seen:
            feed.write(b"x" * 65536)
            feed.flush()
            ready, _, _ = select.select([terminal.fd], [], [], 0)
            if ready:
                terminal.read()
    assert terminal.end() == 0
    assert "\rbackup: " in terminal.text and "\x1b[K" in terminal.text


# ---- notices ----

def test_the_password_of_a_mail_server_is_asked_for_without_echo(backstay):
    terminal = Terminal(backstay, "notice", "add", "mail", "admins", "a@example.org", "--server", "smtp.example.org:587", "--user", "maria")
    terminal.expect("password of maria at smtp.example.org:587: ")
    terminal.type("Tr0ub4dor\n")
    assert terminal.end() == 0
    assert "Tr0ub4dor" not in terminal.text
    assert backstay("notice", "show", "admins", "--json").json["notice"]["password_known"] is True
    terminal = Terminal(backstay, "notice", "remove", "admins")
    terminal.expect("Remove the notice admins, and its messages that were not sent yet? [y/N] ")
    terminal.type("n\n")
    assert terminal.end() == 130
    assert backstay("notice", "list", "--json").json["notices"]
