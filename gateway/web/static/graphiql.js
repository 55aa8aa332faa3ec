// GraphiQL on the gateway's own address: the page's URL is the API's URL, over HTTP and over WebSocket.
import { examples } from "./examples.js";

const { React, ReactDOM, GraphiQL, GraphiQLPluginExplorer } = window;

// Held by this browser tab alone: headers may carry a token, and GraphiQL's history keeps them too.
const storage = window.sessionStorage;

function endpoint(scheme) {
  const url = new URL(window.location.pathname, window.location.href);
  if (scheme) url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

// A link such as /graphql?query=…&variables=… opens with that query; it is never run by itself.
function linkedTab() {
  const link = new URLSearchParams(window.location.search);
  const query = link.get("query");
  return query ? [{ query, variables: link.get("variables") ?? "" }] : [];
}

function openingTabs() {
  const run = Date.now().toString(36).slice(-5);
  return [...linkedTab(), ...examples(run)];
}

const explorer = GraphiQLPluginExplorer.explorerPlugin({ showAttribution: false });
const tabs = openingTabs();

function Page() {
  return React.createElement(
    GraphiQL,
    {
      fetcher: GraphiQL.createFetcher({ url: endpoint(), subscriptionUrl: endpoint("ws") }),
      storage,
      plugins: [explorer],
      defaultTabs: tabs,
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
