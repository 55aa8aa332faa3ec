// The connection that carries the board's subscriptions, opened again whenever it is lost, for as long as somebody wants
// it: a WebSocket, or server-sent events where a proxy lets no WebSocket through.

import { tell } from './dom.js';
import { Socket } from './socket.js';
import { Streams } from './streams.js';

const FIRST_WAIT = 400;
const LONGEST_WAIT = 15_000;
/** A connection that held this long is no sign that the next one will fail too. */
const STEADY = 5_000;

/**
 * `state` is `off`, `connecting`, `open`, `waiting` (until `retryAt`) or `refused`; `isReady` where it takes messages.
 * Events: `state`, `ready` (subscribe now), `open`, `message` (detail: `next`, `error` or `complete`).
 */
export class Line extends EventTarget {
  state = 'off';
  retryAt = 0;
  isReady = false;
  #carrier = null;
  #isOpened = false;
  #first = Socket;
  #failures = 0;
  #openedAt = 0;
  #timer = 0;

  constructor(session) {
    super();
    this.session = session;
    window.addEventListener('online', () => {
      this.#first = Socket;
      this.retry();
    });
  }

  /** Whether it gets along without a WebSocket. */
  get isStreamed() {
    return this.#carrier instanceof Streams;
  }

  /** Connects, and keeps connected. */
  want() {
    if (this.state === 'off') this.#connect();
  }

  /** Ends the connection: nobody needs it. */
  leave() {
    this.#drop();
    this.#failures = 0;
    this.#be('off');
  }

  /** Tries at once instead of waiting on. */
  retry() {
    if (this.state === 'waiting') this.#connect();
  }

  /** Tries again with another token. */
  signIn() {
    if (this.state === 'refused') this.#connect();
    else this.retry();
  }

  /** Sends a message of graphql-transport-ws: `subscribe` or `complete`. */
  send(message) {
    this.#carrier?.send(message);
  }

  #connect(Carrier = this.#first) {
    this.#drop();
    this.#be('connecting');
    const ifCurrent = (act) => (fact) => carrier === this.#carrier && act(fact);
    const carrier = new Carrier(this.session, {
      ready: ifCurrent(() => this.#ready()),
      opened: ifCurrent(() => this.#opened(Carrier)),
      heard: ifCurrent((message) => tell(this, 'message', message)),
      refused: ifCurrent((refusal) => this.#refused(refusal)),
      lost: ifCurrent((fact) => this.#lost(Carrier, fact)),
    });
    this.#carrier = carrier;
  }

  #ready() {
    this.isReady = true;
    tell(this, 'ready');
  }

  #opened(Carrier) {
    if (this.#isOpened) return;
    this.#isOpened = true;
    this.#first = Carrier;
    this.#openedAt = Date.now();
    this.#be('open');
    tell(this, 'open');
  }

  #refused({ words, token }) {
    this.#drop();
    this.#be('refused');
    this.session.refuse(words, token);
  }

  /** `isBlocked`: it never got through, and the gateway said nothing of why. */
  #lost(Carrier, { isBlocked }) {
    if (isBlocked && Carrier === Socket) {
      this.#connect(Streams);
      return;
    }
    const isFailure = !this.#isOpened;
    const wasSteady = this.#isOpened && Date.now() - this.#openedAt > STEADY;
    this.#drop();
    if (isFailure) this.#first = Socket;
    this.#failures = wasSteady ? 0 : this.#failures + 1;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#be('waiting');
  }

  #drop() {
    clearTimeout(this.#timer);
    const carrier = this.#carrier;
    this.#carrier = null;
    this.isReady = this.#isOpened = false;
    carrier?.close();
  }

  #be(state) {
    this.state = state;
    tell(this, 'state');
  }
}
