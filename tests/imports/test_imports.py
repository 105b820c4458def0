"""Reports of other scanners: each format gives the fingerprints of our own scan, and no key comes out."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.imports.formats import FORMATS, MAX_BYTES
from boltz_keyscan.imports.result import import_reports
from boltz_keyscan.report.json_findings import read_findings
from conformance import tools
from tests import validation
from tests.gate import absent
from tests.keys import fake_key, fingerprint
from tests.leaks import leaks
from tests.running import keyscan, scan_json

KEY = fake_key("ws", "live", "imported")
NEAR = KEY[:30] + ("a" if KEY[30] != "a" else "b") + KEY[31:]
OTHER = "not-of-boltz-" + "x" * 20
KEYS = {fingerprint(KEY): 2, fingerprint(NEAR): 3}
"""Fingerprints and lines. The keys differ by one character."""
TREE = f"import boltz\none = '{KEY}'\ntwo = '{NEAR}'\nthree = '{OTHER}'\n"
COMMIT = "0123456789abcdef" * 2 + "01234567"
PLACES = ((KEY, 2), (NEAR, 3), (OTHER, 4))


def gitleaks(secret: str, line: int) -> Any:
    match = f"one = '{secret}"
    place = {"StartLine": line, "EndLine": line, "StartColumn": 7, "EndColumn": 60, "Match": match}
    commit = {"Commit": COMMIT, "Author": "Ana", "Email": "a@b.c", "Date": "2026-01-02T03:04:05Z"}
    return (
        {"RuleID": "generic", "Secret": secret, "File": "app.py", "Entropy": 4.5, "Tags": []} | place | commit
    )


def betterleaks(secret: str, line: int) -> Any:
    return gitleaks(secret, line) | {"File": "", "Attributes": {"path": "app.py"}}


def betterleaks2(secret: str, line: int) -> Any:
    place = {"path": "./app.py", "start_line": line, "end_line": line, "start_column": 7, "end_column": 60}
    git = {"resource": "git.patch_content", "git.sha": COMMIT, "git.date": "2026-01-02T03:04:05Z"}
    match = {"full": f"one = '{secret}", "value": secret, "fingerprint": "12"}
    return {"rule_id": "generic", "match": match, "location": place, "attributes": git, "tags": []}


def trufflehog(secret: str, line: int) -> Any:
    git = {"commit": COMMIT, "file": "app.py", "line": line, "timestamp": "2026-01-02 03:04:05 +0000"}
    data = {"SourceMetadata": {"Data": {"Git": git}}, "DetectorName": "CustomRegex", "Verified": False}
    return data | {"Raw": secret, "RawV2": "", "SecretParts": {"key": secret}, "ExtraData": None}


def kingfisher(secret: str, line: int) -> Any:
    finding = {"snippet": secret, "path": "app.py", "line": line, "column_start": 7, "fingerprint": "12"}
    return {"rule": {"name": "Boltz", "id": "boltz.1"}, "finding": finding}


def ggshield(secret: str, line: int) -> Any:
    occurrence = {"match": secret[:4] + "*" * 20 + secret[-3:], "type": "apikey", "line_start": line}
    digest = hashlib.sha256(f"{secret},apikey".encode()).hexdigest()
    incident = {"policy": "Secrets detection", "ignore_sha": digest, "occurrences": [occurrence]}
    return {"mode": "FILE", "filename": "app.py", "incidents": [incident]}


def secretlint(secret: str, line: int) -> Any:
    start = TREE.index(secret)
    loc = {"start": {"line": line, "column": 7}, "end": {"line": line, "column": 60}}
    return {"ruleId": "pattern", "message": "found", "range": [start, start + len(secret)], "loc": loc}


def github(secret: str, line: int) -> Any:
    place = {"path": "app.py", "start_line": line, "start_column": 7, "commit_sha": COMMIT}
    alert = {"number": line, "state": "open", "secret_type": "boltz_key", "secret": secret}
    return alert | {"first_location_detected": place, "has_more_locations": False}


def gitlab(secret: str, line: int) -> Any:
    commit = {"sha": "0" * 7}
    place = {"file": "app.py", "start_line": line, "commit": commit}
    return {"name": "key", "location": place, "identifiers": [], "raw_source_code_extract": secret}


def sarif(secret: str, line: int) -> Any:
    region = {"startLine": line, "startColumn": 7, "snippet": {"text": secret}}
    place = {"artifactLocation": {"uri": "app.py"}, "region": region}
    return {"ruleId": "x", "message": {"text": "found"}, "locations": [{"physicalLocation": place}]}


def baseline(secret: str, line: int) -> Any:
    digest = hashlib.sha1(secret.encode()).hexdigest()
    return {"type": "Secret Keyword", "filename": "app.py", "hashed_secret": digest, "line_number": line}


def lines(values: list[Any]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def sarif_log(values: list[Any]) -> str:
    return json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "x"}}, "results": values}]})


def gg(values: list[Any]) -> str:
    inner = {"id": COMMIT, "type": "commit", "entities_with_incidents": values}
    return json.dumps({"id": "range", "type": "commit-ranges", "total_incidents": 3, "scans": [inner]})


RUN = {"state": "complete", "betterleaks_version": "2.0.0-rc.4"}

Entries = Callable[[str, int], Any]
REPORTS: dict[str, tuple[str, Entries, Callable[[list[Any]], str]]] = {
    "gitleaks": ("gitleaks", gitleaks, json.dumps),
    "betterleaks": ("gitleaks", betterleaks, json.dumps),
    "betterleaks 2": (
        "betterleaks",
        betterleaks2,
        lambda each: json.dumps({"schema_version": "1", "findings": each, "scan": RUN}),
    ),
    "betterleaks 2 lines": (
        "betterleaks",
        betterleaks2,
        lambda each: lines(
            [*({"schema_version": "1", "finding": x} for x in each), {"schema_version": "1", "scan": RUN}]
        ),
    ),
    "trufflehog": ("trufflehog", trufflehog, lambda each: lines([{"level": "info", "msg": "x"}, *each])),
    "kingfisher": ("kingfisher", kingfisher, lambda each: json.dumps({"findings": each})),
    "kingfisher-lines": ("kingfisher", kingfisher, lambda each: lines([*each, {"scan_duration": 1.5}])),
    "ggshield": ("ggshield", ggshield, gg),
    "secretlint": (
        "secretlint",
        secretlint,
        lambda each: json.dumps([{"filePath": "app.py", "messages": each, "sourceContent": TREE}]),
    ),
    "github": ("GitHub", github, lambda each: json.dumps(each[:2]) + json.dumps(each[2:])),
    "gitlab": ("GitLab", gitlab, lambda each: json.dumps({"version": "15.2.1", "vulnerabilities": each})),
    "sarif": ("SARIF", sarif, sarif_log),
    "detect-secrets": (
        "detect-secrets",
        baseline,
        lambda each: json.dumps({"version": "1.5.0", "plugins_used": [], "results": {"app.py": each}}),
    ),
}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tree")
    (folder / "app.py").write_text(TREE)
    return folder


def made(name: str, change: Callable[[str], str] = str) -> bytes:
    _, entry, whole = REPORTS[name]
    return change(whole([entry(secret, line) for secret, line in PLACES])).encode()


def test_every_format_gives_the_keys_of_our_own_scan(tree: Path, tmp_path: Path) -> None:
    assert {title for title, *_ in REPORTS.values()} == set(FORMATS)
    own = scan_json("app.py", cwd=tree)
    assert {each["fingerprint"] for each in own["findings"]} == set(KEYS)
    for name, (title, *_) in REPORTS.items():
        report = tmp_path / f"{name}.json"
        report.write_bytes(made(name))
        ran = keyscan("import", report, cwd=tree)
        assert ran.code == 1, (name, ran)
        validation.validate(ran.report, validation.REPORT)
        found = {each["fingerprint"]: each["locations"] for each in ran.report["findings"]}
        places = {key: [(at["path"], at["line"]) for at in where] for key, where in found.items()}
        assert places == {key: [("app.py", line)] for key, line in KEYS.items()}, name
        assert f"{title}, 3 secrets, 2 Boltz keys" in ran.errors, name
        assert ("in plain text" in ran.errors) is (name not in {"ggshield", "detect-secrets"}), name
        assert leaks(ran.out + ran.err, KEY, NEAR) == [], name
    assert found
    commits = {at["commit"] for key in scan(tree, made("gitleaks"))["findings"] for at in key["locations"]}
    assert commits == {COMMIT}


def scan(tree: Path, raw: bytes) -> Any:
    return keyscan("import", "-", cwd=tree, stdin=raw).report


def test_the_result_is_a_report_like_ours(tree: Path, tmp_path: Path) -> None:
    """It is compared, and accepted by a baseline; the keys of several files and of one place are merged."""
    one, two, ours, own = (tmp_path / name for name in ("one.json", "two.sarif", "ours.json", "own.json"))
    one.write_bytes(made("detect-secrets"))
    two.write_bytes(made("sarif"))
    assert keyscan("import", one, two, "--output", ours, cwd=tree).code == 1
    report = json.loads(ours.read_text())
    assert [len(each["locations"]) for each in report["findings"]] == [2, 2]
    keyscan("app.py", "--report", f"json={own}", cwd=tree)
    compared = keyscan("diff", ours, own, cwd=tree)
    assert b"0 new, 0 gone" in compared.out, compared
    options = ("--baseline", str(tmp_path / "accepted"), "--reason", "known", "--by", "me")
    assert keyscan("baseline", "create", *options, "app.py", cwd=tree).code == 0
    accepted = keyscan("import", one, "--baseline", tmp_path / "accepted", cwd=tree)
    assert accepted.code == 0
    assert {each["suppression"]["kind"] for each in accepted.report["findings"]} == {"baseline"}
    assert leaks(ours.read_bytes(), KEY, NEAR) == []


def test_the_keys_of_a_report_are_explained(tree: Path, tmp_path: Path) -> None:
    """Listed, or one with its places and steps; also where the files are not there any more."""
    theirs, ours, elsewhere = tmp_path / "theirs.json", tmp_path / "ours.json", tmp_path / "empty"
    elsewhere.mkdir()
    theirs.write_bytes(made("gitleaks"))
    keyscan("import", theirs, "--output", ours, cwd=tree)

    def explained(*words: str | Path, code: int = 0) -> str:
        ran = keyscan("explain", *words, cwd=elsewhere)
        assert ran.code == code, ran
        assert leaks(ran.out + ran.err, KEY, NEAR) == []
        return ran.text + ran.errors

    listed = explained("--from-report", ours)
    assert all(key[:12] in listed for key in KEYS)
    one = explained(fingerprint(KEY), "--from-report", ours)
    assert "app.py:2" in one
    assert COMMIT in one
    assert "What to do, in this order" in one
    assert "2. Revoke the leaked key" in one
    expressions = tmp_path / "drop.txt"
    explained(fingerprint(KEY), "--from-report", ours, "--replace-text", expressions)
    assert expressions.read_text().startswith("regex:")
    assert "was not found" in explained("bk1:ffffffff", "--from-report", ours, code=2)
    assert "Leave out the paths." in explained("--from-report", ours, str(tree), code=2)
    whole = json.loads(ours.read_text())
    hostile = f"\x1b[31m{KEY}; rm -rf ~"
    whole["findings"][0]["locations"][0] |= {"path": hostile, "context": hostile, "author_date": hostile}
    ours.write_text(json.dumps(whole))
    shown = explained(whole["findings"][0]["fingerprint"], "--from-report", ours)
    assert "\x1b" not in shown
    refused = set()
    for document in changed(whole):
        ours.write_text(json.dumps(document))
        try:
            read_findings("x", ours.read_bytes(), {each["rule_id"]: "" for each in whole["findings"]}, str)
        except KeyscanError as error:
            refused.add(error.message)
    assert refused == {"x: not a report of boltz-keyscan, or of another version"}


MARKS = ("REDACTED", KEY[:25] + "...", KEY[:17] + "*****")
REDACTED = {
    "app.py": ("", MARKS, ""),
    "clean.py": (COMMIT, MARKS[:1], "scan the history"),
    "gone.py": ("", MARKS[:1], "No such file"),
    "../tree/app.py": ("", MARKS[:1], "outside of the working folder"),
    "link.py": ("", MARKS[:1], "not read again"),
}


@pytest.mark.parametrize("form", ["app.py", "./app.py", "{tree}/app.py"])
@pytest.mark.parametrize("name", ["ggshield", "kingfisher", "gitleaks"])
def test_paths_are_those_of_our_own_scan(tree: Path, name: str, form: str) -> None:
    """kingfisher begins them with ``./``, ggshield with the folder."""
    path = json.dumps(form.format(tree=tree))
    report = made(name, lambda text: text.replace('"app.py"', path))
    assert {at["path"] for key in scan(tree, report)["findings"] for at in key["locations"]} == {"app.py"}


def test_redacted_secrets_are_read_at_their_place(tree: Path) -> None:
    (tree / "clean.py").write_text("nothing\n")
    (tree / "link.py").symlink_to("app.py")
    (tree.parent / "tree").mkdir(exist_ok=True)
    for path, (commit, marks, why) in REDACTED.items():
        for mark in marks:
            item = gitleaks(mark, 2) | {"File": path, "Commit": commit}
            ran = keyscan("import", "-", cwd=tree, stdin=json.dumps([item]).encode())
            assert ran.code == (3 if why else 1), ran
            found = {each["fingerprint"] for each in ran.report["findings"]}
            assert found == (set() if why else {fingerprint(KEY)})
            assert [each["reason"] for each in ran.report["gaps"]] == (["not-imported"] if why else [])
            assert why in "".join(each["detail"] for each in ran.report["gaps"])
            assert "in plain text" not in ran.errors


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "truncated": (lambda: made("gitleaks")[:-80], "it ends early"),
    "a truncated line": (lambda: made("trufflehog")[:-80], "it ends early"),
    "empty": (lambda: b" \n", "the file is empty"),
    "no JSON": (f"key {KEY}".encode, ":1: not JSON"),
    "deep": (lambda: b"[" * 200_000, "not JSON"),
    "no text": (lambda: b"\xff\x00\xfe" * 9, "not text"),
    "too large": (lambda: b" " * (MAX_BYTES + 1), "larger than 64 MiB"),
    "unknown": (lambda: json.dumps({"secret": KEY}).encode(), "the format was not recognised"),
    "SARIF": (lambda: made("sarif").replace(b"2.1.0", b"1.0.0"), "SARIF 2.1.0 can be read"),
    "GitLab": (lambda: made("gitlab").replace(b"15.2.1", b"99.0.0"), "of another version"),
    "detect-secrets": (lambda: made("detect-secrets").replace(b"1.5.0", b"7.0.0"), "of another version"),
    "gitleaks 7": (lambda: json.dumps([{"offender": KEY, "rule": "x"}]).encode(), "make it with gitleaks 8"),
    "ours": (
        lambda: b'{"schema_version": "1", "findings": [], "gaps": []}',
        "a report of boltz-keyscan already",
    ),
    "a wrong type": (lambda: json.dumps([{"RuleID": "x", "Secret": [KEY]}]).encode(), "Secret is not a text"),
    "a wrong line": (
        lambda: json.dumps([gitleaks(KEY, 2) | {"StartLine": KEY}]).encode(),
        "StartLine is not a count",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input_is_refused_with_its_reason(tree: Path, name: str) -> None:
    content, why = REFUSED[name]
    ran = keyscan("import", "-", cwd=tree, stdin=content())
    assert (ran.code, ran.out) == (2, b""), ran
    assert why in ran.errors
    assert leaks(ran.err, KEY, NEAR) == []


def test_encodings_of_redirections_and_empty_lists(tree: Path) -> None:
    for encoding in ("utf-8-sig", "utf-16"):
        assert len(scan(tree, made("gitleaks").decode().encode(encoding))["findings"]) == len(KEYS)
    clean = keyscan("import", "-", cwd=tree, stdin=b"[]\n")
    assert (clean.code, clean.report["findings"]) == (0, [])


def test_a_real_baseline_of_detect_secrets(tree: Path) -> None:
    pytest.importorskip("detect_secrets")
    plugin = tree / "plugin.py"
    plugin.write_bytes(keyscan("rules", "export", "--for", "detect-secrets").out)
    command = [sys.executable, "-m", "detect_secrets", "scan", "--plugin", "plugin.py", "app.py"]
    report = subprocess.run(command, cwd=tree, capture_output=True, check=True, timeout=60).stdout
    assert {each["fingerprint"] for each in scan(tree, report)["findings"]} == set(KEYS)


def _kingfisher(tree: Path, folder: Path) -> bytes:
    program = tools._program("kingfisher", "pip install '.[peers]'")
    rule_file = exported("kingfisher", folder / "boltz.yml")
    options = ("--load-builtins=false", "--rules-path", str(rule_file), "--rule", "all", "--no-validate")
    quiet = ("--no-update-check", "--quiet", "--format", "json", "--rule-cache-dir", str(folder))
    return ran([program, "scan", "app.py", *options, *quiet], tree, 200)


def _secretlint(tree: Path, folder: Path) -> bytes:
    program = tools._TOOLS / "secretlint"
    if not program.exists():
        raise tools.UnusableError("not installed: make tools")
    rule_file = exported("secretlint", folder / ".secretlintrc.yaml")
    report = folder / "report.json"
    argv = [str(program), "app.py", "--secretlintrc", str(rule_file), "--format", "json"]
    ran([*argv, "--output", str(report)], tree, 0)
    return report.read_bytes()


def exported(name: str, path: Path) -> Path:
    path.write_bytes(keyscan("rules", "export", "--for", name).out)
    return path


def ran(command: list[str], folder: Path, code: int) -> bytes:
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=120)
    assert done.returncode == code, done
    return done.stdout


def _betterleaks(tree: Path, folder: Path) -> bytes:
    program = tools._program("betterleaks", "pip install '.[peers]'")
    report = folder / "report.json"
    config = exported("betterleaks", folder / "boltz.toml")
    ran([program, "auto", "app.py", "--config", str(config), "--output", str(report)], tree, 1)
    return report.read_bytes()


def _gitleaks(tree: Path, folder: Path) -> bytes:
    program = shutil.which("gitleaks", path=os.pathsep.join(SYSTEM))
    if program is None:
        pytest.skip("gitleaks is not installed: Debian 13 has it")
    report = folder / "report.json"
    config = exported("gitleaks", folder / "boltz.toml")
    options = ("--no-git", "--config", str(config), "--report-format", "json", "--report-path", str(report))
    ran([program, "detect", *options], tree, 1)
    return report.read_bytes()


SYSTEM = ("/usr/bin", "/usr/local/bin")
"""The package that has betterleaks has a program of the name gitleaks too, which is betterleaks."""

REAL = {
    "betterleaks": _betterleaks,
    "gitleaks": _gitleaks,
    "kingfisher": _kingfisher,
    "secretlint": _secretlint,
}
"""The others by their schema, above: ggshield sends what it scans to its service (the form is that of
1.56.1 with a service on loopback), and no registry of Python, Node or Debian has trufflehog 3."""


@pytest.mark.parametrize("name", REAL)
def test_a_real_report(name: str, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "app.py").write_text(TREE)
    try:
        report = REAL[name](tree, tmp_path)
    except tools.UnusableError as error:
        absent(f"{name}: {error}")
    ours = keyscan("import", "-", cwd=tree, stdin=report)
    assert ours.code == 1, ours
    places = {
        key["fingerprint"]: [(at["path"], at["line"]) for at in key["locations"]]
        for key in ours.report["findings"]
    }
    assert {name: lines for name, ((_, lines), *_) in places.items()} == KEYS, places
    assert leaks(ours.out + ours.err, KEY, NEAR) == []


STRANGE: tuple[Any, ...] = (None, [], {}, "x", "\ud800", "\0", "/", -1, 1.5, True, 10**30, [[]], {"a": [1]})


def changed(value: Any) -> Iterator[Any]:
    """Yield copies of a JSON value in each of which one part is of another type."""
    yield from STRANGE
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from ({**value, name: each} for each in changed(inner))
    elif isinstance(value, list):
        for at, inner in enumerate(value[:1]):
            yield from ([*value[:at], each, *value[at + 1 :]] for each in changed(inner))


def test_any_part_may_be_of_another_type(tree: Path) -> None:
    for name, (_, entry, whole) in REPORTS.items():
        document = whole([entry(KEY, 2)])
        documents = [json.loads(line) for line in document.replace("][", "]\n[").splitlines()]
        for at, one in enumerate(documents):
            for each in changed(one):
                text = lines([*documents[:at], each, *documents[at + 1 :]])
                message = ""
                try:
                    import_reports([(name, text.encode())], os.fsencode(tree))
                except KeyscanError as error:
                    message = f"{error.message} {error.hint}"
                assert KEY[17:29] not in message
