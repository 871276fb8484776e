/** FNV-1a over UTF-16 units with a final mix: 32 bits, the same on every machine. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** Slots for each row once the table is complete. */
const SLOTS_PER_ROW = 1.35;
const FULL = 0.75;

/**
 * Rows by a hash of their id, in typed arrays: about 9.4 bytes a row, so that 21 million ids need 200 MB, where a Map
 * of strings needs gigabytes. Hashes of different ids may be equal, so the caller looks at each candidate itself.
 */
export class RowTable {
  private constructor(
    private hashes: Uint32Array,
    /** Row + 1; 0 is free. Open addressing, linear probing. */
    private slots: Uint32Array,
    private rows: number,
  ) {}

  static createEmpty(): RowTable {
    return new RowTable(new Uint32Array(1024), new Uint32Array(2048), 0);
  }

  /** A table that was saved: the arrays of `parts`. */
  static fromArrays(hashes: Uint32Array, slots: Uint32Array): RowTable {
    return new RowTable(hashes, slots, hashes.length);
  }

  static countSlots(rows: number): number {
    return Math.ceil(rows * SLOTS_PER_ROW) + 1;
  }

  get size(): number {
    return this.rows;
  }

  get byteLength(): number {
    return this.hashes.byteLength + this.slots.byteLength;
  }

  /** The arrays, cut to what is used. */
  toArrays(): { hashes: Uint32Array; slots: Uint32Array } {
    const slots = RowTable.countSlots(this.rows);
    if (this.slots.length !== slots) this.rebuild(slots);
    if (this.hashes.length !== this.rows) this.hashes = this.hashes.slice(0, this.rows);
    return { hashes: this.hashes, slots: this.slots };
  }

  /** Hash of a row's id, to tell whether a row is still the one it was. */
  getHash(row: number): number | undefined {
    return this.hashes[row];
  }

  /** Adds the next row. */
  add(hash: number): void {
    if (this.rows === this.hashes.length) {
      const grown = new Uint32Array(Math.max(1024, Math.ceil(this.hashes.length * 1.5)));
      grown.set(this.hashes);
      this.hashes = grown;
    }
    this.hashes[this.rows] = hash;
    this.rows += 1;
    if (this.rows > this.slots.length * FULL) this.rebuild(this.slots.length * 2);
    else this.place(hash, this.rows);
  }

  /** Rows whose id has this hash. */
  *findCandidates(hash: number): Generator<number> {
    for (let slot = hash % this.slots.length; ; slot = (slot + 1) % this.slots.length) {
      const value = this.slots[slot];
      if (value === undefined || value === 0) return;
      if (this.hashes[value - 1] === hash) yield value - 1;
    }
  }

  private place(hash: number, value: number): void {
    let slot = hash % this.slots.length;
    while (this.slots[slot] !== 0) slot = (slot + 1) % this.slots.length;
    this.slots[slot] = value;
  }

  private rebuild(length: number): void {
    this.slots = new Uint32Array(length);
    for (let row = 0; row < this.rows; row++) this.place(this.hashes[row] ?? 0, row + 1);
  }
}

/** Where each row starts in its file. Doubles hold every offset exactly. */
export class Offsets {
  private values = new Float64Array(1024);
  private count = 0;

  add(offset: number): void {
    if (this.count === this.values.length) {
      const grown = new Float64Array(Math.ceil(this.values.length * 1.5));
      grown.set(this.values);
      this.values = grown;
    }
    this.values[this.count++] = offset;
  }

  get(index: number): number {
    return this.values[index] ?? 0;
  }

  get length(): number {
    return this.count;
  }

  toArray(): Float64Array {
    return this.values.slice(0, this.count);
  }
}

/** Which texts were seen, by two hashes of 26 bits each way: 53 bits in a double, so that millions hardly ever meet by chance. */
export class SeenTexts {
  private slots = new Float64Array(4096);
  private count = 0;

  /** @returns whether it was there already */
  add(text: string): boolean {
    const key = (hash32(text) & 0x1fffff) * 2 ** 32 + hash32(`${text.length}\n${text}`) + 1;
    const found = this.place(key);
    if (!found && ++this.count > this.slots.length * FULL) this.grow();
    return found;
  }

  get byteLength(): number {
    return this.slots.byteLength;
  }

  private place(key: number): boolean {
    let slot = key % this.slots.length;
    for (; this.slots[slot] !== 0; slot = (slot + 1) % this.slots.length)
      if (this.slots[slot] === key) return true;
    this.slots[slot] = key;
    return false;
  }

  private grow(): void {
    const before = this.slots;
    // An odd length, so that the low bits of a key are not all that counts.
    this.slots = new Float64Array(before.length * 2 + 1);
    for (const key of before) if (key !== 0) this.place(key);
  }
}
