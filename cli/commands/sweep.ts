import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import { AppError } from "@/contracts/errors";
import type { RunKind } from "@/contracts/records/run-state";
import { countRuns, expandOrThrow, valueText, variedText } from "@/core/sweep/expand-sweep";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import { SWEEP_PRESETS, sweepPresetById } from "@/core/presets/sweep-presets";
import { figure, sweepCsv, sweepMarkdown } from "@/core/sweep/sweep-table";
import { readAxis, readRow, readSeeds } from "@/core/sweep/sweep-text";
import type { Client } from "@/cli/client";
import type { CommandTools } from "./evaluation";
import { duration, table } from "@/cli/format";
import { applySettings } from "@/cli/settings";
import { watchSweep } from "@/cli/watch-sweep";

type Detail = Awaited<ReturnType<Client["sweeps"]["get"]["query"]>>;

interface LaunchOptions {
  presetSweep?: string;
  preset?: string;
  config?: string;
  set: string[];
  grid: string[];
  row: string[];
  seeds?: string;
  name?: string;
  metric: string[];
  dry?: boolean;
  again?: boolean;
  watch?: boolean;
  json?: boolean;
}

interface SweepTools extends CommandTools {
  /** Configuration of a preset, a file, or the kind alone. */
  baseOf(options: { preset?: string; config?: string; set: string[] }): Promise<{ kind: RunKind }>;
  presets: readonly string[];
}

const collect = (value: string, all: string[]): string[] => [...all, value];
const DEFAULT_SEEDS: number[] = [];

/** Commands for groups of runs that differ by settings and seeds. */
export function sweepCommands(program: Command, tools: SweepTools): void {
  const { client, print, printJson } = tools;
  const sweep = program
    .command("sweep")
    .description(
      "launch a sweep: one configuration over settings and seeds, as one group. Launched again with the same words, it goes on with the sweep there is",
    )
    .addOption(
      new Option("--preset-sweep <id>", "a sweep that is ready").choices(
        SWEEP_PRESETS.map((preset) => preset.id),
      ),
    )
    .addOption(new Option("--preset <id>", "run preset to vary").choices(tools.presets))
    .option("--config <file>", "configuration to vary, as JSON")
    .option("--set <path=value>", "change a setting of every run (may be repeated)", collect, [])
    .option(
      "--grid <path=a,b,c>",
      "values of a setting; every combination of several is run (may be repeated)",
      collect,
      [],
    )
    .option(
      "--row <path=value,path=value>",
      "one combination of a list (may be repeated, in place of --grid)",
      collect,
      [],
    )
    .option("--seeds <list>", "run every combination under each, e.g. 1,2,3 or 1-5")
    .option("--name <name>", "how the sweep is listed")
    .option("--metric <name>", "metric of the table (may be repeated)", collect, [])
    .option("--dry", "only name the runs it would make")
    .option("--again", "launch it anew although it was launched before")
    .option("--watch", "follow it until every run has ended, then print its table")
    .option("--json", "print JSON")
    .action(async (options: LaunchOptions) => {
      const spec = await specOf(tools, options);
      const { runs } = expandOrThrow(spec);
      if (options.dry)
        return options.json
          ? printJson(runs.map(({ name, seed, varied }) => ({ name, seed, varied })))
          : print([...runs.map((run) => run.name), `${countRuns(spec)} runs`].join("\n"));
      // The words are the key, so that the same command goes on where it was interrupted.
      const key = options.again
        ? randomUUID()
        : createHash("sha256").update(JSON.stringify(spec)).digest("hex");
      const launched = await client.sweeps.launch.mutate({
        spec,
        preset: options.presetSweep ?? options.preset ?? null,
        key,
      });
      if (!options.watch)
        return options.json
          ? printJson(launched)
          : print(
              launched.isNew
                ? launched.id
                : `${launched.id} was launched before; --again launches it anew`,
            );
      if (options.json) printJson({ kind: "launched", ...launched });
      else
        print(
          `${launched.isNew ? "launched" : "goes on with"} ${launched.id}, ${launched.runs} runs`,
        );
      await follow(tools, launched.id, options.metric, options.json ?? false);
    });

  sweep
    .command("list")
    .description("list sweeps, newest first")
    .option("--limit <n>", "how many", (value) => Number.parseInt(value, 10), 20)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      const { rows } = await client.sweeps.list.query({ limit });
      if (command.optsWithGlobals<{ json?: boolean }>().json) return printJson(rows);
      if (rows.length === 0)
        return print("No sweeps. Launch one: npm run s3 -- sweep --preset-sweep atlas-ablation");
      print(
        table(
          ["id", "runs", "states", "seeds", "name", "varies"],
          rows.map((row) => [
            row.id.slice(0, 8),
            String(row.runs),
            statesText(row.counts),
            row.seeds.join(","),
            row.name,
            row.paths.join(", "),
          ]),
        ),
      );
    });

  sweep
    .command("show <sweep>")
    .description("show a sweep's table; SWEEP may be the beginning of its id")
    .addOption(
      new Option("--format <format>", "how it is written")
        .choices(["text", "markdown", "csv"])
        .default("text"),
    )
    .option("--out <file>", "write it to a file")
    .action(async (given: string, options: { format: string; out?: string }, command: Command) => {
      const { metric, json, watch } = command.optsWithGlobals<LaunchOptions>();
      const id = await findSweep(client, given);
      if (watch) return follow(tools, id, metric, json ?? false);
      const detail = await client.sweeps.get.query({ id, metrics: metric });
      const text = json
        ? JSON.stringify(detail, null, 2)
        : options.format === "markdown"
          ? sweepMarkdown(detail)
          : options.format === "csv"
            ? sweepCsv(detail)
            : tableText(detail);
      if (options.out === undefined) return print(text.trimEnd());
      await writeFile(options.out, text);
      print(`wrote ${options.out}`);
    });

  sweep
    .command("cancel <sweep>")
    .description("cancel every run that has not ended")
    .action(async (given: string) => {
      const id = await findSweep(client, given);
      const { cancelled, cancelling } = await client.sweeps.cancel.mutate({ id });
      print(`${cancelled} cancelled, ${cancelling} cancelling`);
    });

  sweep
    .command("retry <sweep>")
    .description("queue the failed runs again, each from its last checkpoint")
    .option("--cancelled", "the cancelled ones, too")
    .action(async (given: string, options: { cancelled?: boolean }, command: Command) => {
      const { metric, json, watch } = command.optsWithGlobals<LaunchOptions>();
      const id = await findSweep(client, given);
      const { queued } = await client.sweeps.retry.mutate({
        id,
        cancelled: options.cancelled ?? false,
      });
      print(`${queued} queued again`);
      if (watch) await follow(tools, id, metric, json ?? false);
    });
}

async function specOf(
  tools: SweepTools,
  options: LaunchOptions,
): Promise<ReturnType<typeof sweepSpecSchema.parse>> {
  const seeds = options.seeds === undefined ? DEFAULT_SEEDS : readSeeds(options.seeds);
  if (options.presetSweep !== undefined) {
    const preset = sweepPresetById(options.presetSweep);
    if (!preset)
      throw new AppError("not-found", `There is no sweep preset "${options.presetSweep}".`);
    if (
      options.preset !== undefined ||
      options.config !== undefined ||
      options.grid.length > 0 ||
      options.row.length > 0
    )
      throw new AppError(
        "invalid-input",
        "A ready sweep has its own runs: give only --set, --seeds and --name beside --preset-sweep.",
      );
    const { spec } = preset;
    return sweepSpecSchema.parse({
      ...spec,
      name: options.name ?? spec.name,
      base: applySettings(spec.base as { kind: RunKind }, options.set),
      seeds: options.seeds === undefined ? (spec.seeds ?? []) : seeds,
    });
  }
  if (options.grid.length > 0 && options.row.length > 0)
    throw new AppError("invalid-input", "Give either --grid or --row.");
  const base = applySettings(await tools.baseOf(options), options.set);
  const common = {
    name:
      options.name ?? (typeof base.name === "string" ? base.name : `${String(base.kind)} sweep`),
    base,
    seeds,
  };
  const spec =
    options.row.length > 0
      ? { mode: "list", ...common, rows: options.row.map(readRow) }
      : { mode: "grid", ...common, axes: options.grid.map(readAxis) };
  // Says what is wrong by run and path before the schema would by its own.
  expandOrThrow(spec);
  return sweepSpecSchema.parse(spec);
}

/** Follows a sweep to its end and prints its table; the exit code says whether every run has succeeded. */
async function follow(
  { client, print, printJson }: SweepTools,
  id: string,
  metrics: string[],
  json: boolean,
): Promise<void> {
  const detail = await watchSweep(client, id, metrics, (line) =>
    print(
      json
        ? JSON.stringify(line)
        : line.kind === "run"
          ? `${line.name}: ${line.state}${line.error ? `: ${line.error}` : ""}`
          : line.text,
    ),
  );
  if (json) printJson(detail);
  else print(`\n${tableText(detail)}`);
  if (detail.members.some((run) => run.state !== "succeeded")) process.exitCode = 1;
}

/** A sweep's id from the whole of it or its beginning. @throws AppError where none or several begin so */
async function findSweep(client: Client, prefix: string): Promise<string> {
  const ids: string[] = [];
  for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
    const page: Awaited<ReturnType<Client["sweeps"]["list"]["query"]>> =
      await client.sweeps.list.query({ limit: 200, cursor });
    ids.push(...page.rows.map((row) => row.id).filter((id) => id.startsWith(prefix.toLowerCase())));
    cursor = page.nextCursor;
  }
  const [id] = ids;
  if (id === undefined)
    throw new AppError(
      "not-found",
      `There is no sweep whose id begins with "${prefix}". \`npm run s3 -- sweep list\` shows them.`,
    );
  if (ids.length > 1)
    throw new AppError(
      "invalid-input",
      `Several sweeps begin with "${prefix}": ${ids.slice(0, 5).join(", ")}. Give more of the id.`,
    );
  return id;
}

const statesText = (counts: Partial<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([state, n]) => `${n} ${state}`)
    .join(", ");

function tableText(detail: Detail): string {
  const mean = (
    value: { mean: number; low: number | null; high: number | null } | undefined,
  ): string =>
    value
      ? `${figure(value.mean)}${value.low === null || value.high === null ? "" : ` [${figure(value.low)}, ${figure(value.high)}]`}`
      : "";
  const runs = table(
    [
      "id",
      "state",
      "took",
      ...detail.metrics.map((metric) => `${metric} (best)`),
      "seed",
      "settings",
    ],
    detail.members.map((run) => [
      run.id.slice(0, 8),
      run.state,
      duration(run.startedAt, run.endedAt),
      ...run.results.map((result) =>
        result ? `${figure(result.last)} (${figure(result.best)})` : "",
      ),
      run.seed === null ? "" : String(run.seed),
      variedText(run.varied, detail.paths),
    ]),
  );
  const head = `${detail.name}\n${detail.id}\n${statesText(detail.counts)}\n\n${runs}`;
  if (detail.seeds.length < 2) return head;
  const groups = table(
    [...detail.paths, "succeeded", ...detail.metrics],
    detail.groups.map((group) => [
      ...detail.paths.map((path) => (path in group.varied ? valueText(group.varied[path]!) : "")),
      `${group.succeeded} of ${group.runs}`,
      ...group.results.map((result) => mean(result?.last)),
    ]),
  );
  return `${head}\n\nMean over seeds, 95% t interval\n${groups}`;
}
