// Questions to the gateway's public API: POST /graphql, as any other client asks.

/** The gateway cannot be reached, or something between answers in its place. */
export class Unreachable extends Error {}

/** The gateway wants a token. */
export class Unauthorized extends Error {}

/** The gateway answered with an error: its words, and its `extensions.code`. */
export class Refused extends Error {
  constructor(message, code) {
    super(message);
    this.code = code;
  }

  static of(errors) {
    const [first] = errors;
    return new Refused(first?.message ?? '', first?.extensions?.code ?? '');
  }
}

export class Api {
  /** Milliseconds to add to this machine's clock for the gateway's. */
  skew = 0;

  constructor(session) {
    this.session = session;
  }

  /** The gateway's clock in milliseconds: elapsed times are right on a machine whose clock is not. */
  now() {
    return Date.now() + this.skew;
  }

  /** The answer's `data`. Throws one of the errors above. */
  async ask(query, variables = {}, parse = JSON.parse) {
    const { token } = this.session;
    const response = await this.#post(JSON.stringify({ query, variables }));
    let answer;
    try {
      answer = parse(await response.text());
    } catch {
      throw new Unreachable(`HTTP ${response.status}`);
    }
    if (response.status === 401) {
      const refused = Refused.of(answer?.errors ?? []);
      this.session.refuse(refused.message, token);
      throw new Unauthorized(refused.message);
    }
    const { data, errors } = answer ?? {};
    // an error in place of what was asked for is no answer: nothing would look like nothing to tell
    const isMissing = !data || (errors?.length > 0 && Object.values(data).includes(null));
    if (isMissing) throw Refused.of(errors ?? [{ message: `HTTP ${response.status}` }]);
    return data;
  }

  async #post(body) {
    let response;
    try {
      response = await fetch('graphql', {
        method: 'POST',
        body,
        cache: 'no-store',
        headers: {
          'content-type': 'application/json',
          accept: 'application/graphql-response+json, application/json;q=0.9',
          ...this.session.credentials,
        },
      });
    } catch (error) {
      throw new Unreachable(String(error));
    }
    this.#learnTime(response.headers.get('date'));
    if (response.status >= 502 && response.status <= 504) throw new Unreachable(`HTTP ${response.status}`);
    return response;
  }

  #learnTime(date) {
    const there = date ? Date.parse(date) : NaN;
    const skew = there - Date.now();
    // the header counts whole seconds, and the answer took a moment: only what is more than that is a difference
    if (!Number.isNaN(skew)) this.skew = Math.abs(skew) > 2500 ? skew : 0;
  }
}
