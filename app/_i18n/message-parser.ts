/**
 * Parses the ICU messages that the interface is written in: arguments, numbers, plurals, selects and tags. It stands in
 * for `@formatjs/icu-messageformat-parser` in the build of the pages (next.config.js), which also reads dates, skeletons
 * and positions and is several times as large, on every page; message-parser.test.ts proves that both give the same for
 * every message of both languages.
 */

const LITERAL = 0;
const ARGUMENT = 1;
const NUMBER = 2;
const SELECT = 5;
const PLURAL = 6;
const POUND = 7;
const TAG = 8;

interface Option {
  value: Element[];
}
type Options = Record<string, Option>;
type Element =
  | { type: typeof LITERAL | typeof ARGUMENT; value: string }
  | { type: typeof NUMBER; value: string; style: null }
  | { type: typeof SELECT; value: string; options: Options }
  | {
      type: typeof PLURAL;
      value: string;
      options: Options;
      offset: number;
      pluralType: "cardinal" | "ordinal";
    }
  | { type: typeof POUND }
  | { type: typeof TAG; value: string; children: Element[] };

const is =
  (...types: number[]) =>
  (element: { type: number }): boolean =>
    types.includes(element.type);
const isNever = (): boolean => false;

export const isLiteralElement = is(LITERAL);
export const isArgumentElement = is(ARGUMENT);
export const isNumberElement = is(NUMBER);
export const isSelectElement = is(SELECT);
export const isPluralElement = is(PLURAL);
export const isPoundElement = is(POUND);
export const isTagElement = is(TAG);
export const isDateElement = isNever;
export const isTimeElement = isNever;
export const isNumberSkeleton = isNever;
export const isDateTimeSkeleton = isNever;

/** @throws SyntaxError where the message is none, or uses a part of ICU messages that the interface does not */
export function parse(message: string): Element[] {
  const parser = new Parser(message);
  const elements = parser.readElements(false);
  if (!parser.isAtEnd()) parser.fail();
  return elements;
}

class Parser {
  private at = 0;

  constructor(private readonly message: string) {}

  isAtEnd(): boolean {
    return this.at === this.message.length;
  }

  fail(): never {
    throw new SyntaxError(`Not a message, at character ${this.at}: ${this.message}`);
  }

  /** Up to the end, or to what closes the elements around: "}" or "</". */
  readElements(isInPlural: boolean): Element[] {
    const elements: Element[] = [];
    while (!this.isAtEnd() && !this.sees("}") && !this.sees("</")) {
      if (this.take("{")) elements.push(this.readArgument());
      else if (isInPlural && this.take("#")) elements.push({ type: POUND });
      else if (this.sees("<") && /^<[a-z]/i.test(this.message.slice(this.at, this.at + 2)))
        elements.push(this.readTag(isInPlural));
      else elements.push({ type: LITERAL, value: this.readLiteral(isInPlural) });
    }
    return elements;
  }

  private readLiteral(isInPlural: boolean): string {
    const special = isInPlural ? /[{}<>#]/ : /[{}<>]/;
    let text = "";
    while (!this.isAtEnd()) {
      const [char = "", next = ""] = [this.message[this.at], this.message[this.at + 1]];
      if (char === "'" && next === "'") {
        text += "'";
        this.at += 2;
      } else if (char === "'" && special.test(next)) text += this.readQuoted();
      else if (char === "{" || char === "}" || (char === "#" && isInPlural)) break;
      else if (char === "<" && /[a-z/]/i.test(next)) break;
      else {
        text += char;
        this.at++;
      }
    }
    return text;
  }

  /** What stands between two apostrophes, or up to the end. */
  private readQuoted(): string {
    let text = "";
    for (this.at++; !this.isAtEnd(); this.at++) {
      if (this.sees("''")) this.at++;
      else if (this.take("'")) break;
      text += this.message[this.at];
    }
    return text;
  }

  private readTag(isInPlural: boolean): Element {
    this.at++;
    const value = this.readMatch(/[\w.-]+/y);
    if (!this.take(">")) this.fail();
    const children = this.readElements(isInPlural);
    if (!this.take(`</${value}>`)) this.fail();
    return { type: TAG, value, children };
  }

  private readArgument(): Element {
    const value = this.readWord();
    if (this.take("}")) return { type: ARGUMENT, value };
    if (!this.take(",")) this.fail();
    const kind = this.readWord();
    if (kind === "number" && this.take("}")) return { type: NUMBER, value, style: null };
    if (!this.take(",")) this.fail();
    this.readMatch(/\s*/y);
    if (kind === "select") return { type: SELECT, value, options: this.readOptions(false) };
    if (kind !== "plural" && kind !== "selectordinal") this.fail();
    const offset = this.take("offset:") ? Number(this.readWord()) : 0;
    const options = this.readOptions(true);
    const pluralType = kind === "plural" ? "cardinal" : "ordinal";
    return { type: PLURAL, value, options, offset, pluralType };
  }

  private readOptions(isPlural: boolean): Options {
    const options: Options = {};
    while (!this.take("}")) {
      const name = this.readWord();
      if (!this.take("{")) this.fail();
      options[name] = { value: this.readElements(isPlural) };
      if (!this.take("}")) this.fail();
      this.readMatch(/\s*/y);
    }
    if (options.other === undefined) this.fail();
    return options;
  }

  /** A name or number with the space around it. */
  private readWord(): string {
    this.readMatch(/\s*/y);
    const word = this.readMatch(/[^\s{},<>#']+/y);
    this.readMatch(/\s*/y);
    return word;
  }

  private readMatch(pattern: RegExp): string {
    pattern.lastIndex = this.at;
    const [found] = pattern.exec(this.message) ?? this.fail();
    this.at += found.length;
    return found;
  }

  private sees(text: string): boolean {
    return this.message.startsWith(text, this.at);
  }

  private take(text: string): boolean {
    const isThere = this.sees(text);
    if (isThere) this.at += text.length;
    return isThere;
  }
}
