"""The hook of coding agents: documented payloads in, documented answers out, and no key in any of them."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from boltz_keyscan.agents import hook, inspection, registry
from boltz_keyscan.agents.texts import texts
from tests.agents import answers
from tests.agents.payloads import CASES, REPLACED, SOURCES, STOPPED, Case
from tests.keys import fake_key, short_fingerprint
from tests.running import keyscan

KEY = fake_key("ws", "live", "in an agent")
TEXT = f'client = Boltz(api_key="{KEY}")  # für Ana'
SHOWN = "sk_bc_ws_live_[REDACTED]"
CLEAN = "client = Boltz()  # reads ${BOLTZ_API_KEY}, $env:BOLTZ_API_KEY or op://lab/boltz/key"

BY_AGENT = {name: [case for case in CASES if case.agent == name] for name in registry.NAMES}
BASE64 = base64.b64encode(TEXT.encode()).decode()


@pytest.fixture
def holder(tmp_path: Path) -> str:
    """A file with the key, named as an agent names it."""
    file = tmp_path / "fold.py"
    file.write_text(TEXT, encoding="utf-8")
    return str(file)


def ask(payload: dict[str, Any]) -> tuple[int, bytes, bytes]:
    """The exit code and both streams of the answer to a payload."""
    answer = hook.respond(json.dumps(payload).encode())
    out = b"" if answer.output is None else json.dumps(answer.output).encode()
    return answer.code, out, answer.error.encode()


def hold(case: Case, code: int, out: bytes, err: bytes) -> None:
    """Hold the answer to an event with the key against what its agent accepts."""
    everything = out + err
    assert KEY.encode() not in everything
    assert KEY[len("sk_bc_ws_live_") :].encode() not in everything
    match case.outcome:
        case "stopped":
            assert answers.stops(case.agent, code, out, err), everything
            # The answer for Cursor's completion has no room for a message.
            assert short_fingerprint(KEY).encode() in everything or case.event == "Tab"
        case "replaced":
            new = "".join(texts(answers.replaced(case.agent, code, out)))
            # Gemini gets parts as one text.
            new = "".join(texts(json.loads(new))) if new.startswith("[") else new
            assert SHOWN in new
            # The rest of the line is there, byte for byte.
            before, after = TEXT.split(KEY)
            assert before in new
            assert after in new
        case _:
            assert answers.passes(case.agent, code, out), everything
    if case.agent == "codex":
        answers.check_published(case.make("", "")["hook_event_name"], out)


def test_each_agent_has_cases_and_a_source() -> None:
    assert set(SOURCES) == set(registry.NAMES)
    assert all({STOPPED} <= {case.outcome for case in own} for own in BY_AGENT.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_key_in_an_event(case: Case, holder: str) -> None:
    agent = registry.sender(case.make(TEXT, holder))
    assert agent is not None
    assert agent.name == case.agent
    hold(case, *ask(case.make(TEXT, holder)))


@pytest.mark.parametrize("text", [CLEAN, f"{KEY[:14]}your_key_here", "", f"{KEY[:14]}{'x' * 43}"])
def test_an_event_without_a_key_passes(text: str, tmp_path: Path) -> None:
    file = tmp_path / "clean.py"
    file.write_text(text, encoding="utf-8")
    for case in CASES:
        code, out, err = ask(case.make(text, str(file)))
        assert answers.passes(case.agent, code, out), (case.id, out, err)


@pytest.mark.parametrize("agent", registry.NAMES)
def test_the_program_answers_as_the_library_does(agent: str, holder: str) -> None:
    case = next(case for case in BY_AGENT[agent] if case.outcome == STOPPED)
    ran = keyscan(
        "hook", "agent", stdin=json.dumps(case.make(TEXT, holder)).encode(), started=agent == "claude"
    )
    hold(case, ran.code, ran.out, ran.err)


@pytest.mark.parametrize("disguise", [BASE64, TEXT.encode().hex(), TEXT.replace("_", "%5F")])
def test_a_key_in_an_encoding_is_stopped_or_replaced(disguise: str, holder: str) -> None:
    for case in CASES:
        code, out, err = ask(case.make(disguise, holder))
        assert disguise.encode() not in out + err
        if case.outcome == REPLACED:
            assert disguise not in "".join(texts(answers.replaced(case.agent, code, out)))
        elif case.outcome == STOPPED:
            assert answers.stops(case.agent, code, out, err), case.id


def test_only_the_baseline_of_the_user_is_honoured(holder: str, tmp_path: Path) -> None:
    project, settings = tmp_path / "project", tmp_path / "settings"
    project.mkdir()
    (settings / "boltz-keyscan").mkdir(parents=True)
    baseline = project / ".boltz-keyscan-baseline"
    made = keyscan(
        "baseline", "create", "--reason", "known", "--baseline", str(baseline), holder, cwd=project
    )
    assert made.code == 0, made.errors
    assert baseline.exists()
    prompt = json.dumps(BY_AGENT["claude"][0].make(TEXT, holder)).encode()
    env = {"XDG_CONFIG_HOME": str(settings)}
    assert b"block" in keyscan("hook", "agent", cwd=project, stdin=prompt, env=env).out
    mine = settings / "boltz-keyscan/baseline"
    mine.write_bytes(baseline.read_bytes())
    mine.chmod(0o600)
    ran = keyscan("hook", "agent", cwd=project, stdin=prompt, env=env)
    assert (ran.code, ran.out, ran.err) == (0, b"{}\n", b"")


PAYLOAD = json.dumps(BY_AGENT["claude"][0].make(TEXT, "")).encode()
HARMLESS = json.dumps(BY_AGENT["claude"][0].make(CLEAN, "")).encode()


@pytest.mark.parametrize(
    ("raw", "code", "reason"),
    [
        (PAYLOAD[:-20], 2, "cannot be read"),
        (PAYLOAD.replace(b'"prompt"', b'"prompt": "x", "prompt"'), 2, "cannot be read"),
        (b"[" * 100_000 + KEY.encode(), 2, "cannot be read"),
        (b"\xff" + KEY.encode(), 2, "cannot be read"),
        (json.dumps([KEY]).encode(), 2, "cannot be read"),
        (HARMLESS[:-20], 0, "cannot be read"),
        (b"", 0, "cannot be read"),
        (b'{"a": 1}', 0, "an unknown agent"),
        (HARMLESS.replace(b"UserPromptSubmit", b"NewEvent"), 0, "an unknown event of Claude Code"),
        (HARMLESS.replace(b"UserPromptSubmit", b"SessionStart"), 0, ""),
    ],
)
def test_a_payload_of_another_form(raw: bytes, code: int, reason: str) -> None:
    answer = hook.respond(raw)
    assert KEY not in answer.error + json.dumps(answer.output)
    assert (answer.code, answer.output) == (code, None)
    assert reason in answer.error
    assert bool(answer.error) == bool(reason)


def test_bytes_that_are_not_utf_8_are_searched_and_kept() -> None:
    raw = (
        json.dumps(BY_AGENT["claude"][0].make("TEXT", ""))
        .encode()
        .replace(b"TEXT", b"\xff\xfe " + KEY.encode())
    )
    answer = hook.respond(raw)
    assert answer.output is not None
    assert answer.output["decision"] == "block"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_check_that_fails_stops_the_event(case: Case, holder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError(KEY)

    monkeypatch.setattr(inspection, "decide", fail)
    code, out, err = ask(case.make(TEXT, holder))
    assert KEY.encode() not in out + err
    if case.outcome == REPLACED:
        assert TEXT not in "".join(texts(answers.replaced(case.agent, code, out)))
    elif case.outcome == STOPPED:
        assert answers.stops(case.agent, code, out, err), (out, err)


def test_a_file_that_cannot_be_read_does_not_hold_the_hook(tmp_path: Path) -> None:
    pipe, folder = tmp_path / "pipe", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for name in (pipe, folder, tmp_path / "missing"):
        payload = BY_AGENT["claude"][1].make("", str(name))
        assert ask(payload) == (0, b"{}", b"")


def test_a_transcript_that_is_null_or_a_pipe_is_left_alone(tmp_path: Path) -> None:
    pipe = tmp_path / "t.jsonl"
    os.mkfifo(pipe)
    for transcript in (None, str(pipe), str(tmp_path / "missing")):
        payload = {**BY_AGENT["claude"][0].make(TEXT, ""), "transcript_path": transcript}
        code, out, err = ask(payload)
        assert answers.stops("claude", code, out, err)


def test_a_long_output_is_replaced_where_the_key_is() -> None:
    lines = "".join(f"line {number} of a log without keys\n" for number in range(60_000))
    case = next(case for case in BY_AGENT["claude"] if case.outcome == REPLACED)
    code, out, _ = ask(case.make(f"{lines}{TEXT}\n{lines}", ""))
    new = answers.replaced("claude", code, out)["stdout"]
    before, after = TEXT.split(KEY)
    assert new.startswith(lines + before)
    assert new.endswith(f"{after}\n{lines}")


@pytest.mark.parametrize("agent", registry.NAMES)
def test_a_session_passes_no_key_on(agent: str, tmp_path: Path) -> None:
    """A model that gets what its hook lets pass, in the order of the events, never gets the key."""
    model: list[str] = []
    for number, case in enumerate(BY_AGENT[agent]):
        file = tmp_path / f"{number}.py"
        file.write_text(TEXT, encoding="utf-8")
        payload = case.make(TEXT, str(file))
        code, out, err = ask(payload)
        if case.outcome == REPLACED:
            model += texts(answers.replaced(agent, code, out))
        elif case.outcome == STOPPED and not answers.stops(agent, code, out, err):
            model += texts(payload)
    assert KEY not in "".join(model)
