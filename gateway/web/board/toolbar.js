// The board as a whole: how it stands, which part of it is shown, what can be done with all of it.

import { byId, h, setAttribute, setText } from './dom.js';
import { FILTERS, mayHaveFailures } from './entry.js';

/** `actions`: `filtered`, `clear`, `download`, each called without arguments. */
export class Toolbar {
  filter = 'all';
  #root = byId('toolbar');
  #buttons = new Map();

  constructor(board, language, actions) {
    this.board = board;
    this.language = language;
    for (const name of Object.keys(FILTERS)) {
      const button = h('button', { type: 'button', onclick: () => this.#choose(name, actions.filtered) });
      this.#buttons.set(name, button);
      byId('filters').append(button);
    }
    byId('clear').addEventListener('click', actions.clear);
    byId('all-failed').addEventListener('click', actions.download);
    byId('copy').addEventListener('click', () => this.#copy());
  }

  #choose(name, filtered) {
    this.filter = name;
    this.show();
    filtered();
  }

  show() {
    const { language } = this;
    const entries = [...this.board.entries.values()];
    this.#root.hidden = !entries.length;
    for (const [name, button] of this.#buttons) {
      const count = entries.filter(FILTERS[name]).length;
      setText(button, language.say(`filters.${name}`, count));
      setAttribute(button, 'aria-pressed', String(this.filter === name));
    }
    const items = sum(entries, 'itemCount');
    const failed = sum(entries, 'failedCount');
    setText(byId('totals'), language.say('totals', { batches: entries.length, items, failed }));
    byId('all-failed').disabled = !entries.some(mayHaveFailures);
    byId('clear').disabled = !entries.some(FILTERS.ended);
  }

  async #copy() {
    const button = byId('copy');
    try {
      await navigator.clipboard.writeText(location.href);
      setText(button, this.language.say('copied'));
    } catch {
      // without leave to write there, the address bar has the same link
      setText(button, this.language.say('copyByHand'));
    }
    setTimeout(() => setText(button, this.language.say('copyLink')), 3000);
  }
}

const sum = (entries, name) => entries.reduce((total, { batch }) => total + (batch?.[name] ?? 0), 0);
