"""What is installed is what was tested: the wheel and the sdist, built offline, run from an empty folder."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path
from typing import Any

import pytest

import boltz_keyscan
from boltz_keyscan import rules
from boltz_keyscan.report import REPORTERS
from tests import checkout, depth
from tests.keys import fake_key, fingerprint
from tests.running import ROOT

RULE_IDS = [rule.id for rule in rules.load(ROOT / "rules")]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, so that nothing is left in the checkout."""
    return checkout.copy(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def built(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with wheel and sdist."""
    dist = tmp_path_factory.mktemp("dist")
    command = [
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "--wheel",
        "--outdir",
        str(dist),
        ".",
    ]
    done = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return dist


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, alone, in a folder of its own; what it depends on is found where the tests find it."""
    target = tmp_path_factory.mktemp("target")
    pip = [sys.executable, "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check"]
    install = ["install", "--no-deps", "--no-index", "--no-compile", "--target", str(target), str(wheel)]
    subprocess.run([*pip, *install], check=True)
    return target


class Elsewhere:
    """Runs the installed copy from an empty folder, where no checkout can be found by chance."""

    def __init__(self, installed: Path, folder: Path) -> None:
        self.installed = installed
        self.folder = folder

    def _run(
        self, *command: str, stdin: bytes = b"", **environment: str
    ) -> subprocess.CompletedProcess[bytes]:
        env = {**os.environ, **environment}
        return subprocess.run(
            command, cwd=self.folder, input=stdin, capture_output=True, env=env, check=False
        )

    def python(self, code: str) -> str:
        """An isolated interpreter with the installed copy in front."""
        front = f"import sys; sys.path.insert(0, {str(self.installed)!r}); "
        done = self._run(sys.executable, "-I", "-c", front + code)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def program(self, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """The console script as pip made it."""
        script = str(self.installed / "bin" / "boltz-keyscan")
        return self._run(sys.executable, script, *arguments, stdin=stdin, PYTHONPATH=str(self.installed))


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> Elsewhere:
    return Elsewhere(installed, tmp_path)


def test_the_copy_under_test_is_the_installed_one(elsewhere: Elsewhere, installed: Path) -> None:
    assert elsewhere.python("import boltz_keyscan; print(boltz_keyscan.__file__)").startswith(str(installed))


def test_version(elsewhere: Elsewhere, wheel: Path) -> None:
    assert elsewhere.program("--version").stdout.decode() == f"boltz-keyscan {boltz_keyscan.__version__}\n"
    assert wheel.name == f"boltz_keyscan-{boltz_keyscan.__version__}-py3-none-any.whl"


def test_it_is_installed_as_the_readme_says(source: Path, tmp_path: Path) -> None:
    """Each line of the README with ``pip`` for ``pipx``, which is pip in an environment of its own."""
    readme = (source / "README.md").read_text(encoding="utf-8")
    told = [
        shlex.split(line, comments=True)[2] for line in re.findall(r"^pipx install .*", readme, re.MULTILINE)
    ]
    assert told == [".", ".[api,science]"]
    pip = [sys.executable, "-m", "pip", "--isolated", "--quiet", "--disable-pip-version-check"]
    options = ["--no-deps", "--no-index", "--no-build-isolation", "--no-compile", "--target"]
    # The second is the first and more.
    for number, what in enumerate(told if depth.NIGHTLY else told[1:]):
        target = tmp_path / str(number)
        done = subprocess.run(
            [*pip, "install", *options, str(target), what], cwd=source, capture_output=True, check=True
        )
        # An extra that is not there is a warning.
        assert done.stderr == b""
        assert Elsewhere(target, tmp_path).program("--version").returncode == 0


def test_the_rules_are_those_of_the_checkout(elsewhere: Elsewhere, installed: Path) -> None:
    code = (
        "from boltz_keyscan import rules as r; print(*(rule.id for rule in r.load()), r.bundled(), sep='\\n')"
    )
    *ids, folder = elsewhere.python(code).splitlines()
    assert ids == RULE_IDS
    assert Path(folder) == installed / "boltz_keyscan" / "_rules"


def test_the_rules_prove_themselves(elsewhere: Elsewhere) -> None:
    done = elsewhere.program("rules", "check")
    assert done.returncode == 0, done.stdout
    assert done.stdout.decode().endswith(" 0 failed\n")


def test_it_finds_a_key(elsewhere: Elsewhere) -> None:
    key = fake_key("admin", "live", "wheel")
    (elsewhere.folder / "notebook.ipynb").write_text(f'"api_key={key}\\n"')
    done = elsewhere.program(".", "--format", "json")
    report: Any = json.loads(done.stdout)
    assert done.returncode == 1
    assert [finding["fingerprint"] for finding in report["findings"]] == [fingerprint(key)]
    assert report["findings"][0]["locations"][0]["path"] == "notebook.ipynb"


def test_every_format_is_there(elsewhere: Elsewhere) -> None:
    reports = [f"--report={name}=report.{name}" for name in REPORTERS]
    done = elsewhere.program("-", *reports, stdin=fake_key().encode())
    assert done.returncode == 1, done.stderr
    for written in (
        done.stdout,
        *(Path(elsewhere.folder, f"report.{name}").read_bytes() for name in REPORTERS),
    ):
        assert fingerprint(fake_key())[:12].encode() in written


def test_what_the_wheel_carries(source: Path, wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    package = {
        str(path.relative_to(source)) for path in (source / "boltz_keyscan").rglob("*") if path.is_file()
    }
    assert {"boltz_keyscan/py.typed", "boltz_keyscan/report/schema/report-v1.schema.json"} <= package
    rule_files = {f"boltz_keyscan/_rules/{path.name}" for path in (source / "rules").iterdir()}
    assert {name for name in names if name.startswith("boltz_keyscan/")} == package | rule_files
    stem = f"boltz_keyscan-{boltz_keyscan.__version__}"
    others = {name for name in names if not name.startswith(("boltz_keyscan/", f"{stem}.dist-info/"))}
    assert others == {f"{stem}.data/data/share/man/man1/boltz-keyscan.1"}
    assert {f"{stem}.dist-info/licenses/LICENSE", f"{stem}.dist-info/sboms/sbom.cdx.json"} <= names


def test_the_schema_can_be_read_where_it_is_installed(elsewhere: Elsewhere) -> None:
    file = "importlib.resources.files('boltz_keyscan') / 'report/schema/report-v1.schema.json'"
    code = f"import importlib.resources, json; print(json.loads(({file}).read_text())['title'])"
    assert elsewhere.python(code)


CONSUMER = """
from boltz_keyscan import Finding, KeyscanError, ScanResult, Severity, scan, write_report

result: ScanResult = scan(["."], history=False, fail_on="any")
first: Finding = result.findings[0]
severity: Severity = first.severity
path: str = first.locations[0].path
reason: str = first.suppression.reason if first.suppression else ""
write_report(result, "json", "report.json")
try:
    scan("nowhere")
except KeyscanError as error:
    print(result.exit_code, severity, path, error.message)
"""

MISTAKEN = """
from boltz_keyscan import nothing
from boltz_keyscan import scan
scan(".", fail_on="everything")
scan(".").findings[0].raw_key
"""


def test_a_script_of_somebody_else_is_typed_and_runs(elsewhere: Elsewhere, installed: Path) -> None:
    """mypy reads the installed copy, as it would a user's."""
    (elsewhere.folder / "a.env").write_text(fake_key())
    for name, text in (("consumer.py", CONSUMER), ("mistaken.py", MISTAKEN)):
        (elsewhere.folder / name).write_text(text)

    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--cache-dir=/dev/null"]
    env = {**os.environ, "MYPYPATH": str(installed)}
    told = subprocess.run(
        [*command, "consumer.py", "mistaken.py"],
        cwd=elsewhere.folder,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    ).stdout

    found = re.findall(r"^(\w+)\.py:(\d+): error: .*\[([a-z-]+)\]$", told, re.MULTILINE)
    assert found == [
        ("mistaken", "2", "attr-defined"),
        ("mistaken", "4", "arg-type"),
        ("mistaken", "5", "attr-defined"),
    ]
    assert told.endswith("Found 3 errors in 1 file (checked 2 source files)\n")
    text = elsewhere.python("exec(open('consumer.py').read())")
    assert text.splitlines() == ["1 high a.env no such file or folder: nowhere"]


def test_what_the_wheel_asks_for(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    asked = metadata.get_all("Requires-Dist") or []
    always = {re.split("[^A-Za-z0-9_.-]", entry)[0].lower() for entry in asked if "extra ==" not in entry}
    assert always == {
        "attrs",
        "brotli",
        "click",
        "dulwich",
        "gitpython",
        "hyperscan",
        "isal",
        "jinja2",
        "lz4",
        "markupsafe",
        "olefile",
        "pypdf",
        "regex",
        "sarif-om",
        "zstandard",
    }
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["License-Expression"] == "Apache-2.0"


def test_the_sdist_holds_what_a_packager_needs(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    rule_files = {f"rules/{path.name}" for path in (ROOT / "rules").glob("*.toml")}
    assert rule_files
    assert rule_files <= names
    wanted = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "Makefile",
        ".ci/run",
        ".pre-commit-hooks.yaml",
    }
    assert wanted | {"tests/conftest.py", "tests/test_wheel.py", "tests/schemas/sarif-2.1.0.json"} <= names


def test_an_editable_install_reads_the_rules_of_the_checkout() -> None:
    assert Path(rules.bundled()) == ROOT / "rules"
    assert [rule.id for rule in rules.load()] == RULE_IDS
