/** A table of results as CSV, Markdown or LaTeX. Pure; the text of a cell is escaped for the format. */

export interface ExportTable {
  /** What was compared: corpus, generator, scorer. */
  caption: string;
  columns: readonly string[];
  rows: readonly ExportRow[];
}

interface ExportRow {
  label: string;
  /** Published rows are marked, so that they are not mistaken for reproduced ones. */
  published: boolean;
  /** Questions and demonstrations that its searcher was trained on; null where it is not known. */
  trainingSamples?: number | null;
  cells: readonly (ExportCell | null)[];
}

interface ExportCell {
  /** In percent. */
  value: number;
  /** Ends of the 95% interval, in percent; absent for published figures. */
  low?: number;
  high?: number;
  /** Corrected p-value against the reference. */
  p?: number | null;
  /** Ranks that the questions leave open; methods that share a letter of `group` are not shown to differ. */
  rank?: { low: number; high: number; group: string } | null;
  /** Smallest difference to the reference that would have shown, in points; null: not known. */
  smallestDifference?: number | null;
  /** Mean and sample standard deviation over seeds, in percent. */
  seeds?: { count: number; mean: number; deviation: number } | null;
  /** The reason why it has no rank. */
  note?: string | null;
  /** Questions that the figure is over. */
  questions?: number;
  /** Mean of the types' means, in percent, each type of question (upstream's data sources) counting once. */
  macro?: number | null;
  /** In percent, of each type of question. */
  types?: readonly { type: string; scored: number; mean: number }[];
  /** Of the judge's replies, in percent, those that said neither yes nor no; null: it was not asked. */
  unread?: number | null;
  /** Per question; null where it was not counted. */
  costs?: Record<CostColumn, number | null>;
}

type CostColumn = "searches" | "documents" | "tokens" | "seconds" | "costUsd";
const COST_COLUMNS: readonly [CostColumn, heading: string][] = [
  ["searches", "searches"],
  ["documents", "documents"],
  ["tokens", "tokens"],
  ["seconds", "seconds"],
  ["costUsd", "cost_usd"],
];

const formatPercent = (value: number): string => value.toFixed(1);
const PUBLISHED_MARK = "published";

/**
 * RFC 4180 with CRLF: one line a row and column, so that a program can read intervals without parsing text. `questions`
 * names the set, `scored` counts its questions that the figure is over; costs are means of a question. Percent and points
 * are of 100. `macro_mean` counts each type of question once, `by_type` lists them ("nq 61.2 (3000); ...").
 */
export function formatCsv({ columns, rows }: ExportTable): string {
  const lines = [
    [
      "method",
      "origin",
      "questions",
      "percent",
      "low",
      "high",
      "p_holm",
      "note",
      "scored",
      ...COST_COLUMNS.map(([, heading]) => heading),
      "training_samples",
      "rank_low",
      "rank_high",
      "tie_group",
      "smallest_difference",
      "seeds",
      "seeds_mean",
      "seeds_deviation",
      "macro_mean",
      "by_type",
      "unread_replies",
    ],
  ];
  for (const row of rows) {
    row.cells.forEach((cell, i) => {
      if (!cell) return;
      const figures = [
        cell.value.toFixed(4),
        cell.low?.toFixed(4) ?? "",
        cell.high?.toFixed(4) ?? "",
        cell.p?.toPrecision(4) ?? "",
        cell.note ?? "",
      ];
      const about = [
        cell.questions,
        ...COST_COLUMNS.map(([key]) => cell.costs?.[key]),
        row.trainingSamples,
      ].map(formatNumberField);
      const certainty = [
        formatNumberField(cell.rank?.low),
        formatNumberField(cell.rank?.high),
        cell.rank?.group ?? "",
        ...[
          cell.smallestDifference,
          cell.seeds?.count,
          cell.seeds?.mean,
          cell.seeds?.deviation,
        ].map(formatNumberField),
      ];
      const parts = [
        formatNumberField(cell.macro),
        (cell.types ?? [])
          .map(({ type, scored, mean }) => `${type} ${formatPercent(mean)} (${scored})`)
          .join("; "),
        formatNumberField(cell.unread),
      ];
      lines.push([
        row.label,
        row.published ? PUBLISHED_MARK : "reproduced",
        columns[i] ?? "",
        ...figures,
        ...about,
        ...certainty,
        ...parts,
      ]);
    });
  }
  return lines.map((line) => `${line.map(escapeCsvField).join(",")}\r\n`).join("");
}

/** At most six significant digits: more than the precision of measured times. */
const formatNumberField = (value: number | null | undefined): string =>
  value === null || value === undefined
    ? ""
    : String(Number.isInteger(value) ? value : Number(value.toPrecision(6)));

/** Quoted where it must be; a text that a spreadsheet would run as a formula gets an apostrophe in front. */
export function escapeCsvField(text: string): string {
  const safe =
    /^[=+@\t\r]/.test(text) || (text.startsWith("-") && !/^-?\d+(\.\d+)?$/.test(text))
      ? `'${text}`
      : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

export const escapeMarkdown = (text: string): string =>
  text.replace(/[\\`*_{}[\]<>|#~]/g, "\\$&").replace(/\s+/g, " ");

/** A table as GitHub reads it, with the interval behind each figure. */
export function formatMarkdown({ caption, columns, rows }: ExportTable): string {
  const formatLine = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const formatCell = (cell: ExportCell | null): string =>
    cell === null
      ? ""
      : `${formatPercent(cell.value)}${formatInterval(cell, "–")}${formatStar(cell)}${formatCertainty(cell, "–")}${cell.note ? ` (${escapeMarkdown(cell.note)})` : ""}`;
  return [
    escapeMarkdown(caption),
    "",
    formatLine(["Method", ...columns.map(escapeMarkdown)]),
    formatLine(["---", ...columns.map(() => "---:")]),
    ...rows.map((row) =>
      formatLine([
        `${escapeMarkdown(row.label)}${row.published ? ` (${PUBLISHED_MARK})` : ""}`,
        ...row.cells.map(formatCell),
      ]),
    ),
    "",
    FOOTNOTE,
    "",
  ].join("\n");
}

const FOOTNOTE =
  "Percent with 95% interval. \\*: differs from the reference, p < 0.05 after Holm's correction. #: ranks that the questions leave open (95%, all methods together); methods that share a letter are not shown to differ. n.s., sees: no difference to the reference shown; the smallest one, in points, that would have been in four of five repetitions. avg@k: mean and standard deviation over k seeds.";
/** ", #1–3 ab, n.s., sees 3.4, avg@3 48.2, s 1.2, over 7 types 46.0, unread 1.2", as far as it is known. */
function formatCertainty(
  { rank, p, smallestDifference, seeds, macro, types = [], unread }: ExportCell,
  dash: string,
): string {
  const isOpen = p !== null && p !== undefined && p >= 0.05;
  return [
    rank
      ? `#${rank.low === rank.high ? rank.low : `${rank.low}${dash}${rank.high}`} ${rank.group}`
      : null,
    isOpen && typeof smallestDifference === "number"
      ? `n.s., sees ${formatPercent(smallestDifference)}`
      : null,
    seeds
      ? `avg@${seeds.count} ${formatPercent(seeds.mean)}, s ${formatPercent(seeds.deviation)}`
      : null,
    typeof macro === "number" ? `over ${types.length} types ${formatPercent(macro)}` : null,
    typeof unread === "number" ? `unread ${formatPercent(unread)}` : null,
  ]
    .flatMap((part) => (part === null ? [] : [`, ${part}`]))
    .join("");
}
const formatStar = (cell: ExportCell): string =>
  cell.p !== null && cell.p !== undefined && cell.p < 0.05 ? " \\*" : "";
const formatInterval = (cell: ExportCell, dash: string): string =>
  cell.low === undefined || cell.high === undefined
    ? ""
    : ` [${formatPercent(cell.low)}${dash}${formatPercent(cell.high)}]`;

const LATEX: Record<string, string> = {
  "\\": "\\textbackslash{}",
  "&": "\\&",
  "%": "\\%",
  $: "\\$",
  "#": "\\#",
  _: "\\_",
  "{": "\\{",
  "}": "\\}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "<": "\\textless{}",
  ">": "\\textgreater{}",
  "|": "\\textbar{}",
  "–": "--",
  "·": "$\\cdot$",
  "−": "$-$",
};
const escapeLatex = (text: string): string =>
  text.replace(/[\\&%$#_{}~^<>|–·−]/g, (character) => LATEX[character]!).replace(/\s+/g, " ");

const formatLatexCertainty = (cell: ExportCell): string => {
  const text = formatCertainty(cell, "–");
  return text === "" ? "" : `{\\scriptsize ${escapeLatex(text)}}`;
};

/** A booktabs table. */
export function formatLatex({ caption, columns, rows }: ExportTable): string {
  const cellText = (cell: ExportCell | null): string => {
    if (cell === null) return "--";
    const star = cell.p !== null && cell.p !== undefined && cell.p < 0.05 ? "$^{*}$" : "";
    const interval =
      cell.low === undefined || cell.high === undefined
        ? ""
        : ` {\\scriptsize [${formatPercent(cell.low)}, ${formatPercent(cell.high)}]}`;
    return `${formatPercent(cell.value)}${star}${interval}${formatLatexCertainty(cell)}${cell.note ? ` {\\scriptsize (${escapeLatex(cell.note)})}` : ""}`;
  };
  return [
    "\\begin{table}",
    "  \\centering",
    `  \\caption{${escapeLatex(caption)}. Percent with 95\\% interval; $^{*}$: differs from the reference, $p < 0.05$ after Holm's correction; \\#: ranks that the questions leave open, methods that share a letter are not shown to differ; n.s., sees: no difference shown, and the smallest one, in points, that would have been; avg@k: mean and standard deviation over seeds.}`,
    `  \\begin{tabular}{l${"r".repeat(columns.length)}}`,
    "    \\toprule",
    `    ${["Method", ...columns.map(escapeLatex)].join(" & ")} \\\\`,
    "    \\midrule",
    ...rows.map(
      (row) =>
        `    ${[`${escapeLatex(row.label)}${row.published ? " \\textit{(published)}" : ""}`, ...row.cells.map(cellText)].join(" & ")} \\\\`,
    ),
    "    \\bottomrule",
    "  \\end{tabular}",
    "\\end{table}",
    "",
  ].join("\n");
}
