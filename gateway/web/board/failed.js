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

/** Whether the item failed for this reason. */
export const failedFor = ({ code, message }) => (item) =>
  item.failures.some((failure) => failure.code === code && failure.message === message);
