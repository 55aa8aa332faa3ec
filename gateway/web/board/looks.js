// Asks the gateway from time to time how fresh the states are that are shown, out of what it has at hand.

import { LOOK } from './documents.js';
import { asInput } from './refs.js';

const EVERY = 15_000;
const MOST = 100;

export function lookRegularly(board, api, isConnected) {
  setInterval(() => isConnected() && !document.hidden && look(board, api), EVERY);
}

async function look(board, api) {
  const entries = board.live().filter((entry) => entry.batch);
  for (let i = 0; i < entries.length; i += MOST) {
    const part = entries.slice(i, i + MOST);
    try {
      const { batches } = await api.ask(LOOK, { refs: part.map((entry) => asInput(entry.ref)) });
      part.forEach((entry, place) => batches?.[place] && board.look(entry.key, batches[place]));
    } catch {
      return; // the connection's own state tells
    }
  }
}
