// Failures by reason, each with its explanation and the items behind it, a page at a time.

import { reasonWords } from './card.js';
import { FAILED_ITEMS } from './documents.js';
import { h, setText } from './dom.js';
import { failedFor, failedItems, reasonKey } from './failed.js';

const PAGE = 20;

/** The reasons of one batch, in the drawer. */
export class Failures {
  root = h('div', { class: 'failures' });
  #groups = new Map();
  #items = null;
  #version = null;

  constructor(entry, api, language) {
    Object.assign(this, { entry, api, language });
  }

  /** Shows the summary; groups that are open stay open. */
  show() {
    const { entry } = this;
    if (entry.summaryVersion !== this.#version) {
      this.#version = entry.summaryVersion;
      this.#items = null;
    }
    const keys = new Set();
    for (const reason of entry.summary ?? []) {
      const key = reasonKey(reason);
      const group = this.#group(key, reason);
      const there = this.root.children[keys.size];
      if (there !== group.root) this.root.insertBefore(group.root, there ?? null);
      keys.add(key);
      group.show(reason);
    }
    for (const [key, group] of this.#groups) {
      if (keys.has(key)) continue;
      group.root.remove();
      this.#groups.delete(key);
    }
  }

  #group(key, reason) {
    let group = this.#groups.get(key);
    if (!group) {
      group = new Group(reason, this.language, () => this.#load());
      this.#groups.set(key, group);
    }
    return group;
  }

  /** All failed items, asked for once and shared by the groups. */
  #load() {
    this.#items ??= failedItems(this.api, FAILED_ITEMS, this.entry.ref).then(({ items }) => items);
    this.#items.catch(() => (this.#items = null));
    return this.#items;
  }
}

/** One reason. */
class Group {
  #page = 0;
  #shown = '';

  constructor(reason, language, load) {
    Object.assign(this, { reason, language, load });
    this.title = h('summary', {});
    this.explanation = h('p', { class: 'explanation' });
    this.items = h('div', { class: 'items' });
    this.root = h('details', { class: 'group', ontoggle: () => this.#list() }, this.title, this.explanation, this.items);
  }

  show(reason) {
    const { language } = this;
    this.reason = reason;
    const state = JSON.stringify([reason, language.code]);
    if (state === this.#shown) return;
    this.#shown = state;
    this.title.replaceChildren(
      h('span', { class: 'number' }, language.formats.number(reason.count)),
      reason.code ? h('code', {}, reason.code) : '',
      h('span', { class: 'message' }, reason.message ?? (reason.code ? '' : reasonWords(reason, language))),
    );
    const explanation = reason[language.code];
    setText(this.explanation, explanation ?? language.say('noExplanation'));
    // without words of the marketplace's own, the title is the explanation
    this.explanation.hidden = Boolean(explanation) && !reason.code && !reason.message;
    this.explanation.classList.toggle('muted', !explanation);
    this.#list();
  }

  async #list() {
    if (!this.root.open) return;
    const { language } = this;
    if (!this.items.childElementCount) this.items.replaceChildren(h('p', { class: 'muted' }, language.say('loading')));
    try {
      this.#table((await this.load()).filter(failedFor(this.reason)));
    } catch (error) {
      this.items.replaceChildren(h('p', { class: 'note bad' }, language.say('noItems', error.message)));
    }
  }

  #table(items) {
    const { language } = this;
    const pages = Math.max(1, Math.ceil(items.length / PAGE));
    this.#page = Math.min(this.#page, pages - 1);
    const first = this.#page * PAGE;
    const shown = items.slice(first, first + PAGE);
    const head = ['index', 'key', 'title'].map((name) => h('th', { scope: 'col' }, language.say(`columns.${name}`)));
    const rows = shown.map(({ index, key, title }) =>
      h('tr', {}, h('td', { class: 'index' }, String(index)), h('td', {}, h('code', {}, key ?? '')), h('td', {}, title ?? '')),
    );
    const table = h('table', {}, h('thead', {}, h('tr', {}, head)), h('tbody', {}, rows));
    this.items.replaceChildren(table, ...(pages > 1 ? [this.#pager(items, first, pages)] : []));
  }

  #pager(items, first, pages) {
    const { language } = this;
    const turn = (by, words) =>
      h(
        'button',
        { type: 'button', class: 'quiet', disabled: this.#page + by < 0 || this.#page + by >= pages, onclick: () => this.#turn(items, by) },
        words,
      );
    const where = language.say('pageOf', first + 1, Math.min(first + PAGE, items.length), items.length);
    return h('div', { class: 'pager' }, turn(-1, language.say('previous')), h('span', { role: 'status' }, where), turn(1, language.say('next')));
  }

  #turn(items, by) {
    this.#page += by;
    this.#table(items);
    const [previous, next] = this.items.querySelectorAll('.pager button');
    const wanted = by > 0 ? next : previous;
    (wanted.disabled ? (by > 0 ? previous : next) : wanted).focus();
  }
}
