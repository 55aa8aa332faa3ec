// Stories to try, where the gateway's accounts are the sandbox's.

import { byId, h, setOptions } from './dom.js';
import { newId, STORIES, TOUR } from './stories.js';

const EVERYWHERE = '';

/** `watch` puts references on the board. */
export class Sandbox {
  #root = byId('sandbox');
  #where = byId('where');
  #stories = byId('stories');
  #shown = '';

  constructor(gateway, language, names, watch) {
    Object.assign(this, { gateway, language, names });
    this.watch = watch;
    this.#where.addEventListener('change', () => this.show());
  }

  /** Opens by itself while the board is empty. */
  show(isEmpty = false) {
    const { gateway, language, names } = this;
    this.#root.hidden = !gateway.isSandbox;
    if (isEmpty && gateway.isSandbox) this.#root.open = true;
    const sources = gateway.sources;
    setOptions(this.#where, [
      [EVERYWHERE, language.say('sandbox.everywhere')],
      ...sources.map((source) => [source, names.source(source)]),
    ]);
    const state = JSON.stringify([sources, this.#where.value, language.code]);
    if (state === this.#shown) return;
    this.#shown = state;
    this.#stories.replaceChildren(...this.#chips(sources));
  }

  #chips(sources) {
    const where = this.#where.value;
    const chips = where ? [] : [this.#chip('tour', () => this.#tour(sources), 'primary')];
    for (const story of STORIES) {
      const on = where ? [where] : firstOfEach(this.gateway, sources, story.on);
      const playing = on.filter((source) => !story.on || story.on.includes(source));
      if (!playing.length) continue;
      chips.push(this.#chip(story.name, () => playing.map((source) => ref(source, story.prefix, story.rest))));
    }
    return chips;
  }

  #chip(name, refs, look = 'chip') {
    const { language } = this;
    const button = h(
      'button',
      { type: 'button', class: look, title: language.say(`stories.${name}.about`), onclick: () => this.watch(refs()) },
      language.say(`stories.${name}.title`),
    );
    return h('li', {}, button);
  }

  #tour(sources) {
    return stops(this.gateway, sources).map(([source, story]) => ref(source, story === 'usual' ? '' : story));
  }
}

const ref = (source, ...parts) => ({ source, account: null, id: newId(...parts) });

/** What the tour shows, as pairs of a source and a story: of a marketplace that it does not know, what all can play. */
function stops(gateway, sources) {
  const planned = sources.flatMap((source) => (TOUR[source] ?? []).map((story) => [source, story]));
  const visited = new Set(planned.map(([source]) => gateway.marketplaceOf(source)));
  const others = firstOfEach(gateway, sources).filter((source) => !visited.has(gateway.marketplaceOf(source)));
  return [...planned, ...others.map((source) => [source, 'partly-failed'])];
}

/** One source of each marketplace, of those that play the story. */
function firstOfEach(gateway, sources, playing) {
  const byMarketplace = new Map();
  for (const source of sources) {
    const marketplace = gateway.marketplaceOf(source);
    if ((!playing || playing.includes(source)) && !byMarketplace.has(marketplace)) byMarketplace.set(marketplace, source);
  }
  return [...byMarketplace.values()];
}
