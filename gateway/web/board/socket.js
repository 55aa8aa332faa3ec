// One WebSocket that speaks graphql-transport-ws, from its opening to its end.

const PING_EVERY = 20_000;
const PONG_WITHIN = 8_000;
const OPEN_WITHIN = 8_000;
const REFUSING = new Set([4401, 4403]);
/** Codes from here on are the gateway's own: the socket itself went through. */
const OWN = 4000;

/**
 * Tells `line` what happens: `ready` and `opened`, `heard` (a message), and one of `refused` (`{ words, token }`) or
 * `lost` (`{ isBlocked }`) at its end.
 */
export class Socket {
  #socket;
  #isOpen = false;
  #token = null;
  #watchdog = 0;

  constructor(session, line) {
    this.session = session;
    this.line = line;
    const address = new URL('graphql', document.baseURI);
    address.protocol = address.protocol.replace('http', 'ws');
    this.#socket = new WebSocket(address, 'graphql-transport-ws');
    this.#socket.addEventListener('open', () => this.#greet());
    this.#socket.addEventListener('message', ({ data }) => this.#hear(JSON.parse(data)));
    this.#socket.addEventListener('close', (event) => this.#lost(event));
    this.#watch(OPEN_WITHIN);
  }

  send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  close() {
    clearTimeout(this.#watchdog);
    this.#socket.close(1000);
  }

  #greet() {
    this.#token = this.session.token;
    this.send({ type: 'connection_init', payload: this.session.credentials });
  }

  #hear(message) {
    this.#watch(PING_EVERY);
    if (message.type === 'connection_ack') {
      this.#isOpen = true;
      this.line.opened();
      this.line.ready();
    } else if (message.type === 'ping') {
      this.send({ type: 'pong', payload: message.payload });
    } else if (message.type !== 'pong') {
      this.line.heard(message);
    }
  }

  /** A connection may be gone without a word, after a night's sleep say: silence is asked, and no answer is an end. */
  #watch(milliseconds) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => {
      if (!this.#isOpen || milliseconds !== PING_EVERY) return this.#lost({ code: 1006, reason: '' });
      this.send({ type: 'ping' });
      this.#watch(PONG_WITHIN);
    }, milliseconds);
  }

  #lost({ code, reason }) {
    clearTimeout(this.#watchdog);
    if (REFUSING.has(code)) this.line.refused({ words: reason, token: this.#token });
    else this.line.lost({ isBlocked: !this.#isOpen && code < OWN });
  }
}
