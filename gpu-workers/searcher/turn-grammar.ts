/**
 * Guided decoding: the grammar of one turn in llguidance's Lark dialect. It allows exactly the well-formed turns of
 * protocol.ts, so that a small model only decides and never has to get the form right. Tokens for which the grammar
 * leaves no choice are forced and carry no loss.
 */
export interface TurnShape {
  /** Documents in the window, numbered 1 .. window. */
  window: number;
  /** At most this many of them may be selected. */
  select: number;
  /** Longest query in tokens. */
  queryTokens: number;
  /** The last turn has only a selection, because no search is left. */
  last: boolean;
  /** The selection and the line break behind it are written already. */
  isSelected?: boolean;
}

/**
 * Renders the grammar of one turn: distinct ids in ascending order, so that a set of documents has one spelling; then the
 * stop decision; then, where the search continues, a query without line break, quote, backslash or tag.
 */
export function renderTurnGrammar({
  window,
  select,
  queryTokens,
  last,
  isSelected = false,
}: TurnShape): string {
  const rules = isSelected
    ? ['start: "<search_complete>" decision']
    : [
        'start: "<important_info>[" ids "]</important_info>"' +
          (last ? "" : ' "\\n<search_complete>" decision'),
        ...buildIdRules(window, select),
      ];
  if (!last) {
    rules.push(
      'decision: "True</search_complete>" | "False</search_complete>\\n<query>{\\"query\\": \\"" query "\\"}</query>"',
    );
    rules.push(`query[max_tokens=${queryTokens}]: /[^\\s"\\\\<][^\\n\\r"\\\\<]*/`);
  }
  return rules.join("\n") + "\n";
}

/**
 * Rules for ascending distinct ids. Rule after_I_C says what may follow id I when C more ids are allowed; its first
 * alternative is nothing. There are at most window x select rules, however many subsets there are.
 */
function buildIdRules(window: number, select: number): string[] {
  const most = Math.min(window, select);
  const first = Array.from({ length: window }, (_, i) =>
    formatAlternative(`${i + 1}`, i + 1, most - 1, window),
  );
  const rules = [`ids: ${["", ...(most > 0 ? first : [])].join(" | ")}`];
  for (let id = 1; id < window; id++) {
    for (let left = 1; left < most; left++) {
      const next = Array.from({ length: window - id }, (_, i) =>
        formatAlternative(`, ${id + 1 + i}`, id + 1 + i, left - 1, window),
      );
      rules.push(`after_${id}_${left}: ${["", ...next].join(" | ")}`);
    }
  }
  return rules;
}

const formatAlternative = (text: string, id: number, left: number, window: number): string =>
  left > 0 && id < window ? `"${text}" after_${id}_${left}` : `"${text}"`;
