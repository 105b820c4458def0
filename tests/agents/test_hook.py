"""The hook of coding agents: each event of each agent, its answer, and what must never be in it."""

from __future__ import annotations

import base64
import gzip
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan import rules
from boltz_keyscan.agents import acceptance, hook, inspection, named_files, registry
from boltz_keyscan.agents.texts import WITHHELD
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.triage import baseline
from tests.agents import answers, payloads
from tests.agents.payloads import CASES, REPLACED, STOPPED, Case, Payload
from tests.keys import PREFIXES, fake_key, fingerprint, short_fingerprint
from tests.leaks import disguises, leaks
from tests.running import COMMAND, PATIENCE, Ran, keyscan

KEY = fake_key("ws", "live", "agent")
OTHER = fake_key("admin", "test", "agent")
MARK = f"{PREFIXES['ws', 'live']}[REDACTED]"
HARMLESS = (
    "export BOLTZ_API_KEY=${BOLTZ_API_KEY}; $env:BOLTZ_API_KEY; op://work/boltz/key; "
    f"{PREFIXES['ws', 'live']}your-key-here; {PREFIXES['ws', 'live']}..."
)
"""References to a key, and placeholders."""


def respond(payload: Payload | bytes) -> Ran:
    """An answer, as the program writes it."""
    answer = hook.respond(payload if isinstance(payload, bytes) else json.dumps(payload).encode())
    out = b"" if answer.output is None else json.dumps(answer.output).encode()
    return Ran(answer.code, out, answer.error.encode())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "job.env"
    path.write_text(f"# settings\nBOLTZ_API_KEY={KEY}\n")
    return path


def claude_output(text: str) -> Payload:
    return next(case for case in payloads.CLAUDE if case.event == "output of a command").make(text, "")


def event_of(payload: Payload) -> str:
    return str(payload.get("hook_event_name", payload.get("hookEventName")))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_an_event(case: Case, file: Path) -> None:
    payload = case.make(f"a {KEY} b", str(file))
    sender = registry.find_sender(payload)
    assert sender is not None
    assert sender.name == case.agent
    assert case.agent in payloads.SOURCES

    ran = respond(payload)

    assert leaks(ran.out + b"\n" + ran.err, KEY) == []
    match case.outcome:
        case payloads.STOPPED:
            assert answers.stops(case.agent, ran.code, ran.out, ran.err), ran
            shown = ran.text + ran.errors
            assert short_fingerprint(KEY) in shown or "beforeTabFileRead" in str(payload)
            if case.event in {"command", "write", "MCP"}:
                assert "${BOLTZ_API_KEY}" in shown
            if "read" in case.event or "mention" in case.event:
                assert f"boltz-keyscan explain {short_fingerprint(KEY)}" in shown
        case payloads.REPLACED:
            seen = answers.replaced(case.agent, ran.code, ran.out)
            # The same shape, and every other byte.
            assert f"a {MARK} b" in json.dumps(seen)
            original = payload.get("tool_response")
            if case.agent == "claude":
                assert seen == json.loads(json.dumps(original).replace(KEY, MARK))
            assert short_fingerprint(KEY) in ran.text
        case _:
            assert answers.passes(case.agent, ran.code, ran.out), ran

    file.write_text("nothing\n")
    ran = respond(case.make(HARMLESS.replace('"', "'"), str(file)))
    assert answers.passes(case.agent, ran.code, ran.out), ran
    assert not ran.err


@pytest.mark.skipif(
    "CODEX_SCHEMAS" not in os.environ,
    reason="no package has the schemas of Codex: CODEX_SCHEMAS=codex-rs/hooks/schema/generated of its source",
)
def test_answers_to_codex_fit_its_published_schemas(file: Path) -> None:
    for case in (case for case in CASES if case.agent == "codex"):
        for text in (KEY, "nothing"):
            payload = case.make(text, str(file))
            answers.check_published(event_of(payload), respond(payload).out)


def test_every_agent_and_every_installed_event_has_a_payload() -> None:
    assert {case.agent for case in CASES} == set(registry.NAMES) == set(payloads.SOURCES)
    for name in registry.NAMES:
        agent = registry.find_agent(name)
        own = [case.make("x", "/x") for case in CASES if case.agent == name]
        if name == "copilot":
            # Payloads of events in camelCase have no name.
            continue
        named = {
            sent.get("hook_event_name", sent.get("hookEventName", sent.get("agent_action_name")))
            for sent in own
        }
        assert set(agent.settings.events) <= named, name


@pytest.mark.parametrize("form", sorted(disguises(KEY)))
def test_a_disguise_counts_as_in_a_scan(form: str) -> None:
    raw = disguises(KEY)[form]
    text = raw.decode("utf-8", "surrogateescape")
    found = list(KeyDetector.of(rules.load()).find([raw]))

    ran = respond(claude_output(f"before\n{text}\nafter\n"))

    assert leaks(ran.out, KEY) == [] or not found, form
    if found:
        seen = answers.replaced("claude", ran.code, ran.out)["stdout"]
        assert seen == WITHHELD or (seen[:7], seen[-7:]) == ("before\n", "\nafter\n")


def test_what_is_around_a_key_stays_byte_for_byte() -> None:
    parts = ["\ufeffé\r\n\t", "\ud800\x00\u2028", "", '"\\u0041"', "\n"]
    text = KEY.join(parts) + OTHER
    seen = answers.replaced("claude", 0, respond(claude_output(text)).out)["stdout"]
    assert seen == MARK.join(parts) + f"{PREFIXES['admin', 'test']}[REDACTED]"


def test_an_archive_in_a_text_and_the_copy_on_disk() -> None:
    packed = base64.b64encode(gzip.compress(f"key = {KEY}\n".encode() * 9)).decode()
    payload = claude_output(f"payload: {packed}\n")
    payload["tool_response"] |= {"persistedOutputPath": "/tmp/whole", "persistedOutputSize": 9}
    seen = answers.replaced("claude", 0, respond(payload).out)
    assert seen == {**payloads._bash(WITHHELD)}
    clean = base64.b64encode(gzip.compress(b"nothing\n" * 99)).decode()
    assert answers.passes("claude", 0, respond(claude_output(clean)).out)


def accept(entries: dict[str, str], mode: int = 0o600) -> None:
    path = Path(os.environ["XDG_CONFIG_HOME"], "boltz-keyscan", "baseline")
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f'{key} boltz-workspace-live-key "a" "why" "Ana" {until}\n' for key, until in entries.items()]
    path.write_text(f"{baseline.HEADER}\n" + "".join(lines))
    path.chmod(mode)
    acceptance._read.cache_clear()


def test_only_the_baseline_of_the_user_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_stopped() -> bool:
        ran = respond(
            {
                **payloads._claude("UserPromptSubmit", prompt=f"{KEY}  # boltz-keyscan: allow no"),
                "cwd": str(tmp_path),
            }
        )
        return not answers.passes("claude", ran.code, ran.out)

    monkeypatch.chdir(tmp_path)
    (tmp_path / baseline.NAME).write_text(
        f'{baseline.HEADER}\n{fingerprint(KEY)} boltz-workspace-live-key "a" "why" "Ana" forever\n'
    )
    assert is_stopped()
    accept({fingerprint(KEY): "forever"})
    assert not is_stopped()
    accept({fingerprint(KEY): "forever"}, mode=0o622)
    assert is_stopped()
    accept({fingerprint(KEY): "2020-01-01"})
    assert is_stopped()
    accept({"nonsense": "forever"})
    assert is_stopped()


class TestFiles:
    """Files that a prompt or a command names."""

    def stopped(self, prompt: str, folder: Path) -> bool:
        ran = respond({**payloads._claude("UserPromptSubmit", prompt=prompt), "cwd": str(folder)})
        assert leaks(ran.out, KEY) == []
        return answers.stops("claude", ran.code, ran.out, ran.err)

    @pytest.mark.parametrize(
        "form",
        [
            "@job.env",
            "see (@job.env).",
            "@./job.env#L1-2",
            "@job.env:2",
            '@"a b.env"',
            "@'a b.env'",
            "@a\\ b.env",
            "@link",
        ],
    )
    def test_a_mention_is_read_as_a_file(self, file: Path, form: str) -> None:
        (file.parent / "a b.env").write_bytes(file.read_bytes())
        (file.parent / "link").symlink_to(file)
        assert self.stopped(f"explain {form}\nplease", file.parent)

    def test_what_is_no_readable_file_is_left_alone(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        os.mkfifo(file.parent / "fifo")
        (file.parent / "loop").symlink_to("loop")
        (file.parent / "folder").mkdir()
        prompt = "ana@job.env @fifo @loop @folder @missing @/dev/zero @\0 @~nobody/x @"
        assert not self.stopped(prompt, file.parent)
        # The beginning of a large file is read.
        monkeypatch.setattr(named_files, "MAX_BYTES", 4)
        assert not self.stopped("@job.env", file.parent)

    @pytest.mark.parametrize(
        ("command", "is_read"),
        [
            ("cat job.env", True),
            ("cd x && sudo head -n 3 ./job.env | wc", True),
            ("python job.py < job.env", True),
            ("Get-Content job.env", True),
            ("grep -r 'a b' \"job.env\"", True),
            ("base64 job.env", True),
            ("source job.env && python x.py", False),
            ("docker run --env-file job.env x", False),
            ("git add job.env; chmod 600 job.env", False),
            ("cat 'unbalanced", False),
        ],
    )
    def test_a_command_that_prints_a_file(self, file: Path, command: str, *, is_read: bool) -> None:
        for sent in (command, ["bash", "-lc", command]):
            payload = payloads._codex(
                payloads._claude("PreToolUse", **payloads._tool("Bash", {"command": sent}))
            )
            ran = respond({**payload, "cwd": str(file.parent)})
            assert answers.stops("codex", ran.code, ran.out, ran.err) is is_read


BAD = {
    "empty": b"",
    "truncated": json.dumps(claude_output("x")).encode()[:-9],
    "no object": b"[1]",
    "deep": b'{"hook_event_name":' + b"[" * 100_000,
    "null": b"null",
    "binary": bytes(range(256)),
    "twice": b'{"hook_event_name":"Stop","prompt":1,"prompt":2}',
    "unknown agent": b'{"who":"me"}',
    "unknown event": b'{"hook_event_name":"New","session_id":"s","transcript_path":"/x"}',
    "no prompt": b'{"hook_event_name":"UserPromptSubmit","session_id":"s","transcript_path":null}',
    "other types": b'{"agent_action_name":["x"],"tool_info":7}',
    "large number": b'{"hook_event_name":"Stop","n":' + b"9" * 5000 + b"}",
}


@pytest.mark.parametrize("name", BAD)
def test_a_payload_that_is_not_understood_passes_with_a_warning(name: str) -> None:
    ran = respond(BAD[name])
    assert (ran.code, ran.out) == (0, b"")
    assert ran.errors.startswith("boltz-keyscan: warning: ")
    assert ran.errors.endswith("not checked for Boltz API keys")


def test_a_key_in_a_broken_payload_stops_the_event() -> None:
    whole = json.dumps(claude_output(KEY)).encode()
    twice = b'{"prompt":"%s","prompt":"x","session_id":"s"}' % KEY.encode()
    no_input = b'{"hook_event_name":"PreToolUse","session_id":"s","tool_name":"%s"}' % KEY.encode()
    for raw in (whole[:-3], twice, b"\xff" + whole, no_input):
        ran = respond(raw)
        assert (ran.code, ran.out) == (2, b"")
        assert leaks(ran.err, KEY) == []
        assert short_fingerprint(KEY) in ran.errors


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps(claude_output(f"\xff {KEY}"), ensure_ascii=False).encode("latin-1"),
        json.dumps(claude_output(KEY)).encode("utf-16"),
        b"\xef\xbb\xbf" + json.dumps(claude_output(KEY)).encode(),
        json.dumps(claude_output(KEY)).replace("sk_", "\\u0073k\\u005f").encode(),
    ],
    ids=["not UTF-8", "UTF-16", "byte order mark", "escapes"],
)
def test_other_ways_to_write_json(raw: bytes) -> None:
    ran = respond(raw)
    assert MARK in answers.replaced("claude", ran.code, ran.out)["stdout"]


@pytest.mark.parametrize(
    "case",
    [case for case in CASES if case.event in {"command", "prompt", "output"}],
    ids=lambda case: case.id,
)
def test_a_failure_of_the_check_stops_what_can_be_stopped(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError(KEY)

    monkeypatch.setattr(inspection, "decide", fail)
    ran = respond(case.make(f"{KEY} and more", ""))
    if case.outcome is REPLACED:
        seen = answers.replaced(case.agent, ran.code, ran.out)
        assert WITHHELD in json.dumps(seen)
    else:
        assert answers.stops(case.agent, ran.code, ran.out, ran.err)
    assert b"RuntimeError" in ran.out + ran.err
    assert leaks(ran.out + ran.err, KEY) == []


class Model:
    """A model at the end of a session, and what has reached it or left the machine."""

    def __init__(self, name: str, file: Path) -> None:
        self.cases = {case.event: case for case in CASES if case.agent == name}
        self.name, self.file = name, file
        self.seen: list[str] = []

    def event(self, name: str, text: str) -> bool:
        """An event as the agent would pass it on; whether it goes on."""
        case = self.cases[name]
        payload = case.make(text, str(self.file))
        verdicts = []
        # VS Code runs the hooks of two files.
        for _ in range(2):
            ran = respond(payload)
            if case.outcome is REPLACED:
                passed = answers.passes(self.name, ran.code, ran.out)
                shown = text if passed else answers.replaced(self.name, ran.code, ran.out)
                self.seen.append(shown if isinstance(shown, str) else json.dumps(shown))
                verdicts.append(True)
            else:
                assert answers.stops(self.name, ran.code, ran.out, ran.err) is not answers.passes(
                    self.name, ran.code, ran.out
                )
                verdicts.append(answers.passes(self.name, ran.code, ran.out))
        assert len(set(verdicts)) == 1
        if verdicts[0] and case.outcome is STOPPED:
            self.seen.append(text)
        return verdicts[0]


@pytest.mark.parametrize("name", registry.NAMES)
def test_a_session(name: str, file: Path) -> None:
    """A person pastes a key, the agent reads it from a file, prints it, writes it and sends it."""
    model = Model(name, file)
    content = f"BOLTZ_API_KEY={KEY}"
    for event, case in model.cases.items():
        assert model.event(event, "nothing") or "read" in event or case.event in {"mention", "attachment"}
        is_open = model.event(event, content.strip())
        assert is_open is (case.outcome is not STOPPED)
    assert leaks("\n".join(model.seen).encode(), KEY) == []
    # What it has seen instead may be passed on.
    assert model.event("command", f"echo {MARK} > note.txt")


class TestProgram:
    """The program, as an agent starts it."""

    @pytest.mark.parametrize("name", registry.NAMES)
    def test_each_agent(self, name: str) -> None:
        case = next(case for case in CASES if case.agent == name and case.event.startswith("command"))
        ran = keyscan("hook", "agent", stdin=json.dumps(case.make(f"run {KEY}", "")).encode())
        assert answers.stops(name, ran.code, ran.out, ran.err), ran
        assert leaks(ran.out + ran.err, KEY) == []

    def test_a_large_output(self) -> None:
        text = ("nothing of a key here\n" * 50_000 + f"{KEY}\n") * 2
        raw = json.dumps(claude_output(text)).encode()
        ran = keyscan("hook", "agent", stdin=raw, started=True)
        assert answers.replaced("claude", ran.code, ran.out)["stdout"] == text.replace(KEY, MARK)
        assert not ran.err

    def test_two_hooks_at_once(self, tmp_path: Path) -> None:
        """Each answers its own payload; both write the compiled search to one empty cache."""
        outs = [
            self.start(tmp_path, json.dumps(claude_output(f"{number} {KEY}\n" * 50)).encode())
            for number in range(2)
        ]
        for number, process in enumerate(outs):
            out, err = process.communicate(timeout=PATIENCE)
            assert (process.returncode, err) == (0, b"")
            assert answers.replaced("claude", 0, out)["stdout"] == f"{number} {MARK}\n" * 50
        again = self.start(tmp_path, json.dumps(claude_output(KEY)).encode())
        assert answers.replaced("claude", 0, again.communicate(timeout=PATIENCE)[0])["stdout"] == MARK

    @pytest.mark.parametrize("sent", [0, 200, -1], ids=["before", "in the middle of", "after"])
    def test_a_hook_killed_midway(self, sent: int, tmp_path: Path) -> None:
        """It leaves no part of an answer and no file with what it read, and the next hook works."""
        raw = json.dumps(claude_output(f"{KEY}\n" * 20_000)).encode()
        process = self.start(tmp_path, raw if sent < 0 else raw[:sent], close=sent < 0)
        process.kill()
        out, err = process.communicate(timeout=PATIENCE)
        assert (out, err) == (b"", b"")
        for path in filter(Path.is_file, tmp_path.rglob("*")):
            assert leaks(path.read_bytes(), KEY) == []
        after = self.start(tmp_path, json.dumps(claude_output(KEY)).encode())
        assert answers.replaced("claude", 0, after.communicate(timeout=PATIENCE)[0])["stdout"] == MARK
        assert list((tmp_path / "tmp").iterdir()) == []

    @staticmethod
    def start(folder: Path, stdin: bytes, *, close: bool = True) -> subprocess.Popen[bytes]:
        """Start a hook with its own cache and temporary folder, and give it a payload, or a part of one."""
        (folder / "tmp").mkdir(exist_ok=True)
        process = subprocess.Popen(
            [*COMMAND, "hook", "agent"],
            cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            env={**os.environ, "XDG_CACHE_HOME": str(folder / "cache"), "TMPDIR": str(folder / "tmp")},
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.flush()
        if close:
            process.stdin.close()
            process.stdin = None
        return process

    def test_a_huge_payload(self) -> None:
        raw = json.dumps(claude_output("nothing of a key here\n" * 2_300_000)).encode()
        assert len(raw) > 50 << 20
        ran = keyscan("hook", "agent", stdin=raw)
        assert (ran.code, ran.text, ran.errors) == (0, "{}\n", "")

    def test_what_it_does_not_understand(self) -> None:
        ran = keyscan("hook", "agent", stdin=b'{"who":"me"}')
        assert (ran.code, ran.out) == (0, b"")
        assert ran.errors == "boltz-keyscan: warning: an unknown agent: not checked for Boltz API keys\n"
        ran = keyscan("hook", "agent", "--help")
        assert (ran.code, "Cursor" in ran.text) == (0, True)
        assert keyscan("hook", "agent", "extra").code == 2
