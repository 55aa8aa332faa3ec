// One batch on the board. The card's parts are made once and patched, so that hundreds of them stay smooth.

import { h, setAttribute, setLine, setText } from './dom.js';
import { age, elapsed, shares, tone } from './entry.js';

const MARKS = { asking: '…', queued: '○', running: '●', good: '✓', partial: '!', bad: '✕', odd: '?', ended: '■', refused: '✕', troubled: '!' };
const REASONS = 2;
/** Seconds after which it is worth saying that nothing newer is known. */
const OLD = 75;

let numbers = 0;

export class Card {
  constructor(entry, { language, gateway, names }, { open, remove, again }) {
    Object.assign(this, { entry, language, gateway, names });
    const id = `batch-${(numbers += 1)}`;
    this.parts = {
      mark: h('span', { class: 'mark', 'aria-hidden': 'true' }),
      state: h('span', {}),
      elapsed: h('span', { class: 'elapsed' }),
      remove: h('button', { type: 'button', class: 'remove', onclick: () => remove(this.entry) }, h('span', { 'aria-hidden': 'true' }, '×')),
      open: h('button', { type: 'button', class: 'open', onclick: () => open(this.entry) }, entry.ref.id),
      kind: h('p', { class: 'kind' }),
      percent: h('span', { class: 'percent', 'aria-hidden': 'true' }),
      bar: h('div', { class: 'bar', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-labelledby': id }),
      good: h('span', { class: 'good' }),
      bad: h('span', { class: 'bad' }),
      done: h('span', { class: 'done' }),
      counts: h('p', { class: 'counts' }),
      unconfirmed: h('p', { class: 'note warn' }),
      stale: h('p', { class: 'note warn' }),
      next: h('p', { class: 'note next' }),
      error: h('p', { class: 'note bad' }, h('span', {}), h('span', { lang: 'en' })),
      again: h('button', { type: 'button', class: 'quiet', onclick: () => again(this.entry) }),
      reasons: h('ul', { class: 'reasons' }),
      more: h('button', { type: 'button', class: 'more', onclick: () => open(this.entry) }),
    };
    const { parts } = this;
    parts.bar.append(parts.good, parts.bad, parts.done);
    this.root = h(
      'li',
      { class: 'card', 'data-key': entry.key },
      h('p', { class: 'state' }, parts.mark, parts.state, parts.elapsed, parts.remove),
      h('h3', { id }, parts.open),
      parts.kind,
      h('div', { class: 'progress' }, parts.bar, parts.percent),
      parts.counts,
      ...[parts.unconfirmed, parts.stale, parts.error, parts.again, parts.next, parts.reasons, parts.more],
    );
  }

  /** Shows the entry as it is now. */
  update(now) {
    const { entry, language, parts } = this;
    const { batch, error } = entry;
    setAttribute(this.root, 'data-tone', tone(entry));
    setAttribute(this.root, 'data-final', entry.isFinal);
    setText(parts.mark, MARKS[tone(entry)]);
    setText(parts.state, stateWords(entry, language));
    setAttribute(parts.remove, 'aria-label', language.say('removeBatch', entry.key));
    setAttribute(parts.open, 'aria-label', language.say('openBatch', entry.ref.id));
    setLine(parts.kind, this.#kind());
    this.#bar();
    this.#counts();
    setLine(parts.unconfirmed, batch && !batch.isConfirmed && !batch.isTerminal ? language.say('unconfirmed') : null);
    showError(parts.error, error, language);
    parts.again.hidden = !(entry.isFinal && error && !batch?.isTerminal);
    setText(parts.again, language.say('again'));
    setLine(parts.next, batch?.[language.code] ?? null);
    this.#reasons();
    this.tick(now);
  }

  /** What changes by itself, every second. */
  tick(now) {
    const { entry, language, parts } = this;
    const { kind, seconds } = elapsed(entry, now);
    setLine(parts.elapsed, tone(entry) === 'refused' ? null : language.say(`elapsed.${kind}`, seconds));
    setLine(parts.stale, staleWords(entry, language, now));
  }

  /** What its column does not say: which of several sources, else what it does; and the account where there are more. */
  #kind() {
    const { entry, language, gateway } = this;
    const { source, account } = entry.ref;
    const operation = entry.batch?.operation;
    const isOne = gateway.siblings(source).length < 2;
    const does = operation && operation !== 'OTHER' ? language.sayOr(`operations.${operation}`, operation) : null;
    const facts = [
      isOne ? does : this.names.kind(source),
      gateway.accountsOf(source).length > 1 || (account && !entry.batch) ? (entry.batch?.account ?? account) : null,
    ];
    return facts.filter(Boolean).join(' · ');
  }

  #counts() {
    const { entry, language, parts } = this;
    const counts = entry.batch ? countParts(entry.batch, language) : [];
    const state = JSON.stringify(counts);
    if (state === this.shownCounts) return;
    this.shownCounts = state;
    parts.counts.hidden = !counts.length;
    parts.counts.replaceChildren(...counts.map(([name, words]) => h('span', { class: name }, words)));
  }

  #bar() {
    const { entry, language, parts } = this;
    const told = shares(entry);
    const isOpen = told === null;
    setAttribute(parts.bar, 'data-open', isOpen && !entry.isFinal);
    parts.bar.parentNode.hidden = isOpen && entry.isFinal;
    setLine(parts.percent, isOpen || entry.batch.isTerminal ? null : language.formats.percent(told.progress));
    setAttribute(parts.bar, 'aria-valuenow', isOpen ? null : Math.floor(told.progress * 100));
    setAttribute(parts.bar, 'aria-valuetext', isOpen ? language.say('noProgress') : language.formats.percent(told.progress));
    for (const part of ['good', 'bad', 'done']) parts[part].style.width = `${(told?.[part] ?? 0) * 100}%`;
  }

  #reasons() {
    const { entry, language, parts } = this;
    const summary = entry.summary ?? [];
    const shown = summary.slice(0, REASONS);
    const state = JSON.stringify([shown, language.code, summary.length]);
    if (state === this.shownReasons) return;
    this.shownReasons = state;
    parts.reasons.hidden = !shown.length;
    parts.reasons.replaceChildren(
      ...shown.map((reason) =>
        h('li', {}, h('b', {}, `${language.formats.number(reason.count)} ×`), ' ', reasonWords(reason, language)),
      ),
    );
    setLine(parts.more, shown.length ? language.say('why', summary.length - shown.length) : null);
  }
}

/** Status and outcome in words. */
export function stateWords(entry, language) {
  const { batch } = entry;
  if (!batch) return language.say(`states.${tone(entry)}`);
  const state = language.sayOr(`states.${batch.status}`, batch.status);
  if (batch.status === 'UNKNOWN' && batch.sourceStatus) return `${state}: “${batch.sourceStatus}”`;
  if (batch.status !== 'COMPLETED' || !batch.outcome) return state;
  return language.sayOr(`outcomes.${batch.outcome}`, batch.outcome);
}

/** Numbers of items, as far as the marketplace tells them. */
function countParts(batch, language) {
  const told = [
    ['succeeded', batch.succeededCount],
    ['failed', batch.failedCount],
    ['pending', batch.isTerminal && !batch.pendingCount ? null : batch.pendingCount],
  ];
  const parts = told
    .filter(([, count]) => count !== null)
    .map(([name, count]) => [count ? name : 'zero', language.say(`counts.${name}`, count)]);
  if (batch.itemCount !== null) {
    parts.push(['all', language.say(parts.length ? 'counts.all' : 'counts.items', batch.itemCount)]);
  }
  return parts.length ? parts : [['untold', language.say('counts.none')]];
}

/** The same as one line: `9 succeeded · 3 failed of 12`. */
export function countWords(batch, language) {
  return countParts(batch, language)
    .map(([name, words], place) => (place ? (name === 'all' ? ' ' : ' · ') : '') + words)
    .join('');
}

/** What is wrong: in the board's language where that is another one, then in the gateway's words, with the code. */
export function showError(node, error, language) {
  const [title, words] = node.children;
  node.hidden = !error;
  setText(title, error ? language.sayOr(`errors.${error.code}`, '') : '');
  setText(words, error ? ` ${error.message} (${error.code})` : '');
}

export function reasonWords({ code, message, ...explanations }, language) {
  return [code, message].filter(Boolean).join(': ') || explanations[language.code] || language.say('noReason');
}

/** That what is shown is not the latest, and of when it is. */
export function staleWords(entry, language, now) {
  const seconds = age(entry, now);
  if (seconds === null || entry.isFinal) return null;
  const time = language.formats.time(entry.batch.fetchedAt);
  if (entry.isStale) return language.say('stale', seconds, time);
  return seconds > OLD ? language.say('old', seconds, time) : null;
}
