// graphql-sse, distinct connections mode: each operation is a POST answered by its own event stream.
import { createClient } from "graphql-sse";
import { BATCH, UPDATES, report, task } from "./shared.mjs";

const { url, ref, headers } = task();

await report(async () => {
  const client = createClient({ url, headers, singleConnection: false, retryAttempts: 0 });
  const query = await collect(client.iterate({ query: BATCH, variables: { ref } }));
  const updates = await collect(client.iterate({ query: UPDATES, variables: { refs: [ref] } }));
  client.dispose();
  return {
    client: "graphql-sse",
    query: query[0].data,
    updates: updates.map((result) => result.data?.batchUpdates ?? result),
  };
});

async function collect(results) {
  const all = [];
  for await (const result of results) all.push(result);
  return all;
}
