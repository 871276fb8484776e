import { Readable } from "node:stream";
import { describe, expect, it } from "vitest";
import fc from "fast-check";
import { readCsvRecords, type TableRecord } from "./csv-records";

const LIMIT = 1000;
async function read(content: string, pieceBytes = 1 << 20): Promise<TableRecord[]> {
  const bytes = Buffer.from(content);
  const pieces = Readable.from(
    Array.from({ length: Math.ceil(bytes.length / pieceBytes) }, (_, i) =>
      bytes.subarray(i * pieceBytes, (i + 1) * pieceBytes),
    ),
  );
  const records: TableRecord[] = [];
  for await (const record of readCsvRecords(pieces, LIMIT)) records.push(record);
  return records;
}
const brief = (records: readonly TableRecord[]): string[] =>
  records.map(
    (record) =>
      `${record.line} ${"problem" in record ? `! ${record.problem}` : record.fields.join("|")}`,
  );

const rows = (from: number, to: number): string =>
  Array.from({ length: to - from }, (_, i) => `${from + i},row ${from + i}\n`).join("");
const told = (from: number, to: number, line: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${line + i} ${from + i}|row ${from + i}`);

describe("records of a CSV file", () => {
  it("are told by the line on which they start", async () => {
    expect(brief(await read('\ufeffid,text\n\n1,"a\r\nb"\n2,"c\n\nd"\n\n\n3,e'))).toEqual([
      "1 id|text",
      "3 1|a\r\nb",
      "5 2|c\n\nd",
      "10 3|e",
    ]);
    expect(brief(await read("id,text\r\n\r\n1,a\r\n2,b\r\n"))).toEqual([
      "1 id|text",
      "3 1|a",
      "4 2|b",
    ]);
    expect(brief(await read("id,text\r1,a\r\r2,b"))).toEqual(["1 id|text", "2 1|a", "4 2|b"]);
    expect(await read("")).toEqual([]);
  });

  const TOO_LONG = `! is longer than ${LIMIT / 1024 / 1024} MiB`;
  const pieces = [7, 64, 1 << 20];

  it.each(pieces)("go on after a row that is too long, read by %i bytes", async (pieceBytes) => {
    const long = `9,${"x".repeat(5 * LIMIT)}`;
    expect(brief(await read(`id,text\n${rows(0, 5)}\n${long}\n${rows(5, 9)}`, pieceBytes))).toEqual(
      ["1 id|text", ...told(0, 5, 2), `8 ${TOO_LONG}`, ...told(5, 9, 9)],
    );
    for (const end of ["", "\n"])
      expect(brief(await read(`id,text\n${rows(0, 2)}${long}${end}`, pieceBytes))).toEqual([
        "1 id|text",
        ...told(0, 2, 2),
        `4 ${TOO_LONG}`,
      ]);
    expect(brief(await read(`id,text\r${long}\r1,row 1`, pieceBytes))).toEqual([
      "1 id|text",
      `2 ${TOO_LONG}`,
      "3 1|row 1",
    ]);
  });

  it.each(pieces)(
    "go on after a quote that is never closed, however much follows, read by %i bytes",
    async (pieceBytes) => {
      for (const [more, within] of [
        [0, "by the end of the file"],
        [3, "by the end of the file"],
        [500, `within ${LIMIT / 1024 / 1024} MiB`],
      ] as const) {
        const records = await read(
          `id,text\n1,"closed\nhere"\n\n\n2,"open\n${rows(0, more)}`,
          pieceBytes,
        );
        expect(brief(records)).toEqual([
          "1 id|text",
          "2 1|closed\nhere",
          `6 ! opens a quote that is not closed ${within}; close it, or double the quotes that belong to the text`,
          ...told(0, more, 7),
        ]);
      }
    },
  );

  it("are the same however the stream is cut", async () => {
    const part = fc.constantFrom("a", ",", '"', '""', "\n", "\r\n", "ü", "x".repeat(400));
    await fc.assert(
      fc.asyncProperty(
        fc.array(part, { maxLength: 40 }),
        fc.integer({ min: 1, max: 50 }),
        async (parts, pieceBytes) => {
          const content = `id,text\n${parts.join("")}`;
          expect(await read(content, pieceBytes)).toEqual(await read(content));
        },
      ),
      { numRuns: 300 },
    );
  });
});
