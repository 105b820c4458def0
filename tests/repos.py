"""Repositories for tests: those of the conformance suite, under the name every test knows."""

from conformance.repos import Repo

__all__ = ["Repo"]
