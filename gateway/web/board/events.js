// Reads server-sent events out of text that comes in pieces.

export class EventReader {
  #rest = '';
  #event = '';
  #data = [];

  /** The events that are whole with this piece: `{ event, data }`. Comments, ids and times to wait are left out. */
  read(piece) {
    const lines = (this.#rest + piece).split(/\r?\n/);
    this.#rest = lines.pop();
    return lines.map((line) => this.#take(line)).filter(Boolean);
  }

  #take(line) {
    if (line) {
      this.#field(line);
      return null;
    }
    const found = this.#event || this.#data.length ? { event: this.#event || 'message', data: this.#data.join('\n') } : null;
    this.#event = '';
    this.#data = [];
    return found;
  }

  #field(line) {
    const [, name, value] = /^([^:]*):? ?(.*)$/s.exec(line);
    if (name === 'event') this.#event = value;
    else if (name === 'data') this.#data.push(value);
  }
}
