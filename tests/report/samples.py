"""Results to report on: small, whole, and the same on every run."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from typing import Any

from boltz_keyscan import report, rules
from boltz_keyscan.model.enums import ExitCode, Exposure, KeyType, Mode, Severity, Shape, Status
from boltz_keyscan.model.finding import Finding, Gap, Location, ScanResult, Tally
from boltz_keyscan.model.status import By, Candidate, Evidence, StatusReport
from boltz_keyscan.model.suppression import Setting, Suppression, SuppressionCandidate, TrustReport
from boltz_keyscan.policy import CONFIDENCE, finding_order, severity_of, widest

LENGTH = 60


def oid(seed: object) -> str:
    return hashlib.sha1(repr(seed).encode(), usedforsecurity=False).hexdigest()


def location(path: str = "src/app.py", line: int = 3, column: int = 9, **changes: object) -> Location:
    base = Location(
        path=path,
        line=line,
        column=column,
        column_utf16=column,
        offset=line * 40 + column,
        length=LENGTH,
        exposure=Exposure.TRACKED,
        context='key = "sk_bc_admin_live_[REDACTED]"',
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def past(number: int, path: str = "src/app.py", **changes: object) -> Location:
    """A version of a file that stands in history only; the lower the number, the older."""
    merged: dict[str, object] = {
        "exposure": Exposure.HISTORY,
        "commit": oid(("commit", path, number)),
        "blob": oid(("blob", path, number)),
        "author_date": f"2024-05-{number % 28 + 1:02d}T10:00:00+02:00",
    } | changes
    return location(path, **merged)  # type: ignore[arg-type]


def finding(
    kind: KeyType = KeyType.ADMIN,
    mode: Mode = Mode.LIVE,
    *locations: Location,
    seed: object = 0,
    shape: Shape = Shape.CONFIRMED,
    status: Status = Status.UNCHECKED,
    suppression: Suppression | None = None,
    candidates: tuple[str, ...] = (),
    excuses: tuple[SuppressionCandidate, ...] = (),
) -> Finding:
    rule = next(rule for rule in rules.load() if (rule.key_type, rule.mode) == (kind, mode))
    places = locations or (location(),)
    severity = severity_of(kind, mode, shape, status)
    exposure = widest(place.exposure for place in places)
    return Finding(
        fingerprint="bk1:" + hashlib.sha256(repr((kind, mode, seed)).encode()).hexdigest()[:32],
        rule_id=rule.id,
        key_type=kind,
        mode=mode,
        type_prefix=rule.prefix,
        shape=shape,
        reason="43 base64url characters" if shape is Shape.CONFIRMED else "ends in the word example",
        severity=severity,
        confidence=CONFIDENCE[shape],
        status=status,
        exposure=exposure,
        blocking=severity in {Severity.CRITICAL, Severity.HIGH}
        and suppression is None
        and not all(place.old for place in places)
        and exposure not in {Exposure.LOCAL, Exposure.UNREACHABLE},
        locations=places,
        suppression=suppression,
        candidates=candidates,
        excuses=excuses,
    )


def make_result(
    *findings: Finding,
    gaps: tuple[Gap, ...] = (),
    tally: Tally | None = None,
    code: ExitCode | None = None,
    targets: tuple[str, ...] = (".",),
) -> ScanResult:
    real = sorted((f for f in findings if f.shape is not Shape.PLACEHOLDER), key=finding_order)
    fillers = sorted((f for f in findings if f.shape is Shape.PLACEHOLDER), key=finding_order)
    complete = all(gap.by_design for gap in gaps)
    if code is None:
        code = ExitCode.CLEAN if complete else ExitCode.INCOMPLETE
        code = ExitCode.BLOCKING if any(f.blocking for f in findings) else code
    return ScanResult(
        targets=targets,
        started_at="2025-03-01T12:00:00Z",
        duration_s=9.2,
        findings=(*real, *fillers),
        gaps=gaps,
        tally=tally or Tally(files=1234, blobs=45678, bytes=8_100_000_000, commits=120, refs=8),
        complete=complete,
        exit_code=code,
    )


def tree() -> ScanResult:
    """Files only: no git, one key of each of three kinds."""
    here = {"exposure": Exposure.FILE}
    return make_result(
        finding(
            KeyType.ADMIN,
            Mode.LIVE,
            location("config/prod.env", 2, 15, **here),
            location("run.log", 90, 1, **here),
        ),
        finding(
            KeyType.WORKSPACE,
            Mode.LIVE,
            location(
                "notebooks/fold.ipynb",
                41,
                22,
                cell=4,
                context='os.environ["K"] = "sk_bc_ws_live_[REDACTED]"',
                **here,
            ),
        ),
        finding(
            KeyType.WORKSPACE,
            Mode.TEST,
            location("data/a.zip", 1, 5, members=("inner.tar", "x/y.txt"), decoded=("base64",), **here),
            shape=Shape.SUSPECTED,
        ),
        tally=Tally(files=6, bytes=14_200),
    )


def history() -> ScanResult:
    """A key in HEAD and in many older versions; another gone from HEAD; one nobody reaches."""
    return make_result(
        finding(
            KeyType.ADMIN,
            Mode.LIVE,
            location(),
            location(
                blob=oid("now"),
                commit=oid(("commit", "src/app.py", 41)),
                author_date="2024-06-11T10:00:00+02:00",
            ),
            location(line=17, column=4),
            *(past(number) for number in range(41)),
            *(past(number, f"old/run_{number:02d}.sh") for number in range(12)),
        ),
        finding(
            KeyType.WORKSPACE,
            Mode.LIVE,
            past(
                3,
                f".git/commit/{oid('message')}",
                blob=oid("message"),
                commit=oid("message"),
                line=5,
                column=1,
            ),
            past(4, "deploy/a very long folder name/that holds/the settings of production.yaml"),
            status=Status.AMBIGUOUS,
            candidates=("key_abc", "key_def"),
        ),
        finding(
            KeyType.ADMIN,
            Mode.TEST,
            past(9, "tmp.txt", exposure=Exposure.UNREACHABLE, commit=None, author_date=None),
        ),
    )


def empty() -> ScanResult:
    return make_result()


def incomplete() -> ScanResult:
    return make_result(
        gaps=(
            Gap("secret/store.db", "unreadable", "Permission denied; run as a user who may read it"),
            Gap("object 1a2b3c", "corrupt", "git could not unpack it; run git fsck"),
            Gap("commits before 4d5e6f", "shallow", "git fetch --unshallow brings them", by_design=True),
        ),
        tally=Tally(files=3, blobs=10, bytes=512, commits=2, refs=1, objects_missing=1),
    )


def incomplete_with_keys() -> ScanResult:
    return make_result(finding(), gaps=tuple(Gap(f"f{n:02d}", "unreadable") for n in range(25)))


def hostile() -> ScanResult:
    """Names that try to move the cursor, reorder text, run a command or leave the root."""
    names = (
        "a\x1b[2Jb\rc.py",
        "::error file=x::owned",
        "x ##[error]owned",
        "evil\u202etxt.exe",
        "../../etc/passwd",
        "/abs/olute.py",
        "c:/d%20 e#f?.py",
        "caf\udce9/\U0001f600.py",
        "[click](http://example.invalid){0}",
    )
    return make_result(
        finding(
            KeyType.WORKSPACE,
            Mode.LIVE,
            *(
                location(name, number, context="::stop-commands::x ##[group]")
                for number, name in enumerate(names, 1)
            ),
        ),
        gaps=(Gap("::error::{0} [a](b)\x07", "unreadable", "\u2028::warning::x"),),
    )


def placeholders() -> ScanResult:
    return make_result(
        *(
            finding(KeyType.WORKSPACE, Mode.LIVE, location(f"docs/{n}.md"), seed=n, shape=Shape.PLACEHOLDER)
            for n in range(3)
        )
    )


AT_BASE = "at origin/main, 0123456789ab"


def excused() -> ScanResult:
    """A key that two excuses suppress together; one whose acceptance has expired; whose word counted."""
    parts = (
        SuppressionCandidate("ignore", "made up", f".boltz-keyscanignore:2 ({AT_BASE})", (0,), used=True),
        SuppressionCandidate("inline", "made up too", "b.py:3", (1,), used=True),
        SuppressionCandidate("ignore", "nor this", f".boltz-keyscanignore:3 ({AT_BASE})", (1,)),
    )
    expired = SuppressionCandidate(
        "baseline",
        "known (accepted by Ana until 2024-12-31)",
        f".boltz-keyscan-baseline:3 ({AT_BASE})",
        (0,),
        "the acceptance has expired: its last day was 2024-12-31",
    )
    partly = tuple(SuppressionCandidate("inline", f"remark {n}", f"d.py:{n}", (n,)) for n in range(7))
    result = make_result(
        finding(
            KeyType.WORKSPACE,
            Mode.LIVE,
            location("a.py"),
            location("b.py"),
            suppression=Suppression("ignore", "made up", parts[0].source),
            excuses=parts,
        ),
        finding(KeyType.WORKSPACE, Mode.LIVE, location("c.py"), seed=1, excuses=(expired,)),
        finding(
            KeyType.WORKSPACE,
            Mode.TEST,
            *(location("d.py", number + 1) for number in range(9)),
            excuses=partly,
        ),
    )
    settings = tuple(
        Setting(option, value, "boltz-keyscan.toml", line, AT_BASE)
        for line, (option, value) in enumerate((("fail-on", '"admin"'), ("no-history", "true")), 1)
    )
    return replace(result, ground=TrustReport("base:origin/main", oid("base"), settings))


def unheard() -> ScanResult:
    """A run in CI without a trust."""
    ground = TrustReport("none", unheard=(".boltz-keyscan-baseline", "boltz-keyscan.toml"), by_default=True)
    return replace(make_result(), ground=ground)


def asked() -> ScanResult:
    """A run with --check and --verify: each status, and trouble on the way."""
    used = "2026-02-01T10:00:00Z"
    twins = tuple(
        Candidate(
            f"key_{number}", f"job {{{number}}} \x1b[1m", state, "ws_1", used if number else None, not number
        )
        for number, state in enumerate(
            ("active", "inactive", "expired", "active", "active", "active", "active")
        )
    )
    dead = finding(KeyType.WORKSPACE, Mode.LIVE, past(1, "a.py"), seed=1, status=Status.INACTIVE)
    result = make_result(
        replace(
            finding(seed=2, status=Status.ACTIVE),
            candidates=("key_0",),
            evidence=Evidence(
                By.VERIFICATION,
                "accepted",
                "the API accepted it: it is key key_0",
                body_characters=0,
                candidate_count=1,
                candidates=twins[:1],
                key_id="key_0",
                used_since=used,
            ),
        ),
        replace(
            finding(KeyType.WORKSPACE, Mode.TEST, seed=3, status=Status.AMBIGUOUS),
            candidates=tuple(each.id for each in twins),
            evidence=Evidence(By.LISTING, "prefix-too-short", "it may be any", 0, 7, twins, used_since=used),
        ),
        replace(dead, evidence=Evidence(By.VERIFICATION, "rejected", "the API rejected it (401)")),
    )
    run = StatusReport(
        "check",
        "org_1",
        "2026-03-01T12:00:00Z",
        complete=False,
        keys=1234,
        stale=True,
        verified=2,
        own_key=result.findings[0].fingerprint,
        trouble=("the listing is not complete: the API failed (500)", "1 key not verified: no time {left}"),
        notes=("the inventory is old",),
    )
    return replace(result, asked=run)


def suppressed() -> ScanResult:
    return make_result(
        finding(suppression=Suppression("baseline", "known since 2024; revoked")),
        finding(
            KeyType.WORKSPACE,
            Mode.LIVE,
            location("b.py"),
            past(2, "b.py"),
            suppression=Suppression("inline", "demo"),
        ),
        finding(KeyType.WORKSPACE, Mode.TEST, location("c.py"), past(1, "c.py")),
    )


def old() -> ScanResult:
    """A change that was scanned: a key its file had before, one old in one of two files, a new one."""
    staged = Exposure.STAGED
    return make_result(
        finding(KeyType.WORKSPACE, Mode.LIVE, location("a.env", 1, exposure=staged, old=True)),
        finding(
            KeyType.ADMIN,
            Mode.LIVE,
            location("a.env", 2, exposure=staged, old=True),
            location("b.env", 1, exposure=staged),
        ),
        finding(KeyType.WORKSPACE, Mode.TEST, location("c.env", exposure=staged)),
    )


def by_design() -> ScanResult:
    return make_result(gaps=(Gap("big.bin", "size-limit", "larger than --max-size", by_design=True),))


def small_project() -> ScanResult:
    """A key in the output of a notebook, a log and the user's .env; another in history only."""
    day = "2026-11-28T10:00:00+01:00"
    committed: dict[str, Any] = {
        "commit": "e124831" + "0" * 33,
        "blob": "b" * 40,
        "author_date": day,
        "pushed": False,
        "subject": "Notebook",
        "cell": 2,
        "cell_part": "output",
    }
    gone: dict[str, Any] = {"exposure": Exposure.HISTORY, "commit": "adc5c50" + "0" * 33, "blob": "c" * 40}
    in_log = location(
        ".snakemake/log/2026-11-23T100001.snakemake.log", 4, exposure=Exposure.UNTRACKED, context=""
    )
    in_use = finding(
        KeyType.WORKSPACE,
        Mode.LIVE,
        location("notebooks/predict.ipynb", 19, **committed),
        in_log,
        location(".env", 1, exposure=Exposure.LOCAL),
        seed=2,
    )
    old = location("scripts/fold.py", 3, **gone, author_date=day, pushed=False, subject="Fold script")
    tally = Tally(files=30, git_files=22, blobs=12, bytes=9000, refs=1, cached=12, commits_reached=4)
    result = make_result(in_use, finding(KeyType.WORKSPACE, Mode.LIVE, old, seed=1), tally=tally)
    return replace(result, started_at="2026-11-28T12:00:00Z")


RESULTS = {
    sample.__name__: sample
    for sample in (
        tree,
        history,
        empty,
        incomplete,
        incomplete_with_keys,
        hostile,
        placeholders,
        suppressed,
        old,
        excused,
        unheard,
        asked,
        by_design,
    )
}


def told(name: str, result: ScanResult, **view: object) -> str:
    """The report in a format, as text."""
    stream = io.StringIO()
    report.load(name)(result, stream, report.ReportOptions(**view))  # type: ignore[arg-type]
    return stream.getvalue()


def sarif_runs(result: ScanResult, **view: object) -> tuple[Any, Any]:
    """The tree run and the history run of the SARIF report, as parsed JSON."""
    tree, history = json.loads(told("sarif", result, **view))["runs"]
    return tree, history


def sarif_result(leak: Finding) -> Any:
    """The first SARIF result for a key in a file."""
    return sarif_runs(make_result(leak))[0]["results"][0]
