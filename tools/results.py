"""Add up the test results in a folder (meson's JSON logs, pytest's JUnit XML) and print them: "N passed, N failed" last.

A test program that ended in any way other than with status 0 counts at least one failure, also when it printed none.
"""
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree


def meson(path):
    passed = failed = 0
    for line in path.read_text().splitlines():
        test = json.loads(line)
        text = test.get("stdout", "") + test.get("stderr", "")
        good = sum(int(n) for n in re.findall(r"\[  PASSED  \] (\d+) test", text))
        bad = len(re.findall(r"\[  FAILED  \] (?!\d+ test)", text)) // 2
        if test["result"] == "OK":
            passed += good or 1
        else:
            failed += max(bad, 1)
            passed += good
            print(f"FAILED {path.stem}: {test['name']} ({test['result']})")
    return passed, failed


def pytest(path):
    passed = failed = 0
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        wrong = [*case.findall("failure"), *case.findall("error")]
        if wrong:
            failed += 1
            print(f"FAILED {path.stem}: {case.get('classname')}::{case.get('name')}: {wrong[0].get('message', '')[:1000]}")
        elif case.find("skipped") is None:
            passed += 1
        else:
            print(f"skipped {path.stem}: {case.get('classname')}::{case.get('name')}: {case.find('skipped').get('message')}")
    return passed, failed


def main():
    folder = pathlib.Path(sys.argv[1])
    results = [meson(p) for p in folder.glob("*.json")] + [pytest(p) for p in folder.glob("*.xml")]
    passed, failed = (sum(column) for column in zip(*results)) if results else (0, 0)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


main()
