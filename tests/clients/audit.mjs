// graphql-http's audits of GraphQL over HTTP. Prints each one's outcome; leaves with 1 unless every one passes.
import { auditServer } from "graphql-http";
import { task } from "./shared.mjs";

const { url, headers } = task();

const fetchFn = (input, init = {}) => fetch(input, { ...init, headers: { ...init.headers, ...headers } });
const results = await auditServer({ url, fetchFn });
const failed = results.filter((result) => result.status !== "ok");
console.log(
  JSON.stringify({
    client: "graphql-http",
    total: results.length,
    passed: results.length - failed.length,
    failed: failed.map(({ id, name, status, reason }) => ({ id, name, status, reason })),
  }),
);
process.exitCode = failed.length === 0 ? 0 : 1;
