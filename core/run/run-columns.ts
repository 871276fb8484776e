import { isLowerBetter } from "@/core/metrics/metrics";

/** A column of the runs' table that people choose, and how its text names it (contracts/api/run-list.ts). */
export type RunColumn =
  | { of: "setting"; path: string }
  | { of: "parameter"; name: string }
  | { of: "metric"; metric: string; value: "last" | "least" | "greatest" };

/** The parameter that a condition's path names ("param:lr"); null where it is the path of a setting. */
export const readParameterPath = (path: string): string | null =>
  path.startsWith("param:") ? path.slice("param:".length) : null;

/** What a column's text means: "best" is the least value where less is better. */
export function readRunColumn(column: string): RunColumn {
  const separator = column.indexOf(":");
  const [of, name] = [column.slice(0, separator), column.slice(separator + 1)];
  if (of === "setting") return { of, path: name };
  if (of === "param") return { of: "parameter", name };
  if (of === "last") return { of: "metric", metric: name, value: "last" };
  return { of: "metric", metric: name, value: isLowerBetter(name) ? "least" : "greatest" };
}
