import { z } from "zod";

/** Results as the s3 paper prints them, in percent: facts to stand beside results of one's own, never to be ranked with them. */

const metricSchema = z.enum(["gen_acc", "judge_acc", "em"]);
export type PublishedMetric = z.infer<typeof metricSchema>;
export const PUBLISHED_METRICS: Record<PublishedMetric, string> = {
  gen_acc: "generation accuracy: a gold answer stands in the text, or the judge accepts it",
  judge_acc: "the judge accepts the answer",
  em: "exact match after SQuAD's normalisation",
};

const figuresSchema = z.partialRecord(metricSchema, z.number());

export const publishedRowSchema = z.object({
  table: z.string(),
  method: z.string(),
  searcher: z.string().nullable(),
  trainingSamples: z.int(),
  generator: z.string(),
  corpus: z.string(),
  /** By question set. */
  scores: z.record(z.string(), figuresSchema),
  /** As printed; see `averageDifferences`. */
  average: figuresSchema,
});
export type PublishedRow = z.infer<typeof publishedRowSchema>;

export const publishedResultsSchema = z.object({
  source: z.object({
    title: z.string(),
    authors: z.string(),
    year: z.int(),
    identifier: z.string(),
  }),
  /** Number of questions of each set. */
  questions: z.record(z.string(), z.int()),
  rows: z.array(publishedRowSchema),
  /** Retrieve-select-turns settings; the last column is the printed average. */
  settings: z.object({
    table: z.string(),
    generator: z.string(),
    metric: metricSchema,
    columns: z.array(z.string()),
    rows: z.record(z.string(), z.array(z.number())),
  }),
  trainingCost: z.object({
    table: z.string(),
    hardware: z.string(),
    rows: z.array(
      z.object({
        method: z.string(),
        minutesPerStep: z.number(),
        steps: z.int(),
        minutes: z.number(),
      }),
    ),
  }),
  rewardFunctions: z.object({
    table: z.string(),
    columns: z.array(z.string()),
    rows: z.record(z.string(), z.array(z.number())),
  }),
  agreement: z.object({
    questions: z.int(),
    accurateGivenRight: z.number(),
    accurateGivenWrong: z.number(),
    exactMatchCaptures: z.number(),
  }),
  /** What does not fit together in the tables and cannot be found by recomputing averages. */
  notes: z.array(z.string()),
});
export type PublishedResults = z.infer<typeof publishedResultsSchema>;

/** Mean of a row's cells of one metric, rounded to the one digit that the paper prints. */
export function recomputedAverage(row: PublishedRow, of: PublishedMetric): number | null {
  const values = Object.values(row.scores).flatMap((cell) =>
    cell[of] === undefined ? [] : [cell[of]],
  );
  return values.length === 0 ? null : meanOfPrinted(values);
}

const meanOfPrinted = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + Math.round(value * 10), 0) / (10 * values.length);

/** A printed average that its own cells cannot give, however they were rounded. */
export interface AverageDifference {
  table: string;
  row: string;
  metric: PublishedMetric;
  printed: number;
  recomputed: number;
}

/**
 * Cells are rounded to 0.1 and so is their average: it may differ by less than 0.1 from the mean of the printed cells
 * for that alone. A difference is listed where the mean, itself rounded half up or down, is another number.
 */
export function averageDifferences(results: PublishedResults): AverageDifference[] {
  const rows = results.rows.flatMap((row) =>
    metricSchema.options.flatMap((of) => {
      const recomputed = recomputedAverage(row, of);
      const printed = row.average[of];
      return recomputed === null || printed === undefined
        ? []
        : [{ table: row.table, row: nameOf(row), metric: of, printed, recomputed }];
    }),
  );
  const settings = Object.entries(results.settings.rows).map(([row, values]) => ({
    table: results.settings.table,
    row,
    metric: results.settings.metric,
    printed: values[values.length - 1]!,
    recomputed: meanOfPrinted(values.slice(0, -1)),
  }));
  return [...rows, ...settings].filter(
    ({ printed, recomputed }) => Math.abs(printed - recomputed) > 0.05 + 1e-9,
  );
}

/** "s3 (Qwen2.5-7B-Instruct) with Claude-3-Haiku on wiki-18". */
export const nameOf = ({ method, searcher, generator, corpus }: PublishedRow): string =>
  `${method}${searcher ? ` (${searcher})` : ""} with ${generator} on ${corpus}`;
