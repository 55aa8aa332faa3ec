// A live progress bar that never reads a subscription's result: updates land in the cache, the query on screen follows.
// usage: npm start -- [GATEWAY] [BATCH-ID]
import type { Subscription } from "rxjs";
import { BATCH, FOLLOW, PROGRESS } from "./batch.js";
import { connect } from "./client.js";
import { readFragment, type FragmentOf } from "./graphql.js";

const [gateway = "http://127.0.0.1:8000", id = `partly-failed-${Date.now().toString(36)}`] = process.argv.slice(2);
const { client, close } = connect(gateway, process.env.BATCH_GATEWAY_TOKEN);
const ref = { source: "TRENDYOL", id } as const;

let last = "";
function show(batch: FragmentOf<typeof PROGRESS>): void {
  const { status, progress, failedCount, isStale } = readFragment(PROGRESS, batch);
  const done = progress ?? 0; // null where the marketplace tells too little
  const bar = "#".repeat(Math.round(done * 20)).padEnd(20);
  const failed = failedCount ? `, ${failedCount} failed` : "";
  const line = `[${bar}] ${String(Math.round(done * 100)).padStart(3)} %  ${status}${failed}${isStale ? " (stale)" : ""}`;
  if (line !== last) console.log((last = line));
}

// What a component on screen would do: it asks once, and is told whenever the cache knows more.
const screen: Subscription = client.watchQuery({ query: BATCH, variables: { ref } }).subscribe(({ data }) => {
  if (data?.batch?.__typename) show(data.batch as FragmentOf<typeof PROGRESS>);
});

// Each update is written to the cache under the batch's global id. It ends by itself, with the batch.
await new Promise<void>((resolve) => {
  client.subscribe({ query: FOLLOW, variables: { refs: [ref] } }).subscribe({
    next: ({ data, error }) => {
      const trouble = data?.batchUpdates.error ?? error;
      if (trouble) console.error(trouble.message);
    },
    error: (error: Error) => (console.error(error.message), resolve()),
    complete: resolve,
  });
});

// Out of the cache; or by the first question's answer, where the updates were quicker than that.
const known = await client.query({ query: BATCH, variables: { ref } }).then(
  ({ data }) => data?.batch,
  (error: Error) => void console.error(error.message),
);
if (known?.__typename) show(known as FragmentOf<typeof PROGRESS>);
screen.unsubscribe();
await close();
if (known?.__typename === "TrendyolBatch") console.log(`a batch of ${known.batchRequestType ?? "an unnamed kind"}`);
const outcome = known && readFragment(PROGRESS, known).outcome;
process.exitCode = outcome ? Number(outcome !== "SUCCEEDED") : 2;
