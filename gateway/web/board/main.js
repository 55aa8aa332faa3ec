// Puts the board together. It is a client of the public API and knows nothing else of the gateway.

import { Announcer } from './announcer.js';
import { Api, Refused } from './api.js';
import { Board } from './board.js';
import { Columns } from './columns.js';
import { Connection } from './connection.js';
import { Details } from './details.js';
import { byId, perFrame, setLine } from './dom.js';
import { downloadFailed } from './download.js';
import { FILTERS, mayHaveFailures } from './entry.js';
import { Form } from './form.js';
import { Gateway } from './gateway.js';
import { Language } from './language.js';
import { Line } from './line.js';
import { readFragment, writeFragment } from './link.js';
import { lookRegularly } from './looks.js';
import { Names } from './names.js';
import { readRef } from './refs.js';
import { Sandbox } from './sandbox.js';
import { Session } from './session.js';
import { SignIn } from './signin.js';
import { Subscription } from './subscription.js';
import { Summaries } from './summaries.js';
import { Toolbar } from './toolbar.js';

const language = new Language();
const session = new Session();
const api = new Api(session);
const gateway = new Gateway(api);
const board = new Board(() => api.now());
const names = new Names(gateway, language);
const line = new Line(session);
const subscription = new Subscription(board, line);
const summaries = new Summaries(board, api);
const announcer = new Announcer(board, language);
const signIn = new SignIn(session, language, () => !(gateway.trouble instanceof Refused));
const connection = new Connection({ line, gateway, session, board, language, api });
const form = new Form(gateway, language, names, watch);
const sandbox = new Sandbox(gateway, language, names, watch);
const toolbar = new Toolbar(board, language, { filtered: () => columns.arrange(), clear, download });
const columns = new Columns({ board, gateway, language, names, api, toolbar }, { open, remove, again });
const details = new Details({ board, api, language, names, summaries }, { closed: writeLink, again: (entry) => again(entry) });

function watch(refs) {
  const added = board.add(refs);
  announcer.say(language.say('added', added));
  toolbar.filter = 'all';
  byId('sandbox').open = false;
}

function open(entry) {
  details.open(entry);
  writeLink();
}

function again(entry) {
  board.again(entry.key);
}

function remove(entry) {
  const next = columns.neighbour(entry.key);
  board.remove([entry.key]);
  if (next?.isConnected) next.focus();
  else form.focus();
}

function clear() {
  board.remove([...board.entries.values()].filter(FILTERS.ended).map(({ key }) => key));
  form.focus();
}

async function download() {
  const button = byId('all-failed');
  const say = (name, ...facts) => (button.textContent = language.say(name, ...facts));
  button.disabled = true;
  try {
    await downloadFailed(api, [...board.entries.values()].filter(mayHaveFailures), (count) => say('collecting', count));
    say('csvAll');
  } catch (error) {
    say('noItems', error.message);
  }
  button.disabled = false;
}

function writeLink() {
  const fragment = writeFragment({ batches: [...board.entries.keys()], open: details.entry?.key ?? null });
  if (location.hash.slice(1) !== fragment) history.replaceState(null, '', fragment ? `#${fragment}` : location.pathname);
}

function readLink() {
  const { batches, open: opened } = readFragment(location.hash);
  const refs = batches.map((text) => readRef(text, null).ref).filter(Boolean);
  board.become(refs);
  details.open(board.entries.get(opened) ?? null);
}

const show = perFrame(() => {
  const isEmpty = board.entries.size === 0;
  connection.show();
  form.show();
  sandbox.show(isEmpty && gateway.marketplaces !== null);
  toolbar.show();
  columns.arrange();
  byId('empty').hidden = !isEmpty || gateway.marketplaces === null;
  const { trouble } = gateway;
  complain('questions', trouble instanceof Refused ? trouble : null);
});

const complaints = { questions: null, updates: null };

/** Shows what the gateway said about all questions, or all updates; null when it is over. */
function complain(about, refused) {
  complaints[about] = refused;
  const words = Object.values(complaints).filter(Boolean);
  setLine(byId('notice'), words.map(({ message, code }) => language.say('gatewaySaid', message, code)).join(' '));
}

function speak() {
  language.fill(document);
  document.title = language.say('title');
  byId('language').value = language.code;
  signIn.show();
  details.rebuild();
  board.refresh();
  show();
}

function choose(theme) {
  if (theme === 'auto') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem('board:theme', theme);
  } catch {
    // chosen for this visit alone
  }
}

byId('language').addEventListener('change', ({ target }) => language.choose(target.value));
byId('theme').value = document.documentElement.dataset.theme ?? 'auto';
byId('theme').addEventListener('change', ({ target }) => choose(target.value));
language.addEventListener('changed', speak);
gateway.addEventListener('changed', () => {
  if (gateway.understood) board.understand(gateway.understood);
  show();
  if (!gateway.trouble) line.retry();
});
line.addEventListener('state', () => connection.show());
line.addEventListener('open', () => gateway.ask());
board.addEventListener('members', () => {
  if (details.entry && !board.entries.has(details.entry.key)) details.open(null);
  writeLink();
  show();
  setTimeout(() => gateway.ask(), 800);
});
session.addEventListener('refused', show);
session.addEventListener('signedin', () => {
  gateway.ask();
  line.signIn();
  show();
});
subscription.addEventListener('refused', ({ detail }) => complain('updates', detail && Refused.of(detail)));
window.addEventListener('hashchange', readLink);

speak();
readLink();
gateway.ask();
lookRegularly(board, api, () => line.state === 'open');
