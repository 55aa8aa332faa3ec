// What the gateway says of itself: marketplaces, accounts, what it watches; and whether it can be reached at all.

import { Refused, Unauthorized } from './api.js';
import { tell } from './dom.js';
import { KNOWN, MARKETPLACES } from './documents.js';

const EVERY = 4_000;
const LONGEST = 15_000;

/** Events: `changed`. */
export class Gateway extends EventTarget {
  /** As the API tells them; null before the first answer. */
  marketplaces = null;
  /** The words of what went wrong with the last question, or null. */
  trouble = null;
  /** Names of marketplaces and sources that the gateway's schema has, as far as it tells; null before it was asked. */
  #known = null;
  #failures = 0;
  #timer = 0;
  #asking = false;
  #isStale = false;

  constructor(api) {
    super();
    this.api = api;
    document.addEventListener('visibilitychange', () => !document.hidden && this.ask());
  }

  /** Asks now, and then from time to time while somebody looks. What is under way may have begun with an older token. */
  async ask() {
    this.#isStale = this.#asking;
    if (this.#asking) return;
    this.#asking = true;
    clearTimeout(this.#timer);
    try {
      const { marketplaces } = await this.api.ask(MARKETPLACES);
      this.#known ??= await this.#learn();
      this.marketplaces = marketplaces ?? [];
      this.trouble = null;
      this.#failures = 0;
    } catch (error) {
      this.trouble = error;
      this.#failures += 1;
    }
    this.#asking = false;
    tell(this, 'changed');
    if (this.#isStale) return this.ask();
    const isOver = document.hidden || this.trouble instanceof Unauthorized;
    if (!isOver) this.#timer = setTimeout(() => this.ask(), Math.min(LONGEST, EVERY * 1.5 ** this.#failures));
  }

  async #learn() {
    try {
      const { marketplaces, sources } = await this.api.ask(KNOWN);
      return { marketplaces: valuesOf(marketplaces), sources: valuesOf(sources) };
    } catch (error) {
      if (error instanceof Refused) return { marketplaces: [], sources: [] };
      throw error;
    }
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

  /** Sources that the API understands; null before it was reached. */
  get understood() {
    return this.#known && [...new Set([...this.sources, ...this.#known.sources])];
  }

  /** What a marketplace is called; null where the client has no account there. */
  titleOf(marketplace) {
    return (this.marketplaces ?? []).find((one) => one.marketplace === marketplace)?.title ?? null;
  }

  /** Where a source belongs. A source's name begins with its marketplace's. */
  marketplaceOf(source) {
    const told = this.#told(source)?.marketplace;
    const begins = (name) => source === name || source.startsWith(`${name}_`);
    return told ?? this.#known?.marketplaces.find(begins) ?? source.split('_')[0];
  }

  /** The sources of the same marketplace, this one among them. */
  siblings(source) {
    const marketplace = this.marketplaceOf(source);
    const known = (this.#known?.sources ?? []).filter((name) => this.marketplaceOf(name) === marketplace);
    return this.#told(source)?.sources ?? (known.length ? known : [source]);
  }

  /** The names of the accounts that may be asked about a source. */
  accountsOf(source) {
    return (this.#told(source)?.accounts ?? []).map(({ name }) => name);
  }

  #told(source) {
    return (this.marketplaces ?? []).find(({ sources }) => sources.includes(source));
  }
}

const valuesOf = (type) => (type?.enumValues ?? []).map(({ name }) => name);
