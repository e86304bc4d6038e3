"""Who is told what: notices of each kind are made, tried, changed, switched off and removed in a browser; what arrives is looked at where it arrives."""
import hashlib
import hmac
import re
import sqlite3

import pytest
from managing import card, press
from people import be_at, place, world      # noqa: F401
from sinks import Certificate, HookSink, MailSink

FORMATS = {"JSON": lambda m: m["event"], "Slack": lambda m: m["text"], "Discord": lambda m: m["content"], "Teams": lambda m: m["attachments"], "Telegram": lambda m: m["text"] and m["chat_id"] == "7"}


@pytest.fixture(scope="module")
def api(world):
    return world.admin


@pytest.fixture
def notices(page, place, api):
    """The page, as an admin sees it; what a test has added goes."""
    yield be_at(page, place, "notices")
    for n in api.get("/notices/")["items"]:
        api.call("DELETE", f"/notices/{n['id']}/")


def add(page, name, kind, **fields):
    """{label: text, or (option,), or True or False}"""
    page.click("New notice")
    page.fill("Name", name)
    page.choose("How", kind)
    change(page, **fields)
    page.click("Add it")


def change(page, **fields):
    for label, value in fields.items():
        label = label.replace("_", " ")
        if isinstance(value, tuple):
            page.choose(label, *value)
        elif isinstance(value, bool):
            page.tick(label, value)
        else:
            page.fill(label, value)


def fail_a_backup(world):
    """Something to tell about."""
    world.shop.rename(world.shop.with_suffix(".away"))
    try:
        job = world.admin.post("/backups/", {"sources": ["shop"]})
        return world.admin.wait(job, "failed")
    finally:
        world.shop.with_suffix(".away").rename(world.shop)


# ---- mail ----

def test_mail_is_added_tried_and_arrives(notices, world, api):
    with MailSink(auth=("backstay", "a mail password")) as sink:
        add(notices, "admins", "Mail", To="maria@example.org\noliver@example.org", Mail_server=sink.place, Encryption=("none (the password goes in clear)",), User="backstay", Password="not this one", From="backstay@example.org")
        notices.see("admins is added.")
        press(notices, "admins", "Send a test")
        notices.see(f'{sink.place} does not accept the user "backstay" with this password')
        notices.expect(409)
        notices.click("Change")
        change(notices, Password="a mail password")
        notices.click("Save")
        notices.see("admins is changed.")
        press(notices, "admins", "Send a test")
        notices.see("The test was sent.")
        mail, = sink.mails
        assert (mail.sender, mail.recipients, mail.user) == ("backstay@example.org", ["maria@example.org", "oliver@example.org"], "backstay")
        kept = api.get("/notices/admins/")
        assert kept["password_known"] and "a mail password" not in str(kept) + notices.source
        fail_a_backup(world)
        notices.until(lambda: len(sink.mails) == 2, "the mail about the failure", 60)
        assert "shop" in sink.mails[1].message["Subject"]
        notices.see("● sent", 60)
        notices.until(lambda: "shop" in card(notices, "admins").text, "the last message")


def test_a_mail_server_that_is_not_there_is_named_at_the_button(notices, api):
    with MailSink() as sink:
        gone = sink.place
    add(notices, "nowhere", "Mail", To="maria@example.org", Mail_server=gone, Encryption=("none (the password goes in clear)",))
    press(notices, "nowhere", "Send a test")
    notices.see("annot connect to 127.0.0.1")
    notices.expect(503)


@pytest.mark.parametrize("tls, choice", [("starttls", "STARTTLS"), ("implicit", "TLS from the start")])
def test_mail_goes_to_no_server_whose_certificate_nobody_vouches_for(notices, tmp_path, tls, choice):
    with MailSink(certificate=Certificate(tmp_path), tls=tls) as sink:
        add(notices, tls, "Mail", To="maria@example.org", Mail_server=sink.place, Encryption=(choice,))
        press(notices, tls, "Send a test")
        notices.see(f"the certificate of {sink.place} does not hold: self-signed certificate")
        notices.expect(403)
        assert sink.mails == []


def test_mail_without_a_server_anywhere_says_which_setting_it_lacks(notices):
    add(notices, "lost", "Mail", To="maria@example.org")
    press(notices, "lost", "Send a test")
    notices.see("o mail server is known")
    notices.expect(404)


def test_what_is_wrong_with_a_notice_is_said_and_the_form_keeps_what_was_typed(notices, api):
    add(notices, "wrong", "Mail", To="no address", Mail_server="mail.example.org:25")
    notices.until(lambda: "no address" in notices.dialog().one(".problem").text, "the reason")
    assert notices.field("Mail server").get("value") == "mail.example.org:25"
    notices.fill("To", "maria@example.org")
    notices.fill("Name", "a/b")
    notices.click("Add it")
    notices.see('a notice cannot be called "a/b"')
    notices.choose("How", "Webhook (chat services too)")
    notices.fill("Name", "wrong")
    notices.click("Add it")
    notices.see("a webhook notice needs a URL")
    notices.fill("URL", "ftp://example.org/")
    notices.click("Add it")
    notices.see("it is not a URL that begins with http:// or https://")
    notices.expect(400)
    notices.click("Cancel")
    assert api.get("/notices/")["items"] == []


# ---- webhooks and heartbeats ----

def test_successes_and_everything_else_go_to_urls_of_their_own(notices, world):
    with HookSink() as sink:
        add(notices, "split", "Webhook (chat services too)", URL=sink.url("/usual"), a_success=True, a_failure=True, **{"Another URL for successes": sink.url("/good"), "Another URL for everything else": sink.url("/bad")})
        notices.see("split is added.")
        world.back_up("shop")
        fail_a_backup(world)
        notices.until(lambda: [r.path for r in sink.requests] == ["/good", "/bad"], "both messages", 60)


@pytest.mark.parametrize("format", FORMATS)
def test_a_webhook_of_each_format_says_what_its_service_understands(notices, format):
    with HookSink() as sink:
        path = "/bot1:abc/sendMessage?chat_id=7" if format == "Telegram" else "/hook/secret-token"
        add(notices, "chat", "Webhook (chat services too)", URL=sink.url(path), Format=(format,))
        notices.see("chat is added.")
        assert "secret-token" not in notices.text()
        press(notices, "chat", "Send a test")
        notices.see("The test was sent.")
        request, = sink.requests
        assert request.path == path.split("?")[0] and FORMATS[format](request.json)


def test_a_template_of_ones_own_and_a_signature(notices, api):
    with HookSink() as sink:
        add(notices, "own", "Webhook (chat services too)", URL=sink.url("/x"), Format=("a template of your own",), Template='{"say": "{{title}}', Secret_that_signs="a key to sign with")
        notices.see("the template begins like JSON and is none")
        notices.expect(400)
        notices.fill("Template", '{"say": "{{title}}"}')
        notices.click("Add it")
        press(notices, "own", "Send a test")
        notices.see("The test was sent.")
        request, = sink.requests
        assert request.json["say"] and request.headers["X-Backstay-Signature"]
        stamp = request.headers["X-Backstay-Timestamp"]
        assert request.headers["X-Backstay-Signature"].endswith(hmac.new(b"a key to sign with", stamp.encode() + b"." + request.body, hashlib.sha256).hexdigest())
        notices.click("Change")
        notices.tick("Forget the secret")
        notices.choose("Format", "JSON")
        notices.click("Save")
        notices.see("own is changed.")
        kept = api.get("/notices/own/")
        assert (kept["signing_known"], kept["format"], kept["template"], kept["url"]) == (False, "json", None, kept["url"])
        press(notices, "own", "Send a test")
        notices.until(lambda: len(sink.requests) == 2, "the second test")
        assert "X-Backstay-Signature" not in sink.requests[1].headers and sink.requests[1].path == "/x"


def test_a_heartbeat_tells_that_a_backup_began_and_was_good(notices, world):
    with HookSink() as sink:
        add(notices, "pulse", "Heartbeat URL", URL=sink.url("/ping"), a_success=True, a_failure=True, **{"a run that was missed": False, "no good backup": False, "a backup that did not": False, "little space": False, "a backup's begin": True})
        notices.see("pulse is added.")
        world.back_up("shop")
        notices.until(lambda: [r.path for r in sink.requests if r.path == "/ping"], "the sign of life", 60)
        fail_a_backup(world)
        notices.until(lambda: "/ping/fail" in [r.path for r in sink.requests], "the failure", 60)


def test_a_webhook_that_refuses_is_named_and_what_could_not_be_sent_is_listed_until_it_was_seen(notices, api, world):
    with HookSink(*[410] * 20) as sink:
        add(notices, "gone", "Webhook (chat services too)", URL=sink.url("/hook"))
        press(notices, "gone", "Send a test")
        notices.see("answers with status 410")
        notices.expect(409, 422, 500, 503, 403, 404)
        fail_a_backup(world)
        notices.until(lambda: any(d["error"] for d in api.get("/notices/deliveries/?notice=gone")["items"]), "a try that failed", 60)
        notices.refresh()
        row = notices.until(lambda: notices.visible("//table[caption='Messages']//tr[contains(., 'answers with status 410')]"), "the message and why it did not arrive")
        assert "gone" in row.text and re.search("given up|tried 1 time", row.text)
        assert "answers with status 410" in card(notices, "gone").text


def test_messages_that_were_given_up_are_filtered_and_forgotten(notices, api, place):

    api.post("/notices/", {"name": "dead", "kind": "webhook", "url": "http://127.0.0.1:9/x"})
    with sqlite3.connect(place.state / "catalog.db", timeout=30) as db:
        db.execute("INSERT INTO delivery (notice, event, title, text, created, not_before, tries, error, given_up) SELECT id, 'failure', 'nobody heard this', '', 1, 1, 6, 'it is dead', 1 FROM notice WHERE name = 'dead'")
    notices.choose("Show", "given up")
    notices.until(lambda: "failed=true" in notices.address, "the filter in the address")
    notices.see("Show all")              # the page with the filter
    notices.until(lambda: notices.visible("//table[caption='Messages']//tr[contains(., 'nobody heard this')][contains(., '✕ given up')]"), "the message, in the list too")
    notices.click("Forget those given up")
    notices.see("No messages.")
    assert api.get("/notices/deliveries/?failed=true")["total"] == 0


# ---- changing ----

def test_a_notice_is_narrowed_renamed_switched_off_and_on_and_removed(notices, api):
    add(notices, "narrow", "Webhook (chat services too)", URL="http://127.0.0.1:9/path/token", **{"Another URL for everything else": "http://127.0.0.1:9/other"})
    notices.see("narrow is added.")
    notices.click("Change")
    notices.fill("Name", "slim")
    notices.tick("a success")
    notices.tick("ledger")
    notices.js("const i = arguments[0]; i.value = ''", notices.field("Another URL for everything else"))
    notices.click("Save")
    notices.see("slim is changed.")
    kept = api.get("/notices/slim/")
    assert (kept["sources"], kept["url_failure"], "success" in kept["events"]) == (["ledger"], None, True)
    notices.click("Switch off")
    notices.see("– off")
    assert not api.get("/notices/slim/")["enabled"]
    notices.click("Switch on")
    notices.see("● on")
    assert api.get("/notices/slim/")["enabled"]
    notices.click("Remove")
    notices.click("Remove")
    notices.see("Nobody is told anything yet.")
    assert api.get("/notices/")["items"] == []


def test_the_mail_of_the_settings_is_listed_too(notices, api):
    api.call("PATCH", "/settings/", {"email_notifications": True, "notification_email": "maria@example.org", "smtp_server": "127.0.0.1:9"})
    notices.go("")
    notices.go("notices")
    card(notices, "email")
    api.call("PATCH", "/settings/", {"email_notifications": None, "notification_email": None, "smtp_server": None})
