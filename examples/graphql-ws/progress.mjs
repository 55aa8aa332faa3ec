// A live progress bar of one batch with graphql-ws: it reconnects by itself and ends with the batch.
// usage: node progress.mjs [GATEWAY] [BATCH-ID]
// In a browser leave `webSocketImpl` out: there is a WebSocket already.
import { createClient } from "graphql-ws";
import WebSocket from "ws";

const [gateway = "http://127.0.0.1:8000", id = `partly-failed-${Date.now().toString(36)}`] = process.argv.slice(2);
const token = process.env.BATCH_GATEWAY_TOKEN;
const FORBIDDEN = 4403;

const FOLLOW = `
  subscription Follow($refs: [BatchRef!]!) {
    batchUpdates(refs: $refs) {
      isFinal
      batch {
        ... on NormalizedBatch {
          status
          outcome
          progress
          failedCount
          failureSummary { count code message }
        }
      }
      error { code message }
    }
  }
`;

const client = createClient({
  url: `${gateway.replace(/^http/, "ws")}/graphql`,
  webSocketImpl: WebSocket,
  // A function: it is asked again at every connection, so that a fresh token can be given.
  connectionParams: () => (token ? { token } : {}),
  // The first update after a reconnect is the current state, so that nothing is missed. A token that was refused is
  // refused again: only who can fetch a fresh one tries again then.
  shouldRetry: ({ code }) => code !== FORBIDDEN,
  on: {
    closed: ({ code }) => {
      if (code !== 1000 && code !== FORBIDDEN) console.error(`The connection is lost (${code}).`);
    },
  },
});

let last = null;
let trouble = null;
try {
  for await (const { data, errors } of client.iterate({
    query: FOLLOW,
    variables: { refs: [{ source: "TRENDYOL", id }] },
  })) {
    trouble = errors?.[0] ?? data.batchUpdates.error;
    last = data?.batchUpdates.batch ?? last;
    if (trouble) console.error(trouble.message);
    else show(last);
  }
} catch (refused) {
  // Errors of the operation itself come as a list, a connection that cannot be made as an event or an Error.
  console.error([refused].flat().map((error) => error.message ?? error.reason ?? String(error)).join("\n"));
}
await client.dispose();

for (const { count, code, message } of last?.failureSummary ?? []) console.log(`${count} x ${message ?? code}`);
process.exitCode = last?.outcome ? Number(last.outcome !== "SUCCEEDED") : 2;

function show({ status, progress, failedCount }) {
  const done = progress ?? 0; // null where the marketplace tells too little
  const bar = "#".repeat(Math.round(done * 20)).padEnd(20);
  const failed = failedCount ? `, ${failedCount} failed` : "";
  console.log(`[${bar}] ${String(Math.round(done * 100)).padStart(3)} %  ${status}${failed}`);
}
