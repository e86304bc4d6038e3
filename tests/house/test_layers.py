"""The house rules that a machine can check: layers, file sizes, what a source file may hold."""
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
# A layer may include itself and those listed (ARCHITECTURE.md, "Layers").
MAY_INCLUDE = {
    "base": set(),
    "store": {"base"},
    "repo": {"base", "store"},
    "engine": {"base"},
    "catalog": {"base"},
    "job": {"base", "store", "repo", "engine", "catalog"},
    "web": {"base", "catalog", "job"},
    "cli": {"base", "engine", "repo", "catalog", "job", "web"},
}
SOURCES = sorted(p for p in (ROOT / "src").rglob("*.[ch]"))
BANNED = {"strcpy", "strcat", "sprintf", "vsprintf", "gets", "strtok", "system", "popen", "localtime", "gmtime", "tmpnam", "mktemp", "alloca"}


def relative(path):
    return str(path.relative_to(ROOT))


def without_comments_and_strings(text):
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"|//[^\n]*', "", text, flags=re.S)


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_includes_only_its_own_layer_and_those_below(path):
    layer = path.parent.name
    for included in re.findall(r'#include "([a-z]+)/', path.read_text()):
        assert included == layer or included in MAY_INCLUDE[layer], f"{relative(path)} includes {included}/"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_a_file_stays_short_enough_to_read(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 600, f"{relative(path)} has {len(lines)} lines"
    for number, line in enumerate(lines, 1):
        assert len(line.expandtabs(8)) <= 250, f"{relative(path)}:{number} is too wide"


@pytest.mark.parametrize("path", SOURCES, ids=relative)
def test_dangerous_functions_are_not_called(path):
    called = set(re.findall(r"\b([a-z_]+)\s*\(", without_comments_and_strings(path.read_text())))
    assert not called & BANNED


@pytest.mark.parametrize("path", [p for p in SOURCES if p.suffix == ".c" and p.parent.name != "cli"], ids=relative)
def test_nothing_below_the_faces_prints_or_exits(path):
    code = without_comments_and_strings(path.read_text())
    printed = re.findall(r"\b(printf|puts|putchar|perror|exit)\s*\(", code)
    assert not printed


def test_every_source_file_is_listed_in_its_layers_build_file():
    for path in SOURCES:
        if path.suffix == ".c":
            assert f"'{path.name}'" in (path.parent / "meson.build").read_text(), relative(path)


def test_every_setting_is_asked_for_somewhere():
    table = ROOT / "src" / "catalog" / "setting_table.c"
    names = re.findall(r'^\t\{"([a-z_]+)", SETTING_', table.read_text(), re.M)
    assert len(names) > 20
    code = "".join(p.read_text() for p in SOURCES if p.suffix == ".c" and p != table)
    assert [n for n in names if f'"{n}"' not in code] == []


def test_no_two_files_of_tests_have_one_name():
    """pytest would take one of them alone."""
    names = sorted(p.name for p in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, after in zip(names, names[1:]) if name == after] == []
