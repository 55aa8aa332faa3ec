// Keeps what is subscribed the same as what is on the board and has not ended: one operation for all of it, and more
// only where the gateway takes no list that long. A change of the list is a new operation, whose first updates are the
// current states; what the old one still says is not listened to, so that an older state never covers a newer one.

import { tell } from './dom.js';
import { UPDATES } from './documents.js';
import { asInput, place } from './refs.js';

const MOST = 200;
const SETTLE = 40;
const AGAIN = 5_000;

/** Event: `refused` (detail: the errors, or null when they are over). */
export class Subscription extends EventTarget {
  #operations = new Map();
  #subscribed = new Set();
  #most = MOST;
  #next = 1;
  #isRefused = false;
  #timer = 0;

  constructor(board, line) {
    super();
    this.board = board;
    this.line = line;
    board.addEventListener('members', () => this.#soon(SETTLE));
    line.addEventListener('ready', () => this.#subscribe());
    line.addEventListener('message', ({ detail }) => this.#hear(detail));
  }

  #soon(milliseconds) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#sync(), milliseconds);
  }

  #sync() {
    const live = this.board.live();
    if (!live.length) {
      this.#forget();
      this.line.leave();
    } else if (this.line.state === 'off') {
      this.line.want();
    } else if (this.line.isReady) {
      const keys = new Set(live.map((entry) => entry.key));
      const isMore = [...keys].some((key) => !this.#subscribed.has(key));
      const isLess = [...this.#subscribed].some((key) => !this.board.entries.has(key));
      if (isMore || isLess) this.#subscribe();
    }
  }

  #forget() {
    this.#operations.clear();
    this.#subscribed.clear();
  }

  #subscribe() {
    const old = [...this.#operations.keys()];
    this.#forget();
    for (const entries of this.#lists(this.board.live())) {
      const id = String(this.#next++);
      this.#operations.set(id, new Map(entries.map((entry) => [place(entry.ref.source, entry.ref.id), entry.key])));
      for (const entry of entries) this.#subscribed.add(entry.key);
      const variables = { refs: entries.map((entry) => asInput(entry.ref)) };
      this.line.send({ type: 'subscribe', id, payload: { query: UPDATES, variables } });
    }
    for (const id of old) this.line.send({ type: 'complete', id });
    if (!this.#operations.size) this.#soon(SETTLE);
  }

  /** Lists that the gateway takes, in none of which one id stands twice: an update tells nothing else of what was asked. */
  #lists(entries) {
    const lists = [];
    for (const entry of entries) {
      const at = place(entry.ref.source, entry.ref.id);
      let list = lists.find(({ places, members }) => members.length < this.#most && !places.has(at));
      if (!list) lists.push((list = { places: new Set(), members: [] }));
      list.places.add(at);
      list.members.push(entry);
    }
    return lists.map(({ members }) => members);
  }

  #hear({ type, id, payload }) {
    const keys = this.#operations.get(id);
    if (!keys) return;
    if (type === 'next') this.#take(keys, payload);
    else if (type === 'error') this.#refused(id, payload);
    else if (type === 'complete') this.#ended(id);
  }

  #take(keys, { data, errors }) {
    const update = data?.batchUpdates;
    if (!update) {
      this.#say(errors);
      return;
    }
    if (this.#isRefused) this.#say(null);
    const key = keys.get(place(update.ref.source, update.ref.batchId));
    if (!key) return;
    if (update.isFinal) this.#subscribed.delete(key);
    this.board.apply(key, update);
  }

  #say(errors) {
    this.#isRefused = errors !== null;
    tell(this, 'refused', errors);
  }

  #refused(id, errors) {
    this.#operations.delete(id);
    const isTooLong = errors[0]?.extensions?.code === 'BAD_USER_INPUT' && this.#most > 1;
    if (isTooLong) this.#most = Math.ceil(this.#most / 2);
    else this.#say(errors);
    this.#subscribed.clear();
    this.#soon(isTooLong ? SETTLE : AGAIN);
  }

  #ended(id) {
    this.#operations.delete(id);
    if (this.#operations.size) return;
    this.#subscribed.clear();
    // usually all have ended; where the gateway ended early, it is asked again
    this.#soon(this.board.live().length ? AGAIN : SETTLE);
  }
}
