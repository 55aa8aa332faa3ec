// Subscriptions as server-sent events, each a request of its own. Read with `fetch`: a browser's EventSource can carry no
// token. It looks like a socket from outside.

import { EventReader } from './events.js';

/** A stream that brings nothing at once is held back on its way; later the gateway sends a sign of life all 12 seconds. */
const OPEN_WITHIN = 10_000;
const SILENT = 60_000;

/** Tells `line` what a `Socket` tells. */
export class Streams {
  #streams = new Map();

  constructor(session, line) {
    this.session = session;
    this.line = line;
    queueMicrotask(() => line.ready());
  }

  send({ type, id, payload }) {
    if (type === 'subscribe') this.#follow(id, payload);
    else this.#leave(id);
  }

  close() {
    for (const id of [...this.#streams.keys()]) this.#leave(id);
  }

  #leave(id) {
    const stream = this.#streams.get(id);
    this.#streams.delete(id);
    stream?.end();
  }

  async #follow(id, payload) {
    const stream = new Stream(this.session);
    this.#streams.set(id, stream);
    const isCurrent = () => this.#streams.get(id) === stream;
    try {
      for await (const message of stream.messages(payload, () => isCurrent() && this.line.opened())) {
        if (!isCurrent()) return;
        if (message.type !== 'next') this.#leave(id);
        this.line.heard({ id, ...message });
        if (message.type !== 'next') return;
      }
    } catch (error) {
      if (isCurrent() && error instanceof NotLetIn) return this.line.refused({ words: error.message, token: stream.token });
    }
    // without its last word it was cut off
    if (isCurrent()) this.line.lost({ isBlocked: false });
  }
}

class NotLetIn extends Error {}

/** One request and its answer. */
class Stream {
  #abort = new AbortController();
  #watchdog = 0;

  constructor(session) {
    this.token = session.token;
    this.credentials = session.credentials;
  }

  end() {
    clearTimeout(this.#watchdog);
    this.#abort.abort();
  }

  /** What the gateway says, as messages of a socket; `heard` is called for whatever comes. */
  async *messages(payload, heard) {
    this.#watch(OPEN_WITHIN);
    const response = await fetch('graphql', {
      method: 'POST',
      body: JSON.stringify(payload),
      cache: 'no-store',
      signal: this.#abort.signal,
      headers: { 'content-type': 'application/json', accept: 'text/event-stream', ...this.credentials },
    });
    if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
      const message = await refusal(response);
      heard();
      yield message;
      return;
    }
    const events = new EventReader();
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      this.#watch(SILENT);
      for (const { event, data } of events.read(value)) {
        if (event === 'next') yield result(JSON.parse(data));
        else if (event === 'complete') yield { type: 'complete' };
      }
    }
  }

  #watch(milliseconds) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.end(), milliseconds);
  }
}

/** Errors alone mean that the operation did not run, or came to its end. */
function result(payload) {
  if (payload.data !== undefined) return { type: 'next', payload };
  return failure(payload.errors ?? []);
}

async function refusal(response) {
  const { errors } = await response.json();
  if (response.status >= 500 || !errors?.length) throw new Error(`HTTP ${response.status}`);
  return failure(errors);
}

function failure(errors) {
  const [first] = errors;
  if (first?.extensions?.code === 'UNAUTHENTICATED') throw new NotLetIn(first.message);
  return { type: 'error', payload: errors };
}
