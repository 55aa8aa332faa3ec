// What an entry of the board means: pure functions, without a word of any language.

/** How it stands, for colours and words: of the batch's own state where there is one. */
export function tone(entry) {
  const { batch, error } = entry;
  if (!batch) return error ? (entry.isFinal ? 'refused' : 'troubled') : 'asking';
  if (batch.status === 'COMPLETED') return OUTCOMES[batch.outcome] ?? 'ended';
  return STATUSES[batch.status] ?? 'odd';
}

const STATUSES = {
  PENDING: 'queued',
  IN_PROGRESS: 'running',
  FAILED: 'bad',
  CANCELLED: 'partial',
  TIMED_OUT: 'bad',
  UNKNOWN: 'odd',
};
const OUTCOMES = { SUCCEEDED: 'good', PARTIALLY_SUCCEEDED: 'partial', FAILED: 'bad' };

/** Which of the board's filters let it through. */
export const FILTERS = {
  all: () => true,
  live: (entry) => !entry.isFinal,
  trouble: (entry) => hasTrouble(entry),
  ended: (entry) => entry.isFinal,
};

function hasTrouble({ batch, error }) {
  if (error) return true;
  return Boolean(batch) && (batch.failedCount > 0 || ['FAILED', 'TIMED_OUT', 'CANCELLED'].includes(batch.status));
}

/** Whether there may be items of which the marketplace says why they failed. */
export function mayHaveFailures({ batch }) {
  if (!batch) return false;
  if (batch.failedCount !== null) return batch.failedCount > 0;
  return batch.isTerminal && batch.outcome !== 'SUCCEEDED';
}

/**
 * Seconds, and what they are: how long it `took`, how long it is `running`, or how long the board has `watched` where
 * the marketplace tells no time.
 */
export function elapsed(entry, now) {
  const { batch, isFinal } = entry;
  const began = batch?.createdAt ? Date.parse(batch.createdAt) : null;
  const ended = batch?.isTerminal ? (batch.completedAt ?? batch.updatedAt) : null;
  if (began !== null && batch.isTerminal && ended) return { kind: 'took', seconds: between(began, Date.parse(ended)) };
  if (began !== null && !isFinal) return { kind: 'running', seconds: between(began, now) };
  return { kind: 'watched', seconds: between(entry.since, isFinal ? entry.until : now) };
}

const between = (from, to) => Math.max(0, Math.round((to - from) / 1000));

/** Seconds since the marketplace said what is shown; null where it has said nothing. */
export function age(entry, now) {
  return entry.batch ? between(Date.parse(entry.batch.fetchedAt), now) : null;
}

/** Shares of the bar, 0 to 1: succeeded, failed, and processed without saying how; null where nothing is told. */
export function shares({ batch }) {
  if (!batch) return null;
  const { itemCount, succeededCount, failedCount, progress, status, outcome } = batch;
  if (status === 'COMPLETED' && !itemCount) return { good: 0, bad: 0, done: 1, progress: 1 };
  if (progress === null && !(itemCount && (succeededCount !== null || failedCount !== null))) return null;
  const good = itemCount ? (succeededCount ?? 0) / itemCount : 0;
  const bad = itemCount ? (failedCount ?? 0) / itemCount : 0;
  const whole = status === 'COMPLETED' ? 1 : (progress ?? good + bad);
  const done = Math.max(0, whole - good - bad);
  return { good, bad, done: outcome === 'FAILED' && !bad ? whole : done, progress: Math.min(1, Math.max(whole, good + bad)) };
}
