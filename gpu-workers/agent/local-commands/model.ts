import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { formatBytes } from "@/core/memory/index-plan";
import { getModelName } from "@/core/presets/model-presets";
import { takeLock } from "@/lib/lock.mjs";
import { SETUP_DIR } from "@/lib/paths.mjs";
import { readFreeBytes } from "@/gpu-workers/corpora/import/disk-space";
import { getEndpoint } from "@/gpu-workers/corpora/import/hub-files";
import {
  countMissingBytes,
  countModelBytes,
  downloadModelFiles,
  findHubModel,
  readFetchedCommit,
  type HubAccess,
  type HubModel,
} from "@/gpu-workers/llm/model-files/hub-model";
import { readHubToken } from "@/gpu-workers/llm/model-files/hub-token";
import { checkModelSettings } from "./import-model";
import { checkNewModelName, installModel, printInstalled } from "./install-model";
import { createDownloadPrinter, print, runInterruptibly } from "./terminal";

interface FetchOptions {
  name?: string;
  revision: string;
  endpoint?: string;
  tokenFile?: string;
  yes?: boolean;
  quiet?: boolean;
}

/** Left free on the disk, for whatever else is on it. */
const RESERVE_BYTES = 512 * 2 ** 20;

/** `model fetch`: brings a base model from the Hugging Face hub. */
export function addModelCommands(program: Command): void {
  program
    .command("model")
    .description("base models on this machine")
    .command("fetch <repository>")
    .description(
      "download a model from the Hugging Face hub, e.g. Qwen/Qwen2.5-3B-Instruct, and install it as `checkpoint import` does; says size and licence, and asks before it downloads",
    )
    .option(
      "--name <model>",
      "name of the model here (default: the repository's, in small letters)",
    )
    .option("--revision <revision>", "branch, tag or commit", "main")
    .option("--endpoint <url>", "another hub of the same API (default: HF_ENDPOINT, else the hub)")
    .option(
      "--token-file <file>",
      "file with your token of the hub that only you can read (default: HF_TOKEN, for https://huggingface.co or where S3_CREDENTIALS binds it)",
    )
    .option("--yes", "download without asking")
    .option("--quiet", "print no progress")
    .action((repository: string, options: FetchOptions) =>
      runInterruptibly(
        (signal) => fetchModel(repository, options, signal),
        "Stopped. The same command goes on where it was.",
      ),
    );
}

const repositorySchema = z
  .string()
  .regex(
    /^(?!.*\.\.)\w[\w.-]*(\/\w[\w.-]*)?$/,
    "give it as the hub does: owner/name, e.g. Qwen/Qwen2.5-3B-Instruct",
  );
const endpointSchema = z
  .url({ protocol: /^https?$/, error: "give an address, e.g. https://huggingface.co" })
  .refine(
    (url) => new URL(url).username === "" && new URL(url).search === "",
    "give the address alone; a token comes by --token-file or HF_TOKEN",
  );

/** @param pausesMs pauses before a request that failed is repeated; by default those of downloads */
export async function fetchModel(
  repository: string,
  options: FetchOptions,
  signal: AbortSignal,
  pausesMs?: readonly number[],
): Promise<void> {
  parseOrThrow(repositorySchema, repository, "The repository");
  const name = options.name ?? getModelName(repository);
  checkNewModelName(name);
  const endpoint = parseOrThrow(
    endpointSchema,
    (options.endpoint ?? getEndpoint()).replace(/\/+$/, ""),
    "The hub's address",
  );
  const token = await readHubToken(endpoint, options.tokenFile);
  const access: HubAccess = { endpoint, token, signal, pausesMs };
  const model = await findHubModel(repository, options.revision, access);
  const folder = join(SETUP_DIR, "models", ".fetching", repository.replace("/", "--"));
  await mkdir(folder, { recursive: true });
  const lock = takeLock(`${folder}.lock`);
  if (lock.isTaken)
    throw new AppError(
      "conflict",
      `Another process (${lock.holder.pid}) fetches ${repository} already.`,
    );
  try {
    await announce(model, folder, endpoint);
    if (!options.yes && !(await confirm("Download it?", signal))) return print("Nothing was done.");
    await downloadModel(model, { folder, access, quiet: options.quiet ?? false });
    const { notes } = await installModel(name, folder, null, signal);
    await rm(folder, { recursive: true, force: true });
    printInstalled(name, `is ${repository} at ${model.commit}`, notes);
  } finally {
    lock.release();
  }
}

/** Says what would be downloaded, from where, how large it is and under which licence. */
async function announce(model: HubModel, folder: string, endpoint: string): Promise<void> {
  const { repository, revision, commit, licence, licenceUrl, files } = model;
  print(`${repository} at ${commit}${revision === commit ? "" : ` (${revision})`}, ${endpoint}`);
  print(`licence: ${licence ?? "the card names none"}${licenceUrl ? `, ${licenceUrl}` : ""}`);
  if (model.gated) print(`gated: its terms must have been accepted at ${endpoint}/${repository}`);
  const before = await readFetchedCommit(folder);
  if (before !== null && before !== commit)
    print(
      `an interrupted download was of ${before}; ${revision} has moved since, and only files that are other ones are fetched again`,
    );
  const [total, missing] = [countModelBytes(model), await countMissingBytes(model, folder)];
  print(
    `download: ${files.length} files, ${formatBytes(total)}${missing < total ? `, ${formatBytes(missing)} of it still to come` : ""}`,
  );
  // The import writes files of its own beside those that were downloaded, which are deleted after it.
  const needed = missing + total + RESERVE_BYTES;
  const free = await readFreeBytes(folder);
  if (free < needed)
    throw new AppError(
      "storage-full",
      `${formatBytes(free)} are free where models are kept, and ${formatBytes(needed)} are needed: the download, a checked copy of it (the download is deleted after that), and ${formatBytes(RESERVE_BYTES)} for others.`,
    );
}

/** @throws AppError "invalid-input" where nobody can be asked */
async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY)
    throw new AppError(
      "invalid-input",
      "Nothing was downloaded: there is no terminal to ask at. Say --yes to download without asking.",
    );
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } finally {
    terminal.close();
  }
}

interface DownloadOptions {
  folder: string;
  access: HubAccess;
  quiet: boolean;
}

/** Downloads configuration and tokenizer, has them checked, then the weights. */
async function downloadModel(
  model: HubModel,
  { folder, access, quiet }: DownloadOptions,
): Promise<void> {
  const { signal } = access;
  const printProgress = createDownloadPrinter();
  const isWeights = (name: string): boolean => name.endsWith(".safetensors");
  const downloadSome = (wanted: boolean): Promise<void> =>
    downloadModelFiles(
      model,
      model.files.filter(({ name }) => isWeights(name) === wanted),
      folder,
      access,
      (file, done, total) => {
        if (!quiet) printProgress(file, done, total);
      },
    );
  await downloadSome(false);
  await checkModelSettings(folder, signal);
  await downloadSome(true);
}
