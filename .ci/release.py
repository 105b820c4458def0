"""What a release needs: the check of all that must hold before one, and the cut of the changelog.

python .ci/release.py check [--tag v0.2.0]      builds dist/packages and dist/sbom.cdx.json; publishes nothing
python .ci/release.py cut 0.2.0 --owner NAME    writes version, changelog, and the account into the pages
"""

from __future__ import annotations

import argparse
import datetime as dt
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import sbom

ROOT = Path(__file__).resolve().parent.parent
VERSION_FILE = "boltz_keyscan/_version.py"
CHANGELOG = "CHANGELOG.md"
BUILD_TOOLS = "pipelines/build.txt"
PAGES = ("README.md", "pyproject.toml", "templates/boltz-keyscan.yml")
MAN_PAGE = "man/boltz-keyscan.1"
UNRELEASED = "## [Unreleased]"
VERSION = re.compile(r"[0-9]+(\.[0-9]+){2}((a|b|rc)[0-9]+)?")
ACCOUNT = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")

# What decides bytes by accident: each build has the other of these.
BUILDS: tuple[dict[str, str], ...] = (
    {"TZ": "UTC", "LC_ALL": "C"},
    {"TZ": "Asia/Kolkata", "LC_ALL": "C.UTF-8"},
)
UMASKS = (0o022, 0o077)


class ReleaseError(Exception):
    """Something that a release needs does not hold."""


def run(*command: str | Path, cwd: Path = ROOT, **settings: str) -> str:
    """Run a command and return what it prints.

    Raises:
        ReleaseError: it fails.
    """
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise ReleaseError(f"{' '.join(str(part) for part in command)} failed:\n{done.stdout}")
    return done.stdout


def version(root: Path = ROOT) -> str:
    """Return the version of the package, which stands in one place."""
    found = re.search(
        r'^__version__ = "([^"]+)"$', (root / VERSION_FILE).read_text(encoding="utf-8"), re.MULTILINE
    )
    if found is None:
        raise ReleaseError(f"{VERSION_FILE} has no line __version__ = ...")
    return found[1]


def owner(root: Path = ROOT) -> str:
    """Return the account that holds the repository; ``OWNER`` before the first release."""
    urls = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["urls"]
    return str(urls["Source"].split("/")[-2])


def latest(changelog: str) -> str | None:
    """Return the newest version in a changelog; None before the first release."""
    found = re.search(r"^## \[([0-9][^\]]*)\] - [0-9]{4}-[0-9]{2}-[0-9]{2}$", changelog, re.MULTILINE)
    return found and found[1]


def check_texts(tag: str | None) -> None:
    """Compare version, changelog and tag.

    Raises:
        ReleaseError: they differ, or the changelog has no section for what comes next.
    """
    changelog = (ROOT / CHANGELOG).read_text(encoding="utf-8")
    if UNRELEASED not in changelog:
        raise ReleaseError(f"{CHANGELOG} has no section {UNRELEASED}")
    if tag is None:
        return
    if tag != f"v{version()}":
        raise ReleaseError(f"the tag is {tag}, and {VERSION_FILE} says {version()}")
    if latest(changelog) != version():
        raise ReleaseError(f"the newest version in {CHANGELOG} is {latest(changelog)}, not {version()}")
    if owner() == "OWNER":
        raise ReleaseError("the pages name no account: python .ci/release.py cut VERSION --owner NAME")


def build(commit: str, folder: Path, umask: int, settings: dict[str, str], python: Path) -> dict[str, bytes]:
    """Build wheel and sdist of a commit, from files of that commit alone.

    Returns:
        The packages by file name.
    """
    source, packages = folder / "source", folder / "packages"
    old = os.umask(umask)
    try:
        source.mkdir(parents=True)
        run("git", "archive", "--output", folder / "source.tar", commit)
        run("tar", "-xf", folder / "source.tar", "-C", source)
        date = run("git", "log", "-1", "--format=%ct", commit).strip()
        run(
            python, "-m", "hatchling", "build", "-d", packages, cwd=source, SOURCE_DATE_EPOCH=date, **settings
        )
    finally:
        os.umask(old)
    return {path.name: path.read_bytes() for path in sorted(packages.iterdir())}


def environment(folder: Path, *arguments: str | Path) -> Path:
    """Make a virtual environment, install into it with pip, and return its interpreter."""
    venv.create(folder, with_pip=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", *arguments)
    return python


def carried_sbom(wheel: Path) -> str:
    """Return the SBOM that a wheel carries: https://peps.python.org/pep-0770/."""
    name = f"boltz_keyscan-{version()}.dist-info/sboms/{Path(sbom.SBOM).name}"
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(name).decode()


def check_sbom(text: str, asked: dict[str, Any]) -> None:
    """Compare an SBOM with what pip would install, as pip reports it.

    Raises:
        ReleaseError: it is not valid, is of another version, names no licence of a package, or lacks one.
    """
    from cyclonedx.schema import SchemaVersion  # noqa: PLC0415 - a cut does without the extra "release"
    from cyclonedx.validation.json import JsonStrictValidator  # noqa: PLC0415 - as above

    if (fault := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise ReleaseError(f"the SBOM is not valid: {fault}")
    found = json.loads(text)
    if found["metadata"]["component"]["version"] != version():
        raise ReleaseError(f"{sbom.SBOM} is of another version than {VERSION_FILE}")
    if nameless := sbom.unlicensed(found):
        raise ReleaseError(f"no licence is known of: {', '.join(nameless)}")
    listed = {sbom.normalize(part["name"]) for part in found["components"]}
    wanted = {sbom.normalize(part["metadata"]["name"]) for part in asked["install"]} - {"boltz-keyscan"}
    if missing := sorted(wanted - listed):
        raise ReleaseError(f"{sbom.SBOM} lacks {', '.join(missing)}: make sbom")


def check(tag: str | None) -> None:
    """Build twice and compare, check the packages, install the wheel, and list what it depends on.

    Raises:
        ReleaseError: something does not hold.
    """
    check_texts(tag)
    commit = run("git", "rev-parse", "HEAD").strip()
    if changed := run("git", "status", "--porcelain", "--untracked-files=no").strip():
        raise ReleaseError(f"these files are not committed:\n{changed}")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="boltz-keyscan-release-") as name:
        folder = Path(name)
        builder = environment(folder / "builder", "--require-hashes", "-r", ROOT / BUILD_TOOLS)
        first, second = (
            build(commit, folder / str(number), umask, settings, builder)
            for number, (umask, settings) in enumerate(zip(UMASKS, BUILDS, strict=True))
        )
        if first != second:
            differing = [each for each in first if first[each] != second.get(each)]
            raise ReleaseError(f"two builds of one commit differ: {', '.join(differing)}")
        packages = dist / "packages"
        packages.mkdir(parents=True)
        for each, content in first.items():
            (packages / each).write_bytes(content)
            print(f"{hashlib.sha256(content).hexdigest()}  {each}  (twice the same)")
        run(sys.executable, "-m", "twine", "check", "--strict", *sorted(packages.iterdir()))
        (wheel,) = packages.glob("*.whl")
        installed = environment(folder / "installed", f"{wheel}[api]")
        said = run(installed, "-I", "-m", "boltz_keyscan", "--version", cwd=folder)
        if version() not in said:
            raise ReleaseError(f"the installed wheel says {said!r}, and {VERSION_FILE} {version()}")
        report = folder / "report.json"
        extras = f"{wheel}[{','.join(sbom.EXTRAS)}]"
        dry = ("install", "--dry-run", "--ignore-installed", "--quiet", "--report", report, extras)
        run(installed, "-m", "pip", *dry, cwd=folder)
        text = carried_sbom(wheel)
        check_sbom(text, json.loads(report.read_text(encoding="utf-8")))
    (dist / Path(sbom.SBOM).name).write_text(text, encoding="utf-8")
    print(f"{len(json.loads(text)['components'])} packages with their licences are in the wheel's SBOM")


def cut(number: str, account: str | None, today: dt.date, root: Path = ROOT) -> None:
    """Write a version into its file and the changelog, and the account and the tag into the pages.

    Raises:
        ReleaseError: the version or the account is none, or there is nothing to release.
    """
    old, old_owner = version(root), owner(root)
    new_owner = account or old_owner
    if not VERSION.fullmatch(number):
        raise ReleaseError(f"{number} is no version, such as 0.2.0")
    if not ACCOUNT.fullmatch(new_owner) or new_owner == "OWNER":
        raise ReleaseError("name the account that holds the repository: --owner NAME")
    changelog = (root / CHANGELOG).read_text(encoding="utf-8")
    before, title, after = changelog.partition(UNRELEASED)
    if not title or re.match(r"\s*(\Z|## )", after):
        raise ReleaseError(f"{CHANGELOG} has nothing under {UNRELEASED}")
    (root / CHANGELOG).write_text(f"{before}{title}\n\n## [{number}] - {today}{after}", encoding="utf-8")
    (root / VERSION_FILE).write_text(
        (root / VERSION_FILE).read_text(encoding="utf-8").replace(f'"{old}"', f'"{number}"'), encoding="utf-8"
    )
    for page in [*(root / name for name in PAGES), *sorted(root.glob("docs/*.md"))]:
        text = page.read_text(encoding="utf-8")
        changed = text.replace(f"{old_owner}/boltz-keyscan", f"{new_owner}/boltz-keyscan")
        changed = changed.replace(f"`{old_owner}`", f"`{new_owner}`")
        # Tags only: a page may name a version without being about this one.
        changed = re.sub(rf"(@|/|rev: |`)v{re.escape(old)}\b", rf"\g<1>v{number}", changed)
        if changed != text:
            page.write_text(changed, encoding="utf-8")
    manual = (root / MAN_PAGE).read_text(encoding="utf-8")
    # As the script that makes it writes hyphens, which an account can have.
    before, after = (name.replace("-", "\\-") for name in (old_owner, new_owner))
    manual = manual.replace(f"{before}/boltz\\-keyscan", f"{after}/boltz\\-keyscan")
    title = rf'\g<1> {today} "boltz-keyscan {number}"'
    manual = re.sub(r'(?m)^(\.TH \S+ 1) \S+ "boltz-keyscan [^"]*"', title, manual)
    (root / MAN_PAGE).write_text(manual, encoding="utf-8")
    listed = json.loads((root / sbom.SBOM).read_text(encoding="utf-8"))
    sbom.set_version(listed, number)
    (root / sbom.SBOM).write_text(sbom.dump(listed), encoding="utf-8")


def main() -> int:
    """Do what the command line says; return 0, or 1 if something does not hold."""
    parser = argparse.ArgumentParser(description="Check and cut a release.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    checking = verbs.add_parser("check", help="prove that this commit can be released; publishes nothing")
    checking.add_argument("--tag", help="the tag of the release, such as v0.2.0")
    cutting = verbs.add_parser("cut", help="write version, changelog and pages; commit and tag yourself")
    cutting.add_argument("version")
    cutting.add_argument("--owner", help="the account on GitHub that holds the repository")
    asked = parser.parse_args()
    try:
        if asked.verb == "check":
            check(asked.tag)
        else:
            cut(asked.version, asked.owner, dt.datetime.now(dt.UTC).date())
    except ReleaseError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
