import type { ColumnValues } from "@/contracts/api/run-list";
import { readRunColumn } from "@/core/run/run-columns";
import { readValueAt } from "@/core/run/settings";
import type { Metrics } from "@/server/features/metrics/metrics";
import type { Queries } from "@/server/platform/db/database";
import { selectExtremes, type SeriesExtremes } from "./list-queries";
import { selectParameters } from "./parameter-sql";

/** So many entries of a series hold its extremes, as each is a bucket with its own. */
const ENTRIES = 40;

/** The values of chosen columns of runs; one that a run does not have is left out. */
export async function readColumnValues(
  db: Queries,
  metrics: Metrics,
  runs: readonly { id: string; config: unknown }[],
  texts: readonly string[],
): Promise<Map<string, ColumnValues>> {
  const columns = texts.map((text) => ({ text, column: readRunColumn(text) }));
  const names = columns.flatMap(({ column }) => (column.of === "metric" ? column.metric : []));
  const ids = runs.map(({ id }) => id);
  const parameterNames = columns.flatMap(({ column }) =>
    column.of === "parameter" ? column.name : [],
  );
  const reported =
    parameterNames.length === 0 ? [] : await selectParameters(db, ids, parameterNames);
  const parameters = new Map(reported.map(({ runId, name, value }) => [`${runId} ${name}`, value]));
  const extremes =
    names.length === 0 ? [] : await readExtremes(db, metrics, ids, [...new Set(names)]);
  const found = new Map(extremes.map((row) => [`${row.runId} ${row.name}`, row]));
  return new Map(
    runs.map(({ id, config }) => {
      const values: ColumnValues = {};
      for (const { text, column } of columns) {
        const value =
          column.of === "setting"
            ? toCell(readValueAt(config, column.path))
            : column.of === "parameter"
              ? parameters.get(`${id} ${column.name}`)
              : (found.get(`${id} ${column.metric}`)?.[column.value] ?? undefined);
        if (value !== undefined) values[text] = value;
      }
      return [id, values];
    }),
  );
}

const toCell = (value: unknown): ColumnValues[string] | undefined =>
  value === undefined ||
  value === null ||
  typeof value === "number" ||
  typeof value === "string" ||
  typeof value === "boolean"
    ? value
    : JSON.stringify(value);

/**
 * Last, least and greatest value of metrics of runs. Where several attempts reported a metric, or its extremes were not
 * kept, they are those of the points that survive.
 *
 * @param names null: every metric
 */
export async function readExtremes(
  db: Queries,
  metrics: Metrics,
  runIds: readonly string[],
  names: readonly string[] | null,
): Promise<SeriesExtremes[]> {
  const rows = await selectExtremes(db, runIds, names);
  const unsure = rows.filter((row) => row.attempts > 1 || row.least === null);
  if (unsure.length === 0) return rows;
  const series = await metrics.readSeriesOfRuns(
    [...new Set(unsure.map((row) => row.runId))],
    [...new Set(unsure.map((row) => row.name))],
    ENTRIES,
  );
  const exact = new Set(unsure);
  return rows.flatMap((row) => {
    if (!exact.has(row)) return [row];
    const entries = series.get(row.runId)?.[row.name] ?? [];
    const newest = entries.at(-1);
    if (!newest) return [];
    return [
      {
        ...row,
        last: newest.count === 1 ? newest.value : row.last,
        least: Math.min(...entries.map(({ min }) => min)),
        greatest: Math.max(...entries.map(({ max }) => max)),
      },
    ];
  });
}
