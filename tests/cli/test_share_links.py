"""Share links as a user meets them: in reports, with ``--verify``, and archived with ``keys revoke``."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import validation
from tests.boltz_api import (
    NOW,
    SHARE,
    SHARE_LINKS,
    Key,
    Link,
    Reply,
    Running,
    Service,
    error,
    json_reply,
    running,
)
from tests.keys import fake_key, fake_link, fingerprint, short_fingerprint
from tests.leaks import leaks
from tests.repos import Repo
from tests.running import Ran, begin, keyscan

LINK, OTHER = fake_link(), fake_link("other")
WS = fake_key("ws", "live", "of the workspace")


@pytest.fixture
def repo(tmp_path: Path) -> Repo:
    repo = Repo(tmp_path / "repo")
    repo.leak("notes.md", f"https://lab.boltz.bio/share/{LINK}\n", LINK)
    return repo


@pytest.fixture
def service() -> Service:
    service = Service(Key("key-ws", WS, "pipeline"))
    service.links = [Link(LINK, predictions=2, pipelines=1), Link(OTHER)]
    return service


@pytest.fixture
def up(service: Service) -> Iterator[Running]:
    with running(service) as found:
        yield found


def scan(repo: Repo, *arguments: str, up: Running | None = None) -> dict[str, Any]:
    base = ["--verify", "--api-base", up.url] if up else []
    ran = keyscan(".", "--no-cache", "--format", "json", *base, *arguments, cwd=repo.path)
    assert not leaks(ran.out + ran.err, LINK)
    report = json.loads(ran.out)
    validation.validate(report, validation.REPORT)
    (finding,) = report["findings"]
    return {**finding, "code": ran.code}


class TestReport:
    def test_a_link_has_no_key_type_and_no_mode(self, repo: Repo) -> None:
        finding = scan(repo)
        assert finding["fingerprint"] == fingerprint(LINK)
        assert (finding["rule_id"], finding["key_type"], finding["mode"]) == ("boltz-share-link", None, None)
        assert (finding["severity"], finding["shape"]) == ("medium", "confirmed")

    @pytest.mark.parametrize(("fail_on", "code"), [("live", 0), ("admin", 0), ("any", 1)])
    def test_it_fails_a_run_as_other_secrets_of_medium_severity(
        self, fail_on: str, code: int, repo: Repo
    ) -> None:
        assert scan(repo, "--fail-on", fail_on)["code"] == code

    def test_its_name_is_that_of_a_link(self, repo: Repo) -> None:
        text = keyscan(".", "--no-cache", cwd=repo.path).text
        assert "share link" in text
        assert "None" not in text

    def test_explain_archives_it(self, repo: Repo) -> None:
        ran = keyscan("explain", short_fingerprint(LINK), cwd=repo.path)
        assert ran.code == 0
        assert f"boltz-keyscan keys revoke --share-link {short_fingerprint(LINK)} --execute" in ran.text
        assert "None" not in ran.text
        assert "Replace" not in ran.text

    def test_a_rewrite_of_the_history_takes_links_and_no_names(self, repo: Repo, tmp_path: Path) -> None:
        file = tmp_path / "replacements.txt"
        assert keyscan("explain", fingerprint(LINK), "--replace-text", file, cwd=repo.path).code == 0
        expression, _, mark = file.read_text().strip().removeprefix("regex:").partition("==>")
        name = "lshr_combine_of_two_constants_that_is_quite_long"
        assert re.sub(expression, mark, f"{name} \\n{LINK}\\n {LINK}") == f"{name} \\n{mark}\\n {mark}"


class TestVerify:
    def test_one_request_without_a_key(self, repo: Repo, up: Running) -> None:
        finding = scan(repo, up=up)
        assert finding["status"] == "active"
        assert finding["evidence"]["detail"].startswith(
            "the API opened it: 2 predictions and 1 pipeline run of workspace ws_1, until 2027-"
        )
        (request,) = up.service.requests
        assert (request.method, request.path) == ("GET", f"{SHARE}/{LINK}")
        assert "x-api-key" not in request.headers
        assert "authorization" not in request.headers

    @pytest.mark.parametrize("change", ["archived", "expired", "unknown"])
    def test_one_that_opens_nothing_is_proved_dead(self, change: str, repo: Repo, up: Running) -> None:
        (link, *_) = up.service.links
        link.archived_at = NOW if change == "archived" else None
        link.expires_at = NOW if change == "expired" else link.expires_at
        link.id = OTHER if change == "unknown" else link.id
        finding = scan(repo, "--fail-on", "any", up=up)
        assert (finding["status"], finding["severity"], finding["code"]) == ("inactive", "note", 0)

    @pytest.mark.parametrize(
        ("reply", "words"),
        [
            (error(401, "unauthorized"), "without a sign-in (401): it may be limited to some e-mail"),
            (error(403, "forbidden"), "refused to open it (403)"),
            (error(500, "internal_error"), "could not be verified: the API failed (500"),
            (Reply(404, b"<html>no such page</html>"), "a rejection (404) that is not the API's"),
            (Reply(404, b'{"code": "not_found"}'), "a rejection (404) that is not the API's"),
            (Reply(200, b"<html>login</html>"), "not JSON"),
            (json_reply({"id": OTHER}), "it is of another share link"),
            (json_reply({"id": LINK, "predictions": 3}), "predictions is not a list"),
            (Reply(302, headers=(("Location", "https://x.invalid/"),)), "redirected to another address"),
        ],
        ids=str,
    )
    def test_what_is_no_answer_lowers_nothing(
        self, reply: Reply, words: str, repo: Repo, up: Running
    ) -> None:
        up.service.fault = lambda _request, _reply: reply
        finding = scan(repo, up=up)
        assert (finding["status"], finding["severity"]) == ("unknown", "medium")
        assert words in finding["evidence"]["detail"]

    def test_a_listing_of_keys_says_nothing_of_links(self, repo: Repo, up: Running) -> None:
        ran = keyscan(
            ".", "--no-cache", "--check", "--api-base", up.url, "--format", "json",
            cwd=repo.path, env={"BOLTZ_API_KEY": up.service.admin.raw},
        )  # fmt: skip
        assert [finding["status"] for finding in json.loads(ran.out)["findings"]] == ["unchecked"]


def revoke(up: Running, *arguments: str | Path, key: str = "", **options: Any) -> Ran:
    env = {"BOLTZ_API_KEY": key or up.service.admin.raw}
    ran = keyscan("keys", "revoke", *arguments, "--api-base", up.url, env=env, **options)
    assert not leaks(ran.out + ran.err, LINK)
    return ran


class TestArchive:
    def test_nothing_is_done_unless_asked(self, repo: Repo, up: Running) -> None:
        ran = revoke(up, "--share-link", fingerprint(LINK), repo.path)
        assert ran.code == 0
        assert "share link of 2 predictions and 1 pipeline run of workspace ws_1" in ran.errors
        assert "for whoever has it, until 2027-" in ran.errors
        assert "Nothing was done." in ran.errors
        assert up.service.links[0].archived_at is None

    @pytest.mark.parametrize("name", [fingerprint(LINK), short_fingerprint(LINK), fingerprint(LINK)[4:12]])
    def test_by_fingerprint_without_asking(self, name: str, repo: Repo, up: Running) -> None:
        ran = revoke(up, "--share-link", name, "--yes", cwd=repo.path)
        assert ran.code == 0
        assert f"{fingerprint(LINK)}: archived" in ran.errors
        assert [link.archived_at for link in up.service.links] == [NOW, None]
        (line,) = (each for each in ran.errors.splitlines() if each.startswith("audit: "))
        told = json.loads(line.removeprefix("audit: "))
        assert {name: told[name] for name in ("outcome", "fingerprint", "workspace_id", "by")} == {
            "outcome": "archived",
            "fingerprint": fingerprint(LINK),
            "workspace_id": "ws_1",
            "by": "key_admin",
        }
        assert scan(repo, up=up)["status"] == "inactive"

    def test_a_key_of_the_workspace_will_do(self, repo: Repo, up: Running) -> None:
        assert revoke(up, "--share-link", fingerprint(LINK), "--yes", repo.path, key=WS).code == 0
        assert up.service.links[0].archived_at == NOW

    def test_twice_does_no_harm(self, repo: Repo, up: Running) -> None:
        assert revoke(up, "--share-link", fingerprint(LINK), "--yes", repo.path).code == 0
        ran = revoke(up, "--share-link", fingerprint(LINK), "--yes", repo.path)
        assert (ran.code, "It was archived on 2026-06-01" in ran.errors) == (0, True)
        assert len(up.service.asked(f"{SHARE_LINKS}/{LINK}/archive")) == 1

    @pytest.mark.parametrize(
        ("typed", "archived"),
        [(fingerprint(LINK)[4:12], True), (short_fingerprint(LINK), True), ("yes", False), ("", False)],
    )
    def test_the_fingerprint_is_typed(self, typed: str, archived: bool, repo: Repo, up: Running) -> None:  # noqa: FBT001 - a row
        code = on_a_terminal(up, repo, f"{typed}\n".encode())
        assert (code, up.service.links[0].archived_at is not None) == (0 if archived else 1, archived)

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            ((fingerprint(OTHER),), "no share link with the fingerprint"),
            ((LINK,), "is not a fingerprint"),
            (("bk1:",), "is not a fingerprint"),
            ((fingerprint(LINK), "--execute"), "without a terminal"),
            ((fingerprint(LINK), "--id", "key-ws"), "not revoked together"),
            ((fingerprint(LINK), "--replace"), "not revoked together"),
        ],
    )
    def test_mistakes(self, arguments: tuple[str, ...], words: str, repo: Repo, up: Running) -> None:
        ran = revoke(up, "--share-link", *arguments, repo.path)
        assert ran.code == 2
        assert words in ran.errors
        assert up.service.requests == []

    def test_a_path_alone(self, repo: Repo, up: Running) -> None:
        assert "PATH is only for --share-link" in revoke(up, "--id", "key-ws", repo.path).errors

    @pytest.mark.parametrize(
        ("status", "code", "words"),
        [
            (404, "not_found", "the API has no such object (404)"),
            (403, "forbidden", "does not allow this with this key (403)"),
            (500, "internal_error", "the API failed (500"),
        ],
    )
    def test_a_link_that_cannot_be_read(
        self, status: int, code: str, words: str, repo: Repo, up: Running
    ) -> None:
        up.service.fault = lambda _request, _reply: error(status, code)
        ran = revoke(up, "--share-link", fingerprint(LINK), "--yes", repo.path)
        assert (ran.code, words in ran.errors) == (1, True)

    def test_an_answer_alone_is_no_proof(self, repo: Repo, up: Running) -> None:
        archive = f"{SHARE_LINKS}/{LINK}/archive"
        right = json_reply({"id": LINK, "archived": True})
        up.service.fault = lambda request, _reply: right if request.path == archive else None
        up.service.between = lambda _request: setattr(up.service.links[0], "archived_at", None)
        ran = revoke(up, "--share-link", fingerprint(LINK), "--yes", repo.path)
        assert ran.code == 1


def on_a_terminal(up: Running, repo: Repo, typed: bytes) -> int:
    """Exit code of an archiving for which something is typed."""
    user, terminal = pty.openpty()
    os.write(user, typed)
    ended = begin(
        *("keys", "revoke", "--share-link", fingerprint(LINK), str(repo.path), "--execute"),
        *("--api-base", up.url),
        streams=(terminal, terminal, terminal),
        env={"BOLTZ_API_KEY": up.service.admin.raw, "TERM": "dumb"},
    )
    os.close(terminal)
    with contextlib.suppress(OSError):
        while os.read(user, 4096):
            pass
    os.close(user)
    return ended()


class TestWords:
    def test_a_share_link_is_not_called_a_key(self, repo: Repo) -> None:
        for text, words in (
            (keyscan(".", "--fail-on", "any", cwd=repo.path).text, "FAILED  1 share link (exit 1)"),
            (keyscan(".", cwd=repo.path).text, "PASSED  1 share link, none fails this run (exit 0)"),
            (keyscan("baseline", "create", "--reason", "x", cwd=repo.path).text, ": 1 share link accepted."),
            (keyscan(".", cwd=repo.path).text, "1 share link suppressed"),
        ):
            assert words in text
            assert "1 key" not in text

    def test_the_hook_takes_it_out(self, repo: Repo) -> None:
        repo.add("new.md", f" {OTHER}\n")
        text = keyscan("hook", "pre-commit", cwd=repo.path).text
        assert "1 new share link in 1 staged file" in text
        assert "Do       take the share link out, then: git add new.md && git commit" in text
        assert "BOLTZ_API_KEY" not in text
        repo.add("new.py", f"K = '{WS}'\n")
        text = keyscan("hook", "pre-commit", cwd=repo.path).text
        assert "1 new key and 1 new share link in 2 staged files" in text
        assert "read it from BOLTZ_API_KEY, then: git add new.py && git commit" in text

    def test_it_is_archived_while_it_can_be_found(self, repo: Repo) -> None:
        text = keyscan("explain", fingerprint(LINK), cwd=repo.path).text
        assert "  1. Archive it if anyone else may have read it" in text
