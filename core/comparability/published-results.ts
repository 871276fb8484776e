import { PUBLISHED_METRICS } from "@/contracts/formats/published-metrics";
import type {
  PublishedMetric,
  PublishedResults,
  PublishedRow,
} from "@/contracts/formats/published-results";

/** Checks of the paper's printed averages against its printed cells. */

/** Mean of a row's cells of one metric, rounded to the one digit that the paper prints. */
export function recomputeAverage(row: PublishedRow, of: PublishedMetric): number | null {
  const values = Object.values(row.scores).flatMap((cell) =>
    cell[of] === undefined ? [] : [cell[of]],
  );
  return values.length === 0 ? null : averagePrinted(values);
}

const averagePrinted = (values: readonly number[]): number =>
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
export function findAverageDifferences(results: PublishedResults): AverageDifference[] {
  const rows = results.rows.flatMap((row) =>
    PUBLISHED_METRICS.flatMap((of) => {
      const recomputed = recomputeAverage(row, of);
      const printed = row.average[of];
      return recomputed === null || printed === undefined
        ? []
        : [{ table: row.table, row: formatPublishedRow(row), metric: of, printed, recomputed }];
    }),
  );
  const settings = Object.entries(results.settings.rows).map(([row, values]) => ({
    table: results.settings.table,
    row,
    metric: results.settings.metric,
    printed: values[values.length - 1]!,
    recomputed: averagePrinted(values.slice(0, -1)),
  }));
  return [...rows, ...settings].filter(
    ({ printed, recomputed }) => Math.abs(printed - recomputed) > 0.05 + 1e-9,
  );
}

/** "s3 (Qwen2.5-7B-Instruct) with Claude-3-Haiku on wiki-18". */
export const formatPublishedRow = ({ method, searcher, generator, corpus }: PublishedRow): string =>
  `${method}${searcher ? ` (${searcher})` : ""} with ${generator} on ${corpus}`;
