"""Pretrained models that travel between processes as their settings, without their weights."""

from functools import cached_property
from typing import Any


class LoadedWhereUsed:
    """Pickled without what its cached properties hold: the process that unpickles it makes that anew when it is asked for."""

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the values of cached properties."""
        return {name: value for name, value in vars(self).items() if not self._is_made_anew(name)}

    def _is_made_anew(self, name: str) -> bool:
        return isinstance(getattr(type(self), name, None), cached_property)
