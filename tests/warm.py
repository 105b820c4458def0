"""The program, loaded once and kept ready: a run of it is a copy of this process, which saves its start.

A run is a process of its own: arguments, environment, folder, streams and exit code are its own, and nothing
it does stays. What it lacks is a start: that of the interpreter, the order in which modules are loaded, and
what they read of the environment while they are. ``tests/running.py`` knows for which runs that matters, and
``tests/test_running.py`` holds both kinds of run against each other.

Boundary: started by ``tests/running.py`` and nobody else, with the socket to listen at for its argument. It
ends with whoever holds the other end of its standard input, and removes the folder of the socket. Linux only,
where a process with one thread can be copied safely.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import importlib
import io
import os
import pkgutil
import runpy
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import boltz_keyscan
from boltz_keyscan import cli, errors, late_pattern, records, rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.sources.git.repo import store_files
from boltz_keyscan.system import STOP_SIGNALS
from tests.asking import NUMBER
from tests.keys import fake_key

LATE = (
    *(
        "boltz_api.resources.admin.admin",
        "boltz_api.resources.auth",
        "certifi",
        "click._termui_impl",
        "click.shell_completion",
    ),
    *("concurrent.futures.thread", "difflib", "fcntl", "hashlib", "httpcore", "httpx", "hyperscan", "mmap"),
    *("queue", "regex", "sarif_om", "tempfile", "traceback"),
    *("encodings.idna", "pypdf", "zstandard"),
)
"""What is imported within functions, and takes a while."""

REHEARSED = (".", ". --format json", "--no-history --format sarif", "explain", "hook pre-commit")
ASKING = ("keys list", "keys usage --since 2026-01-01", "--no-history --check")
"""Commands that share most of their code, which Python adapts once it has run a few times."""

KEPT = ("boltz_keyscan.detect", "boltz_keyscan.rules")
"""Modules whose caches depend on nothing but the package."""


def load() -> None:
    """Load whatever a command may load, and run none of it; what every scan works out first is worked out."""
    for module in pkgutil.walk_packages(boltz_keyscan.__path__, "boltz_keyscan."):
        if module.name != "boltz_keyscan.__main__":
            importlib.import_module(module.name)
    for name in LATE:
        importlib.import_module(name)
    compile_late()
    # The tables of detection, which are the same in every run with our rules, take longer than most runs.
    detector = KeyDetector.of(rules.load())
    blob = b"%5F" + detector.prefixes[0] + b" " * 20
    detector.candidate_offsets(blob, len(blob))
    list(detector.find([blob]))
    rehearse()
    # What is here already is not looked at again in each copy.
    gc.collect()
    gc.freeze()
    use_huge_pages()


def rehearse() -> None:
    """Run some commands, so that Python has adapted the code that most runs execute, and forget them."""
    environment, folder, path = dict(os.environ), Path.cwd(), list(sys.path)
    streams, register = (sys.stdout, sys.stderr), atexit.register
    handlers = {number: signal.getsignal(number) for number in (*STOP_SIGNALS, signal.SIGINT)}
    at_exit: list[Callable[[], object]] = []
    with tempfile.TemporaryDirectory() as home, Path(os.devnull).open("w", encoding="utf-8") as nothing:
        os.environ |= {"HOME": home, "XDG_CACHE_HOME": home, "XDG_CONFIG_HOME": home, "NO_COLOR": "1"}
        os.chdir(home)
        for command in (
            ["init", "--quiet", "--initial-branch=main"],
            ["add", "old.py"],
            ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "commit", "--quiet", "-m", "leak"],
            ["add", "new.py"],
        ):
            if command[0] == "add":
                Path(command[1]).write_text(f"{fake_key(seed=command[1])}\n", encoding="utf-8")
            subprocess.run(["git", *command], check=True, env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull})
        sys.stdout = sys.stderr = nothing
        atexit.register = at_exit.append  # type: ignore[assignment]  # what it returns is not used
        codes = {cli.main(line.split()) for line in REHEARSED}
        with answering() as (url, key):
            os.environ["BOLTZ_API_KEY"] = key
            codes |= {cli.main([*line.split(), "--api-base", url]) for line in ASKING}
        atexit.register, (sys.stdout, sys.stderr), sys.path[:] = register, streams, path
        for function in reversed(at_exit):
            function()
        os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    assert codes == {0, 1}, codes
    assert threading.active_count() == 1
    forget()


@contextlib.contextmanager
def answering() -> Iterator[tuple[str, str]]:
    """Have a copy of this process answer as the API does, at which address and to which key."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        from tests.boltz_api import Service, running  # noqa: PLC0415 - not in this process

        service = Service()
        with running(service) as up:
            theirs.sendall(f"{up.url} {service.admin.raw}".encode())
            theirs.recv(1)
        os._exit(0)
    theirs.close()
    with ours:
        url, key = ours.recv(1 << 10).decode().split()
        yield url, key
    os.waitpid(pid, 0)


def forget() -> None:
    """Empty the caches of what a run learns of its system and files; those of rules and tables stay."""
    for name, module in list(sys.modules.items()):
        if name.startswith("boltz_keyscan") and not name.startswith(KEPT):
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
    errors.__dict__["_reporters"].clear()
    store_files.__dict__["_stores_of_links"].clear()
    # The folder for temporary files, which depends on the environment.
    tempfile.tempdir = None


def use_huge_pages() -> None:
    """Collapse the memory of this process into pages of 2 MiB, where the kernel does that.

    Copying a process copies its table of pages, which with small ones takes longer than a short run.
    """
    advise, collapse, huge = ctypes.CDLL(None).madvise, 25, 2 << 20
    for line in Path("/proc/self/maps").read_text(encoding="utf-8").splitlines():
        span, access, *_, file = line.split(maxsplit=5)[:5]
        start, end = (int(edge, 16) for edge in span.split("-"))
        start, end = -(-start // huge) * huge, end // huge * huge
        if access.startswith("rw") and file == "0" and start < end:
            advise(ctypes.c_void_p(start), ctypes.c_size_t(end - start), collapse)


def compile_late() -> None:
    """Compile what classes and expressions of the package compile at their first use."""
    # Type checkers see the standard ones.
    lazy = late_pattern.__dict__["late_pattern"]
    first, compiled = records.__dict__["_first_init"], records.__dict__["_compiled_init"]
    for loaded in [loaded for name, loaded in sys.modules.items() if name.startswith("boltz_keyscan")]:
        for value in list(vars(loaded).values()):
            if isinstance(value, lazy):
                value.pattern  # noqa: B018 - asking for it compiles it
            elif isinstance(value, type) and vars(value).get("__init__") is first:
                type.__setattr__(value, "__init__", compiled(value))


def serve(path: str) -> tuple[bytes, list[bytes]] | None:  # noqa: C901 - all that it waits for, in one place
    """Answer whoever asks, until nobody can; in a copy, the lines that change it, and its arguments."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listening.bind(path)
    listening.listen(64)
    os.write(1, b"ready\n")
    poll = select.poll()
    poll.register(0, select.POLLIN)
    poll.register(listening, select.POLLIN)
    runs: dict[int, Run] = {}
    while True:
        for descriptor, _ in poll.poll():
            if descriptor == 0:
                return None
            if descriptor == listening.fileno():
                caller, _ = listening.accept()
                asked, streams = received(caller)
                pid = os.fork()
                if pid == 0:
                    for held in (listening, caller, *(run.caller for run in runs.values())):
                        # Its number is closed below; it must not close whatever gets that number next.
                        held.detach()
                    return become(asked, streams)
                for stream in streams:
                    os.close(stream)
                begun = Run(pid, os.pidfd_open(pid), caller)
                runs[begun.end] = runs[caller.fileno()] = begun
                poll.register(begun.end, select.POLLIN)
                poll.register(caller, select.POLLHUP)
            elif (run := runs.get(descriptor)) is None:
                # It has ended, and whoever asked is gone: both were seen at once.
                continue
            elif descriptor == run.end:
                for done in (run.end, run.caller.fileno()):
                    poll.unregister(done)
                    del runs[done]
                finish(run)
            else:
                # Nobody waits for it any more.
                os.kill(run.pid, signal.SIGKILL)
                poll.modify(run.caller, 0)


@dataclass(frozen=True, slots=True)
class Run:
    """One that is under way: its process, what tells its end, and who waits for that."""

    pid: int
    end: int
    caller: socket.socket


def finish(run: Run) -> None:
    """Tell who waits for a run how it has ended."""
    code = os.waitstatus_to_exitcode(os.waitpid(run.pid, 0)[1])
    os.close(run.end)
    with contextlib.suppress(OSError):
        run.caller.sendall(code.to_bytes(NUMBER, "big", signed=True))
    run.caller.close()


def received(caller: socket.socket) -> tuple[bytes, list[int]]:
    """What a caller asks for, and its three streams."""
    head, streams, _, _ = socket.recv_fds(caller, NUMBER, 3)
    length = int.from_bytes(head, "big")
    with caller.makefile("rb") as reading:
        return reading.read(length), streams


def become(asked: bytes, streams: list[int]) -> tuple[bytes, list[bytes]]:
    """Turn this copy into what the caller would have started; the lines that change it, and its arguments."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, max(int(held.name) for held in Path("/proc/self/fd").iterdir()) + 1)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder, mask, changed, count, *rest = asked.split(b"\0")
    os.chdir(folder)
    os.umask(int(mask))
    os.environ.clear()
    for pair in rest[int(count) :]:
        name, _, value = pair.partition(b"=")
        os.environb[name] = value
    for number, (stream_name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        _open(number, stream_name, mode)
    return changed, rest[: int(count)]


def _open(number: int, name: str, mode: str) -> None:
    """A stream as Python opens it when it starts."""
    before = getattr(sys, name)
    raw = io.FileIO(number, f"{mode}b", closefd=False)
    raw.name = f"<{name}>"
    stream = io.TextIOWrapper(
        io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw),
        before.encoding,
        before.errors,
        newline=None if mode == "r" else "\n",
        line_buffering=number == sys.stderr.fileno() or os.isatty(number),
    )
    stream.mode = mode  # type: ignore[misc]  # Python itself sets it so
    setattr(sys, name, stream)
    setattr(sys, f"__{name}__", stream)


def main() -> None:
    """Keep the program ready; in a copy, run it."""
    load()
    wanted = serve(sys.argv[1])
    if wanted is not None:
        changed, arguments = wanted
        # As for 'python -m': the first place to import from is the folder it is run in.
        sys.path[0] = str(Path.cwd())
        sys.argv[1:] = map(os.fsdecode, arguments)
        exec(changed, {})
        try:
            runpy.run_module("boltz_keyscan", run_name="__main__", alter_sys=True)
        except SystemExit as leave:
            if not isinstance(leave.code, int):
                raise
            # As Python ends, but for taking all modules apart, which takes longer than most runs.
            threading._shutdown()  # type: ignore[attr-defined]  # what the interpreter itself calls
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(leave.code)


if __name__ == "__main__":
    main()
    # Copies do not come here. Whoever started this may have ended without a word.
    shutil.rmtree(Path(sys.argv[1]).parent)
