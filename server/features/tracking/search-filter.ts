import { AppError } from "@/contracts/errors";

/**
 * MLflow's filter and order of runs and experiments, as its clients write them: comparisons that are joined by `and`.
 * https://mlflow.org/docs/latest/search-runs.html. Pure.
 */

/** What a comparison reads of a run or an experiment; undefined where it has no such value. */
export type ReadValue = (of: Entity, key: string) => string | number | undefined;
type Entity = "metrics" | "params" | "tags" | "attributes";

const ENTITIES: Readonly<Record<string, Entity>> = {
  metric: "metrics",
  metrics: "metrics",
  param: "params",
  params: "params",
  parameter: "params",
  parameters: "params",
  tag: "tags",
  tags: "tags",
  attribute: "attributes",
  attributes: "attributes",
  attr: "attributes",
  run: "attributes",
};

const TOKEN =
  /\s*(?:(and)\b|((?:not\s+)?in|not\s+like|ilike|like|is\s+not\s+null|is\s+null)\b|(<=|>=|!=|=|<|>)|([(),])|('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|((?:[\w-]+\.)?(?:`[^`]*`|"[^"]*")|[+-]?[\w./:-]+))/iy;

interface Token {
  kind: "and" | "word-sign" | "sign" | "mark" | "text" | "name";
  text: string;
}

const KINDS = ["and", "word-sign", "sign", "mark", "text", "name"] as const;

function readTokens(filter: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  const end = filter.trimEnd().length;
  for (let at = 0; at < end; at = TOKEN.lastIndex) {
    const match = TOKEN.exec(filter);
    if (!match) throw buildError(filter, `"${filter.slice(at).trim()}" cannot be read`);
    const found = match.slice(1).findIndex((text) => text !== undefined);
    tokens.push({ kind: KINDS[found]!, text: match[found + 1]! });
  }
  return tokens;
}

const buildError = (filter: string, what: string): AppError =>
  new AppError(
    "invalid-input",
    `The filter ${JSON.stringify(filter)} is not valid: ${what}. It is made of comparisons such as metrics.loss < 0.5, params.lr = "0.1" or tags.team = "a", joined by "and".`,
  );

const removeQuotes = (text: string): string =>
  /^(['"`])[^]*\1$/.test(text) ? text.slice(1, -1).replace(/\\(['"])/g, "$1") : text;

/** The value that a name reads, e.g. metrics.`a b`; a name alone is an attribute's. */
function readName(name: string): { of: Entity; key: string } {
  const dot = /^([\w-]+)\./.exec(name);
  const of = dot ? ENTITIES[dot[1]!.toLowerCase()] : undefined;
  return of && dot
    ? { of, key: removeQuotes(name.slice(dot[0].length)) }
    : { of: "attributes", key: removeQuotes(name) };
}

const toPattern = (like: string, flags: string): RegExp =>
  new RegExp(
    `^${like
      .replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")
      .replaceAll("%", "[^]*")
      .replaceAll("_", "[^]")}$`,
    flags,
  );

type Test = (value: string | number | undefined) => boolean;

function compare(sign: string, given: string | number): Test {
  return (value) => {
    if (value === undefined) return false;
    const [a, b] = typeof value === "number" ? [value, Number(given)] : [value, String(given)];
    switch (sign) {
      case "=":
        return a === b;
      case "!=":
        return a !== b;
      case "<":
        return a < b;
      case "<=":
        return a <= b;
      case ">":
        return a > b;
      default:
        return a >= b;
    }
  };
}

/** The test of a sign that is written as a word; takes what follows of it from `tokens`. */
function readWordTest(sign: string, tokens: Token[], fail: (what: string) => AppError): Test {
  const word = sign.toLowerCase().replace(/\s+/g, " ");
  if (word === "is null") return (value) => value === undefined;
  if (word === "is not null") return (value) => value !== undefined;
  if (word.endsWith("in")) {
    if (tokens.shift()?.text !== "(") throw fail(`"(" is missing after ${word}`);
    const texts = new Set<string>();
    for (let token = tokens.shift(); token?.text !== ")"; token = tokens.shift()) {
      if (!token) throw fail(`")" is missing`);
      if (token.text !== ",") texts.add(removeQuotes(token.text));
    }
    return (value) => value !== undefined && texts.has(String(value)) === (word === "in");
  }
  const token = tokens.shift();
  if (!token) throw fail(`a text is missing after ${word}`);
  const pattern = toPattern(removeQuotes(token.text), word === "ilike" ? "i" : "");
  return (value) => value !== undefined && pattern.test(String(value)) === (word !== "not like");
}

/** Reads a filter. @throws AppError "invalid-input" that says what cannot be read */
export function readFilter(filter: string): (read: ReadValue) => boolean {
  const tokens = readTokens(filter);
  const fail = (what: string): AppError => buildError(filter, what);
  const tests: { of: Entity; key: string; test: Test }[] = [];
  while (tokens.length > 0) {
    if (tests.length > 0 && tokens.shift()?.kind !== "and") throw fail(`"and" is missing`);
    const name = tokens.shift();
    if (name?.kind !== "name") throw fail("a name is missing");
    const sign = tokens.shift();
    if (sign?.kind === "word-sign") {
      tests.push({ ...readName(name.text), test: readWordTest(sign.text, tokens, fail) });
      continue;
    }
    const given = tokens.shift();
    if (sign?.kind !== "sign" || !given || !["text", "name"].includes(given.kind))
      throw fail(`${name.text} is compared with nothing`);
    tests.push({ ...readName(name.text), test: compare(sign.text, removeQuotes(given.text)) });
  }
  return (read) => tests.every(({ of, key, test }) => test(read(of, key)));
}

/** Reads orders such as `metrics.loss ASC`; what has no value stands last. @throws AppError "invalid-input" */
export function readOrder(orders: readonly string[]): (a: ReadValue, b: ReadValue) => number {
  const keys = orders.map((order) => {
    const match = /^\s*([^]+?)(?:\s+(asc|desc))?\s*$/i.exec(order);
    if (!match) throw new AppError("invalid-input", `The order ${JSON.stringify(order)} is empty.`);
    return { ...readName(match[1]!), sign: match[2]?.toLowerCase() === "desc" ? -1 : 1 };
  });
  return (a, b) => {
    for (const { of, key, sign } of keys) {
      const [first, second] = [a(of, key), b(of, key)];
      if (first === second) continue;
      if (first === undefined || second === undefined) return first === undefined ? 1 : -1;
      return (first < second ? -1 : 1) * sign;
    }
    return 0;
  };
}
