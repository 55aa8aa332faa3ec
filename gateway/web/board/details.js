// The drawer: everything about one batch, live as long as it is open.

import { showError, staleWords, stateWords } from './card.js';
import { byId, h, setAttribute, setLine, setText } from './dom.js';
import { downloadFailed } from './download.js';
import { mayHaveFailures, tone } from './entry.js';
import { facts } from './facts.js';
import { Failures } from './failures.js';

/** `closed` is called when it closes; `again` follows a batch again. */
export class Details {
  #dialog = byId('details');
  #parts = null;
  entry = null;

  constructor({ board, api, language, names, summaries }, { closed, again }) {
    Object.assign(this, { board, api, language, names, summaries, again });
    this.#dialog.addEventListener('close', () => {
      this.entry = null;
      closed();
    });
    this.#dialog.addEventListener('click', (event) => event.target === this.#dialog && this.#dialog.close());
    board.addEventListener('changed', ({ detail }) => detail.entry.key === this.entry?.key && this.show());
    setInterval(() => this.entry && !this.entry.isFinal && this.show(), 1000);
  }

  /** Opens it for an entry, or closes it for null. */
  open(entry) {
    if (entry === this.entry) return;
    if (!entry) {
      this.#dialog.close();
      return;
    }
    this.entry = entry;
    this.#build();
    this.summaries.want(entry);
    this.show();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#dialog.scrollTop = 0;
  }

  /** In another language. */
  rebuild() {
    if (!this.entry) return;
    this.#build();
    this.show();
  }

  #build() {
    const { entry, language } = this;
    const close = () => this.#dialog.close();
    const parts = {
      close: h('button', { type: 'button', class: 'remove', 'aria-label': language.say('close'), onclick: close }, h('span', { 'aria-hidden': 'true' }, '×')),
      state: h('p', { class: 'state', role: 'status' }),
      error: h('p', { class: 'note bad' }, h('span', {}), h('span', { lang: 'en' })),
      notes: ['unconfirmed', 'stale', 'source', 'next'].map((name) => [name, h('p', { class: `note ${NOTES[name]}` })]),
      again: h('button', { type: 'button', class: 'quiet', onclick: () => this.again(entry) }, language.say('again')),
      facts: h('dl', {}),
      title: h('h3', {}, language.say('failures')),
      none: h('p', { class: 'muted' }),
      download: h('button', { type: 'button', class: 'quiet', onclick: () => this.#download() }, language.say('csv')),
      failures: new Failures(entry, this.api, language),
    };
    this.#parts = parts;
    this.#dialog.replaceChildren(
      h('header', {}, h('div', {}, h('p', { class: 'muted' }, this.names.source(entry.ref.source)), h('h2', { id: 'details-title' }, entry.ref.id)), parts.close),
      parts.state,
      parts.error,
      ...parts.notes.map(([, node]) => node),
      parts.again,
      parts.facts,
      h('div', { class: 'heading' }, parts.title, parts.download),
      parts.none,
      parts.failures.root,
      h('p', { class: 'reference' }, h('span', { class: 'muted' }, `${language.say('reference')} `), h('code', {}, entry.key)),
    );
  }

  show() {
    const { entry, language } = this;
    const parts = this.#parts;
    const now = this.api.now();
    const { batch, error } = entry;
    setAttribute(this.#dialog, 'data-tone', tone(entry));
    setText(parts.state, stateWords(entry, language));
    const words = {
      unconfirmed: batch && !batch.isConfirmed && !batch.isTerminal ? language.say('unconfirmed') : null,
      stale: staleWords(entry, language, now),
      source: error?.sourceMessage ? language.say('sourceSaid', error.sourceMessage) : null,
      next: batch?.[language.code] ?? null,
    };
    showError(parts.error, error, language);
    for (const [name, node] of parts.notes) setLine(node, words[name]);
    parts.again.hidden = !(entry.isFinal && error && !batch?.isTerminal);
    this.#facts(facts(entry, language, now));
    const hasFailures = Boolean(entry.summary?.length);
    const isWaiting = mayHaveFailures(entry) && entry.summary === null;
    setLine(parts.none, hasFailures ? null : language.say(isWaiting ? 'loading' : 'noFailures'));
    parts.download.hidden = !hasFailures;
    parts.failures.show();
  }

  #facts(pairs) {
    const list = this.#parts.facts;
    if (list.children.length !== pairs.length) {
      list.replaceChildren(...pairs.map(() => h('div', {}, h('dt', {}), h('dd', {}))));
    }
    pairs.forEach(([name, words], i) => {
      setText(list.children[i].firstChild, name);
      setText(list.children[i].lastChild, words);
    });
  }

  async #download() {
    const { download } = this.#parts;
    const { language } = this;
    download.disabled = true;
    try {
      await downloadFailed(this.api, [this.entry], (count) => setText(download, language.say('collecting', count)));
      setText(download, language.say('csv'));
    } catch (error) {
      setText(download, language.say('noItems', error.message));
    }
    download.disabled = false;
  }
}

const NOTES = { unconfirmed: 'warn', stale: 'warn', source: 'bad', next: 'next' };
