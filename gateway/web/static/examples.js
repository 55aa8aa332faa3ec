// What GraphiQL opens with: one tab each. Ids are free in the sandbox; a prefix picks the story that an id lives through.
// `run` differs each time the page opens, so that what is watched has not ended yet.

const ONE_BATCH = `# One batch, as its marketplace keeps it.
#
# Press play or Ctrl-Enter. A batch of the sandbox
# lives for a few seconds: run this again and see
# it end, some of its items refused.
#
# More in the other tabs. If the gateway wants a
# token, write it under "Headers" below, once for
# all tabs, then re-fetch the schema (lower left):
#   { "Authorization": "Bearer …" }

query OneBatch {
  batch(
    ref: {source: TRENDYOL, id: "partly-failed-1"}
  ) {
    ...Shared
    ... on TrendyolBatch {
      batchRequestType
    }
  }
}

# Reads the same on every marketplace.
fragment Shared on NormalizedBatch {
  status
  outcome
  progress
  itemCount
  succeededCount
  failedCount
  createdAt
  failureSummary {
    count
    message
  }
}
`;

const FOUR_MARKETPLACES = `# Four marketplaces, asked at the same time.
# One that fails does not spoil the others.

query FourMarketplaces($refs: [BatchRef!]!) {
  batches(refs: $refs) {
    ref {
      source
      batchId
      account
    }
    batch {
      __typename
      ... on NormalizedBatch {
        status
        outcome
        progress
        itemCount
        failedCount
      }
      ... on TrendyolBatch {
        batchRequestType
      }
      ... on MircateBatch {
        ratio
      }
      ... on SureCartBatch {
        finishedBatchOperationsCount
      }
    }
    error {
      code
      message
      isRetryable
    }
  }
}
`;

const LIVE = `# The state now, then every change. The stream
# ends by itself when all its batches have ended.

subscription Live($refs: [BatchRef!]!) {
  batchUpdates(refs: $refs) {
    ref {
      source
      batchId
    }
    batch {
      ... on NormalizedBatch {
        status
        outcome
        progress
        itemCount
        succeededCount
        failedCount
        pendingCount
      }
    }
    error {
      code
      message
    }
    isFinal
  }
}
`;

const WHY_FAILED = `# Why items failed: by reason, then one by one,
# with what was submitted. awaitBatch answers when
# the batch has ended, or at the timeout.

query WhyFailed($ref: BatchRef!) {
  awaitBatch(ref: $ref, timeout: 30) {
    ... on NormalizedBatch {
      status
      outcome
      failureSummary {
        count
        code
        message
        explanation
      }
      items(first: 10, status: FAILED) {
        totalCount
        nodes {
          key
          title
          failures {
            message
            explanation(language: EN)
          }
          payload
        }
      }
      nextStep
    }
  }
}
`;

const MARKETPLACES = `# What you may use, and how well it answers now.

query Marketplaces {
  marketplaces {
    marketplace
    sources
    retention
    accounts {
      name
      budgetLeft
      breaker
      watchedBatches
    }
  }
}
`;

const tab = (query, variables) => ({ query, variables: variables ? JSON.stringify(variables, null, 2) : "" });

/** The tabs, in order. Those that watch name batches of this `run`. */
export function examples(run) {
  return [
    tab(ONE_BATCH),
    tab(FOUR_MARKETPLACES, {
      refs: [
        { source: "TRENDYOL", id: `first-${run}` },
        { source: "IDEFIX_INVENTORY", id: `partly-failed-${run}` },
        { source: "MIRCATE", id: `slow-${run}` },
        { source: "SURECART_BATCH", id: `failed-${run}` },
      ],
    }),
    tab(LIVE, {
      refs: [
        { source: "TRENDYOL", id: `live-${run}` },
        { source: "SURECART_BATCH", id: `partly-failed-live-${run}` },
      ],
    }),
    tab(WHY_FAILED, { ref: { source: "IDEFIX_FAST_LISTING", id: `partly-failed-why-${run}` } }),
    tab(MARKETPLACES),
  ];
}
