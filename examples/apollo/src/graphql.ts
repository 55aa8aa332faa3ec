// `graphql` knows our SDL: a misspelt field does not compile, and results are typed down to each member of the union.
import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./generated/graphql-env.js";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  scalars: {
    DateTime: string; // ISO 8601, UTC
    Decimal: string; // a number would lose digits
    JSON: unknown;
  };
}>();

export { readFragment, type FragmentOf, type ResultOf } from "gql.tada";
