import { randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, it } from "vitest";
import { gunzip } from "./gunzip";

async function collect(parts: Iterable<Uint8Array>, isBeginning?: boolean): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const part of gunzip(parts, isBeginning)) all.push(part);
  return Buffer.concat(all);
}

it("gives back what was packed, in however many members and pieces", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 300 }), { minLength: 1, maxLength: 4 }),
      fc.integer({ min: 1, max: 40 }),
      fc.boolean(),
      async (members, size, padded) => {
        const packed = Buffer.concat([
          ...members.map((member) => gzipSync(member)),
          Buffer.alloc(padded ? 512 : 0),
        ]);
        const pieces = Array.from({ length: Math.ceil(packed.length / size) }, (_, i) =>
          packed.subarray(i * size, (i + 1) * size),
        );
        expect(await collect(pieces)).toEqual(Buffer.concat(members));
      },
    ),
    { numRuns: 50 },
  ));

it("refuses what is cut off, but for a beginning", async () => {
  const text = randomBytes(5000);
  const cut = gzipSync(text).subarray(0, 3000);
  await expect(collect([cut])).rejects.toThrow("is not a whole gzip file (unexpected end of file)");
  const begun = await collect([cut], true);
  expect(begun.length).toBeGreaterThan(1000);
  expect(text.subarray(0, begun.length)).toEqual(begun);
  await expect(collect([Buffer.from("no gzip")])).rejects.toThrow("is not a whole gzip file");
});

it("ends where it unpacks to far more than it is", async () => {
  const bomb = gzipSync(Buffer.alloc(300 * 2 ** 20, 65));
  await expect(collect([bomb])).rejects.toThrow("unpacks to more than 200 times its size");
  expect(await collect([gzipSync(Buffer.alloc(2 ** 22, 65))])).toHaveLength(2 ** 22);
});
