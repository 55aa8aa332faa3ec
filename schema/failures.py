"""Why items failed: one by one, and grouped by reason."""

from __future__ import annotations

from typing import Annotated

import strawberry

from adapters import model
from schema.enums import Language

LanguageArgument = Annotated[Language, strawberry.argument(description="Language of the words")]


def say(text: model.Text | None, language: Language) -> str | None:
    """The words in that language."""
    if text is None:
        return None
    return text.tr if language is Language.TR else text.en


@strawberry.type(description="Why an item failed")
class Failure:
    """One reason of one item."""

    code: str | None = strawberry.field(description="The marketplace's code, where it has one")
    message: str | None = strawberry.field(description="The marketplace's words; null where it sends a code alone")
    text: strawberry.Private[model.Text | None] = None

    @strawberry.field(description="What it means and what to do, where the marketplace documents it")
    def explanation(self, language: Language = Language.EN) -> str | None:
        """The documented meaning."""
        return say(self.text, language)


@strawberry.type(description="Items that failed for the same reason")
class FailureGroup:
    """One reason of many items."""

    code: str | None = strawberry.field(description="The marketplace's code, where it has one")
    message: str | None = strawberry.field(description="The marketplace's words; null where it sends a code alone")
    count: int = strawberry.field(description="How many items failed for it")
    text: strawberry.Private[model.Text | None] = None

    @strawberry.field(description="What it means and what to do, where the marketplace documents it")
    def explanation(self, language: Language = Language.EN) -> str | None:
        """The documented meaning."""
        return say(self.text, language)


def failures(of: tuple[model.Failure, ...]) -> list[Failure]:
    """The failures of one item, as the API shows them."""
    return [Failure(code=f.code, message=f.message, text=f.explanation) for f in of]


def failure_groups(items: model.Items) -> list[FailureGroup]:
    """The failures of a batch by reason, as `Items.reasons` counts them."""
    return [
        FailureGroup(code=reason.code, message=reason.message, count=count, text=reason.explanation)
        for reason, count in items.reasons()
    ]
