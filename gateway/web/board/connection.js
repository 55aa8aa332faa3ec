// How the board is connected, in the header: live, lost and coming back, or waiting for a token.

import { byId, setLine, setText } from './dom.js';
import { Unreachable } from './api.js';

export class Connection {
  #root = document.querySelector('.connection');
  #lostAt = null;

  constructor({ line, gateway, session, board, language, api }) {
    Object.assign(this, { line, gateway, session, board, language, api });
    byId('retry').addEventListener('click', () => {
      line.retry();
      gateway.ask();
    });
    setInterval(() => this.#count(), 250);
  }

  /** `refused`, `lost`, `connecting`, `live` or `idle`. */
  get state() {
    const { line, gateway, session } = this;
    if (session.isRefused) return 'refused';
    if (line.state === 'waiting') return 'lost';
    if (line.state === 'connecting') return this.#lostAt === null ? 'connecting' : 'lost';
    if (line.state === 'open') return 'live';
    if (gateway.trouble instanceof Unreachable) return 'lost';
    return gateway.marketplaces === null ? 'connecting' : 'idle';
  }

  show() {
    const { language, state } = this;
    if (state === 'lost') this.#lostAt ??= this.api.now();
    else if (state !== 'connecting') this.#lostAt = null;
    this.#root.dataset.state = state;
    document.body.dataset.connection = state;
    const fact = state === 'lost' ? language.formats.time(new Date(this.#lostAt)) : this.board.live().length;
    const words = state === 'live' && this.line.isStreamed ? 'streamed' : state;
    setText(byId('connection'), language.say(`connection.${words}`, fact));
    byId('retry').hidden = state !== 'lost';
    this.#count();
  }

  #count() {
    const { line, language } = this;
    const seconds = Math.ceil((line.retryAt - Date.now()) / 1000);
    const isWaiting = this.state === 'lost' && line.state === 'waiting' && seconds > 0;
    setLine(byId('countdown'), isWaiting ? language.say('retryIn', seconds) : null);
  }
}
