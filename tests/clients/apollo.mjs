// Apollo Client 4: queries over HTTP, subscriptions as multipart over HTTP and over graphql-transport-ws.
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import WebSocket from "ws";
import { followWithApollo, possibleTypes } from "./apollo_shared.mjs";
import { report, task } from "./shared.mjs";

const { url, wsUrl, ref, headers } = task();

await report(async () => {
  const types = await possibleTypes(url, headers);
  const socket = createClient({ url: wsUrl, webSocketImpl: WebSocket, connectionParams: headers, retryAttempts: 0 });
  const make = (link) => new ApolloClient({ link, cache: new InMemoryCache({ possibleTypes: types }) });
  const overHttp = make(new HttpLink({ uri: url, headers }));
  const overSocket = make(new GraphQLWsLink(socket));
  const http = await followWithApollo(overHttp, gql, ref);
  const ws = await followWithApollo(overSocket, gql, ref);
  await socket.dispose();
  return { client: "apollo-4", ...http, overSocket: ws };
});
