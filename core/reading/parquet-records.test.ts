import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { expect, it } from "vitest";
import { PYTHON } from "@/lib/paths.mjs";
import { openParquet } from "./parquet-records";
import type { SourceRow } from "./source-record";
import { readText } from "./text-values";

type Written = Parameters<typeof parquetWriteBuffer>[0];

async function read(written: Written): Promise<SourceRow[]> {
  return readBytes(parquetWriteBuffer(written));
}

async function readBytes(file: ArrayBuffer): Promise<SourceRow[]> {
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

/** Texts of all scalars, in lists and dictionaries as they are. */
function toTexts(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(toTexts);
  if (value === null || value === undefined) return null;
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, toTexts(each)]));
  return readText(value);
}

/** Writes random decimals of all widths as pyarrow does it, and what they are as texts. */
const PYARROW_PROGRAM = `
import decimal, json, random, sys
import pyarrow as pa, pyarrow.parquet as pq
decimal.getcontext().prec = 80
random.seed(int(sys.argv[2]))
def one(kind):
    digits = random.randint(1, kind.precision)
    number = random.randint(-(10 ** digits) + 1, 10 ** digits - 1)
    return None if random.random() < 0.1 else decimal.Decimal(number).scaleb(-kind.scale)
def text(value):
    if isinstance(value, decimal.Decimal): return format(value, "f")
    if isinstance(value, list): return [text(v) for v in value]
    if isinstance(value, dict): return {k if isinstance(k, str) else text(k): text(v) for k, v in value.items()}
    return value
kinds = [pa.decimal32(7, 3), pa.decimal64(18, 2), pa.decimal128(9, 4), pa.decimal128(38, 10), pa.decimal256(60, 5)]
columns, types = {}, {}
for i, kind in enumerate(kinds):
    some = lambda n=3: [one(kind) for _ in range(random.randint(0, n))]
    for name, type, make in [
        ("plain", kind, lambda: one(kind)),
        ("list", pa.list_(kind), some),
        ("nested", pa.list_(pa.list_(kind)), lambda: [some() for _ in range(random.randint(0, 2))]),
        ("struct", pa.struct({"value": kind, "text": pa.string(), "all": pa.list_(kind)}), lambda: {"value": one(kind), "text": "1.50", "all": some()}),
        ("structs", pa.list_(pa.struct({"value": kind, "scale": pa.string()})), lambda: [{"value": v, "scale": "2"} for v in some()]),
        ("map", pa.map_(pa.string(), kind), lambda: list({c: one(kind) for c in "ab"}.items())),
        ("keys", pa.map_(kind, pa.string()), lambda: list({v: "x" for v in some(1) if v is not None}.items())),
    ]:
        columns[f"{name}{i}"] = [make() for _ in range(8)]
        types[f"{name}{i}"] = type
table = pa.table({n: pa.array(v, types[n]) for n, v in columns.items()})
options = [{}, {"store_decimal_as_integer": True}, {"use_dictionary": False}][int(sys.argv[2]) % 3]
pq.write_table(table, sys.argv[1], **options)
rows = [{n: text(dict(columns[n][i]) if pa.types.is_map(types[n]) else columns[n][i]) for n in columns} for i in range(8)]
print(json.dumps(rows))
`;

const hasPyarrow =
  existsSync(PYTHON) &&
  existsSync(
    join(
      execFileSync(PYTHON, ["-c", "import site;print(site.getsitepackages()[0])"])
        .toString()
        .trim(),
      "pyarrow",
    ),
  );

it.skipIf(!hasPyarrow)(
  "decimals that pyarrow writes into lists, structs and maps are digit by digit what they were",
  async () => {
    const folder = mkdtempSync(join(tmpdir(), "decimals-"));
    try {
      const path = join(folder, "x.parquet");
      for (const seed of ["1", "2", "3"]) {
        const wanted = JSON.parse(
          execFileSync(PYTHON, ["-c", PYARROW_PROGRAM, path, seed]).toString(),
        ) as unknown;
        const { buffer } = Uint8Array.from(readFileSync(path));
        expect((await readBytes(buffer)).map(toTexts), seed).toEqual(wanted);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
  60_000,
);

it("decimals of BYTE_ARRAY are no texts and no rounded numbers", async () => {
  const optional = { repetition_type: "OPTIONAL" } as const;
  const decimal = { converted_type: "DECIMAL", precision: 20, scale: 2, ...optional } as const;
  const logical = { type: "DECIMAL", precision: 20, scale: 2 };
  const rows = await read({
    schema: [
      { name: "root", num_children: 2 },
      { name: "bytes", type: "BYTE_ARRAY", logical_type: logical, scale: 2, ...optional },
      { name: "list", converted_type: "LIST", num_children: 1, ...optional },
      { name: "list", num_children: 1, repetition_type: "REPEATED" },
      { name: "element", type: "INT64", ...decimal },
    ],
    columnData: [
      { name: "bytes", data: [new Uint8Array([0x30, 0x31]), new Uint8Array([0xff]), undefined] },
      { name: "list", data: [[90071992547409931n, 5n], [], undefined] },
    ],
  } as unknown as Written);
  expect(rows.map(({ bytes, list }) => [bytes, list].map(toTexts))).toEqual([
    ["123.37", ["900719925474099.31", "0.05"]],
    ["-0.01", []],
    [null, null],
  ]);
});

it("numbers of a VARIANT, of which hyparquet rounds decimals, are refused", async () => {
  const [row] = await read({
    columnData: [{ name: "value", type: "VARIANT", data: [{ score: 1.5, text: "1.50" }] }],
  } as unknown as Written);
  const { score, text } = row!.value as SourceRow;
  expect(readText(text)).toBe("1.50");
  expect(() => readText(score)).toThrow("a number of parquet's type VARIANT");
});

it("a time of day is no number, and two columns of one name are refused", async () => {
  const optional = { repetition_type: "OPTIONAL" } as const;
  const time = { type: "INT64", converted_type: "TIME_MICROS", ...optional } as const;
  const [row] = await read({
    schema: [
      { name: "root", num_children: 2 },
      { name: "time", ...time },
      { name: "list", converted_type: "LIST", num_children: 1, ...optional },
      { name: "list", num_children: 1, repetition_type: "REPEATED" },
      { name: "element", ...time },
    ],
    columnData: [
      { name: "time", data: [3_723_000_000n] },
      { name: "list", data: [[5n, undefined]] },
    ],
  } as unknown as Written);
  const [first, none] = row!.list as unknown[];
  for (const value of [row!.time, first])
    expect(() => readText(value)).toThrow("holds a time of day where a text is wanted");
  expect(none ?? null).toBeNull();
  const text = { name: "answers", type: "BYTE_ARRAY", ...optional } as const;
  await expect(
    read({
      schema: [{ name: "root", num_children: 2 }, text, text],
      columnData: [
        { name: "answers", data: ["a"] },
        { name: "answers", data: ["b"] },
      ],
    }),
  ).rejects.toThrow('two columns "answers": rename one');
});
