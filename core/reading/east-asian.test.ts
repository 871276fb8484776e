import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readingSettingsSchema, type ReadingSettings } from "@/contracts/formats/reading";
import { PYTHON } from "@/lib/paths.mjs";
import { EAST_ASIAN, type EastAsian } from "./east-asian";
import { detectEncoding, formatEncoding, INVALID, TextDecoding } from "./encoding";
import { readRecords } from "./read-records";
import type { SourceRecord } from "./source-record";

/** The bytes of each character of two bytes or one, found by decoding all of them. */
function listBytes(encoding: EastAsian): Map<string, readonly number[]> {
  const bytes = new Map<string, readonly number[]>();
  const add = (...code: number[]): void => {
    const decoding = new TextDecoding(encoding);
    const text = decoding.decode(Uint8Array.from(code)) + decoding.end();
    if (text.length === 1 && text !== INVALID && !bytes.has(text)) bytes.set(text, code);
  };
  for (let byte = 0; byte < 0x80; byte++) add(byte);
  for (let lead = 0x81; lead <= 0xfe; lead++)
    for (let trail = 0x40; trail <= 0xfe; trail++) add(lead, trail);
  return bytes;
}
const BYTES = Object.fromEntries(EAST_ASIAN.map((name) => [name, listBytes(name)])) as Record<
  EastAsian,
  ReturnType<typeof listBytes>
>;
const encode = (text: string, encoding: EastAsian): Uint8Array =>
  Uint8Array.from(
    [...text].flatMap((character) => {
      const bytes = BYTES[encoding].get(character);
      if (!bytes) throw new Error(`${encoding} has no ${character}`);
      return bytes;
    }),
  );

async function read(
  content: Uint8Array,
  settings: Partial<ReadingSettings> = {},
  size = Infinity,
): Promise<SourceRecord[]> {
  async function* cut() {
    await Promise.resolve();
    for (let at = 0; at < content.length; at += size) yield content.subarray(at, at + size);
  }
  const { records } = await readRecords(cut(), readingSettingsSchema.parse(settings), "x");
  const all: SourceRecord[] = [];
  for await (const batch of records) all.push(...batch);
  return all;
}

const TEXTS: Record<EastAsian, string[]> = {
  gb18030: [
    "红楼梦的作者是谁？",
    "曹雪芹",
    "中华人民共和国的首都是北京，它位于华北平原的北部。",
    "《三体》第一部在哪一年出版？",
  ],
  big5: ["紅樓夢的作者是誰？", "臺灣最高的山是玉山，位於南投縣。", "這本書是哪一年出版的？"],
  shift_jis: [
    "日本の首都はどこですか？",
    "東京タワーの高さは表示されません。",
    "ソフトウェアの能力",
  ],
  "euc-kr": [
    "대한민국의 수도는 어디입니까?",
    "한글을 만든 사람은 세종대왕이다.",
    "펲시와 똠방각하",
  ],
  "euc-jp": ["日本の首都はどこですか？", "東京タワーの高さは三百三十三メートルです。"],
};

describe("encodings of Chinese, Japanese and Korean", () => {
  it.each(EAST_ASIAN)("%s is told row by row, and converted only where it is set", async (name) => {
    for (const text of TEXTS[name])
      for (const written of [
        `id,question,answers\n1,${text},Ada\n2,Who?,Ada\n`,
        `{"id":"1","question":"${text}","answers":["Ada"]}\n{"id":"2","question":"Who?","answers":["Ada"]}\n`,
      ]) {
        const bytes = encode(written, name);
        const [first, second] = await read(bytes);
        expect(first?.problem).toContain(
          `is not UTF-8 but probably ${formatEncoding(name)}: set the encoding to ${name}`,
        );
        expect(second).toMatchObject({ row: { id: "2", question: "Who?" } });
        const converted = await read(bytes, { encoding: name }, 3);
        expect(converted[0]).toMatchObject({ row: { question: text } });
      }
    const utf8 = new TextEncoder().encode(`id,question\n1,${TEXTS[name][0]!}\n`);
    expect(detectEncoding(utf8).encoding).toBe("utf-8");
    await expect(read(utf8, { encoding: name })).rejects.toThrow("is UTF-8");
  });

  it("are not what Windows-1252 is taken for", () => {
    for (const text of [
      "Wo liegt K\xf6ln?",
      "Qui a \xe9crit \xab\xc9l\xe9gie\xbb \xe0 Paris?",
      "\xbfQu\xe9 a\xf1o naci\xf3 C\xe9sar?",
      "G\xf6teborg, \xc5rhus och Troms\xf8 \x96 var?",
      "S\xe3o Paulo \xe9 a maior cidade da Am\xe9rica do Sul; n\xe3o \xe9?",
    ])
      expect(detectEncoding(Buffer.from(text, "latin1")).encoding, text).toBe("windows-1252");
  });

  it("give any text again, wherever its bytes are cut", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...EAST_ASIAN).chain((name) =>
          fc.record({
            name: fc.constant(name),
            text: fc
              .array(fc.constantFrom(...BYTES[name].keys()), { minLength: 1, maxLength: 20 })
              .map((characters) => characters.join("")),
          }),
        ),
        fc.integer({ min: 1, max: 5 }),
        async ({ name, text }, size) => {
          const bytes = encode(JSON.stringify({ a: text }), name);
          expect(await read(bytes, { encoding: name }, size)).toEqual([
            { line: 1, row: { a: text } },
          ]);
        },
      ),
    );
  });

  it("never give a text for bytes that stand for none, and lose no row beside them", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...EAST_ASIAN),
        fc.uint8Array({ minLength: 1, maxLength: 6 }),
        fc.integer({ min: 1, max: 5 }),
        async (name, bytes, size) => {
          const noise = bytes.filter((byte) => byte >= 0x80);
          const wanted = encode('id,text\n1,a\n2,"', name);
          const all = Buffer.concat([wanted, noise, encode('"\n3,b\n', name)]);
          const rows = await read(all, { encoding: name, quoting: "doubled" }, size);
          expect(rows[0]).toMatchObject({ row: { id: "1", text: "a" } });
          expect(rows.at(-1)).toMatchObject({ row: { id: "3", text: "b" } });
          for (const { row } of rows.filter((record) => record.problem === undefined))
            expect(JSON.stringify(row)).not.toMatch(/[\u0080-\u009f\ue000-\uf8ff\ufdd0\ufffd]/);
        },
      ),
    );
  });

  it.skipIf(!existsSync(PYTHON))("are decoded as Python decodes them, or named", () => {
    const program = `
import json
found = {}
for name, codec in [("gb18030", "gb18030"), ("big5", "cp950"), ("shift_jis", "cp932"), ("euc-kr", "cp949"), ("euc-jp", "euc_jp")]:
    found[name] = {}
    for lead in range(0x81, 0xff):
        for trail in range(0x40, 0xff):
            try: text = bytes([lead, trail]).decode(codec)
            except UnicodeDecodeError: continue
            # What Unicode took in later has another code in Python.
            if len(text) == 1 and not 0xe000 <= ord(text) < 0xf900: found[name][lead * 256 + trail] = text
print(json.dumps(found))
`;
    const found = JSON.parse(
      execFileSync(PYTHON, ["-c", program], { maxBuffer: 2 ** 28 }).toString(),
    ) as Record<EastAsian, Record<string, string>>;
    /** Signs that have two codes in Unicode, of which Windows uses another. */
    const either = /^[¢£¬‖−〜￠￡￢∥－～㈱︐-︙ḿ]$/u;
    for (const name of EAST_ASIAN) {
      const wrong = Object.entries(found[name]).filter(([code, text]) => {
        const bytes = Uint8Array.of(Number(code) >> 8, Number(code) & 0xff);
        const decoding = new TextDecoding(name);
        const decoded = decoding.decode(bytes) + decoding.end();
        return decoded !== text && !decoded.includes(INVALID) && !either.test(text);
      });
      expect(wrong, name).toEqual([]);
    }
  });
});
