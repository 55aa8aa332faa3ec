// Failed items as a file.

import { asCsv, BOM, parseExactly } from './csv.js';
import { SUBMITTED_ITEMS } from './documents.js';
import { h } from './dom.js';
import { failedItems } from './failed.js';
import { delimiter } from './formats.js';
import { typed, written } from './refs.js';

/**
 * Collects the failed items of these entries and hands them to the browser; returns how many there are. There is no file
 * where those of one cannot be read.
 */
export async function downloadFailed(api, entries, progress) {
  const rows = [];
  for (const { ref } of entries) {
    const before = rows.length;
    const { account, items } = await failedItems(api, SUBMITTED_ITEMS, ref, {
      parse: parseExactly,
      progress: (count) => progress?.(before + count),
    }).catch((error) => {
      throw new Error(`${written(ref)}: ${error.message}`);
    });
    rows.push(...items.map((item) => ({ source: typed(ref.source), account, id: ref.id, item })));
  }
  if (rows.length) save(`${fileName(entries)}.csv`, BOM + asCsv(rows, delimiter()), 'text/csv;charset=utf-8');
  return rows.length;
}

function fileName(entries) {
  if (entries.length > 1) return `failed-items-${new Date().toISOString().slice(0, 10)}`;
  const [{ ref }] = entries;
  return `failed-items-${typed(ref.source)}-${ref.id.replace(/[^\w.-]+/g, '_').slice(0, 80)}`;
}

function save(name, text, type) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  const link = h('a', { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
