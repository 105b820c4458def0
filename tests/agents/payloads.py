"""Payloads of every agent and event, from the fields that its reference documents.

None was captured from a running agent: each has the reference and the version that it is for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Payload = dict[str, Any]
Make = Callable[[str, str], Payload]
"""A payload from a text that it holds, and the path of a file that holds the same text."""

STOPPED, REPLACED, PASSED = "stopped", "replaced", "passed"

SOURCES = {
    "claude": "Claude Code 2.1.121, code.claude.com/docs/en/hooks; CorridorSecurity/hookshot claude/types.go",
    "codex": "Codex CLI 0.124, openai/codex codex-rs/hooks/schema/generated/*.input.schema.json at bde5e18",
    "cursor": "Cursor 1.7 and 2.x, cursor.com/docs/agent/hooks (pcomans/caruso reference/cursor_hooks.md)",
    "copilot": "Copilot CLI 1.0.61, github/docs content/copilot/reference/hooks-reference.md at 05da5bc",
    "vscode": "VS Code 1.110, microsoft/vscode-docs docs/copilot/customization/hooks.md, 2026-02-09",
    "gemini": "Gemini CLI, google-gemini/gemini-cli docs/hooks/reference.md at 06c0d81",
    "windsurf": "Windsurf, docs.windsurf.com/windsurf/cascade/hooks; hookshot cascade/types.go",
    "kiro": "Kiro CLI v3 and IDE, GitGuardian/ggshield rust/hook/src/payload.rs at 0b0b5e4",
    "junie": "Junie CLI (Early Access), GitGuardian/ggshield rust/hook/src/payload.rs at 0b0b5e4",
    "vibe": "Mistral Vibe, GitGuardian/ggshield ggshield/verticals/ai/agents/vibe.py at c49ca81",
}


@dataclass(frozen=True)
class Case:
    """One event of an agent, and what becomes of a key in it."""

    agent: str
    event: str
    make: Make
    outcome: str = STOPPED

    @property
    def id(self) -> str:
        return f"{self.agent}-{self.event}"


def _claude(event: str, **fields: Any) -> Payload:
    return {
        "session_id": "abc123",
        "transcript_path": "/home/ana/.claude/projects/-home-ana-fold/0089.jsonl",
        "cwd": "/home/ana/fold",
        "permission_mode": "default",
        "hook_event_name": event,
        **fields,
    }


def _tool(tool: str, arguments: Any) -> Payload:
    return {"tool_name": tool, "tool_input": arguments, "tool_use_id": "toolu_01"}


def _bash(text: str) -> Payload:
    return {"stdout": text, "stderr": "", "interrupted": False, "isImage": False}


def _file(text: str) -> Payload:
    lines = text.count("\n") + 1
    found = {"content": text, "numLines": lines, "startLine": 1, "totalLines": lines}
    return {"type": "text", "file": {"filePath": "/home/ana/fold/.env", **found}}


CLAUDE = [
    Case("claude", "prompt", lambda text, _: _claude("UserPromptSubmit", prompt=text)),
    Case("claude", "mention", lambda _, file: _claude("UserPromptSubmit", prompt=f"look at @{file}, please")),
    Case("claude", "command", lambda text, _: _claude("PreToolUse", **_tool("Bash", {"command": text}))),
    Case(
        "claude",
        "write",
        lambda text, file: _claude("PreToolUse", **_tool("Write", {"file_path": file, "content": text})),
    ),
    Case(
        "claude",
        "edit",
        lambda text, file: _claude(
            "PreToolUse", **_tool("Edit", {"file_path": file, "old_string": "a", "new_string": text})
        ),
    ),
    Case(
        "claude",
        "edit that takes it out",
        lambda text, file: _claude(
            "PreToolUse", **_tool("Edit", {"file_path": file, "old_string": text, "new_string": "a"})
        ),
        PASSED,
    ),
    Case(
        "claude",
        "MCP",
        lambda text, _: _claude("PreToolUse", **_tool("mcp__github__create_issue", {"body": [{"t": text}]})),
    ),
    Case(
        "claude",
        "name of an argument",
        lambda text, _: _claude("PreToolUse", **_tool("mcp__kv__set", {text: 1})),
    ),
    Case(
        "claude",
        "read",
        lambda _, file: _claude("PreToolUse", **_tool("Read", {"file_path": file})),
        PASSED,
    ),
    Case(
        "claude",
        "output of a command",
        lambda text, _: _claude(
            "PostToolUse", **_tool("Bash", {"command": "env"}), tool_response=_bash(text)
        ),
        REPLACED,
    ),
    Case(
        "claude",
        "output of a read",
        lambda text, _: _claude(
            "PostToolUse", **_tool("Read", {"file_path": "/x"}), tool_response=_file(text)
        ),
        REPLACED,
    ),
    Case(
        "claude",
        "output of MCP",
        lambda text, _: _claude(
            "PostToolUse", **_tool("mcp__a__b", {}), tool_response=[{"type": "text", "text": text}]
        ),
        REPLACED,
    ),
]


def _codex(payload: Payload) -> Payload:
    return {**payload, "transcript_path": None, "turn_id": "1", "model": "gpt"}


CODEX = [
    Case("codex", "prompt", lambda text, _: _codex(_claude("UserPromptSubmit", prompt=text))),
    Case("codex", "mention", lambda _, file: _codex(_claude("UserPromptSubmit", prompt=f"@{file}"))),
    Case(
        "codex", "command", lambda text, _: _codex(_claude("PreToolUse", **_tool("Bash", {"command": text})))
    ),
    Case(
        "codex",
        "read by a command",
        lambda _, file: _codex(
            _claude("PreToolUse", **_tool("Bash", {"command": f"cd /; cat '{file}' | head"}))
        ),
    ),
    Case(
        "codex",
        "patch",
        lambda text, _: _codex(
            _claude("PreToolUse", **_tool("apply_patch", {"command": f"*** Begin Patch\n+{text}\n"}))
        ),
    ),
    Case(
        "codex",
        "patch that takes it out",
        lambda text, _: _codex(
            _claude("PreToolUse", **_tool("apply_patch", {"command": f"*** Begin Patch\n-{text}\n+a\n"}))
        ),
        PASSED,
    ),
    Case(
        "codex",
        "output",
        lambda text, _: _codex(
            _claude("PostToolUse", **_tool("Bash", {"command": "env"}), tool_response={"output": text})
        ),
    ),
]


def _cursor(event: str, **fields: Any) -> Payload:
    return {
        "conversation_id": "c",
        "generation_id": "g",
        "model": "m",
        "hook_event_name": event,
        "cursor_version": "1.7.2",
        "workspace_roots": ["/home/ana/fold"],
        "user_email": None,
        **fields,
    }


CURSOR = [
    Case("cursor", "prompt", lambda text, _: _cursor("beforeSubmitPrompt", prompt=text, attachments=[])),
    Case(
        "cursor",
        "attachment",
        lambda _, file: _cursor(
            "beforeSubmitPrompt", prompt="look", attachments=[{"type": "file", "filePath": file}]
        ),
    ),
    Case("cursor", "command", lambda text, _: _cursor("beforeShellExecution", command=text, cwd="/")),
    Case(
        "cursor",
        "read by a command",
        lambda _, file: _cursor("beforeShellExecution", command=f"sed -n 1p < {file}", cwd="/"),
    ),
    Case(
        "cursor",
        "MCP",
        lambda text, _: _cursor(
            "beforeMCPExecution", tool_name="t", tool_input=f'{{"a": "{text}"}}', url="u"
        ),
    ),
    Case(
        "cursor",
        "read",
        lambda text, file: _cursor("beforeReadFile", file_path=file, content=text, attachments=[]),
    ),
    Case("cursor", "Tab", lambda text, file: _cursor("beforeTabFileRead", file_path=file, content=text)),
    Case(
        "cursor",
        "write",
        lambda text, file: _cursor("preToolUse", **_tool("Write", {"file_path": file, "contents": text})),
    ),
    Case(
        "cursor",
        "read by a tool",
        lambda _, file: _cursor("preToolUse", **_tool("Read", {"target_file": file})),
    ),
]


def _copilot(**fields: Any) -> Payload:
    return {"sessionId": "s", "timestamp": 1767225600000, "cwd": "/home/ana/fold", **fields}


def _pascal(event: str, **fields: Any) -> Payload:
    common = {"session_id": "s", "timestamp": "2026-01-01T00:00:00Z", "cwd": "/home/ana/fold"}
    return {"hook_event_name": event, **common, **fields}


COPILOT = [
    Case("copilot", "prompt", lambda text, _: _copilot(prompt=text)),
    Case("copilot", "command", lambda text, _: _copilot(toolName="bash", toolArgs={"command": text})),
    Case(
        "copilot",
        "arguments as text",
        lambda text, _: _copilot(toolName="create", toolArgs=f'{{"file_text": "{text}"}}'),
    ),
    Case(
        "copilot",
        "output",
        lambda text, _: _copilot(
            toolName="bash",
            toolArgs={"command": "env"},
            toolResult={"resultType": "success", "textResultForLlm": text},
        ),
        REPLACED,
    ),
    Case("copilot", "prompt, PascalCase", lambda text, _: _pascal("UserPromptSubmit", prompt=text)),
    Case(
        "copilot",
        "command, PascalCase",
        lambda text, _: _pascal("PreToolUse", tool_name="Bash", tool_input={"command": text}),
    ),
    Case(
        "copilot",
        "output, PascalCase",
        lambda text, _: _pascal(
            "PostToolUse",
            tool_name="Bash",
            tool_input={},
            tool_result={"result_type": "success", "text_result_for_llm": text},
        ),
        REPLACED,
    ),
]


def _vscode(event: str, **fields: Any) -> Payload:
    return {
        "timestamp": "2026-02-09T10:30:00.000Z",
        "cwd": "/home/ana/fold",
        "sessionId": "session-identifier",
        "hookEventName": event,
        "transcript_path": "/home/ana/transcript.json",
        **fields,
    }


def _snake(event: str, **fields: Any) -> Payload:
    transcript = "/home/ana/.config/Code/User/workspaceStorage/1/GitHub.copilot-chat/transcripts/t.jsonl"
    return {**_claude(event, **fields), "transcript_path": transcript}


VSCODE = [
    Case("vscode", "prompt", lambda text, _: _vscode("UserPromptSubmit", prompt=text)),
    Case(
        "vscode",
        "command",
        lambda text, _: _vscode("PreToolUse", **_tool("run_in_terminal", {"command": text})),
    ),
    Case(
        "vscode",
        "edit",
        lambda text, file: _vscode("PreToolUse", **_tool("create_file", {"filePath": file, "content": text})),
    ),
    Case(
        "vscode",
        "read",
        lambda _, file: _vscode(
            "PreToolUse", **_tool("read_file", {"filePath": file, "startLine": 1, "endLine": 9})
        ),
    ),
    Case(
        "vscode",
        "output",
        lambda text, _: _vscode("PostToolUse", **_tool("run_in_terminal", {}), tool_response=text),
    ),
    Case("vscode", "prompt, snake_case", lambda text, _: _snake("UserPromptSubmit", prompt=text)),
]


def _gemini(event: str, **fields: Any) -> Payload:
    return {
        "session_id": "s",
        "transcript_path": "/home/ana/.gemini/tmp/1/chats/session-1.json",
        "cwd": "/home/ana/fold",
        "hook_event_name": event,
        "timestamp": "2026-01-01T00:00:00Z",
        **fields,
    }


def _after_tool(text: str) -> Payload:
    response = {"llmContent": text, "returnDisplay": text}
    return _gemini("AfterTool", tool_name="read_file", tool_input={}, tool_response=response)


GEMINI = [
    Case("gemini", "prompt", lambda text, _: _gemini("BeforeAgent", prompt=text)),
    Case("gemini", "mention", lambda _, file: _gemini("BeforeAgent", prompt=f"explain (@{file}).")),
    Case(
        "gemini",
        "command",
        lambda text, _: _gemini("BeforeTool", tool_name="run_shell_command", tool_input={"command": text}),
    ),
    Case(
        "gemini",
        "replace",
        lambda text, file: _gemini(
            "BeforeTool",
            tool_name="replace",
            tool_input={"file_path": file, "old_string": "a", "new_string": text},
        ),
    ),
    Case("gemini", "output", lambda text, _: _after_tool(text), REPLACED),
    Case(
        "gemini",
        "output in parts",
        lambda text, _: _gemini(
            "AfterTool", tool_name="t", tool_input={}, tool_response={"llmContent": [{"text": text}]}
        ),
        REPLACED,
    ),
]


def _windsurf(event: str, **fields: Any) -> Payload:
    return {
        "agent_action_name": event,
        "trajectory_id": "t",
        "execution_id": "e",
        "timestamp": "2026-01-01T00:00:00Z",
        "tool_info": fields,
    }


WINDSURF = [
    Case("windsurf", "prompt", lambda text, _: _windsurf("pre_user_prompt", user_prompt=text)),
    Case("windsurf", "read", lambda _, file: _windsurf("pre_read_code", file_path=file)),
    Case(
        "windsurf",
        "write",
        lambda text, file: _windsurf(
            "pre_write_code", file_path=file, edits=[{"old_string": "a", "new_string": text}]
        ),
    ),
    Case("windsurf", "command", lambda text, _: _windsurf("pre_run_command", command_line=text, cwd="/")),
    Case(
        "windsurf",
        "MCP",
        lambda text, _: _windsurf(
            "pre_mcp_tool_use", mcp_server_name="s", mcp_tool_name="t", mcp_tool_arguments={"body": text}
        ),
    ),
]


def _kiro(event: str, **fields: Any) -> Payload:
    return {"hook_event_name": event, "cwd": "/home/ana/fold", **fields}


KIRO = [
    Case("kiro", "prompt", lambda text, _: _kiro("UserPromptSubmit", prompt=text)),
    Case("kiro", "prompt, CLI", lambda text, _: _kiro("userPromptSubmit", prompt=text)),
    Case(
        "kiro",
        "command, CLI",
        lambda text, _: _kiro("preToolUse", tool_name="execute_bash", tool_input={"command": text}),
    ),
    Case(
        "kiro",
        "command",
        lambda text, _: _kiro("PreToolUse", tool_name="execute_pwsh", tool_input={"command": text}),
    ),
    Case(
        "kiro",
        "read, CLI",
        lambda _, file: _kiro(
            "preToolUse", tool_name="fs_read", tool_input={"operations": [{"mode": "Line", "path": file}]}
        ),
    ),
]


def _junie(event: str, **fields: Any) -> Payload:
    payload = _claude(event, project_path="/home/ana/fold", **fields)
    del payload["transcript_path"]
    return payload


JUNIE = [
    Case("junie", "prompt", lambda text, _: _junie("UserPromptSubmit", prompt=text)),
    Case("junie", "command", lambda text, _: _junie("PreToolUse", **_tool("Bash", {"command": text}))),
    Case("junie", "read", lambda _, file: _junie("PreToolUse", **_tool("Read", {"file_path": file}))),
]


def _vibe(event: str, tool: str, arguments: Any, **fields: Any) -> Payload:
    common = {"hook_event_name": event, "cwd": "/home/ana/fold"}
    return {**common, "tool_name": tool, "tool_input": arguments, **fields}


VIBE = [
    Case("vibe", "command", lambda text, _: _vibe("pre_tool", "bash", {"command": text})),
    Case("vibe", "read", lambda _, file: _vibe("pre_tool", "read_file", {"path": file})),
    Case("vibe", "output", lambda text, _: _vibe("post_tool", "bash", {}, tool_output_text=text)),
]

CASES = [*CLAUDE, *CODEX, *CURSOR, *COPILOT, *VSCODE, *GEMINI, *WINDSURF, *KIRO, *JUNIE, *VIBE]
