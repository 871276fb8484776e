import { parquetWriteBuffer } from "hyparquet-writer";
import { expect, it } from "vitest";
import { openParquet } from "./parquet-records";
import type { SourceRow } from "./source-record";
import { readText } from "./text-values";

type Written = Parameters<typeof parquetWriteBuffer>[0];

async function read(written: Written): Promise<SourceRow[]> {
  const file = parquetWriteBuffer(written);
  const { columns, read: readRows } = await openParquet(file, "x.parquet");
  const all: SourceRow[] = [];
  for await (const { rows } of readRows(columns)) all.push(...rows);
  return all;
}

it("decimals and floats of 32 bits are digit by digit what was written", async () => {
  const decimal = (type: string, precision: number, scale: number) =>
    ({ type, converted_type: "DECIMAL", precision, scale, repetition_type: "OPTIONAL" }) as const;
  const rows = await read({
    schema: [
      { name: "root", num_children: 4 },
      { name: "big", ...decimal("INT64", 18, 2) },
      { name: "small", ...decimal("INT32", 9, 1) },
      // As pyarrow writes decimal128.
      { name: "bytes", ...decimal("FIXED_LEN_BYTE_ARRAY", 38, 3), type_length: 16 },
      { name: "float", type: "FLOAT", repetition_type: "OPTIONAL" },
    ],
    columnData: [
      { name: "big", data: [90071992547409931n, -5n, undefined] },
      { name: "small", data: [0.7, 0, 12.3] },
      { name: "bytes", data: [-1234n, 2n ** 100n, 0n] },
      { name: "float", data: [0.1, 1e-7, undefined] },
    ],
  } as unknown as Written);
  expect(rows.map((row) => [row.big, row.small, row.bytes, row.float].map(readText))).toEqual([
    ["900719925474099.31", "0.7", "-1.234", "0.1"],
    ["-0.05", "0.0", "1267650600228229401496703205.376", "1e-7"],
    [undefined, "12.3", "0.000", undefined],
  ]);
});

it("bytes that are no text stay bytes, and numbers of JSON are exact", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const rows = await read({
    columnData: [
      { name: "text", data: [bytes("Köln"), new Uint8Array([0x4b, 0xff])], type: "BYTE_ARRAY" },
      { name: "rounded", data: [1610521604143693800, 1.5], type: "DOUBLE" },
    ],
  });
  expect(readText(rows[0]!.text)).toBe("Köln");
  expect(() => readText(rows[1]!.text)).toThrow("holds bytes");
  expect(() => readText(rows[0]!.rounded)).toThrow("may have rounded");
  expect(readText(rows[1]!.rounded)).toBe("1.5");
});
