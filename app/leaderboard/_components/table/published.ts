import type { Text } from "@/app/_i18n/format-text";
import type {
  PublishedMetric,
  PublishedResults,
  PublishedRow,
} from "@/contracts/formats/published-results";
import { findAverageDifferences, formatPublishedRow } from "@/core/comparability/published-results";
import { formatInteger } from "@/app/_lib/format/format";
import type { Column } from "./leaderboard-text";

/**
 * Names under which the paper's question sets are imported; importing turns a slash within a name into an underscore.
 */
const ALIASES: Record<string, string> = {
  "2wiki": "2wikimultihopqa",
  hotpot: "hotpotqa",
  "mmlu-med": "mmlu",
  "medqa-us": "medqa",
  "bioasq-y_n": "bioasq",
};

/**
 * The paper's name of a question set, by any part of its name ("hotpotqa/dev", "upstream/nq"); null where the paper has
 * no such set.
 */
export function findPaperSet(questionSet: string, results: PublishedResults): string | null {
  const names = questionSet
    .toLowerCase()
    .replace("bioasq-y/n", "bioasq-y_n")
    .split("/")
    .map((part) => ALIASES[part] ?? part);
  return names.find((name) => Object.hasOwn(results.questions, name)) ?? null;
}

/** The paper's rows with one of its generators. */
export interface PaperChoice {
  results: PublishedResults;
  generator: string;
}

/** The generators of the paper's rows. */
export const listPaperGenerators = (results: PublishedResults): string[] => [
  ...new Set(results.rows.map((row) => row.generator)),
];

export interface ShownPublished {
  name: string;
  method: string;
  detail: string;
  trainingSamples: number;
  /** In percent, one for each column. */
  cells: (number | null)[];
}

/** The metric that a row's accuracy is printed in. */
const getAccuracyMetric = (row: PublishedRow): PublishedMetric =>
  row.average.gen_acc === undefined ? "judge_acc" : "gen_acc";

/** The paper's rows that have figures for any of the columns. A first-n slice is not the paper's set. */
export function selectPublishedRows(
  t: Text,
  { results, generator }: PaperChoice,
  columns: readonly Column[],
): ShownPublished[] {
  const sets = columns.map((column) =>
    column.limit === null && !column.skipYesNo ? findPaperSet(column.questionSet, results) : null,
  );
  return results.rows.flatMap((row) => {
    if (row.generator !== generator) return [];
    const cells = sets.map((set) =>
      set === null ? null : (row.scores[set]?.[getAccuracyMetric(row)] ?? null),
    );
    if (cells.every((cell) => cell === null)) return [];
    return [
      {
        name: formatPublishedRow(row),
        method: row.method,
        detail: [
          row.searcher,
          t("generator {generator}", { generator: row.generator }),
          row.corpus,
          row.table,
        ]
          .filter((part) => part !== null)
          .join(" · "),
        trainingSamples: row.trainingSamples,
        cells,
      },
    ];
  });
}

/** A published row's accuracy, to draw over a run's. */
export interface PublishedLine {
  /** For addresses: the same for the same row. */
  id: string;
  name: string;
  /** 0 to 1. */
  value: number;
  /** Of the line in a chart: method, generator, figure and source. */
  label: string;
  /** Row, table and questions that the figure is of, in words. */
  note: string;
}

/** What a printed figure counts, by the product's scorers. */
const SCORERS: Record<PublishedMetric, string> = {
  gen_acc: "generation-accuracy",
  judge_acc: "judge",
  em: "exact-match",
};

const writeRowId = (row: PublishedRow): string =>
  `${row.table} ${formatPublishedRow(row)}`
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, "-")
    .replace(/-$/, "");

/**
 * The rows' figures on a run's question set: exact match where the run is scored by it, accuracy otherwise; the notes say which. A set that the paper does not have is compared with the rows' averages, and
 * the notes say so.
 */
export function listPublishedLines(
  t: Text,
  results: PublishedResults,
  questionSet: string,
  scorer?: string,
): PublishedLine[] {
  const set = findPaperSet(questionSet, results);
  const source = results.source.identifier;
  return results.rows.flatMap((row): PublishedLine[] => {
    const figures = set === null ? row.average : row.scores[set];
    const metric = scorer === "exact-match" ? "em" : getAccuracyMetric(row);
    const percent = figures?.[metric];
    if (percent === undefined) return [];
    const name = formatPublishedRow(row);
    const of = { source, table: `${row.table} (${SCORERS[metric]})`, row: name, percent };
    return [
      {
        id: writeRowId(row),
        name,
        value: percent / 100,
        label: `${row.method}, ${row.generator} ${percent}%, ${source}`,
        note:
          set === null
            ? t(
                "{source}, {table}: {row}, {percent}% on average over {sets} question sets, of which {questionSet} is none.",
                { ...of, sets: Object.keys(row.scores).length, questionSet },
              )
            : t("{source}, {table}: {row}, {percent}% on all {questions} questions of {set}.", {
                ...of,
                questions: formatInteger(results.questions[set] ?? 0),
                set,
              }),
      },
    ];
  });
}

export interface PaperTable {
  title: string;
  generator: string;
  corpus: string;
  sets: string[];
  rows: {
    row: PublishedRow;
    cells: (number | null)[];
    average: number | null;
    difference: number | null;
  }[];
}

/** Tables 1 and 2 as printed, one for each generator and corpus, in one metric. */
export function buildPaperTables(results: PublishedResults, of: "accuracy" | "em"): PaperTable[] {
  const wrong = findAverageDifferences(results);
  const tables = new Map<string, PaperTable>();
  for (const row of results.rows) {
    const metric = of === "em" ? "em" : getAccuracyMetric(row);
    const sets = Object.keys(row.scores);
    const key = `${row.table} ${row.generator} ${row.corpus}`;
    const table = tables.get(key) ?? {
      title: row.table,
      generator: row.generator,
      corpus: row.corpus,
      sets,
      rows: [],
    };
    tables.set(key, table);
    const difference = wrong.find(
      (d) => d.table === row.table && d.row === formatPublishedRow(row) && d.metric === metric,
    );
    table.rows.push({
      row,
      cells: sets.map((set) => row.scores[set]?.[metric] ?? null),
      average: row.average[metric] ?? null,
      difference: difference?.recomputed ?? null,
    });
  }
  return [...tables.values()];
}
