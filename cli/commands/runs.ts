import { writeFile } from "node:fs/promises";
import { Option, type Command } from "commander";
import { runStateSchema, type RunState } from "@/contracts/records/run-state";
import { ALARMS, formatAlarmEvidence } from "@/core/metrics/alarms";
import { PRESETS } from "@/core/presets/run-presets";
import { readBaseConfig, type BaseConfigOptions } from "@/cli/lib/base-config";
import { findRun, type Client } from "@/cli/lib/client";
import { printLaunched, type CommandContext } from "@/cli/lib/context";
import {
  formatDuration,
  formatMegabytes,
  formatNumber,
  formatTable,
  shortenId,
} from "@/cli/lib/format";
import { collect, parseInteger } from "@/cli/lib/options";
import { applySettings } from "@/cli/lib/settings";
import { listMemoryWarnings } from "./memory";
import { followRun } from "@/cli/lib/watch-run";

interface LaunchOptions extends BaseConfigOptions {
  watch?: boolean;
  json?: boolean;
}

/** `launch`, `list`, `show`, `cancel`, `pause`, `resume`, `steps` and `export`. */
export function addRunCommands(program: Command, context: CommandContext): void {
  const { client, print, printJson } = context;
  program
    .command("launch")
    .description("queue a run from a preset or a configuration file")
    .addOption(
      new Option("--preset <id>", "preset to start from").choices(PRESETS.map(({ id }) => id)),
    )
    .option("--config <file>", "configuration as JSON, as the page copies it")
    .option(
      "--set <path=value>",
      "change a setting, e.g. --set rl.steps=2 (may be repeated)",
      collect,
      [],
    )
    .option("--watch", "follow the run until it ends")
    .option("--json", "print JSON")
    .action(async (options: LaunchOptions) => {
      const config = applySettings(await readBaseConfig(options), options.set);
      for (const warning of await listMemoryWarnings(client, config)) context.warn(warning);
      const { id } = await client.runs.launch.mutate({ config, preset: options.preset });
      printLaunched(context, { id }, { json: options.json, goesOn: options.watch });
      if (options.watch) await followRun(context, id, options.json);
    });

  program
    .command("list")
    .description("list runs, newest first")
    .addOption(
      new Option("--state <state...>", "only runs in these states").choices(runStateSchema.options),
    )
    .option("--limit <n>", "how many", parseInteger, 20)
    .option("--json", "print JSON")
    .action((options: ListOptions) => listRuns(context, options));

  program
    .command("show <run>")
    .description("show a run; RUN may be the beginning of its id")
    .option("--json", "print JSON")
    .action((run: string, options: { json?: boolean }) => showRun(context, run, options));

  for (const [name, description] of [
    ["cancel", "cancel a run"],
    ["pause", "pause a run where it can go on from, and give its worker free"],
    ["resume", "queue a paused, cancelled or failed run again, from its last checkpoint"],
  ] as const) {
    program
      .command(`${name} <run>`)
      .description(description)
      .option("--watch", "follow the run until it ends")
      .option("--json", "print JSON")
      .action(async (run: string, options: { watch?: boolean; json?: boolean }) => {
        const id = await findRun(client, run);
        const { state } = await client.runs[name].mutate({ id });
        if (options.watch) return followRun(context, id, options.json);
        if (options.json) printJson({ id, state });
        else print(`${id} is ${state}`);
      });
  }

  program
    .command("steps <run> <n>")
    .description("change how many steps a training run makes in total, while it runs, too")
    .action(async (run: string, n: string) => {
      const id = await findRun(client, run);
      const { from, to } = await client.runs.changeSteps.mutate({ id, steps: parseInteger(n) });
      print(`${id} makes ${to} steps in place of ${from}`);
    });

  program
    .command("export <run>")
    .description("print a run with its configuration, metrics and episodes as JSON")
    .option("--out <file>", "write it to a file")
    .option("--json", "always the case; accepted for symmetry")
    .action(async (run: string, options: { out?: string }) => {
      const exported = await exportRun(client, await findRun(client, run));
      if (options.out === undefined) return printJson(exported);
      await writeFile(options.out, `${JSON.stringify(exported, null, 2)}\n`);
      print(`wrote ${options.out}`);
    });
}

interface ListOptions {
  state?: RunState[];
  limit: number;
  json?: boolean;
}

async function listRuns(
  { client, print, printJson }: CommandContext,
  { state, limit, json }: ListOptions,
): Promise<void> {
  const { rows } = await client.runs.list.query({ states: state, limit });
  if (json) return printJson(rows);
  if (rows.length === 0)
    return print("No runs. Launch one: npm run s3 -- launch --preset atlas-smollm2");
  print(
    formatTable(
      ["id", "state", "kind", "progress", "headline", "took", "name"],
      rows.map((row) => [
        shortenId(row.id),
        row.state,
        row.kind,
        row.progress ? `${row.progress.phase} ${row.progress.done}/${row.progress.total}` : "",
        formatNumber(row.headline.value),
        formatDuration(row.startedAt, row.endedAt),
        row.name,
      ]),
    ),
  );
}

async function showRun(
  { client, print, printJson }: CommandContext,
  run: string,
  { json }: { json?: boolean },
): Promise<void> {
  const id = await findRun(client, run);
  const [detail, history, metrics, checkpoints, alarms] = await Promise.all([
    client.runs.get.query({ id }),
    client.runs.history.query({ id }),
    client.metrics.names.query({ runId: id }),
    client.runs.checkpoints.query({ id }),
    client.alarms.list.query({ runId: id }),
  ]);
  if (json) return printJson({ ...detail, history, metrics, checkpoints, alarms });
  print(
    `${detail.name}\n${detail.id}\n${detail.state}${detail.waitingFor ? `: ${detail.waitingFor}` : ""}${detail.error ? `: ${detail.error}` : ""}`,
  );
  if (detail.progress)
    print(
      `${detail.progress.phase} ${detail.progress.done}/${detail.progress.total} ${detail.progress.detail}`,
    );
  for (const { name, since, raised, cleared, evidence } of alarms) {
    print(
      `\nalarm ${cleared ? `cleared after step ${cleared.step}` : "stands"}: ${ALARMS[name].title}, since step ${since}, noticed after step ${raised.step}`,
    );
    for (const item of evidence) print(`  ${formatAlarmEvidence(item)}`);
    print(`  what mends it: ${ALARMS[name].remedy}`);
  }
  print(
    `\n${formatTable(
      ["when", "state", "attempt", "who", "why"],
      history.map((entry) => [
        entry.at.toISOString(),
        entry.to,
        entry.attempt,
        entry.actor,
        entry.reason ?? "",
      ]),
    )}`,
  );
  if (metrics.length > 0)
    print(
      `\n${formatTable(
        ["metric", "step", "value"],
        metrics.map((metric) => [metric.name, metric.lastStep, formatNumber(metric.lastValue)]),
      )}`,
    );
  if (checkpoints.length > 0)
    print(
      `\n${formatTable(
        ["checkpoint", "step", "MB"],
        checkpoints.map((checkpoint) => [
          checkpoint.id,
          checkpoint.step,
          formatMegabytes(checkpoint.bytes),
        ]),
      )}`,
    );
}

/** Reads a run with all of its episodes, page by page. */
async function exportRun(client: Client, id: string): Promise<object> {
  const first = await client.runs.export.query({ id, limit: 1000 });
  const episodes = [...first.episodes];
  for (let cursor = first.nextCursor; cursor !== null;) {
    const page = await client.runs.export.query({ id, cursor, limit: 1000 });
    episodes.push(...page.episodes);
    cursor = page.nextCursor;
  }
  const { run, config, metrics } = first;
  return { run, config, metrics, episodes };
}
