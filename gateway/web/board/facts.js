// What is known of one batch, as names and values.

import { countWords } from './card.js';
import { age, elapsed } from './entry.js';

/** Pairs of a name and its words; what the marketplace does not tell is left out. */
export function facts(entry, language, now) {
  const { batch } = entry;
  const { formats } = language;
  if (!batch) return [];
  const { kind, seconds } = elapsed(entry, now);
  const word = batch.sourceStatus && batch.status !== 'UNKNOWN' ? batch.sourceStatus : null;
  return named(
    {
      word,
      operation: language.sayOr(`operations.${batch.operation}`, batch.operation),
      account: batch.account,
      progress: batch.progress === null ? null : formats.percent(batch.progress),
      counts: countWords(batch, language),
      elapsed: language.say(`elapsed.${kind}`, seconds),
      created: time(batch.createdAt, formats),
      updated: time(batch.updatedAt, formats),
      completed: time(batch.completedAt, formats),
      expires: time(batch.expiresAt, formats),
      read: language.say('readAt', formats.time(batch.fetchedAt), age(entry, now)),
    },
    language,
  );
}

const time = (iso, formats) => (iso ? formats.time(iso) : null);

function named(values, language) {
  return Object.entries(values)
    .filter(([, words]) => words !== null)
    .map(([name, words]) => [language.say(`facts.${name}`), words]);
}
