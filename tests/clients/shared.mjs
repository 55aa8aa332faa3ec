// What every client here asks, and how it reports: one JSON object on standard output, exit status 0 when all went well.

export const BATCH = /* GraphQL */ `
  query OneBatch($ref: BatchRef!) {
    batch(ref: $ref) {
      __typename
      ... on NormalizedBatch {
        id
        batchId
        status
      }
      ... on TrendyolBatch {
        batchRequestType
      }
    }
  }
`;

export const UPDATES = /* GraphQL */ `
  subscription Updates($refs: [BatchRef!]!) {
    batchUpdates(refs: $refs) {
      ref {
        batchId
      }
      batch {
        __typename
        ... on NormalizedBatch {
          id
          status
          isTerminal
          progress
        }
      }
      error {
        code
        message
      }
      version
      isFinal
    }
  }
`;

const GIVE_UP_AFTER = 60_000;

/** The gateway's address, the batch to follow and, where the gateway asks for one, the token. */
export function task() {
  const [url, id, token] = process.argv.slice(2);
  if (!url) throw new Error("usage: node CLIENT.mjs URL [TRENDYOL_BATCH_ID [TOKEN]]");
  const headers = token ? { authorization: `Bearer ${token}` } : {};
  return { url, wsUrl: url.replace(/^http/, "ws"), ref: { source: "TRENDYOL", id }, headers };
}

/** Runs `work` and prints what it returns; prints the reason and leaves with 1 where it fails or takes too long. */
export async function report(work) {
  const late = setTimeout(() => fail(new Error(`no end after ${GIVE_UP_AFTER} ms`)), GIVE_UP_AFTER);
  try {
    console.log(JSON.stringify(await work()));
  } catch (error) {
    fail(error);
  }
  clearTimeout(late);
}

function fail(error) {
  const reasons = Array.isArray(error) ? error : [error];
  for (const { name, code, message, reason, cause } of reasons) console.error({ name, code, message, reason, cause });
  process.exit(1);
}
