"""The image, as far as it goes without Docker: linted, its build steps run, its entry point as its user.

What the build makes is made below a folder instead of ``/opt``; that of a base image, and what
``apt-get`` brings, is whatever stands here.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import checkout
from tests.keys import fake_key, short_fingerprint
from tests.pipelines.services import checked, tool, wheels
from tests.repos import Repo
from tests.running import ROOT, Ran

TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
KEY = fake_key("ws", "live", "in an image")
STRANGER = 12345
"""Owner of the mounted repository: neither root nor the user of the image."""


def instructions() -> list[tuple[str, str]]:
    """The instructions in order, continued lines joined (docs.docker.com, "Dockerfile reference")."""
    plain = "\n".join(line for line in TEXT.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", plain)
    found = []
    for line in filter(None, joined.splitlines()):
        word, _, rest = line.partition(" ")
        found.append((word, rest))
    return found


def stages() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """What follows each FROM."""
    all_of_them = instructions()
    first, second = (number for number, (word, _) in enumerate(all_of_them) if word == "FROM")
    return all_of_them[first + 1 : second], all_of_them[second + 1 :]


FINAL = dict(stages()[1])
"""The last of each instruction of the final stage."""


@dataclass(frozen=True)
class Image:
    """What the build stage made, in a folder."""

    root: Path
    source: Path

    def here(self, text: str) -> str:
        """A command of the image with the folder before its paths."""
        return re.sub(r"(?<![\w/])/(opt|cache)\b", rf"{self.root}/\1", text)

    @property
    def environment(self) -> dict[str, str]:
        """What ENV sets, over nothing but a PATH."""
        env = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
        for pair in shlex.split(FINAL["ENV"]):
            name, _, value = pair.partition("=")
            env[name] = self.here(value).replace("$PATH", env["PATH"])
        return env

    def run(self, folder: Path, *arguments: str, before: tuple[str, ...] = (), **more: str) -> Ran:
        """``docker run IMAGE ARGUMENT...`` with a folder mounted at the working directory."""
        program, *words = map(self.here, json.loads(FINAL["ENTRYPOINT"]))
        command = [*before, *as_user(), program, *words, *(arguments or json.loads(FINAL["CMD"]))]
        env = {**self.environment, **more}
        assert words == ["-IB", "-m", "boltz_keyscan"]
        assert Path(program).is_relative_to(self.root)
        ran = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False, timeout=120)
        return Ran(ran.returncode, ran.stdout, ran.stderr)


def as_user() -> tuple[str, ...]:
    """What to put before a command so that it runs as USER says.

    It may read everything, as this machine's Python can lie where only root goes; whom a file
    belongs to, which is what git asks, is as in a container.
    """
    user, _, group = FINAL["USER"].partition(":")
    program = shutil.which("setpriv")
    if os.geteuid() != 0 or program is None:
        pytest.skip("only root can give a repository to somebody else, and be another (setpriv)")
    capability = "+dac_read_search"
    be = ("--reuid", user, "--regid", group, "--clear-groups")
    found = (program, *be, "--inh-caps", capability, "--ambient-caps", capability)
    if subprocess.run([*found, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine lets nobody become another user with capabilities")
    return found


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder everybody may enter: those of pytest are for their owner alone."""
    folder = Path(tempfile.mkdtemp(prefix="boltz-keyscan-docker-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def image(place: Path) -> Image:
    """The build stage, run; of the context only what the Dockerfile copies."""
    context = checkout.copy(place / "context")
    made = Image(place / "image", place / "image" / "source")
    made.source.mkdir(parents=True)
    # A base image has "python", and "pip" takes what was fetched before.
    env = {**os.environ, **wheels(), "PATH": f"{Path(tool('python')).parent}:{os.environ['PATH']}"}
    for word, rest in stages()[0]:
        if word == "COPY":
            *sources, target = shlex.split(rest)
            for source in sources:
                put(context / source, made.source / target)
        elif word == "RUN":
            carried_out(made, rest, env)
        else:
            assert (word, rest) == ("WORKDIR", "/source")
    for word, rest in stages()[1]:
        # apt-get would change this machine; the rest of the final stage is asked for in FINAL.
        if word == "RUN" and not rest.startswith("apt-get "):
            carried_out(made, rest, env)
    # Nothing of the sources may be needed at run time.
    shutil.rmtree(made.source)
    shutil.rmtree(made.root / "opt" / "build")
    return made


def carried_out(made: Image, command: str, env: dict[str, str]) -> None:
    """RUN: a line of shell."""
    done = subprocess.run(
        ["sh", "-c", made.here(command)],
        cwd=made.source,
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done


def put(source: Path, target: Path) -> None:
    """COPY: into a folder when the target is one, else as the target."""
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        into = target / source.name
        into.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, into)


@pytest.fixture(scope="module")
def mounted(place: Path) -> Repo:
    """A repository with a leak in its past, in which everything belongs to a stranger."""
    repo = Repo(place / "repo")
    for name, value in (("user.name", "A. Thor"), ("user.email", "author@example.invalid")):
        repo.run("config", name, value)
    repo.leak("key.py", f"key = '{KEY}'\n")
    repo.run("rm", "--quiet", "key.py")
    repo.commit("never mind")
    repo.write("README", "a project\n")
    subprocess.run(["chown", "-R", f"{STRANGER}:{STRANGER}", str(repo.path)], check=os.geteuid() == 0)
    return repo


def test_the_repository_is_one_that_git_itself_refuses(image: Image, mounted: Repo) -> None:
    """The control: without it, the tests below would not be about another owner."""
    command = [*as_user(), "git", "log"]
    done = subprocess.run(command, cwd=mounted.path, env=image.environment, capture_output=True, check=False)
    assert b"dubious ownership" in done.stderr


def test_a_mounted_repository_of_somebody_else_is_scanned_whole(image: Image, mounted: Repo) -> None:
    ran = image.run(mounted.path)
    assert ran.code == 1, ran
    assert short_fingerprint(KEY) in ran.text
    assert ran.errors == ""
    report = image.run(mounted.path, ".", "--no-cache", "--format", "json").report
    assert report["scan"]["complete"]
    assert report["scan"]["receipt"]["commits"] == 2
    assert [place["exposure"] for key in report["findings"] for place in key["locations"]] == ["history"]


def test_what_was_seen_is_kept_on_a_volume(image: Image, mounted: Repo) -> None:
    image.run(mounted.path)
    assert list((image.root / "cache").rglob("*.json"))


def test_a_read_only_root_is_enough(image: Image, mounted: Repo) -> None:
    """As ``docker run --read-only`` without any volume: not even a folder for temporary files."""
    script = 'mount --make-rprivate / && mount -o remount,ro,bind / && exec "$@"'
    unshare = ("unshare", "--mount", "sh", "-c", script, "sh")
    done = subprocess.run([*unshare, "true"], capture_output=True, check=False)
    if os.geteuid() != 0 or done.returncode != 0:
        pytest.skip("this machine lets nobody mount anything")
    inside = subprocess.run(
        [*unshare, "touch", str(mounted.path / "x")], capture_output=True, text=True, check=False
    )
    if "Read-only" not in inside.stderr:
        pytest.skip("temporary files lie on a mount of their own here")
    ran = image.run(mounted.path, before=unshare)
    assert ran.code == 1, ran
    assert short_fingerprint(KEY) in ran.text
    quiet = image.run(mounted.path, ".", "--no-cache", before=unshare)
    assert (quiet.code, quiet.errors) == (1, "")


def test_the_hooks_work_in_it_too(image: Image, mounted: Repo) -> None:
    ran = image.run(mounted.path, "hook", "pre-commit")
    assert ran.code == 0, ran


def test_nothing_that_only_builds_is_in_it(image: Image) -> None:
    (packages,) = (image.root / "opt" / "boltz-keyscan").glob("lib/python3.*/site-packages")
    names = {path.name.partition("-")[0] for path in packages.glob("*.dist-info")}
    assert "boltz_keyscan" in names
    assert not names & {"pip", "hatchling", "boltz_api", "pytest"}


DOCKER = """#!/bin/sh
# "docker build" and "docker run" of docker.md: the options there are, then the image, then its arguments.
[ "$1" = build ] && { [ -f "$4/Dockerfile" ] && exit 0; exit 125; }
[ "$1" = run ] || exit 125
shift
while :; do
    case $1 in
        --rm) shift ;;
        --network) [ "$2" = none ] || exit 125; shift 2 ;;
        --volume) mounted=${2%:/repo:ro}; shift 2 ;;
        boltz-keyscan) shift; break ;;
        *) exit 125 ;;
    esac
done
[ $# -gt 0 ] || set -- {command}
cd "$mounted" && exec env -i {environment} {user} {entry} "$@"
"""


def test_the_guide(image: Image, mounted: Repo, place: Path) -> None:
    """Of docker.md: its commands, with a stand-in for Docker that runs what the image would."""
    page = (ROOT / "docs" / "docker.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"::test_the_guide -->\n```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    programs = place / "programs"
    programs.mkdir()
    script = DOCKER.replace("{command}", shlex.join(json.loads(FINAL["CMD"])))
    script = script.replace("{entry}", shlex.join(map(image.here, json.loads(FINAL["ENTRYPOINT"]))))
    script = script.replace("{user}", shlex.join(as_user()))
    variables = [f"{name}={value}" for name, value in image.environment.items()]
    (programs / "docker").write_text(script.replace("{environment}", shlex.join(variables)))
    (programs / "docker").chmod(0o755)
    env = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
    build, *runs = commands.splitlines()
    assert subprocess.run(["sh", "-c", build], cwd=ROOT, env=env, check=False).returncode == 0
    assert len(runs) == 2
    for command in runs:
        ran = subprocess.run(
            ["sh", "-c", command], cwd=mounted.path, env=env, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 1, ran
        assert short_fingerprint(KEY) in ran.stdout


# The files themselves.


def test_the_linter_agrees() -> None:
    checked(tool("hadolint"), "Dockerfile")


def test_the_linter_can_say_no(tmp_path: Path) -> None:
    broken = tmp_path / "Dockerfile"
    broken.write_text(TEXT.replace("--no-install-recommends ", ""))
    with pytest.raises(AssertionError, match="DL3015"):
        checked(tool("hadolint"), str(broken))


def test_it_runs_as_nobody_in_particular_on_a_pinned_base() -> None:
    user, _, group = FINAL["USER"].partition(":")
    assert int(user) > 1000
    assert int(group) > 1000
    assert FINAL["WORKDIR"] == "/repo"
    assert [rest for word, rest in instructions() if word == "ARG"] == ["BASE=python:3.13-slim-trixie"]
    assert [rest for word, rest in instructions() if word == "FROM"] == ["${BASE} AS build", "${BASE}"]


def test_only_what_is_copied_is_sent_to_the_builder() -> None:
    lines = (ROOT / ".dockerignore").read_text().split("\n")
    assert "*" in lines
    sent = {line.removeprefix("!").rstrip("/") for line in lines if line.startswith("!")}
    copied = {
        Path(source).parts[0]
        for word, rest in stages()[0]
        if word == "COPY"
        for source in shlex.split(rest)[:-1]
    }
    assert sent == copied
    assert all((ROOT / name).exists() for name in sent)
