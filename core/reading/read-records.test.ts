import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  DELIMITERS,
  ENCODINGS,
  QUOTINGS,
  readingSettingsSchema,
  type FoundText,
  type ReadingSettings,
  type TableDialect,
} from "@/contracts/formats/reading";
import { PYTHON } from "@/lib/paths.mjs";
import { readRecords } from "./read-records";
import type { SourceRecord } from "./source-record";
import { DELIMITER_CHARACTERS, TableParser } from "./table-parser";

type Records = { found: FoundText; all: SourceRecord[] };

/** Reads bytes that come in pieces of a size. */
async function read(
  content: string | Uint8Array,
  settings: Partial<ReadingSettings> = {},
  size = Infinity,
  kind: "json" | "table" | "auto" = "auto",
): Promise<Records> {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  async function* cut() {
    await Promise.resolve();
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const { found, records } = await readRecords(
    cut(),
    readingSettingsSchema.parse(settings),
    "x",
    kind,
  );
  const all: SourceRecord[] = [];
  for await (const batch of records) all.push(...batch);
  return { found, all };
}
const listRows = ({ all }: Records) => all.map((record) => record.problem ?? record.row);

/** As Python's csv writes a table, all its fields quoted where `all` is set. */
function writeTable(
  rows: readonly string[][],
  { delimiter, quoting, lineBreak }: TableDialect,
  all: boolean,
): string {
  const mark = DELIMITER_CHARACTERS[delimiter];
  const end = { LF: "\n", CRLF: "\r\n", CR: "\r" }[lineBreak];
  const write = (field: string): string => {
    if (quoting === "none") return field;
    const escaped =
      quoting === "doubled" ? field.replaceAll('"', '""') : field.replace(/["\\]/g, "\\$&");
    const mustQuote = all || field === "" || /["\r\n]/.test(field) || field.includes(mark);
    return mustQuote ? `"${escaped}"` : escaped;
  };
  return rows.map((row) => row.map(write).join(mark) + end).join("");
}

const dialects = fc.record({
  delimiter: fc.constantFrom(...DELIMITERS),
  quoting: fc.constantFrom(...QUOTINGS),
  lineBreak: fc.constantFrom("LF", "CRLF", "CR"),
});
const field = fc.oneof(
  fc.string({ unit: "binary", maxLength: 8 }),
  fc.stringMatching(/^[ab"\\,;|\t\r\n ']{0,6}$/),
);

describe("tables", () => {
  it("of every dialect give their fields again, however they are cut", () => {
    fc.assert(
      fc.property(
        dialects,
        fc.boolean(),
        fc.array(fc.array(field, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 9 }),
        (dialect, all, fields, size) => {
          const rows =
            dialect.quoting === "none"
              ? fields.map((row) =>
                  row.map((text, i) => `x${i}` + text.replace(/[\r\n\t,;|]/g, "")),
                )
              : fields;
          const text = writeTable(rows, dialect, all);
          const parser = new TableParser(dialect);
          const found = [];
          for (let at = 0; at < text.length; at += size)
            found.push(...parser.push(text.slice(at, at + size)));
          found.push(...parser.end());
          expect(found.map((row) => row.problem ?? row.fields)).toEqual(rows);
        },
      ),
    );
  });

  it.skipIf(!existsSync(PYTHON))(
    "that Python's csv writes in its dialects are told and read back equal",
    async () => {
      const [seed] = fc.sample(fc.integer(), 1);
      const tables = fc
        .sample(
          fc.array(fc.array(field, { minLength: 2, maxLength: 2 }), { minLength: 2, maxLength: 6 }),
          { numRuns: 60, seed: seed! },
        )
        .map((rows) => [
          ["id", "question", "answers"],
          ...rows.map((row, i) => [
            String(i),
            ...row.map((text) => text.replace(/[\ud800-\udfff\0]/g, "")),
          ]),
        ]);
      const program = `
import csv, io, json, sys
csv.register_dialect("semicolon", delimiter=";")
csv.register_dialect("pipe", delimiter="|")
csv.register_dialect("escaped", doublequote=False, escapechar="\\\\")
for table in json.load(sys.stdin):
    for dialect in ["excel", "excel-tab", "unix", "semicolon", "pipe", "escaped"]:
        out = io.StringIO(newline="")
        csv.writer(out, dialect).writerows(table)
        print(json.dumps([dialect, out.getvalue()]))
`;
      const written = execFileSync(PYTHON, ["-c", program], {
        input: JSON.stringify(tables),
        maxBuffer: 2 ** 28,
      })
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as [string, string]);
      expect(written).toHaveLength(6 * tables.length);
      for (const [i, [dialect, text]] of written.entries()) {
        const [heading = [], ...rows] = tables[Math.floor(i / 6)]!;
        const told = await read(text, dialect === "escaped" ? { quoting: "backslash" } : {}, 1000);
        expect(
          listRows(told),
          `${dialect} ${seed} ${JSON.stringify(text)} ${JSON.stringify(told.found)}`,
        ).toEqual(
          rows.map((row) => Object.fromEntries(heading.map((name, at) => [name, row[at]]))),
        );
      }
    },
  );

  it("name each row that is wrong and lose no other", async () => {
    const { all } = await read(
      'id,question,answers\n1,a,b\n2,a,b,c\n3,a\n\n4,"x" y,z\n5,"open,z\n6,"two\nlines",c\n7,a,b\n',
    );
    expect(all.map(({ line, ...rest }) => [line, rest.problem ?? rest.row.id])).toEqual([
      [2, "1"],
      [3, expect.stringContaining("has 4 fields where the heading has 3")],
      [4, "has 2 fields where the heading has 3"],
      [6, expect.stringContaining("has text after a closing quote")],
      [7, expect.stringContaining("has text after a closing quote")],
      [8, "6"],
      [10, "7"],
    ]);
    const open = await read('a,b\n1,2\n3,"open\n4,5\n');
    expect(listRows(open)).toEqual([
      { a: "1", b: "2" },
      expect.stringContaining("opens a quote that is not closed by the end"),
      { a: "4", b: "5" },
    ]);
    const limited = new TableParser(
      { delimiter: "comma", quoting: "doubled", lineBreak: "LF" },
      100,
    );
    const rows = [...limited.push(`a,b\n1,"${"x\n".repeat(60)}`), ...limited.push("3,4\n")];
    expect(rows.find(({ line }) => line === 2)!.problem).toContain("is longer than");
    expect(rows.at(-1)).toEqual({ line: 62, fields: ["3", "4"] });
  });

  it("have columns of their own names, whatever stands before and between", async () => {
    const excel = await read('\ufeffsep=;\r\n;Id;Answer;Answer\r\n0;1;"a;b";c\r\n');
    expect(excel.found).toMatchObject({
      byteOrderMark: true,
      dialect: { delimiter: "semicolon", quoting: "doubled", lineBreak: "CRLF" },
      columns: ["unnamed", "Id", "Answer", "Answer (2)"],
    });
    expect(excel.all).toEqual([
      { line: 3, row: { unnamed: "0", Id: "1", Answer: "a;b", "Answer (2)": "c" } },
    ]);
    const spaced = await read('id, question, answers\n1, "Who, me?", Ada\n');
    expect(listRows(spaced)).toEqual([{ id: "1", question: "Who, me?", answers: " Ada" }]);
    const unquoted = await read(
      'id\tquestion\tanswers\n1\t"Heroes" by whom?\tDavid\n2\t5" of what?\tsnow\n',
    );
    expect(unquoted.found.dialect).toMatchObject({ delimiter: "tab", quoting: "none" });
    expect(listRows(unquoted)).toMatchObject([
      { question: '"Heroes" by whom?' },
      { question: '5" of what?' },
    ]);
  });
});

it("rows that are no records of a table are problems", async () => {
  const joined = await read(
    "\ufeffid,question,answers\n1,Q?,a\n\ufeffid, question,answers\n2,R?,b\n3,S?,c,\n",
  );
  expect(joined.all.map(({ line, ...rest }) => [line, rest.problem ?? rest.row])).toEqual([
    [2, { id: "1", question: "Q?", answers: "a" }],
    [3, "repeats the heading, as where tables were put together"],
    [4, { id: "2", question: "R?", answers: "b" }],
    [5, expect.stringMatching(/4 fields .*, and the heading end with a delimiter where the rows/)],
  ]);
  const markdown = await read("| id | question | answers |\n|:---|-----|---:|\n| 1 | --- | - |\n");
  expect(listRows(markdown)).toEqual([
    "is a line of dashes, as Markdown has below a heading",
    expect.objectContaining({ id: " 1 ", question: " --- " }),
  ]);
});

describe("encodings", () => {
  const text = "id,question,answers\n1,Wo liegt Köln?,Łódź 👩‍🔬\n";
  const encode = (value: string, littleEndian: boolean): Uint8Array => {
    const bytes = Buffer.from(value, "utf16le");
    return littleEndian ? bytes : bytes.swap16();
  };

  it("are told, and converted only where that is set", async () => {
    for (const mark of ["", "\ufeff"])
      for (const encoding of ["utf-16le", "utf-16be"] as const) {
        const bytes = encode(mark + text, encoding === "utf-16le");
        await expect(read(bytes)).rejects.toThrow(
          `Set its encoding to ${encoding} to have it converted`,
        );
        expect(listRows(await read(bytes, { encoding }, 3))).toEqual(listRows(await read(text)));
      }
    const latin = Buffer.from(
      "id,question,answers\n1,Wo liegt K\xf6ln?,am Rhein\n2,Who?,Ada\n",
      "latin1",
    );
    expect((await read(latin)).all).toEqual([
      {
        line: 2,
        problem: expect.stringContaining("is not UTF-8 but probably Windows-1252: set") as string,
      },
      { line: 3, row: { id: "2", question: "Who?", answers: "Ada" } },
    ]);
    // Those of one byte a character cannot be told from one another: a word shows whether it is the right one.
    const cyrillic = Buffer.concat([
      Buffer.from("id,question,answers\n1,"),
      Buffer.from([0xcc, 0xee, 0xf1, 0xea, 0xe2, 0xe0]),
      Buffer.from("?,b\n"),
    ]);
    expect(listRows(await read(cyrillic))).toEqual([
      expect.stringContaining('have it converted where "Ìîñêâà" is right, else save it as UTF-8'),
    ]);
    expect(listRows(await read(latin, { encoding: "windows-1252" }))[0]).toMatchObject({
      question: "Wo liegt Köln?",
    });
    await expect(read(text, { encoding: "windows-1252" })).rejects.toThrow("is UTF-8");
    const oneLine = Buffer.concat([
      Buffer.from(text),
      Buffer.from("2,\xff,b\n", "latin1"),
      Buffer.from("3,\ufffd,b\n"),
    ]);
    expect(listRows(await read(oneLine, {}, 5))).toEqual([
      expect.objectContaining({ answers: "Łódź 👩‍🔬" }),
      "is not UTF-8",
      { id: "3", question: "\ufffd", answers: "b" },
    ]);
  });

  it("give any text again, wherever its bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 }),
        fc.constantFrom(...ENCODINGS.slice(0, 3)),
        fc.integer({ min: 1, max: 5 }),
        async (value, encoding, size) => {
          const json = JSON.stringify({ a: value });
          const bytes =
            encoding === "utf-8"
              ? new TextEncoder().encode(json)
              : encode(json, encoding === "utf-16le");
          expect(listRows(await read(bytes, { encoding }, size))).toEqual([{ a: value }]);
        },
      ),
    );
  });

  it("of binary and packed files are refused by what they are", async () => {
    // Without the mark of POSIX, as old programs write it: the sum of the header's bytes is in it.
    const oldTar = Buffer.alloc(1024);
    oldTar.write("q.csv\0", 0);
    oldTar.write("0000644\0", 100);
    oldTar.write("        ", 148);
    const sum = oldTar.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    oldTar.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    for (const [bytes, message] of [
      [[0x1f, 0x8b, 8], "is gzip"],
      [[0x28, 0xb5, 0x2f, 0xfd], "is Zstandard"],
      [Buffer.from("BZh91AY&SY"), "is bzip2"],
      [Buffer.from("PK\x03\x04"), "is a zip archive"],
      [Buffer.concat([Buffer.alloc(257, 97), Buffer.from("ustar")]), "is a tar archive"],
      [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], "is xz"],
      [[0x80, 4, 0x95], "pickle"],
      [[0xff, 0xfe, 0, 0, 0x61, 0, 0, 0], "is UTF-32"],
      [Buffer.from("version https://git-lfs.github.com/spec/v1"), "git lfs pull"],
      [[0x52, 0x2a, 0x4d, 0x18, 4, 0, 0, 0], "is Zstandard"],
      [Buffer.from("PK\x07\x08PK\x03\x04"), "is a zip archive"],
      [Buffer.from("Rar!\x1a\x07\x00"), "is a RAR archive"],
      [[0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1], "save the sheet as CSV"],
      [[0x1f, 0x9d, 0x90], "uncompress"],
      [Buffer.from("Obj\x01"), "is Avro"],
      [oldTar, "is a tar archive"],
      [Buffer.from("id,que\0stion\n1,2\n"), "is binary"],
      [Buffer.from("\n<!doctype html><p>404</p>"), "perhaps the error that a server gave"],
      [Buffer.from('<?xml version="1.0"?><a/>'), "is a web page or XML"],
      [[0xff, 0x00, 0xc3, 0x00, 0x28, 0, 0, 1, 2, 0xff], "is binary"],
      [[0x20, 0x0a], "is empty"],
    ] as const)
      await expect(read(Uint8Array.from(bytes))).rejects.toThrow(message);
  });
});

describe("JSON", () => {
  const objects = fc.array(
    fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 2 }), {
      minKeys: 1,
      noNullPrototype: true,
    }),
    { minLength: 1, maxLength: 5 },
  );

  it("of any objects is read alike as lines, as a list and over several lines, however it is cut", async () => {
    await fc.assert(
      fc.asyncProperty(objects, fc.integer({ min: 1, max: 30 }), async (values, size) => {
        // As JSON has them: -0 is 0.
        const wanted = JSON.parse(JSON.stringify(values)) as unknown;
        for (const text of [
          values.map((value) => JSON.stringify(value)).join("\n"),
          values.map((value) => JSON.stringify(value)).join("\r\n") + "\r\n",
          JSON.stringify(values),
          JSON.stringify(values, null, 2),
          values.map((value) => JSON.stringify(value, null, 1)).join("\n"),
        ]) {
          const { all } = await read(text, {}, size);
          const rows = all.map(
            (record) => JSON.parse(JSON.stringify("row" in record && record.row, plain)) as unknown,
          );
          expect(rows).toEqual(wanted);
        }
      }),
    );
  });

  it("that is broken is named with its line, and what follows is read", async () => {
    const lines = await read('{"a": 1}\n{oops\n\n"text"\n{"a": NaN}\n{"a": 2}');
    expect(lines.all).toEqual([
      { line: 1, row: { a: 1 } },
      { line: 2, problem: "is not JSON: {oops (has no quoted key at character 2)" },
      { line: 4, problem: 'is not JSON: "text"' },
      { line: 5, row: { a: NaN } },
      { line: 6, row: { a: 2 } },
    ]);
    const list = await read('[\n{"a": 1},\n{"a": }\n{"a": 2}, 7,\n{"a": "x\n},\n{"a": 3},\n]');
    expect(list.all.map(({ line, ...rest }) => [line, rest.problem ?? rest.row])).toEqual([
      [2, { a: 1 }],
      [3, expect.stringContaining("is not JSON")],
      [4, expect.stringContaining("has no comma before it")],
      [4, { a: 2 }],
      [4, expect.stringContaining("has 7, where an object should stand")],
      [5, expect.stringContaining("is not JSON")],
      [7, { a: 3 }],
      [8, "is not JSON: has a comma before ]"],
    ]);
    expect((await read('[{"a": 1}')).all.at(-1)).toEqual({
      line: 1,
      problem: "is not JSON: the list is not closed with ]",
    });
    for (const mark of ["\ufeff", "\x1e"]) {
      const marked = await read(`${mark}{"a": 1}\n${mark}{"a": 2}\n`, {}, 3);
      expect(listRows(marked)).toEqual([{ a: 1 }, { a: 2 }]);
    }
    expect(listRows(await read("id,a\n1,2\n", {}, 9, "json"))).toEqual([
      "is not JSON: id,a; of a table set the format",
      "is not JSON: 1,2",
    ]);
    expect((await read("x\ny\n", {}, 1, "json")).all).toEqual([
      { line: 1, problem: "is not JSON: x" },
      { line: 2, problem: "is not JSON: y" },
    ]);
  });
});

/** A number of exact digits as the number that JSON has. */
const plain = (_key: string, value: unknown): unknown =>
  typeof value === "object" &&
  value !== null &&
  "source" in value &&
  Object.keys(value).length === 1
    ? Number(value.source)
    : value;
