// What the gateway says of itself: marketplaces, accounts, what it watches; and whether it can be reached at all.

import { Unauthorized } from './api.js';
import { tell } from './dom.js';
import { MARKETPLACES } from './documents.js';

const EVERY = 4_000;
const LONGEST = 15_000;

/** Sources that every gateway of this version knows, also where none of their accounts is configured. */
const KNOWN = {
  TRENDYOL: ['TRENDYOL'],
  IDEFIX: ['IDEFIX_FAST_LISTING', 'IDEFIX_PRODUCT_CREATE', 'IDEFIX_INVENTORY'],
  MIRCATE: ['MIRCATE'],
  SURECART: ['SURECART_BATCH', 'SURECART_OPERATION'],
};

/** Events: `changed`. */
export class Gateway extends EventTarget {
  /** As the API tells them; null before the first answer. */
  marketplaces = null;
  /** The words of what went wrong with the last question, or null. */
  trouble = null;
  #failures = 0;
  #timer = 0;
  #asking = false;

  constructor(api) {
    super();
    this.api = api;
    document.addEventListener('visibilitychange', () => !document.hidden && this.ask());
  }

  /** Asks now, and then from time to time while somebody looks. */
  async ask() {
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    try {
      const { marketplaces } = await this.api.ask(MARKETPLACES);
      this.marketplaces = marketplaces ?? [];
      this.trouble = null;
      this.#failures = 0;
    } catch (error) {
      this.trouble = error;
      this.#failures += 1;
    }
    this.#asking = false;
    tell(this, 'changed');
    const isOver = document.hidden || this.trouble instanceof Unauthorized;
    if (!isOver) this.#timer = setTimeout(() => this.ask(), Math.min(LONGEST, EVERY * 1.5 ** this.#failures));
  }

  /** Whether the accounts are those of the sandbox. */
  get isSandbox() {
    const names = (this.marketplaces ?? []).flatMap(({ accounts }) => accounts.map(({ name }) => name));
    return names.length > 0 && names.every((name) => /-demo(-\d+)?$/.test(name));
  }

  /** Sources that the client may ask. */
  get sources() {
    return (this.marketplaces ?? []).flatMap(({ sources }) => sources);
  }

  /** Sources that the API understands. */
  get understood() {
    return [...new Set([...Object.values(KNOWN).flat(), ...this.sources])];
  }

  /** Where a source belongs. */
  marketplaceOf(source) {
    const told = (this.marketplaces ?? []).find(({ sources }) => sources.includes(source));
    if (told) return told.marketplace;
    return Object.keys(KNOWN).find((name) => KNOWN[name].includes(source)) ?? source;
  }

  /** The sources of the same marketplace, this one among them. */
  siblings(source) {
    const told = (this.marketplaces ?? []).find(({ sources }) => sources.includes(source));
    return told?.sources ?? KNOWN[this.marketplaceOf(source)] ?? [source];
  }

  /** The names of the accounts that may be asked about a source. */
  accountsOf(source) {
    const told = (this.marketplaces ?? []).find(({ sources }) => sources.includes(source));
    return told ? told.accounts.map(({ name }) => name) : [];
  }
}
