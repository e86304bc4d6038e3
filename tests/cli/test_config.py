"""Settings on the command line, and the configuration as one file."""
import json
import sqlite3
import stat

import pytest


@pytest.fixture
def catalog(environment):
    """SQL on the catalog, for what it must and must not hold."""
    def ask(sql):
        with sqlite3.connect(f"file:{environment['BACKSTAY_HOME']}/catalog.db?mode=ro", uri=True) as db:
            return db.execute(sql).fetchall()
    return ask


def on_disk(environment, text):
    import pathlib
    return [str(f) for f in pathlib.Path(environment["BACKSTAY_HOME"]).rglob("*") if f.is_file() and text.encode() in f.read_bytes()]


# ---- settings ----


def test_values_that_do_not_fit_are_refused(backstay):
    done = backstay.fails(2, "config", "set", "retention_days", "many")
    assert 'retention_days cannot be "many"; it is a number, 0 to 36500' in done.err
    done = backstay.fails(2, "config", "set", "retention_day", "3")
    assert 'there is no setting "retention_day"' in done.err and 'did you mean "retention_days"?' in done.err
    done = backstay.fails(2, "config", "set", "jobs")
    assert "config set needs one of VALUE, --value-file FILE and --default" in done.err
    done = backstay.fails(2, "config", "show", "job")
    assert 'there is no setting "job"' in done.err


def test_a_broken_settings_file_stops_every_command_but_help(backstay, home):
    (home / "b.conf").write_text("BACKUP_RETENTION_DAYS 30\n")
    environment = {"BACKSTAY_CONFIG": str(home / "b.conf")}
    done = backstay.fails(2, "list", env=environment)
    assert f"the settings in {home}/b.conf (BACKSTAY_CONFIG): line 1 is no NAME=VALUE" in done.err
    assert backstay("--version", env=environment).out
    assert backstay("config", "--help", env=environment).out


def test_a_secret_is_not_taken_from_the_command_line(backstay, home, environment):
    done = backstay.fails(2, "config", "set", "smtp_password", "open-sesame")
    assert "smtp_password is a secret, and the command line is no place for it" in done.err and "open-sesame" not in done.err
    (home / "secret").write_text("open-sesame\n")
    assert backstay("config", "set", "smtp_password", "--value-file", "secret").out == "known\n"
    assert backstay("config", "show", "smtp_password").out == "known\n"
    assert on_disk(environment, "open-sesame") == []
    assert "open-sesame" not in backstay("config", "show", "--json").out


def test_a_setting_is_changed_shown_and_taken_back(backstay, catalog):
    assert backstay("config", "show", "retention_days").out == "30\n"
    assert backstay("config", "set", "retention_days", "60").out == "60\n"
    assert backstay("config", "show", "retention_days", "--json").json == {"name": "retention_days", "value": "60", "origin": "catalog"}
    assert backstay("config", "set", "retention_days", "--default").out == "30\n"
    assert catalog("SELECT action, object, details FROM audit ORDER BY id") == [
        ("setting-change", "retention_days", "60"), ("setting-change", "retention_days", "back to the default")]


def test_what_the_environment_gives_cannot_be_set(backstay):
    done = backstay.fails(6, "config", "set", "retention_days", "60", env={"BACKUP_RETENTION_DAYS": "7"})
    assert "retention_days is given by BACKUP_RETENTION_DAYS in the environment" in done.err


def test_show_lists_all_and_says_what_has_no_effect(backstay, home, environment):
    (home / "b.conf").write_text("BACKUP_RETENTION_COUNT=10\nBACKUP_SFTP_HOST=sftp.example.com\n")
    done = backstay("config", "show", env={"BACKSTAY_CONFIG": "b.conf", "BACKUP_COMPRESION_LEVEL": "6"})
    assert "max_backups" in done.out and " file " in done.out
    assert "warning: BACKUP_COMPRESION_LEVEL is nothing that Backstay knows; did you mean BACKUP_COMPRESSION_LEVEL?" in done.err
    assert "warning: BACKUP_SFTP_HOST is for a store that is not built in yet" in done.err
    document = backstay("config", "show", "--json", env={"BACKSTAY_CONFIG": "b.conf"}).json
    assert document["settings"]["max_backups"]["value"] == 10
    assert document["settings"]["max_backups"]["variable"] == "BACKUP_RETENTION_COUNT"
    assert document["notes"] == ["BACKUP_SFTP_HOST is for a store that is not built in yet"]


def test_a_settings_file_names_the_repository_too(backstay, home, shop):
    (home / "b.conf").write_text(f"BACKUP_DIR={home}/from-file\nBACKSTAY_PASSWORD='one of the file'\n")
    environment = {"BACKSTAY_CONFIG": "b.conf", "BACKSTAY_REPOSITORY": "", "BACKSTAY_PASSWORD": ""}
    backstay("init", env=environment)
    assert (home / "from-file" / "config").exists()
    assert backstay("backup", "shop.db", "--json", env=environment).json["repository"] == f"{home}/from-file"


def test_backups_are_compressed_as_the_setting_says(backstay, home):
    (home / "data").mkdir()
    (home / "data" / "zeros").write_bytes(bytes(1 << 20))
    added = {}
    for level in ("0", "6"):
        repository = {"BACKSTAY_REPOSITORY": str(home / level), "BACKSTAY_PASSWORD": "", "RESTIC_PASSWORD": ""}
        backstay.plain("init", env=repository)
        added[level] = backstay("backup", "data", "--json", env={**repository, "BACKUP_COMPRESSION_LEVEL": level}).json["bytes_added"]
    assert added["0"] > 1 << 20 and added["6"] < 1 << 16
    assert backstay("backup", "data", "--force", "--json", "--compression", "max", env={**repository, "BACKUP_COMPRESSION_LEVEL": "0"}).json["bytes_added"] < 1 << 16


def test_a_daemon_takes_the_environments_source_and_says_what_has_no_effect(daemon, backstay):
    daemon.start(env={"BACKUP_MYSQL_DATABASE": "shop", "BACKUP_MYSQL_USER": "u", "BACKUP_MYSQL_PASSWORD": "geheim-mysql", "BACKUP_SFTP_HOST": "sftp.example.com"})
    assert [(s["name"], s["url"]) for s in backstay("source", "list", "--json").json["sources"]] == [("mysql", "mysql://u@127.0.0.1:3306/shop")]
    daemon.stop()
    assert "warning serve: BACKUP_SFTP_HOST is for a store that is not built in yet" in daemon.log
    assert "geheim-mysql" not in daemon.log


# ---- the configuration as one file ----


def test_without_a_state_folder_there_is_nothing_to_export(backstay, environment):
    assert backstay.fails(4, "config", "export").err == f"backstay: there is no state folder {environment['BACKSTAY_HOME']} yet\n"


def test_the_configuration_moves_to_another_machine(backstay, home, environment, tmp_path):
    backstay("config", "set", "jobs", "4")
    (home / "secret").write_text("open-sesame\n")
    (home / "phrase").write_text("correct horse\n")
    backstay("config", "set", "smtp_password", "--value-file", "secret")
    done = backstay("config", "export", "-o", "all.json", "--with-secrets", "--passphrase-file", "phrase")
    assert done.err == "the configuration is in all.json\n"
    assert stat.S_IMODE((home / "all.json").stat().st_mode) == 0o600
    text = (home / "all.json").read_text()
    assert "open-sesame" not in text and json.loads(text)["settings"] == {"jobs": 4}
    other = {"BACKSTAY_HOME": str(tmp_path / "other")}
    done = backstay.fails(12, "config", "apply", "all.json", env=other)
    assert "the configuration has sealed secrets, and no passphrase was given" in done.err
    assert "give --passphrase-file FILE, or --without-secrets" in done.err
    done = backstay("config", "apply", "all.json", "--dry-run", "--passphrase-file", "phrase", env=other)
    assert done.out == 'setting jobs becomes "4"\nsetting smtp_password changes\n'
    assert backstay("config", "show", "jobs", env=other).out == "2\n"
    document = backstay("config", "apply", "all.json", "--json", "--passphrase-file", "phrase", env=other).json
    assert document == {"dry_run": False, "changes": ['setting jobs becomes "4"', "setting smtp_password changes"]}
    assert backstay("config", "show", "smtp_password", env=other).out == "known\n"
    assert backstay("config", "apply", "all.json", "--without-secrets", env=other).out == "nothing changes\n"


def test_an_export_is_for_people_and_read_again_from_standard_input(backstay):
    backstay("config", "set", "log_format", "json")
    text = backstay("config", "export").out
    assert text.startswith('{\n  "backstay": 1,\n  "settings": {\n    "log_format": "json"\n  },\n  "repositories": [],\n')
    assert backstay("config", "apply", "-", stdin=text.encode()).out == "nothing changes\n"


def test_what_would_be_removed_is_asked_for_first(backstay, home):
    backstay.plain("user", "add", "maria", "--role", "admin", "--new-password-file", "-", stdin=b"a good long phrase\n")
    backstay.plain("user", "add", "carl", "--role", "viewer", "--new-password-file", "-", stdin=b"a good long phrase\n")
    (home / "users.json").write_text('{"backstay": 1, "users": [{"name": "maria", "role": "admin"}]}')
    done = backstay.fails(6, "config", "apply", "users.json", "--replace")
    assert "user carl is removed" in done.err
    assert backstay("config", "apply", "users.json", "--replace", "--yes").out == "user carl is removed\n"
    assert [u["name"] for u in backstay("user", "list", "--json").json["users"]] == ["maria"]
