import { readFileSync } from "node:fs";
import { isIPv6 } from "node:net";
import { delimiter, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";

/**
 * Command line of the worker. Data folder, import roots and credentials are put into the environment before anything
 * that reads it is loaded, which is why the rest comes by a dynamic import.
 */
interface CommandLine {
  server: string;
  tokenFile?: string;
  importRoot?: string[];
  credential?: string[];
  name: string;
  data?: string;
  engineSlots: number;
  lightSlots: number;
  engineDevice?: "cpu" | "cuda" | "mps";
  engineDtype?: "float32" | "bfloat16" | "float16";
  engineDevices?: number;
  rayAddress?: string;
  rayStrategy?: "pack" | "spread";
  tinkerUrl?: string;
  tinkerBase?: string[];
  mlflowPort?: number;
  trackingAddress?: string;
  allowCommands: boolean;
}

const parseCount = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 64)
    throw new InvalidArgumentError("must be a whole number from 0 to 64.");
  return value;
};

const parsePort = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0 || value > 65_535)
    throw new InvalidArgumentError("must be a port from 0 (any) to 65535.");
  return value;
};

const parseAddress = (text: string): string => {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError("must be the address of the page, e.g. http://127.0.0.1:3000.");
  return Object.assign(new URL(text), { search: "" }).toString();
};

const parseOwnHost = (text: string): string => {
  const isName = /^[a-z\d](?:[a-z\d.-]*[a-z\d])?$/i.test(text);
  if ((!isName && !isIPv6(text)) || /^[0.:]+$/.test(text))
    throw new InvalidArgumentError(
      "must be one address or name of this machine, e.g. 10.0.0.1, that jobs can be given.",
    );
  return text;
};

const collect = (value: string, before: string[] = []): string[] => [...before, value];

/** The token, which no command line holds: every user of a machine can read those. */
function readToken(file: string | undefined): string | undefined {
  const token =
    file === undefined
      ? process.env.S3_WORKER_TOKEN
      : readFileSync(file === "-" ? process.stdin.fd : file, "utf8").trim();
  // In the environment it would be handed on to the engine.
  delete process.env.S3_WORKER_TOKEN;
  return token;
}

const command = new Command("worker")
  .description(
    "Attaches this machine to an s3 dashboard and does its runs. It connects outward only.",
  )
  .addOption(
    new Option("--server <url>", "address of the dashboard")
      .env("S3_SERVER")
      .default("http://127.0.0.1:3000")
      .argParser(parseAddress),
  )
  .addOption(
    new Option(
      "--token-file <file>",
      "file with the worker token from the Workers page, - for standard input (default: S3_WORKER_TOKEN, or the local worker's own)",
    ),
  )
  .addOption(
    new Option("--name <name>", "name on the Workers page").env("S3_WORKER_NAME").default("local"),
  )
  .addOption(
    new Option(
      "--data <folder>",
      "where identity, indexes and scratch files are kept (default: .data)",
    ),
  )
  .addOption(
    new Option(
      "--import-root <folder>",
      "folder that imports by path may read, besides `imports` in the data folder; may be repeated, or S3_IMPORT_ROOTS",
    ).argParser(collect),
  )
  .addOption(
    new Option(
      "--credential <NAME=origin>",
      "environment variable with a key, and the origin that it may be sent to; may be repeated, or S3_CREDENTIALS",
    ).argParser(collect),
  )
  .addOption(
    new Option("--engine-slots <n>", "training and predict runs at a time")
      .default(1)
      .argParser(parseCount),
  )
  .addOption(
    new Option("--light-slots <n>", "index and serve runs at a time")
      .default(4)
      .argParser(parseCount),
  )
  .addOption(
    new Option(
      "--engine-device <device>",
      "what the engine computes on (default: the accelerator that is there)",
    )
      .env("S3_ENGINE_DEVICE")
      .choices(["cpu", "cuda", "mps"]),
  )
  .addOption(
    new Option(
      "--engine-dtype <dtype>",
      "number format of frozen weights and activations (default: bfloat16 where the hardware multiplies it)",
    )
      .env("S3_ENGINE_DTYPE")
      .choices(["float32", "bfloat16", "float16"]),
  )
  .addOption(
    new Option(
      "--engine-devices <n>",
      "GPUs that train one model together by Ray, at most (default: all of this machine, or of the cluster)",
    )
      .env("S3_ENGINE_DEVICES")
      .argParser(parseCount),
  )
  .addOption(
    new Option(
      "--ray-address <address>",
      "Ray cluster that exists and that this machine is a node of, e.g. auto or 10.0.0.1:6379 (default: several GPUs start one of this machine alone)",
    ).env("S3_RAY_ADDRESS"),
  )
  .addOption(
    new Option(
      "--ray-strategy <strategy>",
      "ranks on as few machines as hold them, or on as many as there are (default: pack)",
    )
      .env("S3_RAY_STRATEGY")
      .choices(["pack", "spread"]),
  )
  .addOption(
    new Option(
      "--tinker-url <url>",
      "Tinker-compatible service that trains the searcher in place of this machine, e.g. http://127.0.0.1:8000; its key is TINKER_API_KEY, where --credential lets that go there (default: the worker's own engine)",
    ).env("S3_TINKER_URL"),
  )
  .addOption(
    new Option(
      "--tinker-base <FOLDER=NAME>",
      "the service's name of the base model whose installed folder is FOLDER; may be repeated, or S3_TINKER_BASES with commas (default: the model it offers under that name)",
    ).argParser(collect),
  )
  .addOption(
    new Option(
      "--mlflow-port <port>",
      "port of this machine's loopback on which trainers report their runs by MLflow; forwarded to the dashboard (default: none)",
    )
      .env("S3_MLFLOW_PORT")
      .argParser(parsePort),
  )
  .addOption(
    new Option(
      "--tracking-address <host>",
      "address of this machine at which commands that run as jobs of Ray on other machines report, each with a token of its run (default: none, they reach the loopback alone)",
    )
      .env("S3_TRACKING_ADDRESS")
      .argParser(parseOwnHost),
  )
  .addOption(
    new Option(
      "--allow-commands",
      "run commands as runs (other trainers): whoever may launch runs may then do on this machine what its user may (or S3_ALLOW_COMMANDS=1)",
      // Not by `env`, for which any value would switch it on, 0 among them.
    ).default(process.env.S3_ALLOW_COMMANDS === "1"),
  )
  .parse();

const options = command.opts<CommandLine>();
if (options.data !== undefined) process.env.S3_DATA_DIR = resolve(options.data);
for (const [name, values, separator] of [
  ["S3_IMPORT_ROOTS", options.importRoot?.map((root) => resolve(root)), delimiter],
  ["S3_CREDENTIALS", options.credential, ","],
  ["S3_TINKER_BASES", options.tinkerBase, ","],
] as const)
  if (values) process.env[name] = [process.env[name], ...values].filter(Boolean).join(separator);
const token = readToken(options.tokenFile);
// What this process writes is for its user alone.
process.umask(0o077);

const { runWorker } = await import("./run-worker");
process.exit(await runWorker({ ...options, token }));
