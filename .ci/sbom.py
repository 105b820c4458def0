"""The list of all packages that this one needs, with their licences: an SBOM in CycloneDX.

python .ci/sbom.py         writes pipelines/sbom.cdx.json again, after a change of dependencies

The wheel carries the file, as PEP 770 has it. It names the versions in pipelines/requirements.txt and, for
the extras of users, the newest that go with them. Packages that only an extra needs are optional.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SBOM = "pipelines/sbom.cdx.json"
PINS = "pipelines/requirements.txt"
EXTRAS = ("api", "fleet", "science")
KEPT = ("bom-ref", "licenses", "name", "purl", "scope", "type", "version")

# Packages whose metadata name no licence as CycloneDX knows it; by the text of the licence in the package.
BY_TEXT = {"partd": "BSD-3-Clause"}

_VENV = ("uv", "venv", "--quiet", "--python", sys.executable)
# Of every platform and Python. Where versions differ by Python, the last is that of the newer ones.
_COMPILE = ("uv", "pip", "compile", "--quiet", "--universal", "--python-version=3.11", "--no-header")
_INSTALL = ("uv", "pip", "install", "--quiet", "--no-deps", "--python-version=3.12", "--only-binary=:all:")
_LIST = ("cyclonedx_py", "environment", "--output-reproducible", "--short-PURLs", "--spec-version=1.6")


def normalize(name: str) -> str:
    """Return a package's name as PEP 503 spells it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    """Return the versions in a file of requirements, by the names of packages."""
    return {normalize(name): version for name, version in re.findall(r"(?m)^([\w.-]+)==([^\s;\\]+)", text)}


def direct_dependencies(project: dict[str, Any]) -> set[str]:
    """Return what a project and its extras of users ask for."""
    asked = [
        *project["dependencies"],
        *(each for name in EXTRAS for each in project["optional-dependencies"][name]),
    ]
    return {normalize(re.split(r"[^\w.-]", each)[0]) for each in asked}


def unlicensed(sbom: dict[str, Any]) -> list[str]:
    """Return the components of a CycloneDX document that name no licence."""
    return [part["name"] for part in sbom["components"] if not part.get("licenses")]


def set_version(sbom: dict[str, Any], version: str) -> None:
    """Write the version of the package that the document is about."""
    sbom["metadata"]["component"] |= {"version": version, "purl": f"pkg:pypi/boltz-keyscan@{version}"}


def dump(sbom: dict[str, Any]) -> str:
    """Return the text of the file."""
    return json.dumps(sbom, indent=1, sort_keys=True) + "\n"


def _run(*command: str | Path) -> str:
    arguments = [str(part) for part in command]
    return subprocess.run(
        [sys.executable, "-m", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def make(version: str) -> dict[str, Any]:
    """Resolve and install all packages that users can need, and list them."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with tempfile.TemporaryDirectory(prefix="boltz-keyscan-sbom-") as name:
        folder = Path(name)
        extras = [f"--extra={extra}" for extra in EXTRAS]
        own = pins((ROOT / PINS).read_text(encoding="utf-8"))
        (folder / "own.txt").write_text("".join(f"{each}=={own[each]}\n" for each in own), encoding="utf-8")
        found = pins(_run(*_COMPILE, "--constraints", folder / "own.txt", *extras, "pyproject.toml"))
        _run(*_VENV, folder / "venv")
        (packages,) = folder.glob("venv/lib/*/site-packages")
        python = folder / "venv" / "bin" / "python"
        _run(*_INSTALL, "--target", packages, *(f"{each}=={found[each]}" for each in found))
        sbom: dict[str, Any] = json.loads(_run(*_LIST, "--validate", python))
    for each in sbom["components"]:
        if not each.get("licenses") and each["name"] in BY_TEXT:
            each["licenses"] = [{"license": {"id": BY_TEXT[each["name"]]}}]
        each["scope"] = "required" if normalize(each["name"]) in own else "optional"
        for unwanted in set(each) - set(KEPT):
            del each[unwanted]
    sbom["metadata"] = {"component": {"bom-ref": "root", "name": project["name"], "type": "application"}}
    sbom["metadata"]["component"]["licenses"] = [{"expression": project["license"]}]
    direct = direct_dependencies(project)
    below = [each["bom-ref"] for each in sbom["components"] if normalize(each["name"]) in direct]
    sbom["dependencies"].append({"ref": "root", "dependsOn": below})
    set_version(sbom, version)
    return sbom


if __name__ == "__main__":
    from boltz_keyscan import __version__

    (ROOT / SBOM).write_text(dump(make(__version__)), encoding="utf-8")
    print(SBOM)
