// The token, kept for as long as this browser tab lives and nowhere else.

import { tell } from './dom.js';

const KEY = 'board:token';

/** Events: `refused` (detail: the gateway's words) when the gateway wants a token or another one, `signedin`. */
export class Session extends EventTarget {
  #memory = null;
  isRefused = false;

  get token() {
    try {
      return sessionStorage.getItem(KEY) ?? this.#memory;
    } catch {
      return this.#memory;
    }
  }

  /** What both HTTP and `connection_init` carry. */
  get credentials() {
    const token = this.token;
    return token ? { Authorization: `Bearer ${token}` } : {};
  }

  keep(token) {
    this.#memory = token;
    try {
      sessionStorage.setItem(KEY, token);
    } catch {
      // kept in memory alone
    }
    this.isRefused = false;
    tell(this, 'signedin');
  }

  forget() {
    this.#memory = null;
    try {
      sessionStorage.removeItem(KEY);
    } catch {
      // there is none
    }
  }

  /** The gateway refused `token`; what it says of an older one is no news. */
  refuse(words, token) {
    if (token !== this.token) return;
    this.isRefused = true;
    tell(this, 'refused', words);
  }
}
