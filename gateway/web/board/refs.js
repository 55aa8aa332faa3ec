// References as people write them, `source[@account]:id`, and as the API takes them. Sources are the enum's names here.

const SOURCE = /^[A-Z][A-Z0-9_]*$/;
const WRITTEN = /^([^:@\s]+)(?:@([^:\s]*))?:(.+)$/s;

/** `IDEFIX_INVENTORY` as it is typed: `idefix-inventory`. */
export const typed = (source) => source.toLowerCase().replaceAll('_', '-');

/** What the API calls a typed source. */
export const named = (text) => text.toUpperCase().replaceAll('-', '_');

/** A reference as one line; it is also the batch's key on the board. */
export const written = ({ source, account, id }) => `${typed(source)}${account ? `@${account}` : ''}:${id}`;

/** The reference as a variable of an operation. */
export const asInput = ({ source, account, id }) => ({ source, id, account: account ?? null });

/** What tells two batches of one request apart where the account was left out. */
export const place = (source, id) => `${source} ${id}`;

/**
 * Reads what was pasted: references and bare ids, one per line or parted by spaces, commas or semicolons.
 *
 * `sources` are those that are understood; null takes any, where that is not known yet.
 * `chosen` is where bare ids are from: `{ source, account }`, or null. Mistakes are `{ text, why, source }`, where `why`
 * names the words for it. An id with colons of its own needs its source in front.
 */
export function readRefs(text, sources, chosen) {
  const found = new Map();
  const mistakes = [];
  for (const part of text.split(/[\s,;]+/)) {
    const bare = part.replace(/^["'`[\]]+|["'`[\]]+$/g, '');
    if (!bare) continue;
    const { ref, mistake } = readRef(bare, sources, chosen);
    if (ref) found.set(written(ref), ref);
    else mistakes.push(mistake);
  }
  return { refs: [...found.values()], mistakes };
}

/** One reference: `{ ref }` or `{ mistake }`. */
export function readRef(text, sources, chosen = null) {
  const match = WRITTEN.exec(text);
  if (!match) {
    if (text.includes(':')) return { mistake: { text, why: 'noId' } };
    if (!chosen) return { mistake: { text, why: 'noSource' } };
    return { ref: { ...chosen, id: text } };
  }
  const [, head, account, id] = match;
  const source = named(head);
  if (!(sources?.includes(source) ?? SOURCE.test(source))) return { mistake: { text, why: 'unknownSource', source: head } };
  if (account === '') return { mistake: { text, why: 'noAccount' } };
  return { ref: { source, account: account ?? null, id } };
}
