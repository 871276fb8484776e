import { readFile } from "node:fs/promises";
import type { Command } from "commander";
import { parseOrThrow } from "@/contracts/errors";
import {
  createPoolRequestSchema,
  poolKindSchema,
  updatePoolRequestSchema,
  type PoolRow,
} from "@/contracts/api/pools";
import { DEFAULT_TEMPLATES } from "@/core/pools/template";
import { chooseByPrefix } from "@/cli/lib/client";
import type { CommandContext } from "@/cli/lib/context";
import { formatNumber, formatTable, shortenId } from "@/cli/lib/format";
import { readSecret } from "@/cli/lib/read-secret";

interface PoolOptions {
  kind?: string;
  host?: string;
  url?: string;
  context?: string;
  namespace?: string;
  template?: string;
  serverUrl?: string;
  models?: string;
  corpora?: string;
  gpus?: string;
  gpuMemory?: string;
  vllm?: boolean;
  commands?: boolean;
  tinker?: boolean;
  engineSlots?: string;
  lightSlots?: string;
  quota?: string;
  idle?: string;
  start?: string;
  cost?: string;
  secretFile?: string;
  json?: boolean;
}

const split = (text: string): string[] =>
  text
    .split(",")
    .map((one) => one.trim())
    .filter(Boolean);
const toNumber = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : Number(text);
/** Fields that were given; a field that was not keeps what it is, or its default. */
const keepGiven = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));

/** The fields of a stored pool that a person may change. */
const keepEditable = (pool: PoolRow): object =>
  Object.fromEntries(
    Object.entries(pool).filter(([field]) => Object.hasOwn(updatePoolRequestSchema.shape, field)),
  );

/** What the options of `add` and `edit` say, in the form of a request. */
async function readOptions(
  options: PoolOptions,
): Promise<{ target: object; offers: object; rest: object }> {
  const { kind, host, url, context, namespace, template, secretFile } = options;
  const { models, corpora, vllm, commands, tinker } = options;
  return {
    target: keepGiven({ kind, host, url, context, namespace }),
    offers: keepGiven({
      models: models === undefined ? undefined : split(models),
      corpora: corpora === undefined ? undefined : split(corpora),
      gpus: toNumber(options.gpus),
      gpuMemoryGib: toNumber(options.gpuMemory),
      vllm,
      commands,
      tinker,
      engineSlots: toNumber(options.engineSlots),
      lightSlots: toNumber(options.lightSlots),
    }),
    rest: keepGiven({
      serverUrl: options.serverUrl,
      template: template === undefined ? undefined : await readFile(template, "utf8"),
      quota: toNumber(options.quota),
      idleSeconds: toNumber(options.idle),
      startSeconds: toNumber(options.start),
      costPerHour: toNumber(options.cost),
      secret: secretFile === undefined ? undefined : await readSecret(secretFile),
    }),
  };
}

/** The options that `add` and `edit` have in common. */
const addPoolOptions = (command: Command): Command =>
  command
    .option("--host <host>", "of SSH, or the login node of Slurm, as ssh takes it")
    .option("--url <address>", "of Ray's head, e.g. http://127.0.0.1:8265")
    .option("--context <name>", "of the kubeconfig (default: its current one)")
    .option("--namespace <name>", "of Kubernetes (default: default)")
    .option(
      "--template <file>",
      "what is submitted; `pools template KIND` prints one to begin with",
    )
    .option("--server-url <address>", "of this server, as the workers reach it")
    .option("--models <names>", "that its workers have, with commas between")
    .option("--corpora <names>", "that its workers have, with commas between")
    .option("--gpus <n>", "of each worker (default: 0)")
    .option(
      "--gpu-memory <gib>",
      "of each GPU: a training that would take more makes it start none (default: not compared)",
    )
    .option("--vllm", "vLLM is installed there")
    .option("--no-vllm", "it is not (default)")
    .option("--commands", "its workers run commands: the template has --allow-commands")
    .option("--no-commands", "they do not (default)")
    .option("--tinker", "a Tinker service trains for them: the template has --tinker-url")
    .option("--no-tinker", "their own engine trains (default)")
    .option("--engine-slots <n>", "of each worker (default: 1)")
    .option("--light-slots <n>", "of each worker (default: 4)")
    .option("--quota <n>", "most workers at once (default: 1)")
    .option("--idle <seconds>", "a worker without work for so long is ended (default: 300)")
    .option(
      "--start <seconds>",
      "a worker that has not attached so long after its job began is given up (default: 900)",
    )
    .option("--cost <amount>", "of one worker an hour (default: 0)")
    .option("--secret-file <file>", "file that holds the token of Ray's head; -: standard input");

/** `pools list`, `pools add`, `pools edit`, `pools template`, `pools test`, `pools pause`, `pools resume`, `pools start`, `pools end`, `pools remove`. */
export function addPoolCommands(program: Command, context: CommandContext): void {
  const { client, print } = context;
  const pools = program
    .command("pools")
    .description("start workers on demand by Slurm, Ray, Kubernetes, SSH or SkyPilot");
  const find = async (given: string): Promise<PoolRow> => {
    const rows = await client.pools.list.query();
    const named = rows.find(({ name }) => name === given);
    if (named) return named;
    const ids = rows.map(({ id }) => id).filter((id) => id.startsWith(given.toLowerCase()));
    const id = chooseByPrefix(ids, given, "pool", "pools list");
    return rows.find((row) => row.id === id)!;
  };
  addListCommand(pools, context);
  addWriteCommands(pools, context, find);

  pools
    .command("test <pool>")
    .description(
      "ask its scheduler now whether it would take a job, and print that; none is started",
    )
    .action(async (given: string) => {
      const { said, script } = await client.pools.test.mutate({ id: (await find(given)).id });
      print(`${said}\n\n${script}`);
    });
  for (const [name, paused] of [
    ["pause", true],
    ["resume", false],
  ] as const)
    pools
      .command(`${name} <pool>`)
      .description(
        paused
          ? "start no more workers; those there go on"
          : "start workers again, whatever failed before",
      )
      .action(async (given: string) => {
        await client.pools.pause.mutate({ id: (await find(given)).id, paused });
        print(paused ? "Paused." : "Resumed.");
      });
  pools
    .command("start <pool>")
    .description("start one worker, whatever waits")
    .action(async (given: string) => {
      print((await client.pools.startWorker.mutate({ id: (await find(given)).id })).id);
    });
  pools
    .command("end <worker>")
    .description("end a worker of a pool, by name or id; its runs go back to the queue")
    .action(async (given: string) => {
      const workers = (await client.pools.list.query()).flatMap((row) => row.workers);
      const named = workers.filter(
        ({ name, id }) => name === given || id.startsWith(given.toLowerCase()),
      );
      const ids = named.map(({ id }) => id);
      await client.pools.endWorker.mutate({
        id: chooseByPrefix(ids, given, "worker", "pools list"),
      });
      print("It is told to end.");
    });
  pools
    .command("remove <pool>")
    .description("remove a pool that has no workers")
    .action(async (given: string) => {
      await client.pools.remove.mutate({ id: (await find(given)).id });
      print("Removed.");
    });
}

function addListCommand(pools: Command, { client, print, printJson }: CommandContext): void {
  pools
    .command("list")
    .description("list pools with their workers, reasons and cost")
    .option("--json", "print JSON")
    .action(async ({ json }: { json?: boolean }) => {
      const rows = await client.pools.list.query();
      if (json) return printJson(rows);
      if (rows.length === 0) return print("No pool: workers are attached by hand.");
      print(
        formatTable(
          ["id", "name", "kind", "live", "quota", "waiting", "cost", "state"],
          rows.map((row) => [
            shortenId(row.id),
            row.name,
            row.target.kind,
            row.workers.filter(({ endedAt }) => endedAt === null).length,
            row.quota,
            row.waiting,
            formatNumber(row.cost),
            [row.paused ? "paused" : "", row.error ?? ""].filter(Boolean).join(": "),
          ]),
        ),
      );
      const workers = rows.flatMap((row) => row.workers);
      if (workers.length > 0)
        print(
          formatTable(
            ["worker", "state", "job", "cost", "why"],
            workers.map((worker) => [
              worker.name,
              worker.state,
              worker.externalId ?? "",
              formatNumber(worker.cost),
              worker.reason ?? worker.detail,
            ]),
          ),
        );
    });
}

function addWriteCommands(
  pools: Command,
  { client, print, printJson }: CommandContext,
  find: (given: string) => Promise<PoolRow>,
): void {
  addPoolOptions(
    pools
      .command("add <name>")
      .description("add a pool")
      .requiredOption("--kind <kind>", poolKindSchema.options.join(", ")),
  )
    .option("--json", "print JSON")
    .action(async (name: string, options: PoolOptions) => {
      const { target, offers, rest } = await readOptions(options);
      const kind = parseOrThrow(poolKindSchema, options.kind, "--kind");
      const template = DEFAULT_TEMPLATES[kind];
      const request = parseOrThrow(
        createPoolRequestSchema,
        { template, name, target, offers, ...rest },
        "The pool",
      );
      const { id } = await client.pools.create.mutate(request);
      if (options.json) printJson({ id });
      else print(id);
    });
  addPoolOptions(
    pools.command("edit <pool>").description("change a pool: what is not given stays as it is"),
  )
    .option("--name <name>", "another name")
    .action(async (given: string, { name, ...options }: PoolOptions & { name?: string }) => {
      const { target, offers, rest } = await readOptions(options);
      const pool = await find(given);
      const request = parseOrThrow(
        updatePoolRequestSchema,
        {
          ...keepEditable(pool),
          ...(name !== undefined && { name }),
          target: { ...pool.target, ...target },
          offers: { ...pool.offers, ...offers },
          ...rest,
        },
        "The pool",
      );
      await client.pools.update.mutate(request);
      print("Changed.");
    });
  pools
    .command("template <kind>")
    .description("print the template that a pool of a kind begins with")
    .action((kind: string) =>
      print(DEFAULT_TEMPLATES[parseOrThrow(poolKindSchema, kind, "The kind")]),
    );
}
