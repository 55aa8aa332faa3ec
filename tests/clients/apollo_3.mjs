// Apollo Client 3, still the most used: its reader of multipart answers is another one than that of 4.
import apollo from "apollo-client-3/core/core.cjs";
import { followWithApollo, possibleTypes } from "./apollo_shared.mjs";
import { report, task } from "./shared.mjs";

const { ApolloClient, HttpLink, InMemoryCache, gql } = apollo;
const { url, ref, headers } = task();

await report(async () => {
  const cache = new InMemoryCache({ possibleTypes: await possibleTypes(url, headers) });
  const client = new ApolloClient({ link: new HttpLink({ uri: url, headers }), cache });
  return { client: "apollo-3", ...(await followWithApollo(client, gql, ref)) };
});
