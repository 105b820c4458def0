"""The count of objects that a partial clone leaves out."""

from __future__ import annotations

from boltz_keyscan import rules
from boltz_keyscan.detect import KeyDetector
from boltz_keyscan.sources.git.repo.missing_objects import MissingShard
from boltz_keyscan.sources.git.repo.repository import References
from boltz_keyscan.sources.git.run import command as git


def test_a_count_of_an_earlier_scan_is_reported_without_git() -> None:
    view = git.RepoView(git.skeleton("sha1"), b"/nowhere")
    refs = References((), None, opaque=False, broken=())
    shard = MissingShard(view, "repo", refs, partial=True, counted=25)
    result = shard.scan(KeyDetector.of(rules.load()))
    [gap] = result.gaps
    assert (gap.reason, gap.by_design, result.tally.objects_missing) == ("partial-clone", True, 25)
    assert "cloned: 25;" in gap.detail
