// A native EventSource (GET). It reconnects by itself when a stream ends: after `complete` the gateway answers 204, and it stops.
import { EventSource } from "eventsource";
import { UPDATES, report, task } from "./shared.mjs";

const { url, ref, headers } = task();

await report(
  () =>
    new Promise((resolve, reject) => {
      const asked = [];
      const updates = [];
      let completed = false;
      const target = new URL(url);
      target.searchParams.set("query", UPDATES);
      target.searchParams.set("variables", JSON.stringify({ refs: [ref] }));
      const source = new EventSource(target, { fetch: spying(asked, headers) });
      source.addEventListener("next", (event) => updates.push(JSON.parse(event.data).data?.batchUpdates ?? event.data));
      source.addEventListener("complete", () => (completed = true));
      source.addEventListener("error", (event) => {
        if (source.readyState !== EventSource.CLOSED) return;
        if (!completed) reject(new Error(`closed early: ${event.code} ${event.message}`));
        resolve({ client: "eventsource", updates, completed, statuses: asked });
      });
    }),
);

function spying(statuses, extra) {
  return async (input, init) => {
    const response = await fetch(input, { ...init, headers: { ...init.headers, ...extra } });
    statuses.push(response.status);
    return response;
  };
}
