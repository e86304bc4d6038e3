"""What the README says, done: every command line of its section "Every day", and the quickstart."""
import os
import pathlib
import re
import shlex
import subprocess

from conftest import ROOT, make_shop

README = (ROOT / "README.md").read_text()


def test_every_command_of_the_readme_does_what_it_says(backstay, environment, home, tmp_path):
    for name in ("BACKSTAY_REPOSITORY", "RESTIC_REPOSITORY", "BACKSTAY_PASSWORD", "RESTIC_PASSWORD"):
        del environment[name]
    environment["XDG_DATA_HOME"] = str(tmp_path / "data")
    environment["BACKSTAY_REPOSITORY"] = str(tmp_path / "repository")
    make_shop(home / "app.db")
    (home / "media").mkdir()
    (home / "media" / "a.jpg").write_bytes(b"picture")
    section = README.split("## Every day")[1].split("## By itself")[0]
    lines = re.findall(r"^    backstay (.*?)(?:   +.*)?$", section, flags=re.M)
    assert len(lines) >= 12
    backstay("init")
    for line in lines:
        args = [str(tmp_path / "look") if a == "/tmp/look" else a for a in shlex.split(line)]
        if args[0] == "restore" and "--yes" not in args and len(args) > 1:
            args.append("--yes")
        backstay(*args)
    assert (home / "shop.xlsx").stat().st_size > 1000
    assert (tmp_path / "look" / "app.db").exists()


def test_the_commands_that_set_up_what_runs_by_itself_do_so(backstay, tmp_path):
    (tmp_path / "chat-url").write_text("https://hooks.example.org/services/T0/B0/secret\n")
    section = README.split("The same from the command line")[1].split("## What you can rely on")[0]
    lines = re.findall(r"^    backstay (.*)$", section, flags=re.M)
    assert len(lines) == 4
    for line in lines:
        backstay(*[str(tmp_path / "chat-url") if a == "/root/chat-url" else a for a in shlex.split(line)])
    schedule, = backstay("schedule", "list", "--json").json["schedules"]
    assert (schedule["name"], schedule["time"], schedule["verify_level"]) == ("nightly", "02:00", 3)


def test_the_quickstart_runs_from_end_to_end_and_proves_equality(environment, tmp_path):
    if not os.environ.get("BACKSTAY_PLAIN", "").startswith(str(ROOT / "build")):
        __import__("pytest").skip("needs the build in build/")
    env = {k: v for k, v in environment.items() if "BACKSTAY" not in k and "RESTIC" not in k}
    done = subprocess.run([ROOT / "quickstart"], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "equal: shop.db\nequal: pictures\n" in done.stdout or "equal: pictures\nequal: shop.db\n" in done.stdout
    assert "All equal. What to do next" in done.stdout
    leftovers = [p for p in pathlib.Path(environment["TMPDIR"]).iterdir() if not p.name.startswith("backstay-quickstart-")]
    assert leftovers == []


def test_the_quickstart_leaves_what_it_is_given_untouched(environment, home):
    if not os.environ.get("BACKSTAY_PLAIN", "").startswith(str(ROOT / "build")):
        __import__("pytest").skip("needs the build in build/")
    shop = make_shop(home / "my shop.db")
    before = shop.read_bytes()
    env = {k: v for k, v in environment.items() if "BACKSTAY" not in k and "RESTIC" not in k}
    done = subprocess.run([ROOT / "quickstart", shop], env=env, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shop.read_bytes() == before
