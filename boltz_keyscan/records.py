"""Drop-in for ``dataclasses``, for the classes of this package.

The standard module compiles six methods of each class one by one when it is imported: that took a fifth of
a commit hook and a quarter of a small scan. Here a class compiles its ``__init__`` at its first instance.
Supports ``frozen``, ``slots`` and the arguments of ``field`` that are used here; no inheritance of fields.
``dataclasses.fields``, ``replace`` and ``asdict`` accept these classes too.
"""

from __future__ import annotations

# Not from ``typing``: type checkers know the name.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - re-exported
    from dataclasses import field as field  # noqa: PLC0414 - re-exported
    from dataclasses import replace as replace  # noqa: PLC0414 - re-exported
    from typing import Any

    def metadata_of(kind: type) -> dict[str, dict[str, Any]]:
        """Return the metadata of each field that has some, by name."""
else:
    from operator import attrgetter

    _REQUIRED = object()

    _OF_CLASS = ("__dict__", "__weakref__")
    """Members that belong to the declared class itself."""

    class _Field:
        """Arguments of ``field``."""

        __slots__ = ("default", "factory", "init", "metadata", "repr")

        def __init__(self, default, factory=None, init=True, repr=True, metadata=None) -> None:  # noqa: A002 - the standard name
            self.default, self.factory, self.init, self.repr = default, factory, init, repr
            self.metadata = metadata

    def field(*, default=_REQUIRED, default_factory=None, init=True, repr=True, metadata=None):  # noqa: A002 - the standard name
        """Declare a field; see ``dataclasses.field``."""
        return _Field(default, default_factory, init, repr, metadata)

    def metadata_of(kind):
        """Return the metadata of each field that has some, by name."""
        return {name: each.metadata for name, each in kind._records.items() if each.metadata}

    def dataclass(*, frozen=False, slots=True):
        """Make a class a data class; see ``dataclasses.dataclass``."""
        if not slots:
            raise TypeError("data classes of this package have slots")
        return lambda declared: _create(declared, frozen=frozen)

    def replace(record, /, **changes):
        """Return a copy with other values; see ``dataclasses.replace``."""
        given = {name: getattr(record, name) for name, each in record._records.items() if each.init}
        return type(record)(**given | changes)

    def _create(declared, *, frozen):
        members = {name: value for name, value in vars(declared).items() if name not in _OF_CLASS}
        described = {}
        for name in members.get("__annotations__", ()):
            value = members.pop(name, _REQUIRED)
            described[name] = value if isinstance(value, _Field) else _Field(value)
        values = _values_of(tuple(described))
        members.update(
            __slots__=tuple(described),
            __match_args__=tuple(name for name, each in described.items() if each.init),
            __dataclass_fields__=_StandardFields(),
            __init__=_first_init,
            _records=described,
            _frozen=frozen,
        )
        members.setdefault("__repr__", _represent)
        if "__eq__" not in members:
            members["__eq__"] = lambda self, other: (
                values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented
            )
            members["__hash__"] = (lambda self: hash(values(self))) if frozen else None
        if frozen:
            members.update(
                __setattr__=_refuse,
                __delattr__=_refuse,
                __getstate__=lambda self: values(self),  # noqa: PLW0108 - an attrgetter does not bind
                __setstate__=_set_state,
            )
        created = type(declared)(declared.__name__, declared.__bases__, members)
        created.__qualname__ = declared.__qualname__
        return created

    def _values_of(names):
        if len(names) > 1:
            return attrgetter(*names)
        return lambda self: tuple(getattr(self, name) for name in names)

    def _first_init(self, *arguments, **options):
        cls = type(self)
        cls.__init__ = _compiled_init(cls)
        cls.__init__(self, *arguments, **options)

    def _compiled_init(cls):
        parameters, lines = ["self"], []
        namespace = {"required": _REQUIRED, "set_value": object.__setattr__, "__name__": cls.__module__}
        for name, each in cls._records.items():
            value = name
            if each.factory is not None:
                namespace[f"make_{name}"] = each.factory
                value = f"make_{name}()" + (f" if {name} is required else {name}" if each.init else "")
            elif not each.init:
                value = f"default_{name}"
            if each.default is not _REQUIRED:
                namespace[f"default_{name}"] = each.default
            if each.init:
                default = f"default_{name}" if each.default is not _REQUIRED else "required"
                optional = each.factory is not None or each.default is not _REQUIRED
                parameters.append(f"{name}={default}" if optional else name)
            if each.init or each.factory is not None or each.default is not _REQUIRED:
                lines.append(
                    f"set_value(self, {name!r}, {value})" if cls._frozen else f"self.{name} = {value}"
                )
        if hasattr(cls, "__post_init__"):
            lines.append("self.__post_init__()")
        body = "\n    ".join(lines or ["pass"])
        exec(f"def __init__({', '.join(parameters)}):\n    {body}", namespace)  # noqa: S102 - as ``dataclasses`` does
        return namespace["__init__"]

    def _represent(self):
        shown = (f"{name}={getattr(self, name)!r}" for name, each in self._records.items() if each.repr)
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def _set_state(self, state):
        for name, value in zip(self._records, state, strict=True):
            object.__setattr__(self, name, value)

    def _refuse(_, name, *_values):
        from dataclasses import FrozenInstanceError  # noqa: PLC0415 - only after a mistake

        raise FrozenInstanceError(f"cannot change field {name!r}")

    class _StandardFields:
        """``__dataclass_fields__``, made when ``dataclasses`` asks for it."""

        def __get__(self, _record, cls):
            """Return the fields in the form of ``dataclasses``."""
            import dataclasses  # noqa: PLC0415 - only for its functions

            found = {}
            for name, each in cls._records.items():
                given = {
                    "default": dataclasses.MISSING if each.default is _REQUIRED else each.default,
                    "default_factory": dataclasses.MISSING if each.factory is None else each.factory,
                    "metadata": each.metadata,
                }
                found[name] = dataclasses.field(**given, init=each.init, repr=each.repr)
                found[name].name, found[name].type = name, cls.__annotations__[name]
                found[name]._field_type = dataclasses._FIELD
            return found
