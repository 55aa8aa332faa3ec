// Asks for a token when the gateway wants one.

import { byId, setText } from './dom.js';

export class SignIn {
  #dialog = byId('sign-in');
  #token = byId('token');

  /** `helps` tells whether a token is what the gateway lacks. */
  constructor(session, language, helps) {
    this.session = session;
    this.language = language;
    session.addEventListener('refused', ({ detail }) => helps() && this.#ask(detail));
    byId('sign-in-later').addEventListener('click', () => this.#dialog.close());
    this.#dialog.querySelector('form').addEventListener('submit', (event) => this.#submit(event));
    byId('sign-out').addEventListener('click', () => (session.isRefused ? this.#ask('') : this.#leave()));
    this.show();
  }

  show() {
    const { token, isRefused } = this.session;
    byId('sign-out').hidden = !token && !isRefused;
    setText(byId('sign-out'), this.language.say(isRefused ? 'signIn.go' : 'signOut'));
  }

  #leave() {
    this.session.forget();
    location.reload();
  }

  #ask(words) {
    const hadToken = Boolean(this.session.token);
    this.session.forget();
    this.show();
    // another question without a token was answered: what is being typed stays
    if (this.#dialog.open && !hadToken) return;
    setText(byId('sign-in-why'), hadToken ? this.language.say('signIn.refused', words) : '');
    this.#token.value = '';
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#token.focus();
  }

  #submit(event) {
    event.preventDefault();
    const token = this.#token.value.trim().replace(/^Bearer\s+/i, '');
    if (!token) return;
    this.#dialog.close();
    this.session.keep(token);
    this.show();
  }
}
