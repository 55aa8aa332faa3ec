// Failed items as a file for a spreadsheet, which must never take a cell for a formula: a cell whose first visible
// character is one of = + - @ (or their full-width forms), or that begins with a tab or a line break, gets an apostrophe
// in front. Plain numbers keep their sign. The same columns as the command line's `get --failed`.

export const BOM = '\ufeff';

const COLUMNS = [
  'source',
  'account',
  'batch_id',
  'index',
  'key',
  'title',
  'code',
  'message',
  'explanation_en',
  'explanation_tr',
];
const NUMBER = /^[+-]?[0-9]+([.,][0-9]+)?([eE][+-]?[0-9]+)?$/;
const STARTS = '=+-@\uff1d\uff0b\uff0d\uff20';
const INVISIBLE = /[\p{C}\p{Z}]/u;

/** A number as the marketplace wrote it: `10.50`, or a long id that a floating-point number would spoil. */
export class Written {
  constructor(text) {
    this.text = text;
  }
}

/** Reads JSON with its numbers as they were written, where the browser tells. */
export function parseExactly(text) {
  return JSON.parse(text, (_, value, context) =>
    typeof value === 'number' && context?.source !== undefined ? new Written(context.source) : value,
  );
}

export function neutral(text) {
  if (!text || NUMBER.test(text)) return text;
  const visible = [...text].find((character) => !INVISIBLE.test(character)) ?? '';
  return '\t\r\n'.includes(text[0]) || (visible && STARTS.includes(visible)) ? `'${text}` : text;
}

/** A JSON value as one cell. */
export function cell(value) {
  if (value === null || value === undefined) return '';
  if (value instanceof Written) return value.text;
  if (typeof value === 'string') return neutral(value);
  if (typeof value === 'object') return neutral(json(value));
  return String(value);
}

function json(value) {
  if (value instanceof Written) return value.text;
  if (Array.isArray(value)) return `[${value.map(json).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return `{${Object.entries(value)
    .map(([key, inner]) => `${JSON.stringify(key)}:${json(inner)}`)
    .join(',')}}`;
}

function* columns(value, name) {
  const isOpened = value !== null && typeof value === 'object' && !Array.isArray(value) && !(value instanceof Written);
  if (!isOpened || !Object.keys(value).length) {
    yield [name, cell(value)];
    return;
  }
  for (const [key, inner] of Object.entries(value)) yield* columns(inner, `${name}.${key}`);
}

/** One line per item of `{ source, account, id, item }`; each part of a payload has a column of its own. */
export function asCsv(rows, delimiter = ',') {
  const submitted = rows.map(({ item }) => new Map(item.payload === null ? [] : columns(item.payload, 'payload')));
  const names = [...new Set(submitted.flatMap((cells) => [...cells.keys()]))];
  const lines = [
    [...COLUMNS, ...names.map(neutral)],
    ...rows.map((row, i) => [...fixed(row), ...names.map((name) => submitted[i].get(name) ?? '')]),
  ];
  return lines.map((cells) => cells.map(quoted).join(delimiter) + '\r\n').join('');
}

function fixed({ source, account, id, item }) {
  const reasons = item.failures;
  return [
    neutral(source),
    neutral(account ?? ''),
    neutral(id),
    cell(item.index),
    cell(item.key),
    cell(item.title),
    ...['code', 'message', 'en', 'tr'].map((part) => lines(reasons.map((reason) => reason[part]))),
  ];
}

const lines = (parts) => (parts.some(Boolean) ? neutral(parts.map((part) => part ?? '').join('\n')) : '');
const quoted = (text) => `"${text.replaceAll('"', '""')}"`;
