import { type z } from "zod";
import { AppError } from "@/contracts/errors";
import { runConfigSchema, type RunConfig } from "@/contracts/run-config/run-config";
import {
  MAX_NAME_LENGTH,
  MAX_SWEEP_RUNS,
  settingValueSchema,
  sweepSpecSchema,
  type SweepSpec,
} from "@/contracts/run-config/sweep";
import { assignSettings, resolveSettingPath } from "@/core/run/assign-settings";
import { readValueAt } from "@/core/run/settings";
import { formatVariedSettings, type VariedSettings } from "./varied-settings";

export interface SweepRun {
  name: string;
  /** Number of the combination, from 0: runs that differ by their seed alone share it. */
  row: number;
  /** Null for a kind of run that has none. */
  seed: number | null;
  varied: VariedSettings;
  config: RunConfig;
}

export interface SweepProblem {
  /** Rows that have the problem, from 0; null: the whole sweep. */
  rows: number[] | null;
  /** Setting, or part of the sweep, that is wrong. */
  path: string;
  message: string;
}

export type SweepExpansion =
  { ok: true; paths: string[]; runs: SweepRun[] } | { ok: false; problems: SweepProblem[] };

/**
 * The runs of a sweep: all rows with the first seed, then all with the next, so that the first comparison is complete
 * early. Every problem is listed with the rows that have it; nothing is left out silently.
 */
export function expandSweep(input: unknown): SweepExpansion {
  const parsed = sweepSpecSchema.safeParse(input);
  if (!parsed.success)
    return {
      ok: false,
      problems: parsed.error.issues.map((issue) => ({
        rows: null,
        path: issue.path.join("."),
        message: issue.message,
      })),
    };
  const spec = parsed.data;
  const count = countRuns(spec);
  if (count > MAX_SWEEP_RUNS)
    return {
      ok: false,
      problems: [
        {
          rows: null,
          path: spec.mode === "grid" ? "axes" : "rows",
          message: `makes ${count} runs; a sweep has at most ${MAX_SWEEP_RUNS}. Give fewer values or seeds`,
        },
      ],
    };
  const named = nameRows(spec);
  if (!named.ok) return named;
  const { paths, rows } = named;

  const problems: SweepProblem[] = [];
  const configs: RunConfig[] = [];
  const seen = new Map<string, number>();
  const seeds: (number | undefined)[] = spec.seeds.length > 0 ? spec.seeds : [undefined];
  for (const [row, changes] of rows.entries()) {
    const assigned = assignSettings(
      { ...spec.base, name: "-" } as { kind: RunConfig["kind"] },
      Object.entries(changes).map(([at, value]) => ({ path: at, value })),
    );
    const result = runConfigSchema.safeParse(
      seeds[0] === undefined ? assigned : { ...assigned, seed: seeds[0] },
    );
    if (!result.success) {
      for (const issue of result.error.issues)
        problems.push({
          rows: [row],
          path: formatIssuePath(issue, seeds[0] !== undefined),
          message: formatIssueMessage(issue, seeds[0] !== undefined),
        });
      continue;
    }
    const same = seen.get(JSON.stringify(result.data));
    if (same !== undefined)
      problems.push({
        rows: [row],
        path: paths.join(", ") || "rows",
        message: `has the same settings as run ${same + 1}`,
      });
    else seen.set(JSON.stringify(result.data), row);
    configs[row] = result.data;
  }
  if (problems.length > 0) return { ok: false, problems: mergeProblems(problems, rows.length) };

  const varying = paths.filter(
    (at) => new Set(configs.map((config) => JSON.stringify(readValueAt(config, at)))).size > 1,
  );
  const names = buildRunNames(spec, varying, configs, seeds);
  return {
    ok: true,
    paths,
    runs: seeds.flatMap((seed, s) =>
      configs.map((config, row): SweepRun => {
        const name = names[s * configs.length + row]!;
        const whole = (
          seed === undefined ? { ...config, name } : { ...config, name, seed }
        ) as RunConfig;
        return {
          name,
          row,
          seed: "seed" in whole ? whole.seed : null,
          varied: readVariedSettings(config, paths),
          config: whole,
        };
      }),
    ),
  };
}

/** @throws AppError "invalid-input" that names every problem with its rows and its path */
export function expandSweepOrThrow(input: unknown): Extract<SweepExpansion, { ok: true }> {
  const expansion = expandSweep(input);
  if (expansion.ok) return expansion;
  throw new AppError(
    "invalid-input",
    `The sweep is not valid:\n${expansion.problems.map(formatSweepProblem).join("\n")}`,
  );
}

/** "run 3, 4: rl.groupSize: must be at least 2"; of the whole sweep: "seeds: a seed is given twice". */
export function formatSweepProblem({ rows, path: at, message }: SweepProblem): string {
  const listed =
    rows === null
      ? ""
      : `run ${rows
          .slice(0, 8)
          .map((row) => row + 1)
          .join(", ")}${rows.length > 8 ? ` and ${rows.length - 8} more` : ""}: `;
  return `${listed}${at || "(sweep)"}: ${message}`;
}

/** How many runs a sweep makes, without making them. */
export function countRuns(spec: SweepSpec): number {
  const rows =
    spec.mode === "list"
      ? spec.rows.length
      : spec.axes.reduce((product, axis) => product * axis.values.length, 1);
  return rows * Math.max(1, spec.seeds.length);
}

type NamedRows =
  { ok: true; paths: string[]; rows: VariedSettings[] } | { ok: false; problems: SweepProblem[] };

/** Resolves the paths of every row, and lists all paths in the order in which they first occur. */
function nameRows(spec: SweepSpec): NamedRows {
  const problems: SweepProblem[] = [];
  const resolved = (given: string, rows: number[] | null): string | null => {
    const fixed = FIXED_SETTINGS[given];
    const problem = fixed ?? explainUnknownSetting(given, spec.base.kind);
    if (problem === null) return resolveSettingPath(given, spec.base.kind);
    problems.push({ rows, path: given, message: problem });
    return null;
  };
  let rows: VariedSettings[];
  if (spec.mode === "grid") {
    const axes = spec.axes.map((axis) => ({
      path: resolved(axis.path, null),
      values: axis.values,
    }));
    for (const [i, axis] of axes.entries())
      if (axis.path !== null && axes.findIndex((other) => other.path === axis.path) < i)
        problems.push({
          rows: null,
          path: axis.path,
          message: "is varied twice; put its values together",
        });
    rows = axes.reduce<VariedSettings[]>(
      (made, axis) =>
        made.flatMap((row) => axis.values.map((value) => ({ ...row, [axis.path ?? ""]: value }))),
      [{}],
    );
  } else {
    rows = spec.rows.map((row, i) => {
      const named: VariedSettings = {};
      for (const [given, value] of Object.entries(row)) {
        const at = resolved(given, [i]);
        if (at === null) continue;
        if (at in named) problems.push({ rows: [i], path: at, message: "is given twice" });
        named[at] = value;
      }
      return named;
    });
  }
  if (problems.length > 0) return { ok: false, problems: mergeProblems(problems, rows.length) };
  return { ok: true, paths: [...new Set(rows.flatMap((row) => Object.keys(row)))], rows };
}

/** Settings that a sweep cannot vary, each with the reason. */
const FIXED_SETTINGS: Readonly<Record<string, string>> = {
  seed: "give seeds as seeds: runs that differ by their seed alone are averaged",
  name: "runs are named by what varies",
  kind: "all runs of a sweep are of one kind",
};

function explainUnknownSetting(given: string, kind: RunConfig["kind"]): string | null {
  try {
    resolveSettingPath(given, kind);
    return null;
  } catch (error) {
    if (error instanceof AppError && error.code === "invalid-input") return error.message;
    throw error;
  }
}

/** Lists the same problem of several rows once; where all rows have it, it is a problem of the base configuration. */
export function mergeProblems(problems: readonly SweepProblem[], rows: number): SweepProblem[] {
  const gathered = new Map<string, SweepProblem>();
  for (const problem of problems) {
    const key = JSON.stringify([problem.path, problem.message]);
    const before = gathered.get(key);
    if (before?.rows && problem.rows) before.rows.push(...problem.rows);
    else if (!before) gathered.set(key, { ...problem, rows: problem.rows && [...problem.rows] });
  }
  return [...gathered.values()].map((problem) => ({
    ...problem,
    rows: problem.rows && rows > 1 && problem.rows.length === rows ? null : problem.rows,
  }));
}

/** A kind of run without a seed refuses the key; the problem is then one of the sweep's seeds. */
const refusesSeed = (issue: z.core.$ZodIssue, seeded: boolean): boolean =>
  seeded &&
  issue.code === "unrecognized_keys" &&
  issue.path.length === 0 &&
  issue.keys.includes("seed");
function formatIssuePath(issue: z.core.$ZodIssue, seeded: boolean): string {
  if (refusesSeed(issue, seeded)) return "seeds";
  return [...issue.path, ...(issue.code === "unrecognized_keys" ? issue.keys : [])].join(".");
}
const formatIssueMessage = (issue: z.core.$ZodIssue, seeded: boolean): string =>
  refusesSeed(issue, seeded)
    ? "runs of this kind have no seed"
    : issue.code === "unrecognized_keys"
      ? "unknown setting"
      : issue.message;

function readVariedSettings(config: RunConfig, paths: readonly string[]): VariedSettings {
  return Object.fromEntries(
    paths.flatMap((at) => {
      const value = settingValueSchema.safeParse(readValueAt(config, at));
      return value.success && value.data !== undefined ? [[at, value.data]] : [];
    }),
  );
}

/** A name for each run: the sweep's name and what varies; cut and numbered where one is too long or two are equal. */
function buildRunNames(
  spec: SweepSpec,
  varying: readonly string[],
  configs: readonly RunConfig[],
  seeds: readonly (number | undefined)[],
): string[] {
  const names = seeds.flatMap((seed) =>
    configs.map((config) => {
      const parts = [
        formatVariedSettings(readVariedSettings(config, varying), varying),
        seeds.length > 1 ? `seed=${seed}` : "",
      ].filter(Boolean);
      return parts.length > 0 ? `${spec.name}: ${parts.join(", ")}` : spec.name;
    }),
  );
  const fitting =
    names.every((name) => name.length <= MAX_NAME_LENGTH) && new Set(names).size === names.length;
  return fitting
    ? names
    : names.map((name, i) => `${name.slice(0, MAX_NAME_LENGTH - 6)} #${i + 1}`);
}
