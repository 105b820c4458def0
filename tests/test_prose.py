"""The wording of docstrings, comments and function names, as far as a program can check it.

CONTRIBUTING, "How it is written", has the rules. Each law is a function of source text, so that a test can
plant a violation and see it reported.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from tests.running import ROOT

FOLDERS: Final = ("boltz_keyscan", "benchmarks", "conformance", "pipelines")

ALLOWED: Final[dict[str, int]] = {
    "boltz_keyscan/audit/local.py": 2,
    "boltz_keyscan/audit/local_files.py": 3,
    "boltz_keyscan/audit/organisation.py": 4,
    "boltz_keyscan/cli/__init__.py": 3,
    "boltz_keyscan/cli/api_connection.py": 2,
    "boltz_keyscan/cli/api_options.py": 7,
    "boltz_keyscan/cli/commands/baseline.py": 3,
    "boltz_keyscan/cli/commands/config.py": 1,
    "boltz_keyscan/cli/commands/explain.py": 3,
    "boltz_keyscan/cli/commands/hook.py": 1,
    "boltz_keyscan/cli/commands/hook_doctor.py": 3,
    "boltz_keyscan/cli/commands/hook_install.py": 5,
    "boltz_keyscan/cli/commands/hook_push.py": 5,
    "boltz_keyscan/cli/commands/keys.py": 1,
    "boltz_keyscan/cli/commands/keys_audit.py": 2,
    "boltz_keyscan/cli/commands/keys_revoke.py": 5,
    "boltz_keyscan/cli/commands/rules.py": 2,
    "boltz_keyscan/cli/completion_candidates.py": 5,
    "boltz_keyscan/cli/config_file.py": 5,
    "boltz_keyscan/cli/error_handler.py": 11,
    "boltz_keyscan/cli/github_actions.py": 1,
    "boltz_keyscan/cli/groups.py": 1,
    "boltz_keyscan/cli/hook_folder.py": 2,
    "boltz_keyscan/cli/hook_script.py": 4,
    "boltz_keyscan/cli/hook_suppression.py": 3,
    "boltz_keyscan/cli/output.py": 8,
    "boltz_keyscan/cli/param_types.py": 1,
    "boltz_keyscan/cli/progress.py": 12,
    "boltz_keyscan/cli/resolve.py": 3,
    "boltz_keyscan/cli/safe_output.py": 2,
    "boltz_keyscan/cli/scan_progress.py": 6,
    "boltz_keyscan/cli/status_check.py": 2,
    "boltz_keyscan/columns.py": 1,
    "boltz_keyscan/detect/__init__.py": 2,
    "boltz_keyscan/detect/base64_alignments.py": 1,
    "boltz_keyscan/detect/classify.py": 5,
    "boltz_keyscan/detect/decode.py": 9,
    "boltz_keyscan/detect/decoders.py": 12,
    "boltz_keyscan/detect/detector.py": 2,
    "boltz_keyscan/detect/encodings.py": 5,
    "boltz_keyscan/detect/engine_file.py": 1,
    "boltz_keyscan/detect/inline_comments.py": 5,
    "boltz_keyscan/detect/literals.py": 10,
    "boltz_keyscan/detect/lookup.py": 5,
    "boltz_keyscan/detect/matcher.py": 1,
    "boltz_keyscan/detect/notebook.py": 6,
    "boltz_keyscan/detect/redact.py": 11,
    "boltz_keyscan/detect/rule_check.py": 1,
    "boltz_keyscan/detect/split_keys.py": 16,
    "boltz_keyscan/detect/surroundings.py": 2,
    "boltz_keyscan/exports/kingfisher.py": 1,
    "boltz_keyscan/exports/patterns.py": 5,
    "boltz_keyscan/exports/secretlint.py": 1,
    "boltz_keyscan/model/audit.py": 4,
    "boltz_keyscan/model/enums.py": 8,
    "boltz_keyscan/model/finding.py": 33,
    "boltz_keyscan/model/status.py": 8,
    "boltz_keyscan/model/suppression.py": 8,
    "boltz_keyscan/policy.py": 6,
    "boltz_keyscan/report/__init__.py": 5,
    "boltz_keyscan/report/accused.py": 2,
    "boltz_keyscan/report/audit_sarif.py": 1,
    "boltz_keyscan/report/diff.py": 2,
    "boltz_keyscan/report/github.py": 2,
    "boltz_keyscan/report/gitlab.py": 2,
    "boltz_keyscan/report/json_reader.py": 3,
    "boltz_keyscan/report/json_report.py": 1,
    "boltz_keyscan/report/jsonl.py": 2,
    "boltz_keyscan/report/junit.py": 1,
    "boltz_keyscan/report/locations.py": 5,
    "boltz_keyscan/report/markdown.py": 2,
    "boltz_keyscan/report/remediation.py": 6,
    "boltz_keyscan/report/sarif.py": 7,
    "boltz_keyscan/report/sarif_results.py": 2,
    "boltz_keyscan/report/status.py": 5,
    "boltz_keyscan/report/summary.py": 2,
    "boltz_keyscan/report/suppressions.py": 2,
    "boltz_keyscan/report/text.py": 1,
    "boltz_keyscan/report/uri.py": 1,
    "boltz_keyscan/report/wording.py": 1,
    "boltz_keyscan/report/writer.py": 1,
    "boltz_keyscan/rules.py": 4,
    "boltz_keyscan/sources/__init__.py": 1,
    "boltz_keyscan/sources/archives/__init__.py": 1,
    "boltz_keyscan/sources/archives/ar_rpm.py": 1,
    "boltz_keyscan/sources/archives/compression.py": 6,
    "boltz_keyscan/sources/archives/cpio.py": 2,
    "boltz_keyscan/sources/archives/extract.py": 16,
    "boltz_keyscan/sources/archives/frames.py": 5,
    "boltz_keyscan/sources/archives/git_objects.py": 2,
    "boltz_keyscan/sources/archives/git_pack.py": 8,
    "boltz_keyscan/sources/archives/images.py": 2,
    "boltz_keyscan/sources/archives/limits.py": 6,
    "boltz_keyscan/sources/archives/pdf_members.py": 1,
    "boltz_keyscan/sources/archives/pdf_objects.py": 5,
    "boltz_keyscan/sources/archives/pdf_text.py": 1,
    "boltz_keyscan/sources/archives/reader.py": 7,
    "boltz_keyscan/sources/archives/sevenzip.py": 6,
    "boltz_keyscan/sources/archives/shard.py": 8,
    "boltz_keyscan/sources/archives/tar.py": 5,
    "boltz_keyscan/sources/archives/warc.py": 1,
    "boltz_keyscan/sources/archives/zip.py": 7,
    "boltz_keyscan/sources/archives/zip_headers.py": 10,
    "boltz_keyscan/sources/blob.py": 7,
    "boltz_keyscan/sources/files/batch.py": 2,
    "boltz_keyscan/sources/files/shard.py": 6,
    "boltz_keyscan/sources/files/spool.py": 2,
    "boltz_keyscan/sources/files/stdin.py": 1,
    "boltz_keyscan/sources/git/attribution/bundle_prerequisites.py": 3,
    "boltz_keyscan/sources/git/attribution/commit_search.py": 11,
    "boltz_keyscan/sources/git/attribution/locate.py": 10,
    "boltz_keyscan/sources/git/attribution/log.py": 12,
    "boltz_keyscan/sources/git/attribution/tree_masks.py": 8,
    "boltz_keyscan/sources/git/attribution/tree_search.py": 7,
    "boltz_keyscan/sources/git/bundle.py": 6,
    "boltz_keyscan/sources/git/exposures.py": 1,
    "boltz_keyscan/sources/git/file_versions.py": 1,
    "boltz_keyscan/sources/git/history.py": 11,
    "boltz_keyscan/sources/git/objects/files.py": 1,
    "boltz_keyscan/sources/git/objects/listing.py": 9,
    "boltz_keyscan/sources/git/objects/reader.py": 8,
    "boltz_keyscan/sources/git/objects/scan_cache.py": 14,
    "boltz_keyscan/sources/git/objects/stream.py": 5,
    "boltz_keyscan/sources/git/other_side.py": 2,
    "boltz_keyscan/sources/git/packs/check.py": 2,
    "boltz_keyscan/sources/git/packs/delta_trees.py": 8,
    "boltz_keyscan/sources/git/packs/index.py": 7,
    "boltz_keyscan/sources/git/packs/reader.py": 10,
    "boltz_keyscan/sources/git/packs/recover.py": 2,
    "boltz_keyscan/sources/git/repo/index.py": 4,
    "boltz_keyscan/sources/git/repo/missing_objects.py": 2,
    "boltz_keyscan/sources/git/repo/object_store.py": 1,
    "boltz_keyscan/sources/git/repo/push_status.py": 5,
    "boltz_keyscan/sources/git/repo/repository.py": 5,
    "boltz_keyscan/sources/git/repo/revisions.py": 2,
    "boltz_keyscan/sources/git/repo/shallow.py": 1,
    "boltz_keyscan/sources/git/repo/sparse_index.py": 3,
    "boltz_keyscan/sources/git/revision_range.py": 6,
    "boltz_keyscan/sources/git/run/command.py": 12,
    "boltz_keyscan/sources/git/run/environment.py": 2,
    "boltz_keyscan/sources/git/run/limits.py": 11,
    "boltz_keyscan/sources/git/run/output.py": 1,
    "boltz_keyscan/sources/git/staged.py": 3,
    "boltz_keyscan/sources/git_delta.py": 3,
    "boltz_keyscan/sources/shards.py": 2,
    "boltz_keyscan/sources/signature_checks.py": 2,
    "boltz_keyscan/sources/signatures.py": 4,
    "boltz_keyscan/sources/tree.py": 7,
    "boltz_keyscan/sources/trusted_files.py": 7,
    "boltz_keyscan/sources/windows.py": 2,
    "boltz_keyscan/triage/__init__.py": 1,
    "boltz_keyscan/triage/baseline.py": 7,
    "boltz_keyscan/triage/cross_reference.py": 11,
    "boltz_keyscan/triage/globs.py": 4,
    "boltz_keyscan/triage/ignore_file.py": 1,
    "boltz_keyscan/triage/inventory.py": 7,
    "boltz_keyscan/triage/key_record.py": 9,
    "boltz_keyscan/triage/suppress.py": 11,
    "boltz_keyscan/triage/text_file.py": 5,
}
"""Modules with the number of findings they still have. Entries are lowered and removed, never added."""

OPENINGS: Final = re.compile(
    r"(?:What|Whether|How|Where|Which|Those|That|Who|Whose|Whoever|Whatever|When|So)\b"
)
"""Openings of a docstring that is neither a verb phrase nor a noun phrase."""

PARTICIPLES: Final = re.compile(
    r"told|met|looked|settled|heard|said|shown|asked|known|held|given|kept|named|found|read_back|made|left|"
    r"taken|opened|answered|seen|begun|done|gone|judged|learnt|parted|sealed|spread|stood|sorted_out|tried|"
    r"waited|walked|written|spelt|mended|dug"
)
"""Names that are neither a verb nor a question."""

WORDS: Final = re.compile(
    r"\b(?:anew|shall|for ever|so with|nobody|somebody|whoever|told|tells|tell|heard|hears|believed|believes|"
    r"stands|stood|says so|whereabouts)\b",
    re.IGNORECASE,
)
"""Words for people, used of code, and turns of phrase that are not plain English."""

Law = Callable[[str], list[str]]


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the docstrings of modules, classes, functions and fields, with their lines."""
    for node in ast.walk(ast.parse(text)):
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.Expr(value=ast.Constant(value=str(docstring))):
                    yield child.lineno, docstring


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield the comments, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def openings(text: str) -> list[str]:
    """Report docstrings that open with neither a verb phrase nor a noun phrase."""
    return [
        f"{line}: a docstring opens with {opening[0]!r}"
        for line, docstring in docstrings(text)
        if (opening := OPENINGS.match(docstring.lstrip()))
    ]


def participles(text: str) -> list[str]:
    """Report functions that are named with a bare participle."""
    return [
        f"{node.lineno}: {node.name}() is neither a verb nor a question"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and PARTICIPLES.fullmatch(node.name.strip("_"))
    ]


def words(text: str) -> list[str]:
    """Report words that docstrings and comments avoid."""
    return [
        f"{line}: {word[0]!r} in a docstring or comment"
        for line, sentence in (*docstrings(text), *comments(text))
        for word in WORDS.finditer(sentence)
    ]


LAWS: Final[tuple[Law, ...]] = (openings, participles, words)

MODULES: Final = sorted(
    str(path.relative_to(ROOT)) for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")
)


def check(text: str) -> list[str]:
    """Report all violations in a source text."""
    return [finding for law in LAWS for finding in law(text)]


def compare(findings: list[str], allowed: int) -> str:
    """Return an error when a module has more or fewer findings than allowed, and else nothing."""
    if len(findings) == allowed:
        return ""
    if len(findings) < allowed:
        return f"{len(findings)} findings, {allowed} in ALLOWED: lower or remove its entry"
    return f"{len(findings)} findings, {allowed} in ALLOWED:\n" + "\n".join(findings)


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_written_in_plain_words(module: str) -> None:
    error = compare(check((ROOT / module).read_text(encoding="utf-8")), ALLOWED.get(module, 0))
    assert not error, f"{module}: {error}"


def test_the_allow_list_names_modules_with_findings() -> None:
    assert set(ALLOWED) <= set(MODULES)
    assert all(count > 0 for count in ALLOWED.values())


@pytest.mark.parametrize(
    ("findings", "allowed", "error"),
    [
        ([], 0, ""),
        (["one"], 1, ""),
        (["one"], 0, "1 findings, 0 in ALLOWED:\none"),
        (["one", "two"], 1, "2 findings, 1 in ALLOWED:\none\ntwo"),
        (["one"], 2, "1 findings, 2 in ALLOWED: lower or remove its entry"),
        ([], 1, "0 findings, 1 in ALLOWED: lower or remove its entry"),
    ],
)
def test_the_allow_list_only_shrinks(findings: list[str], allowed: int, error: str) -> None:
    assert compare(findings, allowed) == error


@pytest.mark.parametrize(
    ("law", "text", "expected"),
    {
        "module": (openings, '"""What it is."""', ["1: a docstring opens with 'What'"]),
        "class": (openings, 'class A:\n    """How it is."""', ["2: a docstring opens with 'How'"]),
        "function": (
            openings,
            'def f():\n    """Whether it is."""',
            ["2: a docstring opens with 'Whether'"],
        ),
        "field": (
            openings,
            'class A:\n    a: int\n    """\n    When it ends."""',
            ["3: a docstring opens with 'When'"],
        ),
        "constant": (openings, 'A = 1\n"""Those of B."""', ["2: a docstring opens with 'Those'"]),
        "private function": (participles, "def _met(): ...", ["1: _met() is neither a verb nor a question"]),
        "method": (
            participles,
            "class A:\n    async def kept(self): ...",
            ["2: kept() is neither a verb nor a question"],
        ),
        "word in a docstring": (words, '"""A tale\ntold anew."""', [
            "1: 'told' in a docstring or comment",
            "1: 'anew' in a docstring or comment",
        ]),
        "word in a comment": (words, "a = 1  # Nobody knows", ["1: 'Nobody' in a docstring or comment"]),
        "word after noqa": (words, "a = 1  # noqa: X1 - it tells", ["1: 'tells' in a docstring or comment"]),
    }.values(),
)  # fmt: skip
def test_a_violation_is_reported(law: Law, text: str, expected: list[str]) -> None:
    assert law(text) == expected
    assert check(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"""Whatsoever, however and whereas are other words."""',
        'def f():\n    """Return what was found."""',
        'a = "What nobody told # shall be said"',
        'f("""What it is.""")',
        "def is_known(): ...",
        "def find_kept(): ...",
        "told = 1",
        "# Retold, understands, taller",
    ],
)
def test_nothing_else_is_reported(text: str) -> None:
    assert check(text) == []
