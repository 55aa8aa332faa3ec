// What a bar needs of any batch, and what only some marketplaces have.
import { graphql } from "./graphql.js";

// On the interface: one fragment for every marketplace. `id` is global and unique, so the cache needs no settings.
export const PROGRESS = graphql(`
  fragment Progress on NormalizedBatch {
    id
    status
    outcome
    progress
    failedCount
    isStale
  }
`);

export const BATCH = graphql(
  `
    query Batch($ref: BatchRef!) {
      batch(ref: $ref) {
        __typename
        ...Progress
        ... on TrendyolBatch {
          batchRequestType
        }
        ... on MircateBatch {
          ratio
        }
      }
    }
  `,
  [PROGRESS],
);

export const FOLLOW = graphql(
  `
    subscription Follow($refs: [BatchRef!]!) {
      batchUpdates(refs: $refs) {
        isFinal
        batch {
          __typename
          ...Progress
        }
        error {
          code
          message
        }
      }
    }
  `,
  [PROGRESS],
);
