// GraphiQL on the gateway's own address: the page's URL is the API's URL, over HTTP and over WebSocket.
import { examples } from "./examples.js";

const { React, ReactDOM, GraphiQL, GraphiQLPluginExplorer } = window;

// Held by this browser tab alone: headers may carry a token, and GraphiQL's history keeps them too.
const storage = window.sessionStorage;
const TOKEN = "batch-gateway:authorization";

function endpoint(scheme) {
  const url = new URL(window.location.pathname, window.location.href);
  if (scheme) url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

// GraphiQL keeps headers per tab. A token written in one of them serves the others too, until one names its own
// (an empty one forgets it).
function withToken(headers = {}) {
  const own = Object.keys(headers).find((name) => name.toLowerCase() === "authorization");
  if (own) storage.setItem(TOKEN, headers[own]);
  const token = storage.getItem(TOKEN);
  return own || !token ? headers : { ...headers, Authorization: token };
}

function makeFetcher() {
  const ask = GraphiQL.createFetcher({ url: endpoint(), subscriptionUrl: endpoint("ws") });
  return (params, options) => ask(params, { ...options, headers: withToken(options?.headers) });
}

// A link such as /graphql#query=…&variables=… opens with that query, which is not run before somebody presses play.
// (With ? instead of # the address is a question, which the gateway answers itself.)
function linked() {
  const link = new URLSearchParams(window.location.hash.slice(1));
  const query = link.get("query");
  return query ? { query, variables: link.get("variables") ?? "" } : null;
}

const explorer = GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false });
const link = linked();
const tabs = [link, ...examples(Date.now().toString(36).slice(-5))].filter(Boolean);
const fetcher = makeFetcher();

function Page() {
  return React.createElement(
    GraphiQL,
    {
      fetcher,
      storage,
      plugins: [explorer],
      // The first visit opens with these tabs; a later one finds its own again, and the link's query beside them.
      defaultTabs: tabs,
      ...link,
      defaultQuery: tabs[0].query,
      defaultEditorToolsVisibility: true,
      shouldPersistHeaders: true,
      inputValueDeprecation: true,
    },
    React.createElement(
      GraphiQL.Logo,
      null,
      React.createElement("span", { className: "gateway-logo" }, "batch-gateway"),
    ),
  );
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(React.createElement(Page));
