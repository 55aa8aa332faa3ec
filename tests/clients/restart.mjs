// Four clients follow one batch while the gateway is restarted under them: each has to come back and see the end.
// Prints "following" once all of them have heard of the batch: now the gateway may go.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { EventSource } from "eventsource";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import WebSocket from "ws";
import { UPDATES, report, task } from "./shared.mjs";

const { url, wsUrl, ref, headers } = task();
const variables = { refs: [ref] };
const heard = new Set();
const forever = { retryAttempts: Infinity, retryWait: () => pause(200), shouldRetry: () => true };

await report(async () => {
  const [ws, sse, eventSource, apollo] = await Promise.all([overWs(), overSse(), overEventSource(), overApollo()]);
  return { ws, sse, eventSource, apollo };
});

function note(name, log, result) {
  log.updates.push(result.data.batchUpdates);
  if (heard.size < 4 && heard.add(name).size === 4) console.log("following");
}

async function overWs() {
  const log = { updates: [], closed: [] };
  const on = { closed: (event) => log.closed.push(event.code) };
  const options = { url: wsUrl, webSocketImpl: WebSocket, connectionParams: headers, on };
  const client = createWsClient({ ...options, ...forever });
  for await (const result of client.iterate({ query: UPDATES, variables })) note("ws", log, result);
  return log;
}

async function overSse() {
  const log = { updates: [] };
  const client = createSseClient({ url, headers, ...forever });
  for await (const result of client.iterate({ query: UPDATES, variables })) note("sse", log, result);
  return log;
}

function overEventSource() {
  const log = { updates: [], breaks: 0 };
  const target = new URL(url);
  target.searchParams.set("query", UPDATES);
  target.searchParams.set("variables", JSON.stringify(variables));
  let source;
  const open = () => {
    source = new EventSource(target);
    source.addEventListener("next", (event) => note("eventSource", log, JSON.parse(event.data)));
  };
  return new Promise((resolve) => {
    const listen = () => {
      open();
      source.addEventListener("complete", () => resolve((source.close(), log)));
      source.addEventListener("error", async () => {
        log.breaks += 1;
        // It comes back by itself unless the address did not answer at all or answered with an error: then a page does.
        if (source.readyState === EventSource.CLOSED) await pause(200).then(listen);
      });
    };
    listen();
  });
}

async function overApollo() {
  const log = { updates: [], errors: [] };
  const client = new ApolloClient({ link: new HttpLink({ uri: url, headers }), cache: new InMemoryCache() });
  const once = () =>
    new Promise((resolve) => {
      client.subscribe({ query: gql(UPDATES), variables, fetchPolicy: "no-cache" }).subscribe({
        next: (result) => (result.error ? resolve(result.error) : note("apollo", log, result)),
        error: resolve,
        complete: () => resolve(null),
      });
    });
  for (let error = await once(); error !== null; error = await once()) {
    log.errors.push(error.message);
    await pause(200);
  }
  return log;
}

function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
