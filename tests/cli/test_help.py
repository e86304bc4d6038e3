"""Help, man page, completion and docs/json.md say the same as the program's tables."""
import functools
import re
import subprocess

import pytest
from conftest import BACKSTAY, ROOT

COMMANDS = ["init", "backup", "list", "show", "ls", "dump", "restore", "verify", "diff", "query", "export", "info",
            "optimize", "check-tables", "repair", "forget", "cleanup", "pin", "unpin", "prune", "check", "unlock", "key", "source",
            "repository", "schedule", "job", "catalog", "notice", "user", "token", "audit", "config", "serve", "completion",
            "help"]
MAN = (ROOT / "man" / "backstay.1").read_text()
pytestmark = pytest.mark.xdist_group("test_help")      # one worker: what was run is kept


@functools.cache
def run(*args):
    return subprocess.run([BACKSTAY, *args], capture_output=True, text=True, timeout=60, env={"PATH": "/usr/bin:/bin"})


def help_of(command):
    done = run(command, "--help")
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout


def section(text, title):
    """The lines under a title of --help, up to the next empty line."""
    return text.split(f"\n{title}:\n", 1)[1].split("\n\n", 1)[0] if f"\n{title}:\n" in text else ""


def options(text):
    """What stands at the beginning of the lines that explain an option."""
    found = set()
    for line in text.splitlines():
        match = re.match(r"  (?:(-\w), |    )(--[\w-]+)", line)
        if match:
            found.update(filter(None, match.groups()))
    return found


def man_options(text):
    """The options that .TP paragraphs define."""
    found = set()
    for line in re.findall(r"^\.TP\n(.*)$", text.replace("\\-", "-"), re.M):
        found.update(re.findall(r"(?<![\w-])(--?[\w-]*\w)", line))
    return found


def man_command(command):
    part = re.split(rf"\n\.SS backstay {command}(?=[ \n])", MAN, maxsplit=1)[1]
    return re.split(r"\n\.S[SH] ", part)[0]


def test_the_commands_are_listed_in_their_order():
    listed = re.findall(r"^  ([\w-]+)", section(run("help").stdout, "Commands"), re.M)
    assert listed == COMMANDS


def test_without_arguments_the_help_is_shown():
    assert run().stdout == run("help").stdout == run("--help").stdout


@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_fits_80_columns(command):
    text = help_of(command) if command else run("help").stdout
    assert [line for line in text.splitlines() if len(line) > 79] == []
    assert "\t" not in text


@pytest.mark.parametrize("command", COMMANDS)
def test_a_commands_help_has_usage_and_examples(command):
    text = help_of(command)
    assert f"\nUsage: backstay {command} [options]" in text
    assert "backstay" in section(text, "Examples")
    assert run("help", command).stdout == text


@pytest.mark.parametrize("command", COMMANDS)
def test_the_man_page_has_the_commands_options_and_no_others(command):
    assert man_options(man_command(command)) == options(section(help_of(command), "Options"))


def test_the_man_page_has_the_common_options():
    part = MAN.split("\n.SH OPTIONS", 1)[1].split("\n.SH ", 1)[0]
    assert man_options(part) == options(section(run("help").stdout, "Options of every command"))


def test_the_man_page_formats_without_a_warning():
    done = subprocess.run(["groff", "-man", "-Tutf8", "-ww", str(ROOT / "man" / "backstay.1")], capture_output=True)
    assert done.returncode == 0 and done.stderr == b""


def test_the_man_page_lists_every_exit_code():
    part = MAN.split("\n.SH EXIT STATUS", 1)[1].split("\n.SH ", 1)[0]
    header = (ROOT / "src" / "cli" / "exit.h").read_text()
    codes = re.findall(r"^\tEXIT_\w+ = (\d+),", header, re.M)
    assert re.findall(r"^\.TP\n\.B (\d+)$", part, re.M) == codes
    assert re.findall(r"^\| (\d+) \|", (ROOT / "docs" / "exit-codes.md").read_text(), re.M) == codes


def test_every_document_is_described():
    titles = [t for line in re.findall(r"^## (.*)$", (ROOT / "docs" / "json.md").read_text(), re.M) for t in line.split(", ")]
    assert [c for c in COMMANDS if c not in ("completion", "help")] == [t for t in titles if t in COMMANDS]


# ---- completion ----

def complete(*words):
    """What bash would offer for the last word."""
    script = run("completion", "bash").stdout
    quoted = " ".join(f"'{w}'" for w in ("backstay", *words))
    done = subprocess.run(["bash", "-c", f"{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _backstay; printf '%s\\n' \"${{COMPREPLY[@]}}\""],
                          capture_output=True, text=True, timeout=60, cwd="/")
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands():
    assert complete("ver") == ["verify"]
    assert complete("") == COMMANDS


def test_bash_completes_options_and_choices():
    assert complete("backup", "--exclude") == ["--exclude", "--exclude-file"]
    assert complete("export", "latest", "--format", "tar") == ["tar.gz", "tar.zst"]
    assert complete("restore", "--mode", "") == ["overwrite", "preserve"]
    assert complete("key", "") == ["list", "add", "remove", "passwd"]
    assert "--json" in complete("list", "--")
    assert "--tag" not in complete("list", "--")


def test_bash_completes_backups_and_files():
    assert complete("show", "lat") == ["latest"]
    assert "usr" in complete("backup", "us")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_knows_every_command_and_option(shell):
    script = run("completion", shell).stdout
    for command in COMMANDS:
        assert re.search(rf"\b{command}\b", script)
        for option in options(section(help_of(command), "Options")):
            name = option.lstrip("-")
            assert name in script, f"{command} {option}"


def test_completion_of_an_unknown_shell_is_an_error():
    done = run("completion", "tcsh")
    assert done.returncode == 2
    assert done.stderr == 'backstay: completion cannot be "tcsh"; it is one of: bash, zsh, fish\n  try: backstay completion --help\n'
