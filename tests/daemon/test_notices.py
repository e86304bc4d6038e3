"""Notices: mails, webhooks and heartbeats, with real servers at the other end."""
import email.utils
import hashlib
import hmac
import html
import os
import pathlib
import re
import shlex
import socket
import sqlite3
import time

import pytest
from conftest import ROOT
from sinks import Certificate, HookSink, MailSink
from waiting import until

HOST = socket.gethostname()
SECRET = "s3cret-in-the-url"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return Certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def password(home):
    (home / "password").write_text("Tr0ub4dor\n")
    return home / "password"


@pytest.fixture
def catalog(tmp_path):
    """The catalog's file, once the program has made it."""
    def run(sql, *values):
        with sqlite3.connect(tmp_path / "state" / "catalog.db") as db:
            return db.execute(sql, values).fetchall()
    return run


@pytest.fixture
def message(catalog):
    """message("hook", "failure", title, text): puts it into the outbox, as a job that ends does."""
    def put(notice, event="failure", title="The backup of shop failed: no space left", text="What to do: make room\n", source="shop"):
        now = int(time.time() * 1e6)
        catalog("INSERT INTO delivery (notice, event, title, text, source, created, not_before) SELECT id, ?, ?, ?, ?, ?, ? FROM notice WHERE name = ?",
                event, title, text, source, now, now, notice)
    return put


@pytest.fixture
def later(catalog):
    """As if the time of every message had come."""
    return lambda: catalog("UPDATE delivery SET not_before = 1")


def add_mail(backstay, sink, *more, to=("admin@example.org",), security="none", env=None):
    backstay.plain("notice", "add", "mail", "admins", *to, "--server", sink.place, "--security", security, *more, env=env)


def waiting(backstay):
    """The only message."""
    one, = backstay.plain("notice", "deliveries", "--json").json["deliveries"]
    return one


# ---- mail ----

def test_without_starttls_nothing_is_sent_and_no_password_is_said(backstay, password):
    with MailSink(auth=("maria", "Tr0ub4dor")) as sink:
        add_mail(backstay, sink, "--user", "maria", "--password-file", password, security="starttls")
        result = backstay.fails(8, "notice", "test", "admins")
        assert result.err == f'backstay: {sink.place} does not offer STARTTLS, so nothing was sent\n' \
            '  try: try the security "tls" (port 465), or "none" where the network is trusted\n'
        assert sink.mails == [] and sink.logins == []


def test_a_certificate_of_nobody_known_is_refused(backstay, password, certificate):
    for tls, security in (("starttls", "starttls"), ("implicit", "tls")):
        with MailSink(certificate, tls, auth=("maria", "Tr0ub4dor")) as sink:
            add_mail(backstay, sink, "--user", "maria", "--password-file", password, security=security)
            result = backstay.fails(8, "notice", "test", "admins")
            assert f"the certificate of {sink.place} does not hold: self-signed certificate\n  try: when it comes from an authority of your own, " in result.err
            assert sink.mails == [] and sink.logins == []
        backstay.plain("notice", "remove", "admins")


def test_a_certificate_for_another_host_is_refused(backstay, tmp_path):
    other = Certificate(tmp_path, "DNS:mail.example.org")
    with MailSink(other, "starttls") as sink:
        add_mail(backstay, sink, security="starttls")
        result = backstay.fails(8, "notice", "test", "admins", env=other.environment)
        assert f"the certificate of {sink.place} does not hold: " in result.err and "127.0.0.1" in result.err
        assert sink.mails == []


def test_a_wrong_password_is_told_as_such(backstay, password, certificate):
    with MailSink(certificate, "starttls", auth=("maria", "another")) as sink:
        add_mail(backstay, sink, "--user", "maria", "--password-file", password, security="starttls")
        result = backstay.fails(12, "notice", "test", "admins", env=certificate.environment)
        assert result.err == f'backstay: {sink.place} does not accept the user "maria" with this password (535 5.7.8 Authentication credentials invalid)\n'
        assert "Tr0ub4dor" not in result.err
        assert all(encrypted for _, _, encrypted in sink.logins)


def test_a_server_that_is_not_there_is_told(backstay):
    with MailSink() as sink:
        pass
    add_mail(backstay, sink)
    assert backstay.fails(1, "notice", "test", "admins").err == f"backstay: cannot connect to {sink.place}: Connection refused\n"


def test_without_any_server_the_way_out_is_said(backstay):
    backstay("notice", "add", "mail", "admins", "admin@example.org")
    result = backstay.fails(4, "notice", "test", "admins")
    assert result.err.startswith("backstay: no mail server is known\n  try: name one in the settings (smtp_server, ")


def test_a_recipient_that_is_refused_does_not_keep_the_others_from_being_told(backstay, message):
    with MailSink(refused=["nobody@example.org"]) as sink:
        add_mail(backstay, sink, to=("admin@example.org", "Nobody <nobody@example.org>", "Käthe <k@example.org>"))
        reason = "nobody@example.org: 550 5.1.1 no such user here"
        assert backstay.fails(3, "notice", "test", "admins").err == f"backstay: not everybody takes the mail: {reason}\n"
        assert sink.mails[0].recipients == ["admin@example.org", "k@example.org"]
        message("admins")
        assert backstay("notice", "deliver").err == f"warning: notice admins: 1 message could not be sent: {reason}\n"
        assert [waiting(backstay)[k] for k in ("state", "error")] == ["partly", reason]
        assert len(sink.mails) == 2
    with MailSink(refused=["admin@example.org"]) as sink:
        backstay("notice", "edit", "admins", "admin@example.org", "--server", sink.place)
        assert backstay.fails(6, "notice", "test", "admins").err == f"backstay: {sink.place} refuses the mail: 550 5.1.1 no such user here\n"
        assert sink.mails == []


def test_a_mail_has_a_text_an_html_and_headers_of_its_own(backstay, message):
    with MailSink() as sink:
        add_mail(backstay, sink, "--from", "Backups <backup@example.org>", to=("admin@example.org", "Käthe <k@example.org>"))
        message("admins", text="What to do: make room\n\nSources: shop & <b>media</b>\n.\n..two dots\nKäthe\n")
        assert backstay("notice", "deliver").out == "1 message sent\n"
        mail, = sink.mails
    assert (mail.sender, mail.recipients, mail.tls, mail.user) == ("backup@example.org", ["admin@example.org", "k@example.org"], False, None)
    assert mail.message["Subject"] == "The backup of shop failed: no space left"
    assert mail.message["From"] == "Backups <backup@example.org>"
    assert mail.message["To"] == "admin@example.org, Käthe <k@example.org>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert abs(email.utils.parsedate_to_datetime(mail.message["Date"]).timestamp() - time.time()) < 300
    assert mail.message["Message-ID"].endswith("@example.org>")
    assert mail.message.get_content_type() == "multipart/alternative"
    assert mail.part("plain") == "The backup of shop failed: no space left.\n\nWhat to do: make room\n\nSources: shop & <b>media</b>\n.\n..two dots\nKäthe\n"
    page = mail.part("html")
    assert "<strong>The backup of shop failed: no space left.</strong>" in page
    assert "<p>What to do: make room</p>\n<p>Sources: shop &amp; &lt;b&gt;media&lt;/b&gt;<br>\n.<br>\n..two dots<br>\nKäthe</p>" in page
    assert b"\n" not in mail.content.replace(b"\r\n", b"") and mail.message.defects == []


def test_starttls_and_tls_with_a_login(backstay, password, certificate):
    for tls, security in (("starttls", "starttls"), ("implicit", "tls")):
        with MailSink(certificate, tls, auth=("maria", "Tr0ub4dor")) as sink:
            add_mail(backstay, sink, "--user", "maria", "--password-file", password, security=security)
            assert backstay("notice", "test", "admins", env=certificate.environment).out == "sent a test message over admins\n"
            mail, = sink.mails
            assert mail.tls and mail.user == "maria"
            assert mail.message["Subject"] == "This is a test of the notice admins"
        backstay.plain("notice", "remove", "admins")


def test_a_hostile_name_makes_no_header_and_no_html(backstay, message):
    hostile = "shop\r\nBcc: evil@example.net\r\n\r\n<img src=x>\u2028 \x1b[31m ünd"
    with MailSink() as sink:
        add_mail(backstay, sink)
        message("admins", title=f"The backup of {hostile} failed", source=hostile)
        backstay("notice", "deliver")
        mail, = sink.mails
    assert mail.recipients == ["admin@example.org"]
    assert mail.message["Bcc"] is None
    assert mail.message["Subject"] == "The backup of shop  Bcc: evil@example.net    <img src=x>   [31m ünd failed"
    assert "<img" not in mail.part("html") and html.escape("<img src=x>") in mail.part("html")
    assert sorted(mail.message.keys()) == ["Auto-Submitted", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "Subject", "To"]


def test_what_a_server_does_not_take_now_it_gets_later(backstay, message, later):
    with MailSink(fail=1) as sink:
        add_mail(backstay, sink)
        message("admins")
        reason = f"{sink.place} does not take the mail now: 451 4.3.0 come again later"
        assert backstay("notice", "deliver").err == f"warning: notice admins: 1 message waits for another try: {reason}\n"
        one = waiting(backstay)
        assert [one[k] for k in ("state", "tries", "error")] == ["waiting", 1, reason]
        assert backstay("notice", "deliver", "--json").json == {"sent": 0, "failed": 0}
        assert "trying again" in backstay("notice", "list").out
        later()
        assert backstay("notice", "deliver", "--json").json == {"sent": 1, "failed": 0}
        assert [waiting(backstay)[k] for k in ("state", "tries", "error")] == ["sent", 2, None]
        assert len(sink.mails) == 1


def test_the_settings_of_old_make_a_notice_by_themselves(backstay, message, environment):
    with MailSink() as sink:
        environment.update(BACKUP_EMAIL_NOTIFICATIONS="True", BACKUP_NOTIFICATION_EMAIL="admin@example.org, k@example.org", BACKSTAY_SMTP_SERVER=sink.place,
                           BACKSTAY_SMTP_SECURITY="none")
        assert backstay("notice", "list", "--json").json["notices"][0]["name"] == "email"
        message("email")
        assert backstay("notice", "deliver").out == "1 message sent\n"
        assert sink.mails[0].recipients == ["admin@example.org", "k@example.org"]
        assert sink.mails[0].message["From"] == f"Backstay on {HOST} <backstay@{HOST}>"
        environment["BACKUP_EMAIL_NOTIFICATIONS"] = "False"
        assert backstay("notice", "list").out.splitlines()[1].split()[-1] == "off"
        message("email")
        backstay("notice", "deliver")
        assert len(sink.mails) == 1


# ---- webhooks ----

def add_hook(backstay, sink, *more, name="hook", path=f"/hook/{SECRET}"):
    backstay.plain("notice", "add", "webhook", name, sink.url(path), *more)


def test_a_webhook_is_signed(backstay, message, home):
    (home / "key").write_text("k3y of mine\n")
    with HookSink() as sink:
        add_hook(backstay, sink, "--signing-file", home / "key")
        message("hook")
        backstay("notice", "deliver")
        request, = sink.requests
    signed = request.headers["X-Backstay-Timestamp"].encode() + b"." + request.body
    assert request.headers["X-Backstay-Signature"] == "sha256=" + hmac.new(b"k3y of mine", signed, hashlib.sha256).hexdigest()
    assert abs(int(request.headers["X-Backstay-Timestamp"]) - time.time()) < 300
    assert (request.method, request.path, request.headers["Content-Type"]) == ("POST", f"/hook/{SECRET}", "application/json")
    assert {k: request.json[k] for k in ("event", "title", "source", "job", "host", "notice", "delivery")} == {
        "event": "failure", "title": "The backup of shop failed: no space left", "source": "shop", "job": None, "host": HOST, "notice": "hook", "delivery": 1}


def test_a_webhook_over_tls_needs_a_certificate_that_holds(backstay, certificate):
    with HookSink(certificate=certificate) as sink:
        add_hook(backstay, sink)
        assert f"the certificate of 127.0.0.1:{sink.port} does not hold: self-signed certificate\n" in backstay.fails(8, "notice", "test", "hook").err
        assert sink.requests == []
        assert backstay("notice", "test", "hook", "--json", env=certificate.environment).json == {"ok": True}


@pytest.mark.parametrize("answer, reason", [
    (400, "{shown} answers with status 400"),
    ((404, {}, f"no hook /hook/{SECRET}".encode()), "{shown} answers with status 404"),
    ((429, {"Retry-After": "7200"}, b"slow down"), "{shown} answers with status 429: slow down"),
    ((302, {"Location": "http://127.0.0.1:1/"}, b""), "{shown} answers with status 302"),
    ("drop", "the connection to 127.0.0.1:{port} was lost: Empty reply from server"),
])
def test_every_way_to_fail_has_its_reason_and_shows_no_secret(backstay, message, answer, reason):
    with HookSink(answer) as sink:
        add_hook(backstay, sink)
        message("hook")
        told = backstay("notice", "deliver").err + backstay("notice", "list").err + backstay("notice", "deliveries").out
        one = waiting(backstay)
        assert one["error"] == reason.format(shown=f"http://127.0.0.1:{sink.port}/...", port=sink.port)
        assert SECRET not in told
        assert len(sink.requests) == 1
        wait = (time.mktime(time.strptime(one["next_try"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone) - time.time()
        assert 7000 < wait <= 7200 if "429" in reason else 0 < wait <= 61


def test_a_slow_webhook_can_be_cancelled(backstay):
    with HookSink("slow") as sink:
        add_hook(backstay, sink)
        p = backstay.start("notice", "test", "hook", stderr=-1)
        until(lambda: sink.requests, "the request", process=p)
        p.terminate()
        assert p.communicate(timeout=60)[1] == b"backstay: cancelled\n"
        assert p.returncode == 130


def test_what_was_given_up_is_shown_until_somebody_has_seen_it(backstay, message, later):
    with HookSink(*[500] * 6) as sink:
        add_hook(backstay, sink)
        message("hook")
        for turn in range(6):
            result = (backstay if turn == 5 else backstay.plain)("notice", "deliver")
            later()
        reason = f"http://127.0.0.1:{sink.port}/... answers with status 500"
        assert result.err == f"warning: notice hook: 1 message could not be sent: {reason}\n"
        assert backstay("notice", "deliver", "--json").json == {"sent": 0, "failed": 0}
        shown = backstay("notice", "list")
        assert shown.out.splitlines()[1].endswith("FAILED") and shown.err == f"warning: notice hook: {reason} (see: backstay notice deliveries)\n"
        assert backstay("notice", "list", "--json").json["problems"] == [f"notice hook: 1 message could not be sent: {reason}"]
        failed = backstay("notice", "deliveries", "--failed", "--json").json
        assert failed["total"] == 1 and failed["deliveries"][0]["state"] == "failed" and failed["deliveries"][0]["tries"] == 6
        assert f"given up: {reason}" in backstay("notice", "deliveries", "--failed").out
        assert backstay("notice", "deliveries", "--seen").out == "1 message forgotten\n"
        assert backstay("notice", "deliveries", "--failed").out == "everything could be sent\n"
        assert backstay("notice", "list").out.splitlines()[1].endswith("on")
        assert len(sink.requests) == 6


def test_a_heartbeat_is_a_get(backstay, message):
    with HookSink() as sink:
        backstay("notice", "add", "heartbeat", "watch", sink.url(f"/{SECRET}"), "--on", "all")
        for event in ("start", "success", "failure"):
            message("watch", event)
            backstay("notice", "deliver")
        assert [(r.method, r.path) for r in sink.requests] == [("GET", f"/{SECRET}/start"), ("GET", f"/{SECRET}"), ("GET", f"/{SECRET}/fail")]


# ---- from the end of a job to its message ----

@pytest.fixture
def sources(initialised, shop):
    """A good source and one that fails, and a schedule for each."""
    initialised.plain("source", "add", "shop", "shop.db")
    initialised.plain("source", "add", "broken", "command:false")
    for name in ("shop", "broken"):
        initialised.plain("schedule", "add", name, "--cron", "0 0 1 1 *", "--source", name, "--keep-all")
    return initialised


def test_the_daemon_tells_by_mail_webhook_and_heartbeat(daemon, sources):
    with MailSink() as mails, HookSink() as hooks, HookSink() as beats:
        add_mail(sources, mails)
        add_hook(sources, hooks, "--on", "all", "--source", "broken")
        sources("notice", "add", "heartbeat", "watch", beats.url("/shop"), "--on", "all", "--source", "shop")
        daemon.start()
        sources("schedule", "run", "shop", "--force")
        sources.fails(1, "schedule", "run", "broken", "--force")
        until(lambda: mails.mails and hooks.requests and len(beats.requests) == 2, "the messages")
        until(lambda: not daemon.rows("SELECT 1 FROM delivery WHERE sent IS NULL"), "the note that they were sent")
        daemon.stop()
        assert [r.path for r in beats.requests] == ["/shop/start", "/shop"]
        assert [m.message["Subject"] for m in mails.mails] == ["The backup of broken failed: false failed with status 1"]
        assert "\nSources: broken\n" in mails.mails[0].part("plain") and "\nBegun by: schedule broken\n" in mails.mails[0].part("plain")
        hook, = hooks.requests
    failed, = daemon.jobs("state = 'failed'")
    assert (hook.json["event"], hook.json["state"], hook.json["source"]) == ("failure", "failed", "broken")
    assert (hook.json["job"]["id"], hook.json["job"]["error"]["kind"]) == (failed["id"], "child")
    assert {d["state"] for d in sources("notice", "deliveries", "--json").json["deliveries"]} == {"sent"}


def test_without_a_daemon_schedule_run_tells(daemon, sources):
    with MailSink() as mails:
        add_mail(sources, mails, "--on", "all")
        sources("schedule", "run", "shop", "--force")
        sources.fails(1, "schedule", "run", "broken", "--force")
        subjects = [m.message["Subject"] for m in mails.mails]
    assert subjects == ["The backup of shop succeeded", "The backup of broken failed: false failed with status 1"]
    daemon.assert_nothing_is_left()


# ---- the command ----

def test_a_url_is_not_shown_to_other_users_nor_kept_in_clear(backstay, home, tmp_path):
    os.mkfifo(home / "key")
    for url in (["webhook", "hook", f"https://hooks.example.org/{SECRET}"], ["webhook", "hook", "--url-failure", f"http://hooks.example.org?{SECRET}"],
                ["webhook", "hook", f"--url-success=https://u:{SECRET}@hooks.example.org/{SECRET}#x"]):
        p = backstay.start("notice", "add", *url, "--signing-file", home / "key")
        # It waits for somebody to write, so it has concealed its arguments.
        with open(home / "key", "w") as key:
            seen = pathlib.Path(f"/proc/{p.pid}/cmdline").read_text()
            key.write("k3y\n")
        assert p.wait(60) == 0
        assert "hooks.example.org" in seen and SECRET not in seen
        assert SECRET not in backstay("notice", "show", "hook").out + backstay("notice", "list").out + backstay("notice", "show", "hook", "--json").out
        backstay("notice", "remove", "hook")
    for file in (tmp_path / "state").iterdir():
        assert file.is_dir() or SECRET.encode() not in file.read_bytes()


def test_a_url_can_come_from_a_file_or_standard_input(backstay, home):
    (home / "url").write_text(f"https://hooks.example.org/{SECRET}\n")
    backstay("notice", "add", "webhook", "one", "--url-file", home / "url")
    backstay("notice", "add", "webhook", "two", "--url-file", "-", stdin=b"https://hooks.example.org/x\n")
    assert [n["url"] for n in backstay("notice", "list", "--json").json["notices"]] == ["https://hooks.example.org/..."] * 2
    result = backstay.fails(2, "notice", "edit", "one", "https://hooks.example.org/y", "--url-file", home / "url")
    assert result.err == "backstay: the URL is given twice: as an argument, and by --url-file\n"


@pytest.mark.parametrize("words, reason", [
    (["add", "sms", "x"], 'a notice is a mail, a webhook or a heartbeat, not "sms"'),
    (["add", "mail"], "notice add needs more: backstay notice add mail|webhook|heartbeat NAME ADDRESS...|URL"),
    (["add", "mail", "x", "nobody"], '"nobody" is not a mail address'),
    (["add", "mail", "x", "a@b", "--format", "slack"], "a mail has no --format"),
    (["add", "mail", "x", "a@b", "--server", "h", "--user", "u"], "there is no terminal to ask for the password of u on"),
    (["add", "webhook", "x"], "a webhook notice needs a URL"),
    (["add", "webhook", "x", "http://a/", "http://b/"], 'a webhook has one URL: "http://b/" is too much'),
    (["add", "webhook", "x", "http://a/", "--server", "h"], "a webhook has no --server"),
    (["add", "webhook", "x", "http://a/", "--on", "failure,sucess"], 'there is no event "sucess"'),
    (["add", "webhook", "x", "http://a/", "--on", "start"], "the event start is for heartbeats"),
    (["add", "webhook", "x", "http://a/", "--format", "template"], "the format template needs a template"),
    (["list", "--failed"], "notice list has no option --failed; it goes with: deliveries"),
    (["deliveries", "--on", "all"], "notice deliveries has no option --on; it goes with: add, edit"),
])
def test_what_makes_no_sense_is_refused(backstay, words, reason):
    assert backstay.fails(2, "notice", *words).err.split("\n")[0] == f"backstay: {reason}"


def test_an_unknown_notice_is_told(backstay):
    assert "there is no state folder" in backstay.fails(4, "notice", "test", "admins").err
    backstay("notice", "add", "mail", "admins", "a@b")
    assert backstay.fails(4, "notice", "test", "admisn").err == 'backstay: there is no notice named "admisn"\n  try: did you mean "admins"?\n'


def test_a_notice_is_added_shown_changed_switched_off_and_removed(backstay, catalog):
    assert backstay("notice", "list").out == "there is no notice yet; make one with: backstay notice add mail NAME ADDRESS\n"
    assert backstay("notice", "deliveries").out == "there was nothing to tell yet\n"
    added = backstay("notice", "add", "mail", "admins", "a@example.org", "B <b@example.org>", "--source", "shop", "--on", "failure,missed")
    assert added.out == "notice admins added: it tells failure, missed\n"
    assert added.err == "try it: backstay notice test admins\n"
    assert backstay("notice", "show", "admins").out == (
        "name         admins\nkind         mail\nstate        on\ntells        failure, missed\nabout        shop\n"
        "to           a@example.org, B <b@example.org>\nserver       as the settings say\n")
    backstay("notice", "edit", "admins", "--on", "all", "--source", "")
    shown = backstay("notice", "show", "admins", "--json").json["notice"]
    assert shown["events"] == ["success", "failure", "missed", "overdue", "drill-failed", "low-space"] and shown["sources"] == []
    assert shown["to"] == ["a@example.org", "B <b@example.org>"]
    assert backstay("notice", "disable", "admins").out == "notice admins is off\n"
    assert backstay("notice", "list").out.splitlines()[1].split()[-1] == "off"
    assert backstay("notice", "enable", "admins").out == "notice admins is on\n"
    assert backstay("notice", "remove", "admins").out == "notice admins removed\n"
    assert [row for (row,) in catalog("SELECT action FROM audit ORDER BY id")] == [
        "notice-add", "notice-change", "notice-change", "notice-change", "notice-remove"]


# ---- docs/notices.md ----

DOCS = (ROOT / "docs" / "notices.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS, re.M | re.S)


def test_every_command_of_the_page_works(backstay, home):
    (home / "smtp-password").write_text("Tr0ub4dor\n")
    (home / "slack-url").write_text("https://hooks.slack.com/services/T0/B0/X\n")
    (home / "matrix.json").write_text(blocks("json")[0])
    (home / "ntfy.txt").write_text(next(b for b in blocks("") if "{{title}}" in b))
    lines = "".join(blocks("sh")).splitlines()
    for line in lines:
        backstay.plain(*shlex.split(line)[1:])
    assert len(backstay.plain("notice", "list", "--json").json["notices"]) == len(lines) >= 10


def test_the_document_of_a_webhook_has_the_members_of_the_page_and_its_check_of_signatures_holds(backstay, message, home):
    (home / "key").write_text("k3y\n")
    with HookSink() as sink:
        add_hook(backstay, sink, "--signing-file", home / "key")
        message("hook")
        backstay("notice", "deliver")
        request, = sink.requests
    table = DOCS.split("## The document of a webhook")[1]
    listed = [name for row in re.findall(r"^\| (`.*?) \|", table, re.M) for name in re.findall(r"`(\w+)`", row)]
    assert list(request.json) == listed
    names = {}
    exec(blocks("python")[0], names)
    assert names["is_from_backstay"](b"k3y", request.headers, request.body)
    assert not names["is_from_backstay"](b"k3y", request.headers, request.body + b" ")
    assert not names["is_from_backstay"](b"key", request.headers, request.body)
