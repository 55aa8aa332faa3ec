// graphql-ws: query and subscription over one socket, graphql-transport-ws.
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { BATCH, UPDATES, report, task } from "./shared.mjs";

const { wsUrl, ref, headers } = task();

await report(async () => {
  let closed;
  const client = createClient({
    url: wsUrl,
    webSocketImpl: WebSocket,
    connectionParams: headers,
    lazy: true,
    retryAttempts: 0,
    on: { closed: (event) => (closed = event.code) },
  });
  const query = await collect(client.iterate({ query: BATCH, variables: { ref } }));
  // Two at once on the socket, then a broken one beside them: it fails alone.
  const both = Promise.all([follow(client), follow(client)]);
  const broken = await collect(client.iterate({ query: "subscription { nonsense" })).catch((errors) => errors);
  const [updates, twin] = await both;
  await client.dispose();
  return { client: "graphql-ws", query: query[0].data, updates, twin, broken: describe(broken), closed };
});

async function follow(client) {
  const results = await collect(client.iterate({ query: UPDATES, variables: { refs: [ref] } }));
  return results.map((result) => result.data?.batchUpdates ?? result);
}

async function collect(results) {
  const all = [];
  for await (const result of results) all.push(result);
  return all;
}

function describe(errors) {
  return Array.isArray(errors) ? errors.map((error) => error.message) : String(errors);
}
