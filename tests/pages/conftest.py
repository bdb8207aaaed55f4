"""The kit is tried on the report of an ordinary run too."""

from tests.reporting.conftest import document, inputs, ordinary

__all__ = ["document", "inputs", "ordinary"]
