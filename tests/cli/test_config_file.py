"""Configuration files: the options of the command line, checked, with their lines."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from boltz_keyscan.cli.commands.scan import scan
from boltz_keyscan.cli.options import TABLE, SettableIn, configurable
from tests.keys import fake_key, fingerprint
from tests.repos import Repo
from tests.running import Ran, keyscan

NAME = "boltz-keyscan.toml"
TEST_KEY = fake_key("ws", "test", "configured")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with a test key: it fails a scan under ``any`` alone."""
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / ".git").mkdir()
    for name, text in (("HEAD", "ref: refs/heads/main\n"), ("config", "")):
        (tmp_path / "tree" / ".git" / name).write_text(text)
    for name in ("objects", "refs"):
        (tmp_path / "tree" / ".git" / name).mkdir()
    (tmp_path / "tree" / "sub" / "a.py").write_text(TEST_KEY)
    return tmp_path / "tree"


def run(tree: Path, *arguments: str, text: str | None = None, name: str = NAME, where: str = ".") -> Ran:
    if text is not None:
        (tree / name).write_text(text, encoding="utf-8")
    return keyscan(where, "--no-cache", *arguments, cwd=tree)


def test_the_options_are_those_of_the_command_line_and_no_others() -> None:
    assert [row.option for row in TABLE.values()] == [
        param for param in scan.params if isinstance(param, click.Option)
    ]


def test_what_sends_keys_or_chooses_a_configuration_is_for_the_command_line() -> None:
    """A new option must be thought about: may the author of a tree set it?"""
    never = {name for name, row in TABLE.items() if row.config is SettableIn.NONE}
    assert never == {"config", "no_config", "trust", "check", "verify", "api_base", "api_key_file", "proxy"}


def test_what_writes_or_reads_elsewhere_is_known_as_such() -> None:
    paths = {
        name
        for name, row in configurable().items()
        if isinstance(row.option.type, click.Path) and row.config is SettableIn.ANY
    }
    assert paths == {"baseline"}


def _example(option: click.Option, tree: Path) -> tuple[str, str]:
    """A value for an option in a configuration, and how it is shown."""
    if option.is_flag:
        return "true", "true"
    if isinstance(option.type, click.Choice):
        return (value := f'"{option.type.choices[-1]}"'), value
    if isinstance(option.type, click.types.IntParamType):
        return "3", "3"
    if isinstance(option.type, click.Path):
        return '"b"', f'"{tree / "b"}"'
    if option.multiple:
        return '["b/**"]', '["b/**"]'
    return '"HEAD..HEAD"', '"HEAD..HEAD"'


def test_every_option_is_taken_and_told(tree: Path) -> None:
    known = {
        name: _example(row.option, tree)
        for name, row in configurable().items()
        if row.config is SettableIn.ANY
    }
    lines = [f"{name} = {value}\n" for name, (value, _) in known.items()]
    (tree / NAME).write_text("# a remark\n" + "".join(lines))
    ran = keyscan("config", "show", cwd=tree)
    assert ran.code == 0, ran.errors
    shown = {line.split()[0]: line.split(maxsplit=2)[1:] for line in ran.text.splitlines()}
    for line, (name, (_, told)) in enumerate(known.items(), 2):
        assert shown[name] == [told, f"{NAME}:{line} (in the tree)"]


def test_the_command_line_outdoes_it(tree: Path) -> None:
    assert run(tree).code == 0
    assert run(tree, text='fail-on = "any"').code == 1
    assert run(tree, "--fail-on", "live").code == 0
    assert run(tree, "--no-config").code == 0
    # Options that answer the same question are outdone together.
    assert run(tree, "--no-history", "--fail-on", "any", text="history-only = true").code == 1
    assert run(tree, "-q", text="verbose = true").code == 0


def test_pyproject_toml_has_it_in_a_table(tree: Path) -> None:
    text = '[project]\nname = "x"\n\n[tool.boltz-keyscan]\nfail-on = "any"\n'
    assert run(tree, text=text, name="pyproject.toml").code == 1
    assert f"{NAME} and pyproject.toml" in run(tree, text="").errors


def test_a_pyproject_toml_of_others_is_none_of_ours(tree: Path) -> None:
    assert run(tree, text="[tool.black]\nline-length = 1\n", name="pyproject.toml").code == 0
    assert run(tree, text="this is not TOML", name="pyproject.toml").code == 0
    assert run(tree, text="boltz-keyscan is not TOML", name="pyproject.toml").code == 2


def test_the_nearest_counts_and_the_repository_ends_the_search(tree: Path) -> None:
    (tree.parent / NAME).write_text('fail-on = "any"')
    assert run(tree).code == 0
    assert run(tree, text='fail-on = "any"', where="sub").code == 1
    (tree / "sub" / NAME).write_text('fail-on = "live"')
    assert run(tree, where="sub").code == 0
    # A file is looked for from the folder it lies in.
    assert run(tree, where="sub/a.py").code == 0
    (tree / "sub" / NAME).unlink()
    assert run(tree, where="sub/a.py").code == 1


def test_a_named_one_counts_alone_and_may_write(tree: Path, tmp_path: Path) -> None:
    (tree / NAME).write_text('fail-on = "never"')
    other = tmp_path / "other.toml"
    other.write_text('fail-on = "any"\noutput = "out.txt"\nreport = ["json=out.json"]\n')
    assert run(tree, "--config", str(other)).code == 1
    # Its paths are relative to it.
    assert "FAILED" in (tmp_path / "out.txt").read_text()
    assert (tmp_path / "out.json").exists()
    assert run(tree, "--config", str(other), "--trust", "none").code == 1
    assert run(tree, "--config", "nowhere.toml").code == 2
    assert run(tree, "--config", str(other), "--no-config").code == 2


def test_none_asks_no_file_of_the_tree(tree: Path) -> None:
    assert run(tree, "--trust", "none", text='fail-on = "any"').code == 0


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ('fail-on = "live"\nfail-no = "any"', 2, ("no such option: fail-no", "Did you mean fail-on?")),
        ('fail_on = "any"', 1, ("no such option: fail_on", "Did you mean fail-on?")),
        ("zzz = 1", 1, ("no such option: zzz", "Options: baseline, ")),
        ("[section]\nfail-on = 'any'", 1, ("no such option: section",)),
        ('\n\nfail-on = "sometimes"', 3, ("fail-on: ", "'live', 'admin', 'any', 'never'")),
        ("fail-on = true", 1, ("fail-on: expected a text",)),
        ("no-history = 'yes'", 1, ("no-history: expected true or false",)),
        ("jobs = true", 1, ("jobs: expected a number",)),
        ("jobs = 1000", 1, ("jobs: 1000 is not in the range",)),
        ("jobs = '2'", 1, ("jobs: expected a number",)),
        ("# ok\nverbose = tru", 2, ("not valid TOML",)),
        ("verbose = true\nverbose = true", 2, ("not valid TOML",)),
        ("a = " + "[" * 5000, 1, ("not valid TOML",)),
        ("quiet = true\n<<<<<<< HEAD\n", 2, ("an unresolved merge conflict",)),
        ('trust = "none"', 1, ("trust can only be given on the command line",)),
    ],
)
def test_what_is_wrong_is_told_with_its_line(
    tree: Path, text: str, line: int, words: tuple[str, ...]
) -> None:
    ran = run(tree, text=text)
    assert ran.code == 2
    assert ran.errors.startswith(f"error: {NAME}:{line}: ")
    assert all(word in ran.errors for word in words), ran.errors


def test_lines_are_told_in_a_table_too(tree: Path) -> None:
    text = '[tool.other]\nfail-on = "x"\n[tool.boltz-keyscan]\n\nfail-on = "x"\n'
    assert "pyproject.toml:5: fail-on" in run(tree, text=text, name="pyproject.toml").errors


def test_a_list_is_checked_as_well(tree: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    for text, words in (
        ('report = "json=x"', "expected a list of texts"),
        ("report = [1]", "expected a list of texts"),
        ('report = ["yaml=x"]', "'yaml' is not a format"),
    ):
        other.write_text(text)
        assert words in run(tree, "--config", str(other)).errors


def test_show_says_where_each_comes_from(tree: Path) -> None:
    (tree / NAME).write_text('fail-on = "any"\n')
    shown = {
        line.split()[0]: line.split(maxsplit=2)[1:]
        for line in keyscan("config", "show", "--jobs", "2", cwd=tree).text.splitlines()
    }
    assert shown["fail-on"] == ['"any"', f"{NAME}:1 (in the tree)"]
    assert shown["jobs"] == ["2", "command line"]
    assert shown["format"] == ['"auto"', "default"]
    assert shown["trust"] == ["tree", "the default"]


def test_a_baseline_it_names_is_relative_to_it(repo: Repo) -> None:
    repo.add("a.py", fake_key())
    line = f'{fingerprint(fake_key())} boltz-workspace-live-key "a.py" "x" "y" forever\n'
    repo.add("ci/known", f"# boltz-keyscan baseline 1\n{line}")
    repo.add(NAME, 'baseline = "ci/known"\n')
    repo.commit()
    assert keyscan(repo.path, "--no-cache").code == 0
    assert keyscan("hook", "pre-commit", "--", "a.py", cwd=repo.path).code == 0
    assert keyscan(".", "--trust", "base:HEAD", "--no-cache", cwd=repo.path).code == 0
    repo.add(NAME, 'baseline = "ci/unknown"\n')
    assert "no such baseline: ci/unknown" in keyscan(".", cwd=repo.path).errors


def test_a_key_in_it_is_not_shown(tree: Path) -> None:
    for text in (f"{TEST_KEY} = 1", f'fail-on = "{TEST_KEY}"', f'baseline = "{TEST_KEY}"', f"[{TEST_KEY}"):
        ran = run(tree, text=text)
        assert ran.code == 2
        assert TEST_KEY not in ran.errors + ran.text
