// Where batches are put on the board.

import { byId, h, setOptions } from './dom.js';
import { readRefs, typed } from './refs.js';

const NONE = '';

/** `watch` takes references. */
export class Form {
  #root = byId('add');
  #ids = byId('ids');
  #source = byId('source');
  #account = byId('account');
  #mistakes = byId('mistakes');

  constructor(gateway, language, names, watch) {
    Object.assign(this, { gateway, language, names });
    this.watch = watch;
    this.#root.addEventListener('submit', (event) => this.#submit(event));
    this.#source.addEventListener('change', () => this.show());
    this.#ids.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#root.requestSubmit();
    });
  }

  /** Offers what the gateway has, in the language of the board. */
  show() {
    const { gateway, language, names } = this;
    this.#ids.placeholder = language.say('idsPlaceholder', gateway.sources.slice(0, 2).map(typed));
    setOptions(this.#source, [
      [NONE, language.say('noSource')],
      ...gateway.sources.map((source) => [source, names.source(source)]),
    ]);
    const accounts = gateway.accountsOf(this.#source.value);
    byId('account-field').hidden = accounts.length < 2;
    setOptions(this.#account, accounts.map((name) => [name, name]));
  }

  focus() {
    this.#ids.focus();
  }

  #submit(event) {
    event.preventDefault();
    const { refs, mistakes } = readRefs(this.#ids.value, this.gateway.understood, this.#chosen());
    this.#complain(mistakes, refs.length || this.#ids.value.trim());
    if (!refs.length) {
      this.focus();
      return;
    }
    this.#ids.value = mistakes.map(({ text }) => text).join('\n');
    this.watch(refs);
  }

  #chosen() {
    const source = this.#source.value;
    if (!source) return null;
    return { source, account: this.gateway.accountsOf(source).length > 1 ? this.#account.value : null };
  }

  #complain(mistakes, wasAnything) {
    const { language } = this;
    const shown = mistakes.slice(0, 5).map((mistake) => language.say(`mistakes.${mistake.why}`, mistake, this.#known()));
    if (!wasAnything) shown.push(language.say('mistakes.nothing'));
    if (mistakes.length > shown.length) shown.push(language.say('mistakes.more', mistakes.length - shown.length));
    this.#ids.toggleAttribute('aria-invalid', shown.length > 0);
    this.#mistakes.replaceChildren(...shown.map((words) => h('p', {}, words)));
  }

  #known() {
    return (this.gateway.understood ?? []).map(typed).join(', ');
  }
}
