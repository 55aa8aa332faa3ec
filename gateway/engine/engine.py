"""Runs operations on the schema: prepared once, executed by graphql-core under Strawberry's rules, encoded once."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Hashable, Mapping
from typing import Any, Final, Protocol, cast
from weakref import WeakValueDictionary

import strawberry
from graphql import ExecutionResult, GraphQLSchema, execution
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.execution.is_awaitable import optimized_is_awaitable

from gateway.engine.documents import CacheBounds, Documents
from gateway.engine.errors import BAD_USER_INPUT, format_errors, format_refusals
from gateway.engine.executor import PlainExecutor
from gateway.engine.operation import NO_VALUES, Operation, Prepared
from gateway.engine.request import OperationRequest, RequestError, UnknownDocument
from gateway.engine.results import encoded
from gateway.engine.stream import Audience, Stream
from gateway.engine.updates import SharedUpdates
from gateway.limits import DocumentLimits

_core: Final = cast("Any", execution)
"""graphql-core's own parts of `execute` and `subscribe`, whose types are incomplete."""


class Plans(Protocol):
    """Knows how to run some operations faster, with the same results."""

    def ready(self, prepared: Prepared, root_value: Any, context: Any) -> Any:
        """The executor of one more run, where everything about it is known; None where `executor` is to be asked."""
        ...

    def executor(self, prepared: Prepared) -> Callable[..., Any] | None:
        """What takes the executor class's place for this run; None where nothing does."""
        ...

    def values(self, operation: Operation, given: Mapping[str, Any]) -> VariableValues | None:
        """The variables, read; None where graphql-core is to read them."""
        ...


class Answers(Protocol):
    """Knows when an answer that was made before may be sent again."""

    def run(
        self, prepared: Prepared, context: Any, make: Callable[[Prepared, Any], bytes | Awaitable[bytes]]
    ) -> bytes | Awaitable[bytes]:
        """An encoded answer: one that is kept, or what `make` answers."""
        ...


class Engine:
    """Prepares and runs operations.

    `share` says what a context may see: subscribers whose contexts give equal values are sent the same bytes for an
    event that carries a `share_key`. Without it every subscriber's updates are made for it alone.
    `find` puts the text into requests that name their document by other means; it raises `RequestError`, and
    `UnknownDocument` for one that `seek` may bring. `references` is how many batches all fields of an operation may
    name together.
    """

    def __init__(
        self,
        schema: strawberry.Schema,
        limits: DocumentLimits | None = None,
        *,
        references: int | None = None,
        bounds: CacheBounds | None = None,
        share: Callable[[Any], Hashable] | None = None,
        plans: Plans | None = None,
        answers: Answers | None = None,
        find: Callable[[OperationRequest], OperationRequest] | None = None,
        seek: Callable[[OperationRequest], Awaitable[None]] | None = None,
    ) -> None:
        loose = cast("Any", schema)
        if loose.extensions or loose.directives or loose.config.enable_experimental_incremental_execution:
            raise ValueError("schema extensions, operation directives and @defer do not run on this engine")
        self.limits: Final = limits or DocumentLimits()
        self._schema: GraphQLSchema = loose._schema  # noqa: SLF001  # Strawberry has no public name for it
        self._documents = Documents(self._schema, self.limits, bounds or CacheBounds())
        self._share = share
        self._updates = SharedUpdates()
        self._audiences: WeakValueDictionary[Hashable, Audience] = WeakValueDictionary()
        self._plans = plans
        self._answers = answers
        self._references = references
        self._find = find
        self._seek = seek

    def prepare(self, request: OperationRequest) -> Prepared:
        """The operation that is asked for, checked against schema and limits. Raises `RequestError`."""
        if self._find is not None:
            request = self._find(request)
        if request.query is None:
            raise RequestError.of("BAD_REQUEST", "The request has no `query`.", is_well_formed=False)
        bare = self._documents.get(request.query).operation(request.operation_name)
        operation = bare.operation
        given = request.variables or {}
        prepared = bare
        if operation.variables or request.extensions:
            prepared = Prepared(operation, self._coerce(operation, given), given, request.extensions)
        if operation.cost.of(prepared.values.coerced) > self.limits.cost:
            raise RequestError.of(
                "TOO_COSTLY", f"The answer could hold more than {self.limits.cost} values: ask for fewer at a time."
            )
        if operation.references.fields > 1:
            self._check_references(prepared)
        return prepared

    def _check_references(self, prepared: Prepared) -> None:
        """A single field's list is that field's own affair, which is told where it stands."""
        most, named = self._references, prepared.operation.references
        if most is not None and named.of(prepared.values.coerced) > most:
            raise RequestError.of(
                BAD_USER_INPUT,
                f"One request may name {most} batches at most, in all its fields together: ask for fewer at a time.",
            )

    async def prepare_sought(self, request: OperationRequest, unknown: UnknownDocument) -> Prepared:
        """The same for a document that `prepare` did not know, once it was looked for. Raises `RequestError`."""
        if self._seek is None:
            raise unknown
        await self._seek(request)
        return self.prepare(request)

    def run(self, prepared: Prepared, context: object) -> bytes | Awaitable[bytes]:
        """Execute a query or mutation: the encoded result, at once where no resolver has to wait. Never fails.

        What is to be awaited has perhaps begun: await it in the same task.
        """
        if self._answers is None or prepared.kind != "query":
            return self._run(prepared, context)
        return self._answers.run(prepared, context, self._run)

    async def execute(self, prepared: Prepared, context: object) -> bytes:
        """The encoded result of a query or mutation. Never fails: errors are part of it."""
        result = self.run(prepared, context)
        return result if isinstance(result, bytes) else await result

    def stream(self, prepared: Prepared, context: object) -> AsyncGenerator[bytes, None] | Stream:
        """The encoded results of any operation, one or many, for a transport that streams. Close it.

        Raises `RequestError` where a subscription cannot start, or breaks.
        """
        return self.subscribe(prepared, context) if prepared.kind == "subscription" else self._once(prepared, context)

    def subscribe(self, prepared: Prepared, context: object) -> Stream:
        """The encoded results of a subscription; ends with its source. Close it.

        Raises `RequestError` where it cannot start, or breaks.
        """
        return Stream(self._audience(prepared, context), context)

    def _audience(self, prepared: Prepared, context: object) -> Audience:
        """What subscribers have in common who ask the same and may see the same: they hold it once."""
        if self._share is None:
            return Audience(prepared, self._source, self._event, None)
        key = (prepared.identity(), self._share(context))
        audience = self._audiences.get(key)
        if audience is None:
            audience = self._audiences[key] = Audience(prepared, self._source, self._event, self._updates)
        return audience

    async def _once(self, prepared: Prepared, context: object) -> AsyncGenerator[bytes, None]:
        yield await self.execute(prepared, context)

    def _run(self, prepared: Prepared, context: Any) -> bytes | Awaitable[bytes]:
        return encoded(lambda: self._executor(prepared, context).execute_operation())

    def _coerce(self, operation: Operation, given: dict[str, Any]) -> Any:
        if not operation.variables:
            return NO_VALUES
        if self._plans is not None and (known := self._plans.values(operation, given)) is not None:
            return known
        values = get_variable_values(
            self._schema,
            operation.node.variable_definitions or (),
            given,
            max_errors=self.limits.errors,
            hide_suggestions=not self.limits.suggestions,
        )
        if isinstance(values, list):
            raise RequestError(format_refusals(values[: self.limits.errors], BAD_USER_INPUT))
        return values

    def _executor(self, prepared: Prepared, context: object, event: object = None) -> Any:
        """As `Executor.build` makes it, without its walk over the document: what it finds there is kept."""
        if self._plans is not None and (ready := self._plans.ready(prepared, event, context)) is not None:
            return ready
        operation = prepared.operation
        make = None if self._plans is None else self._plans.executor(prepared)
        return (make or PlainExecutor)(
            self._schema,
            operation.fragments,
            operation.details,
            event,
            context,
            operation.node,
            prepared.values,
            _core.default_field_resolver,
            _core.default_type_resolver,
            _core.default_field_resolver,
            is_awaitable=optimized_is_awaitable,
            hide_suggestions=not self.limits.suggestions,
            operation_extensions=prepared.extensions,
        )

    async def _source(self, prepared: Prepared, context: object) -> AsyncIterator[Any]:
        executor = self._executor(prepared, context)
        # `info` would hold the whole executor by these for as long as the stream lives; nothing here uses them
        executor.async_helpers = None
        source: Any = _core.create_source_event_stream(executor)
        if executor.is_awaitable(source):
            source = await source
        if isinstance(source, ExecutionResult):
            raise RequestError(format_errors(source.errors or ()))
        return aiter(source)

    def _event(self, prepared: Prepared, context: object, event: object) -> bytes | Awaitable[bytes]:
        return encoded(lambda: _core.execute_subscription_event(self._executor(prepared, context, event)))
