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
