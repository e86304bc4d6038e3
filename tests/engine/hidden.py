"""A machine that lacks programs which this one has."""
import os
import pathlib
import subprocess

import pytest
from conftest import Program


def without_programs(program, *names, folders=()):
    """The same program where others, wherever they usually lie, cannot be run: hidden behind an empty file in a mount namespace of its own."""
    usual = [*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin", "/usr/libexec", *folders]
    found = sorted({os.path.realpath(path) for folder in usual for name in names if (path := pathlib.Path(folder, name)).exists()})
    script = "for f in " + " ".join(f"'{f}'" for f in found) + '; do mount --bind /dev/null "$f" || exit 99; done; exec "$@"'
    argv = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", script, "sh"]
    if subprocess.run([*argv, "true"], capture_output=True).returncode != 0:
        pytest.skip("this machine allows no mount namespaces")
    return Program([*argv, *program.argv], program.env, program.cwd)


def reached(result):
    """The level of the one backup that a `verify --json` was about."""
    return result.json["results"][0]["reached"]
