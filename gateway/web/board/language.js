// The language that the board speaks: the browser's, until another one is chosen.

import { tell } from './dom.js';
import { Formats } from './formats.js';
import en from './words/en.js';
import tr from './words/tr.js';

const TABLES = { en, tr };
const KEY = 'board:language';

/** Event: `changed`. */
export class Language extends EventTarget {
  constructor() {
    super();
    this.#speak(remembered() ?? preferred());
  }

  #speak(code) {
    this.code = code;
    this.formats = new Formats(code);
    document.documentElement.lang = code;
  }

  choose(code) {
    try {
      localStorage.setItem(KEY, code);
    } catch {
      // chosen for this visit alone
    }
    this.#speak(code);
    tell(this, 'changed');
  }

  /** The words of a name with dots, `states.IN_PROGRESS`; some are made from what stands behind it. */
  say(name, ...facts) {
    const words = this.find(name);
    return typeof words === 'function' ? words(this.formats, ...facts) : (words ?? name);
  }

  find(name) {
    return name.split('.').reduce((table, part) => table?.[part], TABLES[this.code]);
  }

  /** The words for a value that the API may have learned after this page was made. */
  sayOr(name, fallback) {
    const words = this.find(name);
    return typeof words === 'string' ? words : fallback;
  }

  /** Puts the words where the page's HTML asks for them. */
  fill(root) {
    for (const node of root.querySelectorAll('[data-words]')) node.textContent = this.say(node.dataset.words);
    for (const node of root.querySelectorAll('[data-words-label]')) {
      node.setAttribute('aria-label', this.say(node.dataset.wordsLabel));
    }
  }
}

function remembered() {
  try {
    const code = localStorage.getItem(KEY);
    return code !== null && Object.hasOwn(TABLES, code) ? code : null;
  } catch {
    return null;
  }
}

function preferred() {
  const codes = navigator.languages.map((tag) => tag.toLowerCase().split('-')[0]);
  return codes.find((code) => Object.hasOwn(TABLES, code)) ?? 'en';
}
