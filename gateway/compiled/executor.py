"""graphql-core's executor with a plan: whole values are completed by compiled code, whatever it can vouch for.

graphql-core stays in charge: it schedules the root fields, and where compiled code gives a value up it completes that
value itself, field by field, from the same object. On its way down every part is offered to compiled code again, so
that one failed item among a thousand costs one item, and an awaited field leaves the rest compiled. Errors are thus
always graphql-core's own. Resolvers below the root may be called again for it; GraphQL wants them free of effects.
"""

from __future__ import annotations

from collections.abc import Awaitable
from types import CoroutineType
from typing import Any

from graphql import ExecutionResult, GraphQLError
from graphql.execution.executor import CollectedErrors

from gateway.compiled.bound import Bound
from gateway.compiled.counts import Counts
from gateway.compiled.plan import Only, Plan
from gateway.compiled.started import Started
from gateway.engine.executor import PlainExecutor

_plain: Any = PlainExecutor
"""Its types are incomplete."""
_COROUTINE: Any = CoroutineType
"""What nearly all that has to be awaited is; anything else is asked about."""


class PlannedExecutor(_plain):
    """One run of an operation that has a plan."""

    plan: Plan
    counts: Counts
    bound: Bound

    def again(self, root_value: Any, context: Any, values: Any, extensions: Any) -> PlannedExecutor:
        """An executor for another run of the same operation, made as graphql-core makes one for each event: a copy."""
        made: Any = PlannedExecutor.__new__(PlannedExecutor)
        made.__dict__.update(self.__dict__)
        made.root_value = root_value
        made.context_value = context
        made.variable_values = values
        made.operation_extensions = extensions
        made.collected_errors = CollectedErrors()
        made.bound = Bound(self.plan.hanging, values)
        return made

    def execute_operation(self, serially: bool | None = None) -> Any:  # noqa: FBT001  # as the base has it
        """The result, or an awaitable of it; awaited in the task that asked for it."""
        plan, only = self.plan, self.plan.only
        try:
            if only is None:
                found = self.execute_fields(plan.root, self.root_value, None, plan.fields, None)
            else:
                found = self.execute_field(plan.root, self.root_value, only.details, only.path, None)
            if type(found) is _COROUTINE or self.is_awaitable(found):
                if serially is not None:
                    # an event of a subscription: who awaits its execution is not who started it
                    return self._finish(found, only)
                started = Started(found)
                if not started.is_done:
                    return self._finish(started, only)
                found = started.result
        except GraphQLError as error:
            return self._failed(error)
        return self.build_response(found if only is None else {only.path.key: found})

    async def _finish(self, started: Awaitable[Any], only: Only | None) -> ExecutionResult:
        try:
            found = await started
        except GraphQLError as error:
            return self._failed(error)
        return self.build_response(found if only is None else {only.path.key: found})

    def _failed(self, error: GraphQLError) -> Any:
        self.collected_errors.add(error, None)
        return self.build_response(None)

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position_context: Any) -> Any:
        """The answer of one field, or an awaitable of it."""
        root = self.plan.roots.get(id(details))
        if root is None:
            return _plain.execute_field(self, parent_type, source, details, path, position_context)
        type_ = root.definition.type
        info = self.build_resolve_info(root.definition, root.nodes, parent_type, path)
        try:
            result = root.resolve(source, info, self.variable_values, hide_suggestions=self.hide_suggestions)
            if type(result) is _COROUTINE or self.is_awaitable(result):
                return self._later(result, details, info, path, position_context)
            completed = self.complete_value(type_, details, info, path, result, position_context)
        except Exception as error:  # noqa: BLE001  # graphql-core places it, whatever it is
            self.handle_field_error(error, type_, details, path)
            return None
        if self.is_awaitable(completed):
            return self._guarded(completed, type_, details, path)
        return completed

    async def _later(self, result: Awaitable[Any], details: Any, info: Any, path: Any, position_context: Any) -> Any:
        type_ = info.return_type
        try:
            completed = self.complete_value(type_, details, info, path, await result, position_context)
            return await completed if self.is_awaitable(completed) else completed
        except Exception as error:  # noqa: BLE001  # graphql-core places it, whatever it is
            self.handle_field_error(error, type_, details, path)
            return None

    async def _guarded(self, completed: Awaitable[Any], type_: Any, details: Any, path: Any) -> Any:
        try:
            return await completed
        except Exception as error:  # noqa: BLE001  # graphql-core places it, whatever it is
            self.handle_field_error(error, type_, details, path)
            return None

    def complete_value(
        self, return_type: Any, details: Any, info: Any, path: Any, result: Any, position_context: Any
    ) -> Any:
        """A value as it is answered, or an awaitable of it. Raises what is wrong with it."""
        project = self.plan.projection(return_type, details, info.return_type)
        if project is not None and result is not None:
            try:
                completed = project(result, self.bound)
            except Exception:  # noqa: BLE001  # whatever it is, it is graphql-core's to tell
                self.counts.given_up += 1
            else:
                self.counts.made += 1
                return completed
        return _plain.complete_value(self, return_type, details, info, path, result, position_context)

    def collect_subfields(self, return_type: Any, details: Any) -> Any:
        """What is selected on objects of a type."""
        return self.plan.subfields(return_type, details)
