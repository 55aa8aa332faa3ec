// Numbers, times and durations as a reader of one language writes them. Times are the reader's own, their zone named.

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
];

export class Formats {
  constructor(code) {
    // the reader's own region, where the browser speaks the same language: 24 hours or 12, day or month first
    const locale = navigator.languages.find((tag) => tag.toLowerCase().split('-')[0] === code) ?? code;
    this.numbers = new Intl.NumberFormat(locale);
    this.shares = new Intl.NumberFormat(locale, { style: 'percent' });
    this.clock = new Intl.DateTimeFormat(locale, {
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZoneName: 'short',
    });
    this.moments = new Intl.DateTimeFormat(locale, {
      year: 'numeric',
      month: 'short',
      day: 'numeric',
      hour: '2-digit',
      minute: '2-digit',
      second: '2-digit',
      timeZoneName: 'short',
    });
    this.units = Object.fromEntries(
      UNITS.map(([unit]) => [unit, new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'narrow' })]),
    );
  }

  number(value) {
    return this.numbers.format(value);
  }

  percent(share) {
    // what is not whole is not shown as whole
    return this.shares.format(share < 1 ? Math.min(share, 0.99) : 1);
  }

  /** A point in time with its zone; today's without the date. */
  time(iso) {
    const at = new Date(iso);
    return (at.toDateString() === new Date().toDateString() ? this.clock : this.moments).format(at);
  }

  /** The two largest units: `2h 5m`. */
  duration(seconds) {
    const first = UNITS.findIndex(([, size]) => seconds >= size);
    if (first < 0) return this.units.second.format(0);
    const parts = [];
    let rest = seconds;
    for (const [unit, size] of UNITS.slice(first, first + 2)) {
      const count = Math.floor(rest / size);
      if (count || !parts.length) parts.push(this.units[unit].format(count));
      rest -= count * size;
    }
    return parts.join(' ');
  }
}

/** What spreadsheets of the reader's region put between cells: where the comma is in numbers, a semicolon. */
export function delimiter() {
  const parts = new Intl.NumberFormat(navigator.language).formatToParts(1.5);
  return parts.some(({ type, value }) => type === 'decimal' && value === ',') ? ';' : ',';
}
