/**
 * Long arrays of numbers as PostgreSQL sends them in binary (`array_send(column)`): read as text they take ten times as
 * long. One dimension without nulls.
 */
function decode(
  bytes: Uint8Array,
  width: number,
  read: (view: DataView, offset: number) => number,
): number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const dimensions = view.getInt32(0);
  const numbers = new Array<number>(dimensions === 0 ? 0 : view.getInt32(12));
  // Each element comes behind its length of four bytes.
  for (let i = 0, offset = 24; i < numbers.length; i++, offset += width + 4)
    numbers[i] = read(view, offset);
  return numbers;
}

/** The numbers of an integer[]. */
export const decodeIntegers = (bytes: Uint8Array): number[] =>
  decode(bytes, 4, (view, offset) => view.getInt32(offset));

/** The numbers of a double precision[]. */
export const decodeDoubles = (bytes: Uint8Array): number[] =>
  decode(bytes, 8, (view, offset) => view.getFloat64(offset));

const OIDS = { integer: 23, double: 701 } as const;

/**
 * Long arrays as PostgreSQL takes them in: the driver would write them element by element as text, which takes ten times
 * as long on both sides. The statement must name the type (`${encodeIntegers(steps)}::int[]`).
 */
function encode(
  numbers: readonly number[],
  oid: number,
  width: number,
  write: (view: DataView, offset: number, value: number) => void,
): Buffer {
  const bytes = Buffer.alloc(numbers.length === 0 ? 12 : 20 + numbers.length * (width + 4));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setInt32(8, oid);
  if (numbers.length === 0) return bytes;
  view.setInt32(0, 1);
  view.setInt32(12, numbers.length);
  view.setInt32(16, 1);
  for (let i = 0, offset = 20; i < numbers.length; i++, offset += width + 4) {
    view.setInt32(offset, width);
    write(view, offset + 4, numbers[i]!);
  }
  return bytes;
}

/** Numbers as integer[]. @throws RangeError where one is no integer of 32 bits, which would be stored as another */
export const encodeIntegers = (numbers: readonly number[]): Buffer =>
  encode(numbers, OIDS.integer, 4, (view, offset, value) => {
    if ((value | 0) !== value) throw new RangeError(`${value} is no integer of 32 bits`);
    view.setInt32(offset, value);
  });

/** Numbers as double precision[]. */
export const encodeDoubles = (numbers: readonly number[]): Buffer =>
  encode(numbers, OIDS.double, 8, (view, offset, value) => view.setFloat64(offset, value));

/** Texts as text[]. */
export const formatTexts = (texts: readonly string[]): string =>
  `{${texts.map((text) => `"${text.replace(/["\\]/g, "\\$&")}"`).join(",")}}`;
