import type { MetricPoint } from "@/contracts/records/metric-point";

/**
 * TensorBoard's event files: TFRecords, each an Event in the wire format of protocol buffers.
 * Sources: tensorflow/core/lib/io/record_writer.h (records), tensorflow/core/util/event.proto and
 * tensorflow/core/framework/summary.proto (numbers of the fields).
 */

/** Table of CRC-32C (Castagnoli), reflected polynomial 0x82f63b78. */
const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C of bytes. */
export function computeCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (crc >>> 8) ^ CRC_TABLE[(crc ^ byte) & 0xff]!;
  return (crc ^ 0xffffffff) >>> 0;
}

/** The checksum as TFRecords hold it: rotated by 15 bits, with a constant added. */
export function maskCrc(crc: number): number {
  const rotated = (crc >>> 15) | (crc << 17);
  return (rotated + 0xa282ead8) >>> 0;
}

/** Length (8 bytes), its masked checksum, the data, its masked checksum; all little-endian. */
function frameRecord(data: Buffer): Buffer {
  const record = Buffer.alloc(data.length + 16);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskCrc(computeCrc32c(record.subarray(0, 8))), 8);
  data.copy(record, 12);
  record.writeUInt32LE(maskCrc(computeCrc32c(data)), 12 + data.length);
  return record;
}

function encodeVarint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = BigInt(value);
  while (rest > 127n) {
    bytes.push(Number(rest & 127n) | 128);
    rest >>= 7n;
  }
  return Buffer.from([...bytes, Number(rest)]);
}

const encodeDouble = (field: number, value: number): Buffer => {
  const bytes = Buffer.alloc(9);
  bytes[0] = (field << 3) | 1;
  bytes.writeDoubleLE(value, 1);
  return bytes;
};

const encodeFloat = (field: number, value: number): Buffer => {
  const bytes = Buffer.alloc(5);
  bytes[0] = (field << 3) | 5;
  bytes.writeFloatLE(value, 1);
  return bytes;
};

const encodeInteger = (field: number, value: number): Buffer =>
  Buffer.concat([Buffer.from([field << 3]), encodeVarint(value)]);

const encodeBytes = (field: number, value: Buffer): Buffer =>
  Buffer.concat([Buffer.from([(field << 3) | 2]), encodeVarint(value.length), value]);

/**
 * What a file begins with: the version, and the start of a session at a step, by which readers drop all points of
 * earlier files of the folder from that step on.
 *
 * @param at milliseconds since the epoch
 */
export function encodeFileStart(at: number): Buffer {
  const time = encodeDouble(1, at / 1_000);
  const version = Buffer.concat([time, encodeBytes(3, Buffer.from("brain.Event:2"))]);
  const start = Buffer.concat([time, encodeInteger(2, 0), encodeBytes(7, encodeInteger(1, 1))]);
  return Buffer.concat([frameRecord(version), frameRecord(start)]);
}

/** Points as scalars, one event each; `simple_value` is a number of 32 bits. */
export const encodePoints = (points: readonly MetricPoint[]): Buffer =>
  Buffer.concat(
    points.map(({ name, step, value, at }) => {
      const scalar = Buffer.concat([encodeBytes(1, Buffer.from(name)), encodeFloat(2, value)]);
      return frameRecord(
        Buffer.concat([
          encodeDouble(1, at / 1_000),
          encodeInteger(2, step),
          encodeBytes(5, encodeBytes(1, scalar)),
        ]),
      );
    }),
  );
