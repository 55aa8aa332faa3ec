// What both versions of Apollo Client do alike.
import { BATCH, UPDATES } from "./shared.mjs";

/** Which types the union and the interfaces can be, read from the schema as Apollo's guide says. */
export async function possibleTypes(url, headers) {
  const query = "{ __schema { types { kind name possibleTypes { name } } } }";
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ query }),
  });
  const { data } = await response.json();
  const abstract = data.__schema.types.filter((type) => type.possibleTypes);
  return Object.fromEntries(abstract.map((type) => [type.name, type.possibleTypes.map(({ name }) => name)]));
}

/** One query, the subscription to its end, and what the cache then knows of the batch without asking again. */
export async function followWithApollo(client, gql, ref) {
  const query = await client.query({ query: gql(BATCH), variables: { ref } });
  const updates = await new Promise((resolve, reject) => {
    const seen = [];
    client.subscribe({ query: gql(UPDATES), variables: { refs: [ref] } }).subscribe({
      next: (result) => (result.error ? reject(result.error) : seen.push(result.data.batchUpdates)),
      error: reject,
      complete: () => resolve(seen),
    });
  });
  const cached = await client.query({ query: gql(BATCH), variables: { ref }, fetchPolicy: "cache-only" });
  return { query: query.data, updates, cached: cached.data };
}
