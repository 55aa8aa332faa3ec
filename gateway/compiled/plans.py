"""The door of this package: an executor with a plan for operations that have one, and counts of what became of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, cast

import strawberry
from graphql import GraphQLError, GraphQLSchema
from graphql.execution.values import VariableValues

from gateway.compiled.coercion import Coercion, Readers
from gateway.compiled.columns import PIECES, Columns
from gateway.compiled.counts import Counts
from gateway.compiled.executor import PlannedExecutor
from gateway.compiled.fields import is_plain
from gateway.compiled.kept import FIELDS, KeptPlans, Planned, Room
from gateway.compiled.plan import Plan
from gateway.compiled.unfit import Unfit
from gateway.compiled.variables import deciding_variables
from gateway.engine.operation import NO_VALUES, Operation, Prepared

_VARIANTS: Final = 16
"""Plans of one operation at most: each setting of the variables that `@skip` and `@include` hang on needs its own."""
_COSTLY: Final = 2_000
"""An operation whose answer could hold as many values is compiled at once: graphql-core would take 10 ms for them."""
_KEY: Final = "plans"
_COERCION: Final = "coercion"


class Plans:
    """Plans of operations, kept with them. An operation is compiled once it has run `after` times without a plan.

    Compiling takes as long as a few small answers without: it is not done for an operation that is sent only once,
    unless its answer could be so large that compiling is the smaller part.
    Encoded members of lists that last are kept within `pieces` bytes.
    """

    def __init__(
        self, schema: strawberry.Schema, *, after: int = 1, fields: int = FIELDS, pieces: int = PIECES
    ) -> None:
        self._schema = schema
        self._columns = Columns(pieces)
        self._room = Room(fields)
        self._after = after
        self._is_plain = is_plain(schema)
        self._readers = Readers()
        self._core: GraphQLSchema = cast("Any", schema)._schema  # noqa: SLF001  # it has no public name
        self.counts: Final = Counts()

    @property
    def kept(self) -> int:
        """How large the plans are that are kept, in fields."""
        return self._room.held

    def values(self, operation: Operation, given: Mapping[str, Any]) -> VariableValues | None:
        """The variables as graphql-core would read them; None where it has to see them itself."""
        kept = operation.memo.get(_COERCION, self)
        if kept is self:
            kept = operation.memo[_COERCION] = self._coercion(operation)
        if not isinstance(kept, Coercion):
            return None
        try:
            return kept.read(given)
        except Exception:  # noqa: BLE001  # whatever it is, it is graphql-core's to tell
            return None

    def _coercion(self, operation: Operation) -> Coercion | None:
        try:
            return Coercion(self._core, operation, self._readers)
        except Unfit:
            return None

    def ready(self, prepared: Prepared, root_value: Any, context: Any) -> Any:
        """The executor of one more run of an operation that has run with its plan; None where it has not."""
        kept = prepared.operation.memo.get(_KEY)
        if not isinstance(kept, KeptPlans) or kept.deciding is None:
            return None
        values = prepared.values
        setting = tuple([values.coerced.get(name) for name in kept.deciding])
        planned = kept.plans.get(setting)
        if planned is None or planned.first is None:
            return None
        kept.runs += 1
        self.counts.planned += 1
        self._room.use(planned, kept, setting)
        return planned.first.again(root_value, context, values, prepared.extensions)

    def executor(self, prepared: Prepared) -> Callable[..., Any] | None:
        """What makes the executor of one run out of what graphql-core's own takes; None where that one is to do it."""
        operation = prepared.operation
        kept = operation.memo.get(_KEY)
        if not isinstance(kept, KeptPlans):
            kept = operation.memo[_KEY] = KeptPlans(self._deciding(operation))
        kept.runs += 1
        is_worth_it = kept.runs > self._after or operation.cost.of(prepared.values.coerced) >= _COSTLY
        plan = self._plan(kept, operation, prepared.values) if is_worth_it else None
        if plan is None:
            self.counts.unplanned += 1
            return None
        self.counts.planned += 1
        return partial(self._follow, plan)

    def _follow(self, kept: Planned, *args: Any, **options: Any) -> Any:
        schema, definitions, fragments, root_value, context, operation, values, *resolvers = args
        extensions = options.pop("operation_extensions")
        if kept.first is None:
            # nothing of the first run is kept with the plan
            given = (schema, definitions, fragments, None, None, operation, NO_VALUES, *resolvers)
            kept.first = PlannedExecutor(*given, operation_extensions=None, **options)
            kept.first.plan, kept.first.counts = kept.plan, self.counts
        return kept.first.again(root_value, context, values, extensions)

    def _plan(self, kept: KeptPlans, operation: Operation, values: VariableValues) -> Planned | None:
        if kept.deciding is None:
            return None
        setting = tuple(values.coerced.get(name) for name in kept.deciding)
        if setting not in kept.plans and len(kept.plans) < _VARIANTS:
            kept.plans[setting] = self._compile(operation, kept.deciding, values)
        planned = kept.plans.get(setting)
        if planned is not None:
            self._room.use(planned, kept, setting)
        return planned

    def _compile(self, operation: Operation, deciding: tuple[str, ...], values: VariableValues) -> Planned | None:
        # nothing of the other variables, perhaps large ones of one client, is kept with the plan
        settled = VariableValues(
            {name: values.sources[name] for name in deciding if name in values.sources},
            {name: values.coerced[name] for name in deciding if name in values.coerced},
        )
        try:
            return Planned(Plan(self._schema, operation, settled, self._columns))
        except (GraphQLError, Unfit):
            # a null for `@skip` or `@include` at the root, perhaps: graphql-core tells what is wrong with it
            return None

    def _deciding(self, operation: Operation) -> tuple[str, ...] | None:
        if operation.kind == "mutation" or not self._is_plain:
            return None
        if any(details.variable_signatures for details in operation.details.values()):
            return None
        try:
            fragments = [fragment.selection_set for fragment in operation.fragments.values()]
            return deciding_variables([operation.node.selection_set, *fragments])
        except Unfit:
            return None
