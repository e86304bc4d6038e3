"""Settings, where each comes from, and the configuration as one file, in a browser."""
import json

import pytest
from api_world import Client
from conftest import make_shop, make_web
from people import be_at

PASSPHRASE = "a passphrase for the journey"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """The environment gives one setting well and one badly; a file gives another."""
    folder = tmp_path_factory.mktemp("settings")
    (folder / "configuration").write_text("BACKSTAY_SCAN_HOURS=12\n")
    web = make_web(folder, env={"BACKSTAY_RETENTION_DAYS": "45", "BACKSTAY_MAX_BACKUPS": "a few", "BACKSTAY_CONFIG": str(folder / "configuration")})
    make_shop(web.home / "shop.db")
    web.start()
    yield web
    web.close()


@pytest.fixture(scope="module")
def api(place):
    return Client(f"127.0.0.1:{place.port}", place.token("tests", "maria", "admin"))


@pytest.fixture
def settings(page, place):
    return be_at(page, place, "settings")


def help_of(page, label):
    return page.js("return arguments[0].closest('.field').innerText", page.field(label))


def test_what_comes_from_outside_says_from_where_and_what_is_wrong_with_it(settings, api):
    rows = {r.one("td").text: r.text for r in settings.all("main tbody tr")}
    assert "45" in rows["Retention days"] and "the environment: BACKSTAY_RETENTION_DAYS" in rows["Retention days"] and "30" in rows["Retention days"]
    assert "12" in rows["Scan hours"] and "the configuration file: BACKSTAY_SCAN_HOURS" in rows["Scan hours"]
    assert api.get("/settings/")["max_backups"]["error"] in rows["Max backups"]
    assert "a few" in rows["Max backups"]


def test_settings_are_changed_and_go_back_to_their_defaults(settings, api):
    assert "Default: 365." in help_of(settings, "Job history days")
    settings.fill("Job history days", "90")
    settings.fill("Upload max", "10G")
    settings.choose("Log level", "debug")
    settings.tick("Metrics loopback")
    settings.click("Save the settings")
    settings.see("The settings are kept.")
    kept = api.get("/settings/")
    assert [(kept[n]["value"], kept[n]["origin"]) for n in ("job_history_days", "upload_max", "log_level", "metrics_loopback")] == [(90, "catalog"), (10 << 30, "catalog"), ("debug", "catalog"), (True, "catalog")]
    settings.settled()
    assert settings.field("Upload max").get("value") == "10G"
    settings.click("Back to the default", settings.find("return arguments[0].closest('.field')", settings.field("Upload max")))
    settings.see("Upload max: as it is by default.")
    settings.settled()
    settings.js("arguments[0].value = ''", settings.field("Job history days"))
    settings.choose("Log level", "info")
    settings.tick("Metrics loopback", False)
    settings.click("Save the settings")
    settings.until(lambda: api.get("/settings/")["job_history_days"]["value"] == 365, "the default")
    kept = api.get("/settings/")
    assert (kept["upload_max"]["origin"], kept["job_history_days"]["origin"], kept["log_level"]["value"], kept["metrics_loopback"]["value"]) == ("default", "default", "info", False)


def test_nothing_is_sent_when_nothing_was_changed(settings, api):
    before = api.get("/audit/")["total"]
    settings.click("Save the settings")
    settings.see("Nothing was changed.")
    assert api.get("/audit/")["total"] == before


def test_a_value_that_does_not_fit_is_refused_with_its_reason_and_nothing_else_is_kept(settings, api):
    settings.fill("Upload max", "a lot")
    settings.fill("Public URL", "https://backups.example.org")
    settings.click("Save the settings")
    settings.see("upload_max")
    settings.expect(400)
    assert "a size, such as 500M or 10G" in settings.text_at("//*[@class='problem']")
    assert settings.field("Public URL").get("value") == "https://backups.example.org"
    assert api.get("/settings/")["public_url"]["origin"] == "default"


def test_a_secret_is_kept_never_shown_and_forgotten(settings, api, place):
    settings.fill("SMTP password", "a mail password")
    settings.click("Save the settings")
    settings.see("One is kept; leave it empty to keep it.")
    assert api.get("/settings/")["smtp_password"]["known"] and "a mail password" not in settings.source
    settings.click("Forget it")
    settings.see("SMTP password: forgotten.")
    assert not api.get("/settings/")["smtp_password"]["known"]


def test_the_look_is_remembered_by_this_browser(settings):
    settings.choose("Colours", "dark")
    settings.click("Save", settings.find("return arguments[0].closest('form')", settings.field("Colours")))
    assert settings.js("return document.documentElement.dataset.theme") == "dark"
    settings.refresh()
    settings.heading("Settings")
    assert settings.js("return document.documentElement.dataset.theme") == "dark"
    settings.choose("Colours", "as the system")
    settings.click("Save", settings.find("return arguments[0].closest('form')", settings.field("Colours")))
    assert settings.js("return document.documentElement.dataset.theme || ''") == ""


def test_times_are_shown_exactly_to_who_wants_it_so(settings):
    settings.go("account")
    settings.choose("Times", "exactly")
    settings.click("Save", settings.find("return arguments[0].closest('form')", settings.field("Times")))
    settings.go("audit")
    settings.until(lambda: settings.visible("//main//tbody//time"), "the trail")
    shown = settings.visible("//main//tbody//time")
    assert shown.text == shown.get("title")
    settings.go("account")
    settings.choose("Times", "from now (5 min ago)")
    settings.click("Save", settings.find("return arguments[0].closest('form')", settings.field("Times")))
    settings.go("audit")
    settings.until(lambda: (time := settings.visible("//main//tbody//time")) and ("ago" in time.text or time.text == "just now"), "relative times")


# ---- the configuration as one file ----

def taken(page):
    """The file that was downloaded, which is then gone."""
    file = page.until(lambda: next(iter(page.downloads.glob("backstay-config*.json")), None), "the file")
    text = page.until(file.read_text, "its content")
    file.unlink()
    return json.loads(text)


def test_the_configuration_is_taken_along_and_applied_after_a_look_at_what_changes(settings, api, place, tmp_path):
    api.post("/sources/", {"name": "shop", "url": f"sqlite:{place.home}/shop.db", "notes": "as it was"})
    settings.click("Download it")
    document = taken(settings)
    assert document["sources"][0]["name"] == "shop"
    file = tmp_path / "taken.json"
    file.write_text(json.dumps(document))
    api.call("PATCH", "/sources/shop/", {"notes": "changed since"})
    settings.click("Apply a file")
    broken = tmp_path / "broken.json"
    broken.write_text("no JSON")
    settings.field("File").upload(str(broken))
    settings.click("Show what would change")
    settings.see("this is no configuration file")
    settings.field("File").upload(str(file))
    settings.click("Show what would change")
    settings.see("It changes this:")
    assert "shop" in settings.dialog().text and api.get("/sources/shop/")["notes"] == "changed since"
    settings.click("Apply it")
    settings.see("The configuration is applied.")
    assert api.get("/sources/shop/")["notes"] == "as it was"


def test_what_a_file_does_not_name_is_removed_only_when_that_is_asked_for(settings, api, place, tmp_path):
    make_shop(place.home / "other.db")
    file = tmp_path / "before.json"
    file.write_text(json.dumps(api.get("/config/")))
    api.post("/sources/", {"name": "other", "url": f"sqlite:{place.home}/other.db"})
    settings.click("Apply a file")
    settings.field("File").upload(str(file))
    settings.click("Show what would change")
    settings.see("Nothing would change.")
    settings.tick("Remove what its sections do not name")
    settings.click("Show what would change")
    settings.see("It changes this:")
    settings.click("Apply it")
    settings.see("The configuration is applied.")
    assert api.get("/sources/other/", status=404)


def test_secrets_go_along_under_a_passphrase(settings, api, tmp_path):
    api.call("PATCH", "/settings/", {"smtp_password": "a mail password"})
    settings.click("Download it with secrets")
    settings.fill("Passphrase", PASSPHRASE)
    settings.click("Download it")
    document = taken(settings)
    assert "a mail password" not in json.dumps(document)
    api.call("PATCH", "/settings/", {"smtp_password": None})
    file = tmp_path / "sealed.json"
    file.write_text(json.dumps(document))
    settings.click("Apply a file")
    settings.field("File").upload(str(file))
    settings.fill("Passphrase", "not this one")
    settings.click("Show what would change")
    settings.until(lambda: settings.visible("//dialog//*[@class='problem']"), "the reason")
    settings.expect(422)
    settings.fill("Passphrase", PASSPHRASE)
    settings.click("Show what would change")
    settings.see("It changes this:")
    settings.click("Apply it")
    settings.until(lambda: api.get("/settings/")["smtp_password"]["known"], "the secret")
    api.call("PATCH", "/settings/", {"smtp_password": None})
