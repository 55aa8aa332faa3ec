// The failed items of a batch, page by page until all are there.

import { asInput } from './refs.js';

/** All failed items, in their order. `progress` hears how many are there and how many there will be. */
export async function failedItems(api, document, ref, { parse, progress } = {}) {
  const found = [];
  let account = ref.account;
  let after = null;
  do {
    const { batch } = await api.ask(document, { ref: asInput(ref), after }, parse);
    if (!batch?.items) break;
    account = batch.account ?? account;
    found.push(...batch.items.nodes);
    progress?.(found.length, batch.items.totalCount);
    after = batch.items.pageInfo.hasNextPage ? batch.items.pageInfo.endCursor : null;
  } while (after !== null);
  return { account, items: found };
}

/** What tells one reason from another: some have no code and no message, but an explanation. */
export const reasonKey = ({ code, message, en }) => JSON.stringify([code, message, en]);

/** Whether an item failed for this reason. */
export function failedFor(reason) {
  const key = reasonKey(reason);
  return ({ failures }) => failures.some((failure) => reasonKey(failure) === key);
}
