// Tells screen readers what happened, politely and not more often than one can listen.

import { byId } from './dom.js';
import { stateWords } from './card.js';

const EVERY = 1_500;
const MOST = 3;

export class Announcer {
  #node = byId('announcer');
  #waiting = [];
  #timer = 0;

  constructor(board, language) {
    this.language = language;
    board.addEventListener('changed', ({ detail }) => this.#consider(detail));
  }

  say(words) {
    this.#waiting.push(words);
    this.#timer ||= setTimeout(() => this.#speak(), EVERY / 5);
  }

  #consider({ entry, before }) {
    const hasEnded = entry.isFinal && !before.isFinal;
    const hasFailed = entry.error && entry.error.code !== before.error?.code;
    if (!hasEnded && !hasFailed) return;
    const { error, ref } = entry;
    const words = hasFailed ? this.language.sayOr(`errors.${error.code}`, error.message) : stateWords(entry, this.language);
    this.say(`${ref.id}: ${words}`);
  }

  #speak() {
    const all = this.#waiting.splice(0);
    const rest = all.length - MOST;
    const words = [...all.slice(0, MOST), ...(rest > 0 ? [this.language.say('andMore', rest)] : [])];
    this.#node.textContent = words.join('. ');
    this.#timer = setTimeout(() => {
      this.#timer = 0;
      if (this.#waiting.length) this.#speak();
    }, EVERY);
  }
}
