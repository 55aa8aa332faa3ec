"""Fields that show what a marketplace's own object says, read when somebody asks for them."""

from __future__ import annotations

from typing import Any

import strawberry


def shows(name: str, description: str | None = None) -> Any:
    """A field that shows an attribute of the object's private `own`.

    Its type is what the class says: the resolver has none, or Strawberry would believe that.
    """

    def read(self: Any):
        return getattr(self.own, name)

    return strawberry.field(resolver=read, description=description)
