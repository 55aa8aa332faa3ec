// The sandbox's stories by the beginning of an id (docs/sandbox.md); `on` names the sources that alone play it.

export const STORIES = [
  { prefix: '', name: 'usual' },
  { prefix: 'slow', name: 'slow' },
  { prefix: 'partly-failed', name: 'partlyFailed' },
  { prefix: 'partly-failed', name: 'large', rest: 'n1000' },
  { prefix: 'failed', name: 'failed' },
  { prefix: 'approve', name: 'approve', on: ['IDEFIX_FAST_LISTING', 'IDEFIX_PRODUCT_CREATE'] },
  { prefix: 'cancelled', name: 'cancelled', on: ['IDEFIX_FAST_LISTING', 'IDEFIX_PRODUCT_CREATE', 'IDEFIX_INVENTORY'] },
  { prefix: 'stuck', name: 'stuck' },
  { prefix: 'late', name: 'late' },
  { prefix: 'gone', name: 'gone' },
  { prefix: 'unknown-word', name: 'unknownWord' },
  { prefix: 'flaky', name: 'flaky' },
  { prefix: 'limited', name: 'limited' },
  { prefix: 'refused', name: 'refused' },
  { prefix: 'down', name: 'down' },
];

/** What the first button puts on the board: one batch of each source that is there, each living through something else. */
export const TOUR = {
  TRENDYOL: ['partly-failed', 'slow-stock-n120'],
  IDEFIX_FAST_LISTING: ['approve'],
  IDEFIX_INVENTORY: ['partly-failed-n200'],
  MIRCATE: ['partly-failed', 'slow'],
  SURECART_BATCH: ['usual', 'failed'],
};

/** An id that plays a story from its start: nobody has asked for it before. */
export function newId(...parts) {
  // a word that is no choice of the sandbox's: those are a letter and digits, or words without digits
  const unique = `x${Date.now().toString(36).slice(-5)}${Math.random().toString(36).slice(2, 4)}`;
  return [...parts, unique].filter(Boolean).join('-');
}
