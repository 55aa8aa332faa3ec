// What marketplaces and their sources are called: by the API, so that a new one has its name here too.

export class Names {
  constructor(gateway, language) {
    this.gateway = gateway;
    this.language = language;
  }

  /** `idefix` */
  marketplace(name) {
    return this.gateway.titleOf(name) ?? capitalized(name);
  }

  /** `idefix stock and price`; the marketplace's name alone where it has one kind of batch. */
  source(source) {
    return [this.marketplace(this.gateway.marketplaceOf(source)), this.kind(source)].filter(Boolean).join(' ');
  }

  /** `stock and price`: what tells the source from others of its marketplace. */
  kind(source) {
    const rest = source.slice(this.gateway.marketplaceOf(source).length + 1);
    return this.language.sayOr(`kinds.${source}`, rest.toLowerCase().replaceAll('_', ' '));
  }
}

const capitalized = (name) => name.charAt(0) + name.slice(1).toLowerCase();
