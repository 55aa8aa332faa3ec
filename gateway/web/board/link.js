// The board as a link: which batches are on it and which one is open stand in the address behind the #, which browsers
// send to nobody. `#batches=trendyol:a,mircate@shop:b&open=trendyol:a`

const readable = (text) => encodeURIComponent(text).replaceAll('%3A', ':').replaceAll('%40', '@');

export function writeFragment({ batches, open }) {
  const parts = [];
  if (batches.length) parts.push(`batches=${batches.map(readable).join(',')}`);
  if (open) parts.push(`open=${readable(open)}`);
  return parts.join('&');
}

/** The opposite; what cannot be read is left out. */
export function readFragment(fragment) {
  const fields = new Map(
    fragment
      .replace(/^#/, '')
      .split('&')
      .map((field) => [field.slice(0, field.indexOf('=')), field.slice(field.indexOf('=') + 1)]),
  );
  const batches = (fields.get('batches') ?? '').split(',').map(decoded).filter(Boolean);
  return { batches: [...new Set(batches)], open: decoded(fields.get('open') ?? '') || null };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}
