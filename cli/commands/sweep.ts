import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import { sweepSpecSchema } from "@/contracts/run-config/sweep";
import { AppError } from "@/contracts/errors";
import { PRESETS } from "@/core/presets/run-presets";
import { SWEEP_PRESETS, findSweepPreset } from "@/core/presets/sweep-presets";
import { countRuns, expandSweepOrThrow } from "@/core/sweep/expand-sweep";
import { formatSettingValue, formatVariedSettings } from "@/core/sweep/varied-settings";
import {
  formatFigure,
  formatMean,
  formatSweepCsv,
  formatSweepMarkdown,
} from "@/core/sweep/sweep-table";
import { parseAxis, parseRow, parseSeeds } from "@/core/sweep/sweep-text";
import { readBaseConfig, type BaseConfigOptions } from "@/cli/lib/base-config";
import { chooseByPrefix, type Client } from "@/cli/lib/client";
import type { CommandContext } from "@/cli/lib/context";
import { formatDuration, formatTable, shortenId } from "@/cli/lib/format";
import { collect, parseInteger } from "@/cli/lib/options";
import { applySettings } from "@/cli/lib/settings";
import { watchSweep, type SweepDetail } from "@/cli/lib/watch-sweep";

interface LaunchOptions extends BaseConfigOptions {
  presetSweep?: string;
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

/** `sweep` and its `list`, `show`, `cancel` and `retry`: groups of runs that differ by settings and seeds. */
export function addSweepCommands(program: Command, context: CommandContext): void {
  const { client, print, printJson } = context;
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
    .addOption(
      new Option("--preset <id>", "run preset to vary").choices(PRESETS.map(({ id }) => id)),
    )
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
    .action((options: LaunchOptions) => launchSweep(context, options));

  sweep
    .command("list")
    .description("list sweeps, newest first")
    .option("--limit <n>", "how many", parseInteger, 20)
    .action(async ({ limit }: { limit: number }, command: Command) => {
      const { rows } = await client.sweeps.list.query({ limit });
      if (command.optsWithGlobals<{ json?: boolean }>().json) return printJson(rows);
      if (rows.length === 0)
        return print("No sweeps. Launch one: npm run s3 -- sweep --preset-sweep atlas-ablation");
      print(
        formatTable(
          ["id", "runs", "states", "seeds", "name", "varies"],
          rows.map((row) => [
            shortenId(row.id),
            row.runs,
            formatStates(row.counts),
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
      if (watch) return followSweep(context, id, metric, json);
      const detail = await client.sweeps.get.query({ id, metrics: metric });
      const text = json
        ? JSON.stringify(detail, null, 2)
        : options.format === "markdown"
          ? formatSweepMarkdown(detail)
          : options.format === "csv"
            ? formatSweepCsv(detail)
            : formatSweep(detail);
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
      if (watch) await followSweep(context, id, metric, json);
    });
}

async function launchSweep(context: CommandContext, options: LaunchOptions): Promise<void> {
  const { client, print, printJson } = context;
  const spec = await buildSpec(options);
  const { runs } = expandSweepOrThrow(spec);
  if (options.dry)
    return options.json
      ? printJson(runs.map(({ name, seed, varied }) => ({ name, seed, varied })))
      : print([...runs.map((run) => run.name), `${countRuns(spec)} runs`].join("\n"));
  // The key is a hash of the specification, so that the same command continues a sweep that was launched before.
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
    print(`${launched.isNew ? "launched" : "goes on with"} ${launched.id}, ${launched.runs} runs`);
  await followSweep(context, launched.id, options.metric, options.json);
}

/** Builds the sweep's specification from the words of the command. */
async function buildSpec(
  options: LaunchOptions,
): Promise<ReturnType<typeof sweepSpecSchema.parse>> {
  const seeds = options.seeds === undefined ? [] : parseSeeds(options.seeds);
  if (options.presetSweep !== undefined) {
    const preset = findSweepPreset(options.presetSweep);
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
      base: applySettings(spec.base, options.set),
      seeds: options.seeds === undefined ? (spec.seeds ?? []) : seeds,
    });
  }
  if (options.grid.length > 0 && options.row.length > 0)
    throw new AppError("invalid-input", "Give either --grid or --row.");
  const base = applySettings(await readBaseConfig(options), options.set);
  const common = {
    name:
      options.name ?? (typeof base.name === "string" ? base.name : `${String(base.kind)} sweep`),
    base,
    seeds,
  };
  const spec =
    options.row.length > 0
      ? { mode: "list", ...common, rows: options.row.map(parseRow) }
      : { mode: "grid", ...common, axes: options.grid.map(parseAxis) };
  // Names the run and the path of what is wrong, which the schema would not.
  expandSweepOrThrow(spec);
  return sweepSpecSchema.parse(spec);
}

/** Follows a sweep to its end and prints its table; the exit code says whether every run has succeeded. */
async function followSweep(
  { client, print, printJson }: CommandContext,
  id: string,
  metrics: string[],
  json = false,
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
  else print(`\n${formatSweep(detail)}`);
  if (detail.members.some((run) => run.state !== "succeeded")) process.exitCode = 1;
}

/** Finds a sweep by its id or the beginning of it. @throws AppError where no sweep, or several, begin so */
async function findSweep(client: Client, prefix: string): Promise<string> {
  const ids: string[] = [];
  for (let cursor: string | null = null, first = true; first || cursor !== null; first = false) {
    const page: Awaited<ReturnType<Client["sweeps"]["list"]["query"]>> =
      await client.sweeps.list.query({ limit: 200, cursor });
    ids.push(...page.rows.map((row) => row.id).filter((id) => id.startsWith(prefix.toLowerCase())));
    cursor = page.nextCursor;
  }
  return chooseByPrefix(ids, prefix, "sweep", "sweep list");
}

const formatStates = (counts: Partial<Record<string, number>>): string =>
  Object.entries(counts)
    .map(([state, n]) => `${n} ${state}`)
    .join(", ");

/** A sweep's runs, and where it has several seeds the means over them, as text. */
function formatSweep(detail: SweepDetail): string {
  const runs = formatTable(
    [
      "id",
      "state",
      "took",
      ...detail.metrics.map((metric) => `${metric} (best)`),
      "seed",
      "settings",
    ],
    detail.members.map((run) => [
      shortenId(run.id),
      run.state,
      formatDuration(run.startedAt, run.endedAt),
      ...run.results.map((result) =>
        result ? `${formatFigure(result.last)} (${formatFigure(result.best)})` : "",
      ),
      run.seed === null ? "" : run.seed,
      formatVariedSettings(run.varied, detail.paths),
    ]),
  );
  const head = `${detail.name}\n${detail.id}\n${formatStates(detail.counts)}\n\n${runs}`;
  if (detail.seeds.length < 2) return head;
  const groups = formatTable(
    [...detail.paths, "succeeded", ...detail.metrics],
    detail.groups.map((group) => [
      ...detail.paths.map((path) =>
        path in group.varied ? formatSettingValue(group.varied[path]!) : "",
      ),
      `${group.succeeded} of ${group.runs}`,
      ...group.results.map((result) => (result ? formatMean(result.last) : "")),
    ]),
  );
  return `${head}\n\nMean over seeds, 95% t interval\n${groups}`;
}
