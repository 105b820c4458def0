"""Mirrors: repositories with an address, fetched into folders of this program.

git runs in a process of its own (``fetching``) with a fixed environment: no configuration of the user or of
the system, no prompts, one protocol, no redirects, no hooks and templates, limits of speed, time and size.
A token reaches git through its password helper: it is in no address, argument, configuration or file.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Callable

from boltz_keyscan.errors import KeyscanError
from boltz_keyscan.fleet.addresses import Address
from boltz_keyscan.fleet.digest import references_digest
from boltz_keyscan.fleet.fetch_messages import Answer, Request
from boltz_keyscan.fleet.large import store_bytes
from boltz_keyscan.fsutil import replace_file
from boltz_keyscan.model.finding import Gap
from boltz_keyscan.package_data import read_table, read_text
from boltz_keyscan.records import dataclass
from boltz_keyscan.report.wording import size
from boltz_keyscan.sources.git.run import command as git
from boltz_keyscan.sources.git.run import tempdir
from boltz_keyscan.sources.git.run.environment import absolute_path
from boltz_keyscan.system.processes import system_variables
from boltz_keyscan.workers.isolated import IsolatedProcess, ProcessStoppedError

TOKEN_VARIABLE = "BOLTZ_KEYSCAN_GIT_TOKEN"  # noqa: S105 - the name of a variable
"""Variable with the token for the server of all https addresses."""

_MAX_TOKEN_BYTES = 4096

_PASSED_ON = (
    *("SSH_AUTH_SOCK", "SSL_CERT_DIR"),
    *("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"),
)
"""Variables of this process that git gets: the agent of ssh, certificates, and the way out."""

_SCANNED = "boltz-keyscan-scanned"
"""File in a mirror: the digest of the references with which it was scanned completely."""

_processes: dict[tuple[int, int], IsolatedProcess] = {}
"""Fetching processes, by the ids of the process and the thread that use them."""


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Limits of each fetch."""

    seconds: float = 3600.0
    max_bytes: int = 20 << 30
    """Bytes of the largest mirror."""


@dataclass(frozen=True, slots=True)
class TokenSource:
    """The place of the token; not the token, as this is sent to workers."""

    file: str = ""
    """Absolute path; empty to use the variable ``TOKEN_VARIABLE``, which need not exist."""

    def read(self) -> str:
        """Return the token, empty if there is none.

        Raises:
            KeyscanError: the file cannot be used; the message does not quote it.
        """
        if not self.file:
            return os.environ.get(TOKEN_VARIABLE, "")
        try:
            with open(self.file, "rb") as file:
                token = file.read(_MAX_TOKEN_BYTES).decode("ascii").strip()
        except OSError as error:
            raise KeyscanError(f"cannot read the token file {self.file}: {error.strerror}") from error
        except UnicodeDecodeError:
            token = ""
        if not token or not token.isprintable() or " " in token:
            raise KeyscanError(f"no token in {self.file}", "It has to be the only line of the file.")
        return token


@dataclass(frozen=True, slots=True)
class Mirrored:
    """A repository that was fetched, or not."""

    folder: str = ""
    digest: str = ""
    """Digest of its references; empty if they cannot be read."""
    unchanged: bool = False
    """The references are those of the given digest: nothing was fetched."""
    gap: Gap | None = None
    """The reason for which it was not fetched."""


def fetch(
    address: Address,
    name: str,
    parent: str,
    *,
    token: TokenSource,
    limits: FetchLimits,
    digest: str = "",
    report: Callable[[object], None] = lambda _: None,
) -> Mirrored:
    """Fetch a repository into a folder below ``parent``, or bring the mirror there up to date.

    Args:
        address: its address.
        name: its name in the gap.
        parent: folder of mirrors, which exists.
        token: place of the token.
        limits: limits of this fetch.
        digest: digest of the references that need not be fetched.
        report: receiver of ``Progress``.

    Raises:
        KeyscanError: the token cannot be read, or git is absent.
    """
    folder = os.path.join(parent, mirror_name(address))
    shutil.rmtree(f"{folder}.part", ignore_errors=True)
    prune = os.path.isdir(folder) and _read_scanned(folder) == references_digest(folder) != ""
    request = Request(address.url, _variables(address, token), folder, digest, prune, limits.max_bytes)

    def check() -> str:
        used = max(store_bytes(os.path.join(path, "objects")) for path in (folder, f"{folder}.part"))
        return "too large" if used > limits.max_bytes else ""

    try:
        answer = _process().ask(request, Answer, seconds=limits.seconds, check=check, report=report)
    except ProcessStoppedError as error:
        _processes.pop((os.getpid(), threading.get_ident()), None)
        answer = Answer(error=str(error))
    except OSError as error:
        answer = Answer(error=f"OSError: {error.strerror}")
    if answer.error:
        shutil.rmtree(f"{folder}.part", ignore_errors=True)
        return Mirrored(gap=describe_failure(name, answer.error, limits))
    if answer.unchanged:
        return Mirrored(unchanged=True)
    return Mirrored(folder, references_digest(folder))


def describe_failure(name: str, error: str, limits: FetchLimits) -> Gap:
    """Return the gap of a fetch that failed. What a server prints is neither stored nor shown.

    Args:
        name: name of the repository.
        error: output of git, or the reason for which it was stopped.
        limits: limits of the fetch.
    """
    failures = read_table("fleet/fetch_errors.toml")["failure"]
    known = next(each for each in failures if re.search(each["pattern"], error))
    reason, detail = known["reason"], known["detail"]
    return Gap(name, reason, detail.format(seconds=limits.seconds, size=size(limits.max_bytes)))


def mirror_name(address: Address) -> str:
    """Return the name of a mirror's folder. Names of repositories are not ours, so it has none of them."""
    return hashlib.sha256(address.url.encode()).hexdigest()[:32] + ".git"


def mark_scanned(folder: str) -> None:
    """Record that a mirror was scanned completely, so that the next fetch may remove old references."""
    replace_file(os.path.join(folder, _SCANNED), references_digest(folder).encode())


def _read_scanned(folder: str) -> str:
    try:
        with open(os.path.join(folder, _SCANNED), encoding="ascii") as file:
            return file.read(100)
    except (OSError, ValueError):
        return ""


def _process() -> IsolatedProcess:
    """Return the fetching process of this thread, started at the first call."""
    # A fork does not use that of its parent, nor a thread that of another.
    owner = os.getpid(), threading.get_ident()
    if owner not in _processes:
        home = os.fsdecode(tempdir.folder())
        _processes[owner] = IsolatedProcess("boltz_keyscan.fleet.fetching:main", _environment(home))
    return _processes[owner]


def _variables(address: Address, token: TokenSource) -> dict[str, str]:
    """Return the variables for one address: its protocol, and the token if the address is for it."""
    variables = {"GIT_ALLOW_PROTOCOL": address.scheme}
    secret = token.read() if address.scheme in {"https", "http"} else ""
    return variables | ({TOKEN_VARIABLE: secret} if secret else {"GIT_ASKPASS": "false"})


def _environment(home: str) -> dict[str, str]:
    """Return all variables of the fetching process, and write the files that they name below ``home``."""
    executable = git.executable()
    configuration, askpass = os.path.join(home, "config"), os.path.join(home, "askpass")
    replace_file(configuration, read_text("fleet/mirror.gitconfig").encode())
    replace_file(askpass, read_text("fleet/askpass.sh").encode())
    os.chmod(askpass, 0o700)
    os.mkdir(os.path.join(home, "template"))
    variables = {name: os.environ[name] for name in _PASSED_ON if name in os.environ} | system_variables()
    if certificates := os.environ.get("SSL_CERT_FILE"):
        variables |= {"GIT_SSL_CAINFO": certificates}
    return {
        **variables,
        **read_table("fleet/environment.toml"),
        "PATH": absolute_path(),
        "HOME": home,
        "XDG_CONFIG_HOME": home,
        "TMPDIR": home,
        "GIT_CONFIG_SYSTEM": os.devnull,
        "GIT_CONFIG_GLOBAL": configuration,
        "GIT_TEMPLATE_DIR": os.path.join(home, "template"),
        "GIT_ASKPASS": askpass,
        "GIT_PYTHON_GIT_EXECUTABLE": executable,
    }
