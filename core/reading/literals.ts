import { findRepeatedKey } from "@/contracts/formats/repeated-keys";

/**
 * Values as programs write them as text: JSON (also with Python's NaN and Infinity), Python's repr, and NumPy's text of
 * an array. Numbers keep their source where a double would be another one.
 */

/** A number whose digits a double does not give back: beyond 2^53, "621.0010", "1e3". */
export class NumberText {
  constructor(readonly source: string) {}
  toString(): string {
    return this.source;
  }
}

/** A value of a kind that is not read: "a number of parquet's type VARIANT". */
export class UnreadValue {
  constructor(readonly kind: string) {}
}

/** Why a text is no such value, and where: "at character 7: ...". */
export class LiteralError extends Error {
  constructor(
    readonly problem: string,
    /** Counted from 0. */
    readonly at: number,
  ) {
    super(`${problem} at character ${at + 1}`);
  }
}

/** An object that holds a key twice: it cannot be told which of the values is meant. */
export class RepeatedKeyError extends LiteralError {
  constructor(key: string, at: number) {
    super(`holds the key ${JSON.stringify(key)} twice in one object`, at);
  }
}

/** Numbers that JSON.parse would not give back digit by digit, or at least what looks like one within a string. */
const INEXACT = /(?:^|[[,:])\s*(?:-?(?:\d{16,}|\d+[.eE])|-0)/;
const MAX_DEPTH = 200;

/**
 * Reads JSON; numbers are exact, NaN, Infinity and -Infinity are read.
 * @throws RepeatedKeyError, LiteralError
 */
export function parseJson(text: string): unknown {
  const parsed = INEXACT.test(text) ? null : parsePlainJson(text);
  if (parsed === null) return new LiteralParser(text, false).parseAll();
  const repeated = findRepeatedKey(text, parsed.value);
  if (repeated !== null) throw new RepeatedKeyError(repeated.key, repeated.at);
  return parsed.value;
}

/** Null: it is to be read by `LiteralParser`, for NaN or for the place of what is wrong. */
function parsePlainJson(text: string): { value: unknown } | null {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return null;
  }
}

/** Reads Python's repr or NumPy's text: lists, tuples and sets become lists, dictionaries objects. @throws LiteralError */
export function parsePython(text: string): unknown {
  return new LiteralParser(text, true).parseAll();
}

const WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["true", true],
  ["false", false],
  ["null", null],
  ["NaN", NaN],
  ["Infinity", Infinity],
]);
const PYTHON_WORDS: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  ["True", true],
  ["False", false],
  ["None", null],
  ["nan", NaN],
  ["inf", Infinity],
]);
const JSON_NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const PYTHON_NUMBER = /[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?/y;
const WORD = /-?[A-Za-z_][\w.]*/y;
const SPACE = /[ \t\r\n]*/y;
/** What NumPy and Python write around a value: array([...], dtype=object), list([...]), np.int64(5). */
const CALL =
  /^(?:(?:np|numpy|collections)\.)?(?:array|list|tuple|set|frozenset|deque|dict_keys|dict_values|str_|bytes_|bool_?|u?int\d*|float\d*|longlong)$/;
const PREFIX = /^(?:[rR][bB]?|[bB][rR]?|[uU])$/;
const ESCAPES: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  "\\": "\\",
  '"': '"',
};
const PYTHON_ESCAPES: Readonly<Record<string, string>> = {
  ...ESCAPES,
  a: "\x07",
  v: "\v",
  "'": "'",
  "\n": "",
};

class LiteralParser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly text: string,
    private readonly python: boolean,
  ) {}

  parseAll(): unknown {
    const value = this.parseValue();
    this.skipSpace();
    if (this.at < this.text.length) this.fail("goes on after its end");
    return value;
  }

  private fail(problem: string): never {
    throw new LiteralError(problem, this.at);
  }

  /** The text that a sticky pattern finds here, which is passed. */
  private take(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text)?.[0] ?? "";
    this.at += found.length;
    return found;
  }

  private takeCharacter(character: string): boolean {
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private skipSpace(): boolean {
    return this.take(SPACE) !== "";
  }

  private parseValue(): unknown {
    this.skipSpace();
    const character = this.text[this.at];
    if (character === undefined) this.fail("ends early");
    if (character === '"' || (this.python && character === "'")) return this.parseString("");
    if (character === "[" || character === "{" || (this.python && character === "(")) {
      this.depth += 1;
      if (this.depth > MAX_DEPTH) this.fail(`is nested more than ${MAX_DEPTH} deep`);
      this.at += 1;
      const value =
        character === "{"
          ? this.parseBraces()
          : character === "["
            ? this.parseList("]")
            : this.parseTuple();
      this.depth -= 1;
      return value;
    }
    const start = this.at;
    const digits = this.take(this.python ? PYTHON_NUMBER : JSON_NUMBER);
    if (digits !== "") {
      if (/[\w.]/.test(this.text[this.at] ?? "")) this.fail("is no number");
      return toNumber(digits);
    }
    return this.parseWord(start);
  }

  private parseWord(start: number): unknown {
    const word = this.take(WORD);
    if (this.python && PREFIX.test(word) && /['"]/.test(this.text[this.at] ?? ""))
      return this.parseString(word.toLowerCase());
    if (this.python && CALL.test(word) && this.takeCharacter("(")) return this.parseCall();
    const name = word.replace(/^-/, "");
    const known = this.python && PYTHON_WORDS.has(name) ? PYTHON_WORDS.get(name) : WORDS.get(name);
    const isKnown = known !== undefined && (word === name || known === Infinity);
    if (isKnown) return word === name ? known : -Infinity;
    this.at = start;
    if (this.text.startsWith("...", start)) this.fail('was shortened to "..." when it was written');
    return this.fail(`has ${JSON.stringify(word || this.text[start])} where a value should stand`);
  }

  /** The value that a call of NumPy or Python is written around. */
  private parseCall(): unknown {
    this.skipSpace();
    if (this.takeCharacter(")")) return [];
    const value = this.parseValue();
    this.take(/\s*(?:,\s*(?:dtype|shape)=(?:[^(),]|\([^()]*\))*)*,?\s*/y);
    if (!this.takeCharacter(")")) this.fail("does not close a bracket");
    return value;
  }

  /** Values up to the closing bracket, with commas between them, or as NumPy writes them without any. */
  private parseList(close: string): unknown[] {
    const items: unknown[] = [];
    let hasCommas = false;
    let hasGaps = false;
    for (;;) {
      const spaced = this.skipSpace();
      if (this.takeCharacter(close)) return items;
      if (items.length > 0) {
        if (this.takeCharacter(",")) {
          hasCommas = true;
          this.skipSpace();
          if (this.text[this.at] === close) {
            if (!this.python) this.fail(`has a comma before ${close}`);
            continue;
          }
        } else if (this.at >= this.text.length) this.fail("ends within a list");
        else if (this.python && close === "]" && (spaced || this.text[this.at] === "["))
          hasGaps = true;
        else this.fail("has no comma between two values");
        // Python would join two strings there, NumPy means two values.
        if (hasCommas && hasGaps) this.fail("has commas between some of its values only");
      }
      items.push(this.parseValue());
    }
  }

  /** A tuple; a value in brackets of its own is that value. */
  private parseTuple(): unknown {
    const start = this.at;
    const items = this.parseList(")");
    if (items.length !== 1) return items;
    return /,\s*\)$/.test(this.text.slice(start, this.at)) ? items : items[0];
  }

  /** A dictionary, or Python's set. */
  private parseBraces(): unknown {
    const entries: Record<string, unknown> = {};
    this.skipSpace();
    if (this.takeCharacter("}")) return entries;
    const start = this.at;
    for (;;) {
      if (!this.python && this.text[this.at] !== '"') this.fail("has no quoted key");
      const keyStart = this.at;
      const key = this.parseValue();
      this.skipSpace();
      if (!this.takeCharacter(":")) {
        if (!this.python || Object.keys(entries).length > 0) this.fail("has no : after a key");
        this.at = start;
        return this.parseList("}");
      }
      const name = String(key);
      if (Object.hasOwn(entries, name)) throw new RepeatedKeyError(name, keyStart);
      setOwn(entries, name, this.parseValue());
      this.skipSpace();
      if (this.takeCharacter("}")) return entries;
      if (!this.takeCharacter(","))
        this.fail(this.at < this.text.length ? "has no comma between two keys" : "ends early");
      this.skipSpace();
      if (this.text[this.at] === "}" && !this.python) this.fail("has a comma before }");
      if (this.python && this.takeCharacter("}")) return entries;
    }
  }

  /** A string whose opening quote comes next; `prefix`: Python's r, b and u. */
  private parseString(prefix: string): string {
    const quote = this.text[this.at]!;
    const triple = this.python && this.text.startsWith(quote.repeat(3), this.at);
    const mark = triple ? quote.repeat(3) : quote;
    this.at += mark.length;
    const plain = quote === '"' ? (this.python ? /[^"\\]*/y : /[^"\\\u0000-\u001f]*/y) : /[^'\\]*/y;
    let value = "";
    for (;;) {
      value += this.take(plain);
      if (this.at >= this.text.length) this.fail("ends within quotes");
      if (this.text.startsWith(mark, this.at)) {
        this.at += mark.length;
        return prefix.includes("b") ? this.decodeBytes(value) : value;
      }
      if (this.takeCharacter("\\")) value += this.parseEscape(prefix);
      else if (triple) value += this.text[this.at++]!;
      else this.fail("holds a control character that is not escaped");
    }
  }

  /** What an escape stands for; its backslash is behind. */
  private parseEscape(prefix: string): string {
    const character = this.text[this.at++] ?? "";
    if (prefix.includes("r")) return `\\${character}`;
    const known = (this.python ? PYTHON_ESCAPES : { ...ESCAPES, "/": "/" })[character];
    if (known !== undefined) return known;
    if (this.python) {
      if (character === "x") return this.takeCode(/[\da-fA-F]{2}/y, 16);
      if (character === "U" && !prefix.includes("b")) return this.takeCode(/[\da-fA-F]{8}/y, 16);
      if (character === "N" && !prefix.includes("b"))
        this.fail("holds an escape \\N{...}, which is not read");
      if (/[0-7]/.test(character)) {
        this.at -= 1;
        return this.takeCode(/[0-7]{1,3}/y, 8);
      }
    }
    if (character === "u" && !prefix.includes("b")) return this.takeCode(/[\da-fA-F]{4}/y, 16);
    return this.python ? `\\${character}` : this.fail("holds an escape that JSON does not know");
  }

  private takeCode(pattern: RegExp, base: number): string {
    const code = parseInt(this.take(pattern) || "x", base);
    if (!(code <= 0x10ffff)) this.fail("holds an escape that is cut short");
    return String.fromCodePoint(code);
  }

  private decodeBytes(value: string): string {
    try {
      const bytes = Uint8Array.from(value, (character) => character.charCodeAt(0));
      return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    } catch {
      return this.fail("holds bytes that are not UTF-8");
    }
  }
}

/** A number whose text is the source again, else the source; also of integers that a double may have rounded. */
function toNumber(source: string): number | NumberText {
  const value = Number(source);
  const isExact = !Number.isInteger(value) || Number.isSafeInteger(value);
  return isExact && String(value) === source ? value : new NumberText(source);
}

/** Sets a key of the object itself, also where it is called __proto__. */
function setOwn(object: Record<string, unknown>, key: string, value: unknown): void {
  if (key in object)
    Object.defineProperty(object, key, {
      value,
      writable: true,
      enumerable: true,
      configurable: true,
    });
  else object[key] = value;
}
