// Apollo Client: queries over HTTP, subscriptions over one WebSocket, one cache for both.
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { createClient } from "graphql-ws";
import { OperationTypeNode } from "graphql";
import WebSocket from "ws";
import { possibleTypes } from "./generated/possible-types.js";

// A browser has its own, and Node.js from 22 on: there leave this line and `webSocketImpl` out. Apollo Client looks here too.
globalThis.WebSocket ??= WebSocket as unknown as typeof globalThis.WebSocket;

export function connect(gateway: string, token: string | undefined) {
  const http = new HttpLink({
    uri: `${gateway}/graphql`,
    headers: token ? { Authorization: `Bearer ${token}` } : {},
  });
  const socket = createClient({
    url: `${gateway.replace(/^http/, "ws")}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: () => (token ? { token } : {}),
    // 4403 is a refused token: only who can fetch a fresh one tries again then.
    shouldRetry: (lost) => (lost as { code?: number }).code !== 4403,
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
