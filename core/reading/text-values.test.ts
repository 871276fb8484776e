import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NumberText, parseJson, parsePython } from "./literals";
import {
  isMissing,
  readText,
  readTexts,
  ValueProblem,
  type ValueContext,
  type ValueNote,
} from "./text-values";

const notes: ValueNote[] = [];
const cell: ValueContext = {
  isCell: true,
  booleans: "yes-no",
  cells: "lists",
  note: (note) => notes.push(note),
};
const json: ValueContext = { ...cell, isCell: false };

/** As Python's repr writes a string; what it escapes beyond this may be escaped or not. */
function writePythonString(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const body = Array.from(text, (character) => {
    const code = character.codePointAt(0)!;
    if (character === quote || character === "\\") return `\\${character}`;
    if (character === "\n") return "\\n";
    if (character === "\r") return "\\r";
    if (character === "\t") return "\\t";
    if (code < 0x20 || (code >= 0x7f && code < 0xa1)) return `\\x${hex(code, 2)}`;
    if (code >= 0xd800 && code < 0xe000) return `\\u${hex(code, 4)}`;
    if (code >= 0xe0000) return `\\U${hex(code, 8)}`;
    return character;
  });
  return quote + body.join("") + quote;
}
const hex = (code: number, digits: number): string => code.toString(16).padStart(digits, "0");

type Tree = string | boolean | null | number | Tree[];

function writePython(value: Tree, open = "["): string {
  if (typeof value === "string") return writePythonString(value);
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  const items = value.map((item) => writePython(item)).join(", ");
  return open === "(" ? `(${items}${value.length === 1 ? "," : ""})` : `[${items}]`;
}

const strings = fc.array(fc.string({ unit: "binary", maxLength: 12 }), {
  minLength: 1,
  maxLength: 6,
});
const trees = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    fc.string({ unit: "binary", maxLength: 8 }),
    fc.boolean(),
    fc.constant(null),
    fc.integer(),
    fc.array(tie("tree"), { maxLength: 4 }),
  ),
})).tree;
const kept = (texts: readonly string[]): string[] =>
  texts.map((text) => text.trim()).filter((text) => text !== "");

describe("lists that are text", () => {
  it("of any strings are read back as Python, JSON and NumPy write them", () => {
    fc.assert(
      fc.property(strings, (texts) => {
        const written = [
          writePython(texts),
          JSON.stringify(texts),
          JSON.stringify(texts, null, 2),
          `[${texts.map(writePythonString).join("\n ")}]`,
          `array([${texts.map(writePythonString).join(",\n       ")}], dtype=object)`,
        ];
        for (const text of written) {
          expect(readTexts(text, cell), text).toEqual(kept(texts));
          expect(readTexts(text, json), text).toEqual(kept(texts));
        }
        if (texts.some((text) => text.trim() !== ""))
          expect(readTexts(writePython(texts, "("), cell)).toEqual(kept(texts));
      }),
    );
  });

  it("of any values, however deep, are the values again", () => {
    fc.assert(
      fc.property(trees, (tree) => {
        expect(parsePython(writePython(tree))).toEqual(tree);
        expect(parseJson(JSON.stringify(tree))).toEqual(tree);
      }),
    );
  });

  it("are read with Python's prefixes, escapes, sets, and what NumPy writes around values", () => {
    for (const [text, texts] of [
      [
        String.raw`[r'a\b', b'caf\xc3\xa9', u'\N', 'x\
y']`,
        null,
      ],
      [
        String.raw`[r'a\b', b'caf\xc3\xa9', u'é', '\x41\101\u00e9\U0001F600']`,
        ["a\\b", "café", "é", "AAé😀"],
      ],
      ["{'a', \"b\"}", ["a", "b"]],
      ["(np.str_('a'), None, True, 3, 2.50)", ["a", "yes", "3", "2.50"]],
      ["[array(['a'], dtype='<U1') list(['b'])]", ["a", "b"]],
      ["[['a' 'b']\n ['c' 'd']]", ["a", "b", "c", "d"]],
      ["[1 2\n 3]", ["1", "2", "3"]],
      ["{'text': ['a', 'b'], 'answer_start': [1, 2]}", ["a", "b"]],
    ] as const)
      if (texts === null) expect(() => readTexts(text, cell), text).toThrow(ValueProblem);
      else expect(readTexts(text, cell), text).toEqual(texts);
  });

  it("that cannot be read are problems, never one text", () => {
    for (const text of [
      "['a', 'b",
      "['a' 'b' ... 'z']",
      "['a' 'b', 'c']",
      "[a, b]",
      '["a", "b",]x',
      "{'score': 3}",
      "[nan]",
      "(\"a\", 'b'",
      `${"[".repeat(500)}'a'${"]".repeat(500)}`,
    ])
      expect(() => readTexts(text, cell), text).toThrow(ValueProblem);
    expect(() => readTexts("['a', 'b", json)).toThrow(ValueProblem);
  });

  it("are told from texts that only look like them", () => {
    expect(readTexts("[sic] Bond", cell)).toEqual(["[sic] Bond"]);
    expect(readTexts("(1, 2)", cell)).toEqual(["(1, 2)"]);
    expect(readTexts("('a')", cell)).toEqual(["('a')"]);
    expect(readTexts("[0, 1]", json)).toEqual(["[0, 1]"]);
    expect(readTexts("P(A|B)", json)).toEqual(["P(A|B)"]);
    expect(readTexts("P(A|B)", { ...cell, cells: "text" })).toEqual(["P(A|B)"]);
    expect(readTexts("a | b|", cell)).toEqual(["a", "b"]);
    expect(readTexts("['a|b', 'c']", cell)).toEqual(["a|b", "c"]);
    expect(readTexts(["[1]", ["b|c", null, " "], "[]"], json)).toEqual(["[1]", "b|c", "[]"]);
  });
});

it("lists in other clothes are lists, or problems", () => {
  for (const text of [
    "frozenset({'a', 'b'})",
    "dict_keys(['a', 'b'])",
    "deque(['a', 'b'])",
    "collections.deque(['a', 'b'])",
    String.raw`"[\"a\", \"b\"]"`,
    '"["a", "b"]"',
    `"['a', 'b']"`,
    `'["a", "b"]'`,
    "{'text': array(['a', 'b'], dtype=object), 'answer_start': array([1, 2], dtype=int32)}",
    '{"value": "a", "aliases": ["b"], "start": 3}',
  ])
    for (const context of [cell, json]) expect(readTexts(text, context), text).toEqual(["a", "b"]);
  for (const text of ["'a', 'b'", '"a", "b"']) {
    expect(readTexts(text, cell)).toEqual(["a", "b"]);
    expect(readTexts(text, json)).toEqual([text]);
  }
  expect(readTexts("set()", cell)).toEqual([]);
  // As spreadsheets keep a text from being computed, and as PostgreSQL writes an array.
  expect(readTexts(`'['a', "b"]`, cell)).toEqual(["a", "b"]);
  expect(readTexts(`'["a"]`, json)).toEqual([`'["a"]`]);
  for (const text of ["{a,b}", '{a,"b c"}', "{a}"])
    expect(() => readTexts(text, cell), text).toThrow(/Write it as JSON, or set the cells to text/);
  expect(readTexts("{a,b}", { ...cell, cells: "text" })).toEqual(["{a,b}"]);
  expect(readTexts(String.raw`{\rm d}`, cell)).toEqual([String.raw`{\rm d}`]);
  for (const text of [
    "[('a', 1), ('b', 2)]",
    "OrderedDict([('text', ['a'])])",
    "b'abc'",
    "['a', nan]",
    '{"answer": "a", "confidence": 0.5}',
  ])
    for (const context of [cell, json])
      expect(() => readTexts(text, context), text).toThrow(ValueProblem);
  expect(() => readTexts([["a", 1]], json)).toThrow("pairs of a text and a number");
  expect(() => readText("b'Who?'")).toThrow("bytes as Python shows them");
});

it("what a program shows of a value is not its text", () => {
  for (const text of [
    "Decimal('3.14')",
    "np.float64(3.0)",
    "np.str_('a')",
    "Timestamp('2020-01-02 00:00:00')",
    "datetime.date(2020, 1, 2)",
    "UUID('0f')",
    "Counter({'a': 2})",
    "defaultdict(<class 'list'>, {'a': ['x']})",
    "dict(text='a')",
    "pd.Series(['a'])",
    "Index(['a'], dtype='object')",
    "tensor([1, 2])",
    "<ArrowStringArray>\n['a', 'b']\nLength: 2, dtype: string",
    "0    a\n1    b\nName: x, dtype: object",
    "<generator object <genexpr> at 0x7f>",
    'c("a", "b")',
    "[object Object]",
  ])
    for (const context of [cell, json]) {
      expect(() => readTexts(text, context), text).toThrow(ValueProblem);
      expect(() => readTexts([text], json), text).toThrow(ValueProblem);
    }
  for (const text of ["print('a')", "Index (finance)", "f(x)", "c(x)", "Counter(5)", "dtype: a b"])
    for (const context of [cell, json]) expect(readTexts(text, context)).toEqual([text]);
});

it("a formula is not its value, and the error of one is none", () => {
  for (const text of ['="001"', "=CONCAT(A1,B1)", '=["a"]'])
    expect(() => isMissing(text, cell), text).toThrow("holds the formula");
  for (const text of ["= 3", "=)", "=A"]) expect(isMissing(text, cell)).toBe(false);
  expect(isMissing('="001"', { ...cell, cells: "text" })).toBe(false);
  expect(isMissing('="001"', json)).toBe(false);
  for (const text of ["\\N", "#N/A", "#REF!", "#NAME?", "#DIV/0!"]) {
    expect(isMissing(text, cell), text).toBe(true);
    expect(isMissing(text, json), text).toBe(false);
  }
});

it("what may be another value is heard of", () => {
  notes.length = 0;
  expect(readTexts([`["a", "b"]`, "c"], json)).toEqual(["a", "b", "c"]);
  expect(notes).toEqual(["inner-list"]);
  for (const text of ["[1912, 1913]", "(0, 1)", "[True]", "True", "None", "null", "nan", "N/A"]) {
    notes.length = 0;
    expect(readTexts(text, json)).toEqual([text]);
    expect(notes, text).toEqual(["suspicious-text"]);
  }
  expect(["nan", " <NA>", NaN, "None", null].map((value) => isMissing(value, cell))).toEqual([
    true,
    true,
    true,
    false,
    false,
  ]);
  expect(isMissing("nan", json)).toBe(false);
});

it("integers that a double may have rounded are refused, those of JSON exact", () => {
  expect(() => readText(1610521604143693812)).toThrow("may have rounded");
  expect(readText(parseJson("9007199254740992"))).toBe("9007199254740992");
});

it("true and false are yes and no, or what is set, and heard of", () => {
  notes.length = 0;
  expect(readTexts([true, [false]], json)).toEqual(["yes", "no"]);
  expect(readTexts("TRUE", cell)).toEqual(["yes"]);
  expect(readTexts("True", { ...cell, booleans: "true-false" })).toEqual(["True"]);
  expect(readTexts(true, { ...json, booleans: "true-false" })).toEqual(["true"]);
  expect(readTexts("true", json)).toEqual(["true"]);
  expect(notes).toEqual([
    "boolean",
    "boolean",
    "boolean",
    "suspicious-text",
    "boolean",
    "suspicious-text",
  ]);
});

it("numbers are digit by digit what was written", () => {
  fc.assert(
    fc.property(fc.bigInt(), fc.double({ noNaN: true, noDefaultInfinity: true }), (big, double) => {
      for (const digits of [String(big), JSON.stringify(double), double.toExponential()]) {
        const { a, b } = parseJson(`{"a": ${digits}, "b": [${digits}]}`) as {
          a: unknown;
          b: [unknown];
        };
        expect([readText(a), readTexts(b, json)]).toEqual([digits, [digits]]);
        expect(readTexts(`[${digits}]`, cell)).toEqual([digits]);
      }
    }),
  );
});

it("decimals keep their digits, and NaN is no text", () => {
  for (const digits of ["621.0010", "1e3", "1.0", "-0", "0.10", "9007199254740993", "1E400"])
    expect(readText((parseJson(`{"id": ${digits}}`) as { id: unknown }).id)).toBe(digits);
  expect(parseJson('{"a": NaN, "b": [-Infinity]}')).toEqual({ a: NaN, b: [-Infinity] });
  expect(parseJson("1.50")).toEqual(new NumberText("1.50"));
  expect(() => readTexts([NaN], json)).toThrow("holds NaN");
  expect(() => readText({ a: 1 })).toThrow("holds a dictionary (a)");
  expect(() => readText([])).toThrow("holds a list");
  for (const broken of ["[1,]", '{"a":1,}', "{a:1}", "['a']", "01", '"a\nb"', "tru", "[1 2]", ""])
    expect(() => parseJson(broken), broken).toThrow();
});
