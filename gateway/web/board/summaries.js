// Why items failed, by reason: asked for once a batch has ended, and while it runs from time to time. A batch may have as
// many reasons as items, so they are no part of the updates.

import { SUMMARIES } from './documents.js';
import { mayHaveFailures } from './entry.js';
import { asInput } from './refs.js';

const SOON = 150;
const EVERY = 2_500;
const MOST = 20;

export class Summaries {
  #due = new Map();
  #timer = 0;
  #asking = false;
  #askedAt = 0;

  constructor(board, api) {
    this.board = board;
    this.api = api;
    board.addEventListener('changed', ({ detail }) => this.#consider(detail.entry));
  }

  #consider(entry) {
    if (!mayHaveFailures(entry) || entry.summaryVersion === entry.version) return;
    this.#due.set(entry.key, entry);
    this.#plan();
  }

  #plan() {
    if (this.#timer || this.#asking || !this.#due.size) return;
    const wait = Math.max(SOON, this.#askedAt + EVERY - Date.now());
    this.#timer = setTimeout(() => this.#ask(), wait);
  }

  async #ask() {
    this.#timer = 0;
    this.#asking = true;
    this.#askedAt = Date.now();
    const entries = [...this.#due.values()].slice(0, MOST);
    const versions = entries.map((entry) => entry.version);
    for (const { key } of entries) this.#due.delete(key);
    try {
      const { batches } = await this.api.ask(SUMMARIES, { refs: entries.map((entry) => asInput(entry.ref)) });
      entries.forEach((entry, i) => {
        const summary = batches?.[i]?.batch?.failureSummary;
        if (summary) this.board.summarize(entry.key, summary, versions[i]);
      });
    } catch {
      // asked again with the next change, or when the batch is opened
    }
    this.#asking = false;
    this.#plan();
  }

  /** Asks for one batch where its summary was missed. */
  want(entry) {
    this.#consider(entry);
  }
}
