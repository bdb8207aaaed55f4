"""The small repository of the tests of sweeps is the one that CI compares here."""

from tests.sweeping.conftest import started

__all__ = ["started"]
