// What is on the board: one entry per batch, in the order in which they were put there.

import { tell } from './dom.js';
import { typed, written } from './refs.js';

/**
 * An entry: `key` (the reference as written) and `ref`; `batch` and `error` as last told; `isFinal`; `since` and
 * `until`, when the board began and ended to follow it (milliseconds of the gateway's clock); `summary`, the failures
 * by reason, and the `version` that they were read for.
 *
 * Events: `members` (something came or went, or is to be followed again), `changed` (detail: `{ entry, before }`).
 */
export class Board extends EventTarget {
  entries = new Map();
  /** Sources that the gateway understands; null before it told: nothing is followed until then. */
  #sources = null;

  constructor(now) {
    super();
    this.now = now;
  }

  /** Batches that are to be followed. */
  live() {
    return [...this.entries.values()].filter((entry) => !entry.isFinal && this.#sources?.includes(entry.ref.source));
  }

  /** Gives up batches of sources that the gateway does not have: one of them would spoil the question about all. */
  understand(sources) {
    const isNews = this.#sources === null;
    this.#sources = sources;
    this.#judge();
    if (isNews) tell(this, 'members');
  }

  /** Puts batches on the board; returns how many were not there yet. */
  add(refs) {
    const before = this.entries.size;
    for (const ref of refs) {
      const key = written(ref);
      if (!this.entries.has(key)) this.entries.set(key, this.#entry(key, ref));
    }
    const added = this.entries.size - before;
    if (added) this.#joined();
    return added;
  }

  /** Exactly these, in this order; what is known of those that stay is kept. */
  become(refs) {
    const old = this.entries;
    this.entries = new Map(
      refs.map((ref) => {
        const key = written(ref);
        return [key, old.get(key) ?? this.#entry(key, ref)];
      }),
    );
    this.#joined();
  }

  remove(keys) {
    for (const key of keys) this.entries.delete(key);
    tell(this, 'members');
  }

  /** Follows a batch again that was given up. */
  again(key) {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.#change(entry, { error: null, isFinal: false, since: this.now(), until: null });
    this.#joined();
  }

  /** Takes an update of the subscription. */
  apply(key, { batch, error, isFinal, version }) {
    const entry = this.entries.get(key);
    if (!entry) return;
    this.#change(entry, {
      batch: batch ?? entry.batch,
      error,
      isFinal,
      version,
      isStale: batch ? batch.isStale : entry.isStale,
      until: isFinal ? this.now() : null,
    });
  }

  /**
   * Takes what the gateway says about how fresh a state is. A subscription tells changes alone: that a marketplace
   * answers again, and what it says is still the same, is learned here.
   */
  look(key, { batch, error }) {
    const entry = this.entries.get(key);
    if (!entry?.batch || entry.isFinal || !batch) return;
    const isNewer = Date.parse(batch.fetchedAt) > Date.parse(entry.batch.fetchedAt);
    if (isNewer && !batch.isStale) {
      this.#change(entry, { batch: { ...entry.batch, fetchedAt: batch.fetchedAt }, error: null, isStale: false });
    } else if (batch.isStale && error) {
      this.#change(entry, { error, isStale: true });
    }
  }

  summarize(key, summary, version) {
    const entry = this.entries.get(key);
    if (entry) this.#change(entry, { summary, summaryVersion: version });
  }

  /** Tells everybody to show everything anew, in another language say. */
  refresh() {
    for (const entry of this.entries.values()) tell(this, 'changed', { entry, before: entry });
  }

  #joined() {
    this.#judge();
    tell(this, 'members');
  }

  #judge() {
    if (this.#sources === null) return;
    for (const entry of this.entries.values()) {
      if (entry.isFinal || this.#sources.includes(entry.ref.source)) continue;
      const message = `The gateway has no source “${typed(entry.ref.source)}” that you may use.`;
      this.#change(entry, { error: { code: 'UNKNOWN_SOURCE', message }, isFinal: true, until: this.now() });
    }
  }

  #entry(key, ref) {
    return {
      key,
      ref,
      batch: null,
      error: null,
      isFinal: false,
      isStale: false,
      version: null,
      since: this.now(),
      until: null,
      summary: null,
      summaryVersion: null,
    };
  }

  #change(entry, change) {
    const before = { ...entry };
    Object.assign(entry, change);
    tell(this, 'changed', { entry, before });
  }
}
