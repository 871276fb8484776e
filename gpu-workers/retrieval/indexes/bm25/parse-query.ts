import { type Analysis, ANALYSIS, analyse, analysePositions } from "./analyser";

/**
 * A query's Boolean formula. `any`: at least one of the terms (words without an operator between them). `phrase`: the
 * terms at these distances from its start. What a phrase or word loses to the stop words is left out of the formula.
 */
export type Formula =
  | { is: "any"; terms: string[] }
  | { is: "phrase"; terms: { term: string; offset: number }[] }
  | { is: "and" | "or"; of: Formula[] }
  | { is: "not"; of: Formula };

export interface ParsedQuery {
  /** Terms that count for the score, with how often the query has them. */
  terms: Map<string, number>;
  /** What a document must satisfy; null: to have one of the terms. */
  formula: Formula | null;
}

/** A query without operators: its words. */
export function parseWords(query: string, analysis = ANALYSIS): ParsedQuery {
  const terms = new Map<string, number>();
  for (const term of analyse(query, analysis)) terms.set(term, (terms.get(term) ?? 0) + 1);
  return { terms, formula: null };
}

type Token =
  { kind: "(" | ")" | "AND" | "OR" | "NOT" } | { kind: "words" | "phrase"; text: string };

/** Deeper nesting is no query a person or a model means. */
const MAX_DEPTH = 100;

/**
 * A query with the operators AND, OR and NOT in capitals, parentheses and "phrases", as DeepRetrieval writes them.
 * NOT binds tighter than AND, AND tighter than OR; `a NOT b` means `a AND NOT b`; other neighbours without an operator
 * (`"new york" (city OR town)`) are joined by OR before any operator applies, as words are. A query whose operators do
 * not fit together (an open parenthesis or quote, an operator without an operand, `()`) is read as words altogether.
 * Terms under a NOT count for no score.
 */
export function parseOperators(query: string, analysis = ANALYSIS): ParsedQuery {
  const tokens = tokenise(query);
  if (!tokens?.some(({ kind }) => kind !== "words")) return parseWords(query, analysis);
  const parser = new Parser(tokens, analysis);
  const parsed = parser.parse();
  if (!parsed) return parseWords(query, analysis);
  const formula = parsed === EMPTY ? null : parsed;
  const terms = new Map<string, number>();
  if (formula) countTerms(formula, true, terms);
  return { terms, formula };
}

/** Operators stand alone or at a parenthesis: "AND" within a word is none. Null where a quote is left open. */
function tokenise(query: string): Token[] | null {
  const tokens: Token[] = [];
  for (const match of query.matchAll(/"([^"]*)"|[()]|"|[^\s()"]+/g)) {
    const [text, phrase] = match;
    if (phrase !== undefined) tokens.push({ kind: "phrase", text: phrase });
    else if (text === '"') return null;
    else if (text === "(" || text === ")" || text === "AND" || text === "OR" || text === "NOT")
      tokens.push({ kind: text });
    else tokens.push({ kind: "words", text });
  }
  return tokens;
}

/** Stands for an operand of which the analysis leaves nothing. */
const EMPTY = Symbol("empty");
type Parsed = Formula | typeof EMPTY;

class Parser {
  private at = 0;
  private depth = 0;

  constructor(
    private readonly tokens: readonly Token[],
    private readonly analysis: Analysis,
  ) {}

  /** Null where the operators do not fit together. */
  parse(): Parsed | null {
    const parsed = this.parseOr();
    return this.at === this.tokens.length ? parsed : null;
  }

  private parseOr(): Parsed | null {
    const operands: Parsed[] = [];
    do {
      const operand = this.parseAnd();
      if (!operand) return null;
      operands.push(operand);
    } while (this.take("OR"));
    return joinOperands("or", operands);
  }

  private parseAnd(): Parsed | null {
    const operands: Parsed[] = [];
    do {
      const operand = this.parseNot();
      if (!operand) return null;
      operands.push(operand);
    } while (this.take("AND") || this.peek() === "NOT");
    return joinOperands("and", operands);
  }

  private parseNot(): Parsed | null {
    let negated = false;
    while (this.take("NOT")) negated = !negated;
    const operand = this.parseGroup();
    if (!operand || operand === EMPTY) return operand;
    return negated ? { is: "not", of: operand } : operand;
  }

  /** Neighbours without an operator between them. */
  private parseGroup(): Parsed | null {
    const operands: Parsed[] = [];
    for (;;) {
      const token = this.tokens[this.at];
      if (token?.kind === "words" || token?.kind === "phrase") {
        this.at += 1;
        const parse = token.kind === "words" ? parseWordOperand : parsePhrase;
        operands.push(parse(token.text, this.analysis));
      } else if (token?.kind === "(") {
        this.at += 1;
        if (++this.depth > MAX_DEPTH) return null;
        const inner = this.parseOr();
        if (!inner || !this.take(")")) return null;
        this.depth -= 1;
        operands.push(inner);
      } else {
        return operands.length === 0 ? null : joinOperands("or", operands);
      }
    }
  }

  private peek(): Token["kind"] | undefined {
    return this.tokens[this.at]?.kind;
  }

  private take(kind: Token["kind"]): boolean {
    if (this.peek() !== kind) return false;
    this.at += 1;
    return true;
  }
}

function joinOperands(is: "and" | "or", operands: readonly Parsed[]): Parsed {
  const real = operands.filter((operand) => operand !== EMPTY);
  return real.length > 1 ? { is, of: real } : (real[0] ?? EMPTY);
}

function parseWordOperand(text: string, analysis: Analysis): Parsed {
  const terms = analyse(text, analysis);
  return terms.length > 0 ? { is: "any", terms } : EMPTY;
}

function parsePhrase(text: string, analysis: Analysis): Parsed {
  const found = analysePositions(text, analysis).flatMap((term, position) =>
    term === null ? [] : [{ term, position }],
  );
  const [first] = found;
  if (!first) return EMPTY;
  if (found.length === 1) return { is: "any", terms: [first.term] };
  return {
    is: "phrase",
    terms: found.map(({ term, position }) => ({ term, offset: position - first.position })),
  };
}

function countTerms(formula: Formula, counts: boolean, into: Map<string, number>): void {
  switch (formula.is) {
    case "any":
      if (counts) for (const term of formula.terms) into.set(term, (into.get(term) ?? 0) + 1);
      break;
    case "phrase":
      if (counts) for (const { term } of formula.terms) into.set(term, (into.get(term) ?? 0) + 1);
      break;
    case "not":
      countTerms(formula.of, !counts, into);
      break;
    case "and":
    case "or":
      for (const part of formula.of) countTerms(part, counts, into);
  }
}

/** Whether the formula holds a phrase, which an index without positions cannot decide. */
export function hasPhrase(formula: Formula): boolean {
  switch (formula.is) {
    case "any":
      return false;
    case "phrase":
      return true;
    case "not":
      return hasPhrase(formula.of);
    case "and":
    case "or":
      return formula.of.some(hasPhrase);
  }
}

/** Whether a text satisfies a formula, phrases included. */
export function matchesFormula(formula: Formula, text: string, analysis = ANALYSIS): boolean {
  const positions = new Map<string, number[]>();
  analysePositions(text, analysis).forEach((term, position) => {
    if (term === null) return;
    const own = positions.get(term);
    if (own) own.push(position);
    else positions.set(term, [position]);
  });
  const holds = (part: Formula): boolean => {
    switch (part.is) {
      case "any":
        return part.terms.some((term) => positions.has(term));
      case "phrase":
        return (positions.get(part.terms[0]?.term ?? "") ?? []).some((start) =>
          part.terms.every(({ term, offset }) => positions.get(term)?.includes(start + offset)),
        );
      case "and":
        return part.of.every(holds);
      case "or":
        return part.of.some(holds);
      case "not":
        return !holds(part.of);
    }
  };
  return holds(formula);
}
