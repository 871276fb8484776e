import { readFile, writeFile } from "node:fs/promises";
import { Command, Option } from "commander";
import { ALARMS, evidenceText } from "@/contracts/records/alarms";
import { AppError } from "@/contracts/errors";
import { PRESETS, presetById } from "@/core/presets/run-presets";
import {
  runKindSchema,
  runStateSchema,
  type RunKind,
  type RunState,
} from "@/contracts/records/run-state";
import { connect, describeFailure, findRun, type Client } from "./client";
import { evaluationCommands } from "./commands/evaluation";
import { corpusCommand } from "./commands/corpus";
import { duration, table } from "./format";
import { addCheckpoint } from "./commands/checkpoint";
import { addRetrievalCommands } from "./commands/retrieval";
import { addPush } from "./commands/corpus-push";
import { applySettings } from "./settings";
import { sweepCommands } from "./commands/sweep";
import { watch, type WatchLine } from "./watch";

const server = process.env.S3_SERVER ?? "http://127.0.0.1:3000";
const connection = connect(server);
const { client } = connection;

const print = (text: string): void => void process.stdout.write(`${text}\n`);
const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
const collect = (value: string, all: string[]): string[] => [...all, value];
const number = (value: number | null): string => (value === null ? "" : value.toFixed(3));

function tellLine(line: WatchLine): string {
  if (line.kind === "state")
    return `${line.state}${line.attempt > 1 ? ` (attempt ${line.attempt})` : ""}${line.error ? `: ${line.error}` : ""}`;
  if (line.kind === "progress")
    return `${line.phase} ${line.done}/${line.total}${line.detail ? ` · ${line.detail}` : ""}`;
  return `${line.name} ${number(line.value)} at step ${line.step}`;
}

/** Follows a run; the exit code says whether it succeeded. */
async function follow(id: string, json: boolean): Promise<void> {
  const state = await watch(client, id, (line) =>
    print(json ? JSON.stringify(line) : tellLine(line)),
  );
  if (state !== "succeeded") process.exitCode = 1;
}

async function readConfig(file: string): Promise<{ kind: RunKind }> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new AppError("invalid-input", `${file} cannot be read: ${error.message}`);
  });
  let config: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    throw new AppError(
      "invalid-input",
      `${file} is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
  const kind = runKindSchema.safeParse(
    typeof config === "object" && config !== null && "kind" in config ? config.kind : undefined,
  );
  if (!kind.success)
    throw new AppError(
      "invalid-input",
      `${file}: kind: must be one of ${runKindSchema.options.join(", ")}`,
    );
  return { ...(config as object), kind: kind.data };
}

/** A configuration of nothing but its kind, named by `--set kind=...`: every other setting has its default. */
function kindAlone(assignments: readonly string[]): { kind: RunKind } {
  const given = assignments.findLast((assignment) => assignment.startsWith("kind="));
  if (given === undefined)
    throw new AppError(
      "invalid-input",
      "Give --preset, --config, or the kind of run with --set kind=evaluate.",
    );
  const kind = runKindSchema.safeParse(given.slice("kind=".length));
  if (!kind.success)
    throw new AppError("invalid-input", `kind: must be one of ${runKindSchema.options.join(", ")}`);
  return { kind: kind.data };
}

async function exported(api: Client, id: string): Promise<object> {
  const first = await api.runs.export.query({ id, limit: 1000 });
  const episodes = [...first.episodes];
  for (let cursor = first.nextCursor; cursor !== null;) {
    const page = await api.runs.export.query({ id, cursor, limit: 1000 });
    episodes.push(...page.episodes);
    cursor = page.nextCursor;
  }
  const { run, config, metrics } = first;
  return { run, config, metrics, episodes };
}

/** The configuration that a launch starts from. */
async function baseOf(options: {
  preset?: string;
  config?: string;
  set: string[];
}): Promise<{ kind: RunKind }> {
  if (options.preset !== undefined && options.config !== undefined)
    throw new AppError("invalid-input", "Give either --preset or --config.");
  const base =
    options.config !== undefined
      ? await readConfig(options.config)
      : options.preset !== undefined
        ? presetById(options.preset)?.config
        : kindAlone(options.set);
  if (!base) throw new AppError("not-found", `There is no preset "${options.preset ?? ""}".`);
  return base;
}

const program = new Command("s3")
  .description(
    "Launches and follows runs from the command line. The server is at S3_SERVER, by default http://127.0.0.1:3000.",
  )
  .showHelpAfterError()
  .configureHelp({ showGlobalOptions: true });

program
  .command("launch")
  .description("queue a run from a preset or a configuration file")
  .addOption(
    new Option("--preset <id>", "preset to start from").choices(PRESETS.map((preset) => preset.id)),
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
  .action(
    async (options: {
      preset?: string;
      config?: string;
      set: string[];
      watch?: boolean;
      json?: boolean;
    }) => {
      const { id } = await client.runs.launch.mutate({
        config: applySettings(await baseOf(options), options.set),
        preset: options.preset,
      });
      if (!options.watch) return options.json ? printJson({ id }) : print(id);
      print(options.json ? JSON.stringify({ kind: "launched", id }) : `launched ${id}`);
      await follow(id, options.json ?? false);
    },
  );

program
  .command("list")
  .description("list runs, newest first")
  .addOption(
    new Option("--state <state...>", "only runs in these states").choices(runStateSchema.options),
  )
  .option("--limit <n>", "how many", (value) => Number.parseInt(value, 10), 20)
  .option("--json", "print JSON")
  .action(async (options: { state?: RunState[]; limit: number; json?: boolean }) => {
    const { rows } = await client.runs.list.query({ states: options.state, limit: options.limit });
    if (options.json) return printJson(rows);
    if (rows.length === 0)
      return print("No runs. Launch one: npm run s3 -- launch --preset atlas-smollm2");
    print(
      table(
        ["id", "state", "kind", "progress", "headline", "took", "name"],
        rows.map((row) => [
          row.id.slice(0, 8),
          row.state,
          row.kind,
          row.progress ? `${row.progress.phase} ${row.progress.done}/${row.progress.total}` : "",
          number(row.headline.value),
          duration(row.startedAt, row.endedAt),
          row.name,
        ]),
      ),
    );
  });

program
  .command("show <run>")
  .description("show a run; RUN may be the beginning of its id")
  .option("--json", "print JSON")
  .action(async (run: string, options: { json?: boolean }) => {
    const id = await findRun(client, run);
    const [detail, history, metrics, checkpoints, alarms] = await Promise.all([
      client.runs.get.query({ id }),
      client.runs.history.query({ id }),
      client.metrics.names.query({ runId: id }),
      client.runs.checkpoints.query({ id }),
      client.alarms.list.query({ runId: id }),
    ]);
    if (options.json) return printJson({ ...detail, history, metrics, checkpoints, alarms });
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
      for (const seen of evidence) print(`  ${evidenceText(seen)}`);
      print(`  what mends it: ${ALARMS[name].remedy}`);
    }
    print(
      `\n${table(
        ["when", "state", "attempt", "who", "why"],
        history.map((h) => [h.at.toISOString(), h.to, String(h.attempt), h.actor, h.reason ?? ""]),
      )}`,
    );
    if (metrics.length > 0)
      print(
        `\n${table(
          ["metric", "step", "value"],
          metrics.map((m) => [m.name, String(m.lastStep), number(m.lastValue)]),
        )}`,
      );
    if (checkpoints.length > 0)
      print(
        `\n${table(
          ["checkpoint", "step", "MB"],
          checkpoints.map((c) => [c.id, String(c.step), (c.bytes / 1e6).toFixed(1)]),
        )}`,
      );
  });

for (const [name, description] of [
  ["cancel", "cancel a run"],
  ["resume", "queue a cancelled or failed run again, from its last checkpoint"],
] as const) {
  program
    .command(`${name} <run>`)
    .description(description)
    .option("--watch", "follow the run until it ends")
    .option("--json", "print JSON")
    .action(async (run: string, options: { watch?: boolean; json?: boolean }) => {
      const id = await findRun(client, run);
      const { state } = await client.runs[name].mutate({ id });
      if (options.watch) return follow(id, options.json ?? false);
      if (options.json) printJson({ id, state });
      else print(`${id} is ${state}`);
    });
}

program
  .command("export <run>")
  .description("print a run with its configuration, metrics and episodes as JSON")
  .option("--out <file>", "write it to a file")
  .option("--json", "always the case; accepted for symmetry")
  .action(async (run: string, options: { out?: string }) => {
    const result = await exported(client, await findRun(client, run));
    if (options.out === undefined) return printJson(result);
    await writeFile(options.out, `${JSON.stringify(result, null, 2)}\n`);
    print(`wrote ${options.out}`);
  });

program
  .command("workers")
  .description("list attached workers")
  .option("--json", "print JSON")
  .action(async (options: { json?: boolean }) => {
    const workers = await client.workers.list.query();
    if (options.json) return printJson(workers);
    if (workers.length === 0)
      return print("No worker has attached yet. `npm start` starts one on this machine.");
    print(
      table(
        ["id", "name", "state", "cores", "memory GB", "GPUs", "doing"],
        workers.map((w) => [
          w.id.slice(0, 8),
          w.name,
          w.state,
          String(w.hardware.cores),
          (w.hardware.memoryMb / 1024).toFixed(0),
          w.hardware.gpus.map((g) => g.name).join(", "),
          w.runs.map((r) => r.name).join(", "),
        ]),
      ),
    );
  });

evaluationCommands(program, { client, print, printJson, follow });

sweepCommands(program, {
  client,
  print,
  printJson,
  follow,
  baseOf,
  presets: PRESETS.map((preset) => preset.id),
});

addRetrievalCommands(program, print);

const corpus = corpusCommand(client, server, follow, print);
addPush(corpus);
addCheckpoint(program, client, server, print);
program.addCommand(corpus);

program
  .parseAsync()
  .catch((error: unknown) => {
    process.stderr.write(`${describeFailure(error, server)}\n`);
    process.exitCode = 1;
  })
  .finally(() => connection.close());
