// One WebSocket speaking graphql-transport-ws, opened again whenever it is lost, for as long as somebody wants it.

import { tell } from './dom.js';

const FIRST_WAIT = 400;
const LONGEST_WAIT = 15_000;
/** A connection that held this long is no sign that the next one will fail too. */
const STEADY = 5_000;
const PING_EVERY = 20_000;
const PONG_WITHIN = 8_000;
const OPEN_WITHIN = 10_000;
const REFUSING = new Set([4401, 4403]);

/**
 * `state` is `off`, `connecting`, `open`, `waiting` (until `retryAt`) or `refused`.
 * Events: `state`, `ready` (subscribe now), `message` (detail: `next`, `error` or `complete`).
 */
export class Socket extends EventTarget {
  state = 'off';
  retryAt = 0;
  #socket = null;
  #failures = 0;
  #readyAt = 0;
  #token = null;
  #timer = 0;
  #watchdog = 0;

  constructor(session) {
    super();
    this.session = session;
    window.addEventListener('online', () => this.retry());
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

  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  #connect() {
    this.#drop();
    this.#be('connecting');
    const address = new URL('graphql', document.baseURI);
    address.protocol = address.protocol.replace('http', 'ws');
    const socket = new WebSocket(address, 'graphql-transport-ws');
    this.#socket = socket;
    const ifCurrent = (act) => (event) => socket === this.#socket && act(event);
    socket.addEventListener('open', ifCurrent(() => this.#greet()));
    socket.addEventListener('message', ifCurrent((event) => this.#hear(JSON.parse(event.data))));
    socket.addEventListener('close', ifCurrent((event) => this.#lost(event)));
    this.#watch(OPEN_WITHIN);
  }

  #greet() {
    this.#token = this.session.token;
    this.send({ type: 'connection_init', payload: this.session.credentials });
  }

  #hear(message) {
    this.#watch(PING_EVERY);
    if (message.type === 'connection_ack') {
      this.#readyAt = Date.now();
      this.#be('open');
      tell(this, 'ready');
    } else if (message.type === 'ping') {
      this.send({ type: 'pong', payload: message.payload });
    } else if (message.type !== 'pong') {
      tell(this, 'message', message);
    }
  }

  /** A connection may be gone without a word, after a night's sleep say: silence is asked, and no answer is an end. */
  #watch(milliseconds) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      if (this.state !== 'open' || milliseconds !== PING_EVERY) return this.#lost({ code: 1006, reason: '' });
      this.send({ type: 'ping' });
      this.#watch(PONG_WITHIN);
    }, milliseconds);
  }

  #lost({ code, reason }) {
    this.#drop();
    if (REFUSING.has(code)) {
      this.#be('refused');
      this.session.refuse(reason, this.#token);
      return;
    }
    this.#failures = this.#readyAt && Date.now() - this.#readyAt > STEADY ? 0 : this.#failures + 1;
    this.#readyAt = 0;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.#failures) * (0.75 + Math.random() / 2);
    this.retryAt = Date.now() + wait;
    this.#timer = setTimeout(() => this.#connect(), wait);
    this.#be('waiting');
  }

  #drop() {
    clearTimeout(this.#timer);
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
  }

  #be(state) {
    this.state = state;
    tell(this, 'state');
  }
}
