"""Data classes behave as the standard ones do."""

from __future__ import annotations

import dataclasses
import pickle

import pytest

from boltz_keyscan.model.finding import Gap, Origin, Tally
from boltz_keyscan.records import dataclass, field, metadata_of, replace


@dataclass(frozen=True, slots=True)
class Ours:
    one: int
    hidden: str = field(default="", repr=False)
    many: tuple[int, ...] = field(default_factory=tuple)
    late: int = field(default=7, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "late", self.one + 1)


@dataclasses.dataclass(frozen=True, slots=True)
class Theirs:
    one: int
    hidden: str = dataclasses.field(default="", repr=False)
    many: tuple[int, ...] = dataclasses.field(default_factory=tuple)
    late: int = dataclasses.field(default=7, init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "late", self.one + 1)


@dataclass(slots=True)
class Mutable:
    unset: int = field(init=False)
    things: list[int] = field(default_factory=list)


def test_the_same_as_the_standard_ones() -> None:
    ours, theirs = Ours(1, many=(2,)), Theirs(1, many=(2,))
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert hash(ours) == hash(theirs)
    assert dataclasses.asdict(ours) == dataclasses.asdict(theirs)
    assert Ours.__match_args__ == Theirs.__match_args__
    assert Ours.__slots__ == Theirs.__slots__
    for copy in (replace, dataclasses.replace):
        assert copy(ours, one=5) == Ours(5, many=(2,))
    described = [
        [(each.name, each.init, each.repr) for each in dataclasses.fields(kind)] for kind in (Ours, Theirs)
    ]
    assert described[0] == described[1]
    assert ours != theirs  # type: ignore[comparison-overlap]
    assert ours == Ours(1, "", (2,))
    assert {ours, Ours(1, "", (2,))} == {ours}


def test_frozen() -> None:
    ours = Ours(1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        ours.one = 2  # type: ignore[misc]
    with pytest.raises(dataclasses.FrozenInstanceError):
        del ours.one
    with pytest.raises(AttributeError):
        object.__setattr__(ours, "other", 2)


def test_mutable() -> None:
    first, second = Mutable(), Mutable()
    first.things.append(1)
    first.unset = 3
    assert (first.things, second.things) == ([1], [])
    assert not hasattr(second, "unset")
    with pytest.raises(TypeError, match="unhashable"):
        hash(first)


def test_wrong_arguments() -> None:
    for _ in range(2):
        with pytest.raises(TypeError):
            Gap("here")  # type: ignore[call-arg]
        with pytest.raises(TypeError):
            Gap("here", "reason", "detail", other=1)  # type: ignore[call-arg]


@pytest.mark.parametrize("value", [Tally(1, 2), Gap("a", "b", "c"), Origin(b"x", oid="1"), Ours(3)])
def test_pickled(value: object) -> None:
    assert pickle.loads(pickle.dumps(value)) == value


def test_metadata() -> None:
    @dataclass(frozen=True, slots=True)
    class Described:
        one: int = field(default=1, metadata={"help": "first"})
        two: int = 2

    assert metadata_of(Described) == {"one": {"help": "first"}}
    assert dict(dataclasses.fields(Described)[0].metadata) == {"help": "first"}
