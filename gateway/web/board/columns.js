// Marketplaces side by side: what the gateway is doing with each, and the batches that are watched there.

import { byId, h, setAttribute, setText } from './dom.js';
import { Card } from './card.js';
import { FILTERS } from './entry.js';

export class Columns {
  #root = byId('columns');
  #columns = new Map();
  #cards = new Map();
  #dirty = new Set();
  #isPlanned = false;

  constructor({ board, gateway, language, names, api, toolbar }, actions) {
    Object.assign(this, { board, gateway, language, names, api, toolbar, actions });
    board.addEventListener('changed', ({ detail }) => this.#mark(detail.entry));
    setInterval(() => this.#tick(), 1000);
  }

  /** Shows columns and cards as the board and the gateway have them. */
  arrange() {
    const { board, gateway } = this;
    const names = new Set((gateway.marketplaces ?? []).map(({ marketplace }) => marketplace));
    for (const { ref } of board.entries.values()) names.add(gateway.marketplaceOf(ref.source));
    this.#drop(names);
    let place = 0;
    for (const name of names) {
      const column = this.#column(name);
      if (this.#root.children[place] !== column.root) this.#root.insertBefore(column.root, this.#root.children[place] ?? null);
      place += 1;
      const entries = [...board.entries.values()].filter(({ ref }) => gateway.marketplaceOf(ref.source) === name);
      this.#fill(column, name, entries);
    }
  }

  #drop(names) {
    for (const [name, column] of this.#columns) {
      if (names.has(name)) continue;
      column.root.remove();
      this.#columns.delete(name);
    }
    for (const [key, card] of this.#cards) {
      if (this.board.entries.get(key) === card.entry) continue;
      card.root.remove();
      this.#cards.delete(key);
    }
  }

  #column(name) {
    const known = this.#columns.get(name);
    if (known) return known;
    const id = `marketplace-${name.toLowerCase()}`;
    const column = {
      title: h('h2', { id }),
      count: h('span', { class: 'count' }),
      accounts: h('ul', { class: 'accounts' }),
      list: h('ol', { class: 'cards' }),
      none: h('p', { class: 'none' }),
    };
    column.root = h(
      'section',
      { class: 'column', 'aria-labelledby': id },
      h('header', {}, h('div', { class: 'name' }, column.title, column.count), column.accounts),
      column.list,
      column.none,
    );
    this.#columns.set(name, column);
    return column;
  }

  #fill(column, name, entries) {
    const { language } = this;
    setText(column.title, this.names.marketplace(name));
    this.#accounts(column, name);
    const cards = entries.map((entry) => this.#card(entry));
    cards.forEach((card, place) => {
      if (column.list.children[place] !== card.root) column.list.insertBefore(card.root, column.list.children[place] ?? null);
      setAttribute(card.root, 'hidden', !FILTERS[this.toolbar.filter](card.entry));
    });
    const shown = cards.filter((card) => !card.root.hidden).length;
    setText(column.count, cards.length ? language.say('batches', cards.length) : '');
    setText(column.none, language.say(cards.length ? 'noneShown' : 'noneHere'));
    column.none.hidden = shown > 0;
    column.list.hidden = shown === 0;
  }

  #accounts(column, name) {
    const info = (this.gateway.marketplaces ?? []).find(({ marketplace }) => marketplace === name);
    const state = JSON.stringify([info, this.language.code]);
    if (state === column.shown) return;
    column.shown = state;
    const rows = (info?.accounts ?? []).map((account) => this.#account(account));
    column.accounts.replaceChildren(...(rows.length ? rows : [h('li', {}, this.language.say('noAccount'))]));
  }

  #account({ name, breaker, budgetLeft, watchedBatches }) {
    const { language } = this;
    return h(
      'li',
      { 'data-breaker': breaker },
      h('span', { class: 'account' }, name),
      h('span', { class: 'breaker' }, language.sayOr(`breakers.${breaker}`, breaker)),
      h('span', {}, language.say('watching', watchedBatches)),
      budgetLeft === null ? null : h('span', {}, language.say('budget', budgetLeft)),
    );
  }

  #card(entry) {
    let card = this.#cards.get(entry.key);
    if (!card) {
      card = new Card(entry, this, this.actions);
      this.#cards.set(entry.key, card);
      card.update(this.api.now());
    }
    return card;
  }

  #mark(entry) {
    this.#dirty.add(entry.key);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    this.#isPlanned = false;
    const now = this.api.now();
    for (const key of this.#dirty) this.#cards.get(key)?.update(now);
    this.#dirty.clear();
    this.toolbar.show();
    this.arrange();
  }

  #tick() {
    if (document.hidden) return;
    const now = this.api.now();
    for (const card of this.#cards.values()) if (!card.entry.isFinal) card.tick(now);
  }

  /** The card to go on with, for the keyboard, when this one goes. */
  neighbour(key) {
    const root = this.#cards.get(key)?.root;
    const next = root?.nextElementSibling ?? root?.previousElementSibling;
    return next?.querySelector('.open') ?? null;
  }
}
