// Apollo Client: queries over HTTP, subscriptions over one WebSocket, one cache for both.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import { OperationTypeNode } from "graphql";
import WebSocket from "ws";
import { possibleTypes } from "./generated/possible-types.js";

export function connect(gateway: string, token: string | undefined) {
  const http = new HttpLink({
    uri: `${gateway}/graphql`,
    headers: token ? { Authorization: `Bearer ${token}` } : {},
  });
  const socket = createClient({
    url: `${gateway.replace(/^http/, "ws")}/graphql`,
    webSocketImpl: WebSocket, // a browser has its own: leave this out
    connectionParams: () => (token ? { token } : {}),
    shouldRetry: () => true,
  });
  const link = ApolloLink.split(
    ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
    new GraphQLWsLink(socket),
    http,
  );
  const cache = new InMemoryCache({
    possibleTypes,
    typePolicies: {
      // The items come by pages and are a part of their batch: each answer takes the place of the one before.
      NormalizedBatch: { fields: { items: { merge: false } } },
    },
  });
  return { client: new ApolloClient({ link, cache }), close: () => socket.dispose() };
}
