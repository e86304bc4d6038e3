"""Users, tokens and the audit trail on the command line."""
import base64
import getpass
import hashlib
import hmac
import re
import sqlite3
import struct
import time

import pytest
from conftest import BACKSTAY, Program
from test_terminal import Terminal

GOOD = "correct horse battery"


@pytest.fixture(scope="module")
def password_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("secrets") / "password"
    path.write_text(GOOD + "\nnot this line\n")
    return path


@pytest.fixture
def maria(backstay):
    """An admin, and viewer eve, as nobody has to stretch a password for them."""
    backstay.plain("user", "add", "eve", "--role", "viewer", "--no-password")
    backstay.plain("user", "add", "maria", "--role", "admin", "--no-password")
    return backstay


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory):
    """The same for what changes nothing, once for all of it."""
    home = tmp_path_factory.mktemp("home")
    program = Program([BACKSTAY], {"PATH": "/usr/bin:/bin", "HOME": str(home), "BACKSTAY_HOME": str(home / "state")}, home)
    program.plain("user", "add", "eve", "--role", "viewer", "--no-password")
    program.plain("user", "add", "maria", "--role", "admin", "--no-password")
    return program


def code(key, step):
    """RFC 6238."""
    mac = hmac.new(base64.b32decode(key), struct.pack(">Q", step), hashlib.sha1).digest()
    at = mac[-1] & 15
    return f"{(struct.unpack('>I', mac[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06d}"


# ---- what is refused ----

@pytest.mark.parametrize("args, status, text", [
    (["user"], 2, "user needs more: backstay user ACTION [NAME]"),
    (["user", "make", "x"], 2, 'user cannot be "make"; it is one of: add, list, passwd, role, disable, enable, remove, totp'),
    (["user", "add"], 2, "user add needs more: backstay user add NAME"),
    (["user", "list", "x"], 2, 'user list cannot take "x" too: backstay user list'),
    (["user", "list", "--role", "admin"], 2, "user list has no option --role; it goes with: add"),
    (["user", "passwd", "maria", "--off"], 2, "user passwd has no option --off; it goes with: totp"),
    (["user", "add", "x", "--role", "root"], 2, '--role cannot be "root"; it is one of: viewer, operator, admin'),
    (["user", "role", "maria", "root"], 2, 'there is no role "root"; it is one of: viewer, operator, admin'),
    (["user", "add", "ma ria", "--no-password"], 2, 'a user cannot be called "ma ria"'),
    (["user", "add", "MARIA", "--no-password"], 6, 'there is a user named "MARIA" already'),
    (["user", "remove", "nobody"], 4, 'there is no user named "nobody"'),
    (["user", "add", "x"], 2, "there is no terminal to ask for the new password on"),
    (["user", "totp", "maria"], 2, "there is no terminal to show the key on"),
    (["token", "add", "ci"], 2, "token add needs --user USER and --scope viewer, operator or admin"),
    (["token", "add", "ci", "--user", "nobody", "--scope", "viewer"], 4, 'there is no user named "nobody"'),
    (["token", "add", "ci", "--user", "eve", "--scope", "admin"], 6, "eve is viewer: a token cannot be more"),
    (["token", "add", "c i", "--user", "eve", "--scope", "viewer"], 2, 'a token cannot be called "c i"'),
    (["token", "add", "ci", "--user", "eve", "--scope", "viewer", "--expires", "0"], 2, "--expires 0: it would not be valid at all"),
    (["token", "revoke", "ci"], 4, 'there is no token "ci"'),
    (["audit", "--limit", "1001"], 2, "--limit is 1 to 1000"),
])
def test_what_makes_no_sense_is_refused(unchanged, args, status, text):
    assert unchanged.fails(status, *args).err.splitlines()[0] == f"backstay: {text}"


def test_without_a_state_folder_there_is_nobody(backstay, tmp_path):
    for command in (["user", "list"], ["user", "passwd", "maria"], ["token", "list"], ["audit"]):
        assert backstay.fails(4, *command).err.startswith(f"backstay: there is no state folder {tmp_path}/state yet\n")
    assert not (tmp_path / "state").exists()


def test_a_weak_password_changes_nothing(maria, home):
    (home / "weak").write_text("1234567890\n")
    done = maria.fails(2, "user", "passwd", "maria", "--new-password-file", "weak")
    assert done.err == "backstay: the password is one of those that are tried first\n  try: take several random words\n"
    assert maria.plain("user", "list", "--json").json["users"][1]["password_known"] is False


def test_the_last_admin_who_can_log_in_stays(maria, password_file):
    maria("user", "passwd", "maria", "--new-password-file", password_file)
    for change in (["role", "maria", "operator"], ["disable", "maria"], ["remove", "maria"]):
        assert maria.fails(6, "user", *change).err == ("backstay: no admin who can log in would be left\n"
                                                       "  try: make another admin first: backstay user add NAME --role admin\n")
    assert maria.plain("user", "list", "--json").json["users"][1]["role"] == "admin"


# ---- users ----

def test_the_first_user_is_an_admin_and_the_next_a_viewer(backstay):
    assert backstay("user", "add", "maria", "--no-password").out == "maria was added as admin\n"
    assert backstay("user", "add", "eve", "--no-password").out == "eve was added as viewer\n"


def test_a_user_is_changed_step_by_step(maria):
    assert maria("user", "role", "eve", "operator").out == "eve is operator now\n"
    assert maria("user", "disable", "eve").out == "eve is disabled now\n"
    assert maria("user", "enable", "Eve").out == "eve is enabled now\n"
    user = maria("user", "role", "eve", "viewer", "--json").json["user"]
    assert (user["name"], user["role"], user["disabled"], user["totp"]) == ("eve", "viewer", False, False)
    assert maria("user", "remove", "eve", "--json").json["user"] == user
    assert [u["name"] for u in maria.plain("user", "list", "--json").json["users"]] == ["maria"]


def test_users_are_listed(maria, password_file):
    maria.plain("user", "passwd", "maria", "--new-password-file", password_file)
    maria.plain("user", "disable", "eve")
    assert [line.split() for line in maria("user", "list").out.splitlines()] == [
        ["NAME", "ROLE", "LAST", "LOGIN"], ["eve", "viewer", "never", "disabled,", "no", "password"], ["maria", "admin", "never"]]


def test_a_new_password_ends_the_sessions_and_is_kept_as_a_hash(maria, password_file, tmp_path):
    db = sqlite3.connect(tmp_path / "state" / "catalog.db")
    for user in (1, 2):
        db.execute("INSERT INTO session (user, hash, csrf, created, used, expires) VALUES (?, randomblob(32), 'x', 1, 1, 1 << 60)", (user,))
    db.commit()
    assert maria("user", "passwd", "maria", "--new-password-file", password_file).out == (
        "the password of maria was changed; whoever was logged in so is not any more\n")
    assert db.execute("SELECT user FROM session").fetchall() == [(1,)]
    (stored,) = db.execute("SELECT password FROM user WHERE name = 'maria'").fetchone()
    assert re.fullmatch(r"scrypt\$15\$8\$1\$[\w+/=]{24}\$[\w+/=]{44}", stored)
    salt, wanted = (base64.b64decode(p) for p in stored.split("$")[4:])
    assert hashlib.scrypt(GOOD.encode(), salt=salt, n=1 << 15, r=8, p=1, maxmem=64 << 20, dklen=32) == wanted
    db.close()


def test_a_password_is_typed_twice_without_echo(maria):
    terminal = Terminal(maria, "user", "passwd", "eve")
    terminal.expect("new password: ")
    terminal.type(GOOD + "\n")
    terminal.expect("once more: ")
    terminal.type(GOOD + "\n")
    assert terminal.end() == 0
    assert "the password of eve was changed" in terminal.text and GOOD not in terminal.text


def test_removing_a_user_asks_on_a_terminal(maria):
    terminal = Terminal(maria, "user", "remove", "eve")
    terminal.expect("Remove eve, with all sessions and tokens? [y/N] ")
    terminal.type("n\n")
    assert terminal.end() == 130
    assert len(maria.plain("user", "list", "--json").json["users"]) == 2


def test_one_time_codes_are_turned_on_with_the_first_code(maria, tmp_path):
    terminal = Terminal(maria, "user", "totp", "eve")
    terminal.expect("code that it shows now: ")
    key = re.search(r"^  ([A-Z2-7]{32})\r?$", terminal.text, re.M)[1]
    assert f"otpauth://totp/Backstay:eve?secret={key}&issuer=Backstay" in terminal.text
    terminal.type(code(key, int(time.time()) // 30) + "\n")
    assert terminal.end() == 0
    assert "eve logs in with a one-time code too now" in terminal.text
    assert maria.plain("user", "list", "--json").json["users"][0]["totp"] is True
    assert base64.b32decode(key) not in (tmp_path / "state" / "catalog.db").read_bytes()
    assert maria("user", "totp", "eve", "--off").out == "eve logs in with the password alone now\n"
    assert maria.plain("user", "list", "--json").json["users"][0]["totp"] is False


def test_a_wrong_first_code_turns_nothing_on(maria):
    terminal = Terminal(maria, "user", "totp", "eve")
    terminal.expect("code that it shows now: ")
    terminal.type("12345\n")
    assert terminal.end() == 12
    assert "backstay: the code does not belong to this key" in terminal.text
    assert maria.plain("user", "list", "--json").json["users"][0]["totp"] is False


# ---- tokens ----

def test_a_token_is_shown_once_and_kept_as_a_hash(maria, tmp_path):
    done = maria("token", "add", "ci", "--user", "maria", "--scope", "operator", "--expires", "90d")
    assert re.fullmatch(r"bst_[\w-]{43}\n", done.out)
    assert done.err == "keep it: it is not shown again\n"
    (token,) = maria("token", "list", "--json").json["tokens"]
    assert (token["name"], token["user_name"], token["scope"], token["used"]) == ("ci", "maria", "operator", None)
    db = sqlite3.connect(tmp_path / "state" / "catalog.db")
    assert db.execute("SELECT hash, expires - created FROM token").fetchone()[0] == hashlib.sha256(done.out.strip().encode()).digest()
    db.close()
    assert done.out.strip() not in maria("audit", "--json").out


def test_a_token_of_two_users_is_revoked_by_user_or_number(maria):
    added = {user: maria("token", "add", "ci", "--user", user, "--scope", "viewer", "--json").json for user in ("maria", "eve")}
    assert added["eve"]["token"]["user_name"] == "eve" and added["eve"]["text"].startswith("bst_")
    done = maria.fails(2, "token", "revoke", "ci")
    assert done.err == 'backstay: 2 users have a token named "ci"\n  try: say whose with --user, or give its ID\n'
    assert maria("token", "revoke", "ci", "--user", "eve").out == "token ci of eve is not valid any more\n"
    assert maria("token", "revoke", str(added["maria"]["token"]["id"])).out == "token ci of maria is not valid any more\n"
    assert maria("token", "list").out == "there is no token yet\n"


def test_tokens_go_with_their_user(maria):
    maria("token", "add", "ci", "--user", "eve", "--scope", "viewer")
    maria("user", "remove", "eve")
    assert maria("token", "list", "--json").json == {"tokens": []}


# ---- the audit trail ----

def whoami():
    return f"{getpass.getuser()} on the command line"


def test_every_change_is_written_down(maria):
    maria("user", "role", "eve", "operator")
    maria("token", "add", "ci", "--user", "eve", "--scope", "viewer", "--expires", "1h")
    maria("token", "revoke", "ci")
    maria("user", "disable", "eve")
    maria("user", "enable", "eve")
    maria("user", "totp", "eve", "--off")
    maria("user", "remove", "eve")
    maria.fails(4, "user", "remove", "eve")
    entries = maria("audit", "--json").json["entries"]
    assert {e["who"] for e in entries} == {whoami()}
    assert [(e["action"], e["object"], e["details"]) for e in reversed(entries)] == [
        ("user-add", "eve", "as viewer"), ("user-add", "maria", "as admin"), ("user-role", "eve", "from viewer to operator"),
        ("token-add", "ci", "of eve, as viewer, for 1 h 00 min"), ("token-revoke", "ci", "of eve"), ("user-disable", "eve", None),
        ("user-enable", "eve", None), ("user-totp-off", "eve", None), ("user-remove", "eve", None)]


def test_the_trail_is_filtered_and_cut(maria):
    assert len(maria("audit", "--since", "1h", "--json").json["entries"]) == 2
    assert maria("audit", "--who", "nobody").out == "nothing was written down\n"
    assert [e["object"] for e in maria("audit", "--action", "user-add", "--object", "eve", "--json").json["entries"]] == ["eve"]
    done = maria("audit", "--limit", "1")
    assert len(done.out.splitlines()) == 2 and done.err == "1 more; --limit shows them\n"
    assert maria("audit", "--limit", "1", "--json").json["total"] == 2


def test_a_row_that_was_changed_is_found(maria, tmp_path):
    assert maria("audit", "--check").out == "2 rows, each as it was written\n"
    assert maria("audit", "--check", "--json").json == {"ok": True, "rows": 2}
    db = sqlite3.connect(tmp_path / "state" / "catalog.db")
    with pytest.raises(sqlite3.IntegrityError, match="the audit trail cannot be changed"):
        db.execute("UPDATE audit SET who = 'nobody' WHERE id = 1")
    db.execute("DROP TRIGGER audit_no_update")
    db.execute("UPDATE audit SET who = 'nobody' WHERE id = 1")
    db.commit()
    db.close()
    assert maria.fails(5, "audit", "--check").err.splitlines()[0] == "backstay: audit row 1 is not what was written"


# ---- after a restore ----

def begin_session(tmp_path):
    db = sqlite3.connect(tmp_path / "state" / "catalog.db")
    db.execute("INSERT INTO session (user, hash, csrf, created, used, expires) VALUES (1, randomblob(32), 'x', 1, 1, 1 << 60)")
    db.commit()
    db.close()


def sessions_and_generations(tmp_path):
    db = sqlite3.connect(tmp_path / "state" / "catalog.db")
    (sessions,), (generations,) = db.execute("SELECT count(*) FROM session").fetchone(), db.execute("SELECT sum(generation) FROM user").fetchone()
    db.close()
    return sessions, generations


def test_a_restore_over_live_data_ends_all_sessions(initialised, shop, tmp_path, home):
    initialised.plain("user", "add", "maria", "--no-password")
    begin_session(tmp_path)
    initialised.env["BACKSTAY_RESTORE_COMMAND"] = "touch 'the application was told'"
    initialised.plain("backup", "shop.db")
    initialised("restore", "latest", "--to", "copy.db")
    assert sessions_and_generations(tmp_path) == (1, 1) and not (home / "the application was told").exists()
    initialised("restore", "latest", "--yes", "--dry-run")
    assert sessions_and_generations(tmp_path) == (1, 1)
    initialised("restore", "latest", "--yes")
    assert sessions_and_generations(tmp_path) == (0, 2) and (home / "the application was told").exists()
    begin_session(tmp_path)
    initialised.env["BACKSTAY_RESTORE_COMMAND"] = "false"
    assert "warning: running restore_command: false failed with status 1\n" in initialised("restore", "--undo", "--yes").err
    assert sessions_and_generations(tmp_path) == (0, 3)
    assert [e["who"] for e in initialised("audit", "--action", "sessions-end", "--json").json["entries"]] == [whoami()] * 2
