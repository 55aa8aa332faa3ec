// Everything that the board asks of the API. Words come in both languages: another language needs no other answer.

const REF = 'ref { source batchId account }';
const ERROR = 'error { code message sourceMessage isRetryable retryAfter }';

export const UPDATES = `subscription BoardUpdates($refs: [BatchRef!]!) {
  batchUpdates(refs: $refs) {
    ${REF}
    version
    isFinal
    ${ERROR}
    batch { ...State }
  }
}
fragment State on NormalizedBatch {
  marketplace
  account
  operation
  status
  sourceStatus
  outcome
  isTerminal
  isConfirmed
  progress
  itemCount
  succeededCount
  failedCount
  pendingCount
  createdAt
  updatedAt
  completedAt
  expiresAt
  fetchedAt
  isStale
  en: nextStep(language: EN)
  tr: nextStep(language: TR)
}`;

export const MARKETPLACES = `query BoardMarketplaces {
  marketplaces {
    marketplace
    title
    sources
    accounts { name budgetLeft breaker watchedBatches }
  }
}`;

// Also what none of the client's accounts is for. Where the gateway keeps its schema to itself, nothing is learned here.
export const KNOWN = `query BoardKnown {
  marketplaces: __type(name: "Marketplace") { enumValues { name } }
  sources: __type(name: "BatchSource") { enumValues { name } }
}`;

// What the gateway has at hand is enough for these: `maxAge` keeps it from asking the marketplace for the board's sake.
export const LOOK = `query BoardLook($refs: [BatchRef!]!) {
  batches(refs: $refs, maxAge: 86400) {
    ${REF}
    ${ERROR}
    batch { ... on NormalizedBatch { fetchedAt isStale } }
  }
}`;

export const SUMMARIES = `query BoardFailures($refs: [BatchRef!]!) {
  batches(refs: $refs, maxAge: 86400) {
    ${REF}
    ${ERROR}
    batch {
      ... on NormalizedBatch {
        failureSummary { code message count en: explanation(language: EN) tr: explanation(language: TR) }
      }
    }
  }
}`;

export const FAILED_ITEMS = `query BoardFailedItems($ref: BatchRef!, $after: String) {
  batch(ref: $ref, maxAge: 86400) {
    ... on NormalizedBatch {
      items(status: FAILED, first: 500, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes { index key title failures { code message en: explanation(language: EN) } }
      }
    }
  }
}`;

export const SUBMITTED_ITEMS = `query BoardSubmittedItems($ref: BatchRef!, $after: String) {
  batch(ref: $ref, maxAge: 86400) {
    ... on NormalizedBatch {
      account
      items(status: FAILED, first: 500, after: $after) {
        totalCount
        pageInfo { hasNextPage endCursor }
        nodes {
          index
          key
          title
          payload
          failures { code message en: explanation(language: EN) tr: explanation(language: TR) }
        }
      }
    }
  }
}`;
