import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { request } from "node:http";
import { request as secureRequest } from "node:https";
import { basename, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { Command, Option } from "commander";
import { z } from "zod";
import { suggestCorpusName, getPublishedRetriever } from "@/core/corpora/corpus-import";
import { CORPUS_PRESETS } from "@/core/presets/corpus-presets";
import { CORPUS_PRESET_NAMES, type CorpusPresetName } from "@/contracts/run-config/corpus-source";
import { AppError, wireErrorSchema } from "@/contracts/errors";
import { removeCorpusResultSchema } from "@/contracts/worker-protocol/tasks";
import type { Client } from "@/cli/client";
import { table } from "@/cli/format";

const uploadedSchema = z.object({
  id: z.uuid(),
  bytes: z.number(),
  sha256: z.string(),
  reused: z.boolean(),
});

/** Sends a file to the server, unless it has its content already. @returns the upload's id */
export async function uploadFile(
  client: Client,
  server: string,
  path: string,
): Promise<{ id: string; reused: boolean }> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  const known = await client.corpora.findUpload.query({ sha256: hash.digest("hex") });
  if (known) return { id: known.id, reused: true };
  const url = new URL(`/uploads?name=${encodeURIComponent(basename(path))}`, server);
  const send = (url.protocol === "https:" ? secureRequest : request)(url, {
    method: "POST",
    headers: {
      "content-type": "application/octet-stream",
      "content-length": String((await stat(path)).size),
    },
  });
  const answer = new Promise<{ status: number; text: string }>((done, fail) => {
    send.once("error", fail);
    send.once("response", (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
      response
        .once("end", () => done({ status: response.statusCode ?? 0, text }))
        .once("error", fail);
    });
  });
  // A refusal ends the sending early; its reason is worth more than the broken pipe.
  const sending = pipeline(createReadStream(path), send).catch((error: unknown) => error);
  const { status, text } = await answer;
  await sending;
  const body: unknown = parsed(text);
  if (status === 201) return uploadedSchema.parse(body);
  const refusal = wireErrorSchema.safeParse(body);
  throw refusal.success
    ? new AppError(refusal.data.code, refusal.data.message)
    : new AppError("internal", `The server answered HTTP ${status}: ${text.slice(0, 200)}`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

interface ImportOptions {
  name?: string;
  format: string;
  onWorker?: boolean;
  sha256?: string;
  licence?: string;
  chunkTokens?: number;
  chunkOverlap?: number;
  withIndex?: boolean;
  index: boolean;
  worker?: string;
  watch?: boolean;
  json?: boolean;
}

const number = (value: string): number => {
  const parsed = Number(value);
  if (!Number.isInteger(parsed))
    throw new AppError("invalid-input", `${value} is not a whole number.`);
  return parsed;
};
const isPreset = (from: string): from is CorpusPresetName => from in CORPUS_PRESETS;

/** The source that PATH means: a preset's name, an address, a path on the worker, or a file that is uploaded. */
async function sourceFor(
  client: Client,
  server: string,
  from: string,
  options: ImportOptions,
  say: (text: string) => void,
): Promise<Record<string, unknown>> {
  const reading = {
    format: options.format,
    ...(options.licence !== undefined && { licence: options.licence }),
    ...(options.chunkTokens !== undefined && { chunkTokens: options.chunkTokens }),
    ...(options.chunkOverlap !== undefined && { chunkOverlap: options.chunkOverlap }),
  };
  if (isPreset(from) && !options.onWorker)
    return { kind: "preset", preset: from, withIndex: options.withIndex ?? false };
  if (/^https?:\/\//.test(from))
    return { kind: "url", url: from, sha256: options.sha256 ?? null, ...reading };
  if (options.onWorker) return { kind: "path", path: from, ...reading };
  const path = resolve(from);
  const entry = await stat(path).catch(() => {
    throw new AppError(
      "not-found",
      `There is no ${path}. For a path on the worker's machine add --on-worker; presets are ${CORPUS_PRESET_NAMES.join(", ")}.`,
    );
  });
  // A folder is not uploaded; the worker of this machine can read it where it is.
  if (entry.isDirectory()) return { kind: "path", path, ...reading };
  const { id, reused } = await uploadFile(client, server, path);
  say(reused ? "the server has this file already" : "uploaded");
  return { kind: "upload", upload: id, fileName: basename(path), ...reading };
}

/** Deletes a corpus from one of the workers that hold it, and waits for that. */
async function removeFrom(
  client: Client,
  name: string,
  workerName: string | undefined,
): Promise<{ worker: string; freedBytes: number; indexes: number }> {
  const { workers } = await client.corpora.get.query({ name });
  const worker =
    workerName === undefined
      ? workers[0]
      : workers.find((one) => one.name === workerName || one.id === workerName);
  if (!worker)
    throw new AppError(
      "not-found",
      `The worker ${workerName ?? ""} does not hold ${name}; ${workers.map((one) => one.name).join(", ")} do.`,
    );
  if (workerName === undefined && workers.length > 1)
    throw new AppError(
      "invalid-input",
      `${workers.map((one) => one.name).join(", ")} hold ${name}: say from which with --worker.`,
    );
  const { taskId } = await client.tasks.create.mutate({
    kind: "remove-corpus",
    corpus: name,
    workerId: worker.id,
  });
  for (;;) {
    const task = await client.tasks.get.query({ id: taskId });
    if (task.state === "succeeded")
      return { worker: worker.name, ...removeCorpusResultSchema.parse(task.result) };
    if (task.state !== "running")
      throw new AppError(
        task.error?.code ?? "internal",
        task.error?.message ?? "It was not deleted.",
      );
    await sleep(250);
  }
}

/** `s3 corpus import | list | show | remove`. */
export function corpusCommand(
  client: Client,
  server: string,
  follow: (id: string, json: boolean) => Promise<void>,
  print: (text: string) => void,
): Command {
  const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2));
  const corpus = new Command("corpus").description("imports and lists corpora");
  corpus
    .command("import <path>")
    .description(
      `import a file (uploaded), a folder or path on the worker, an address, or one of ${CORPUS_PRESET_NAMES.join(", ")}`,
    )
    .option("--name <name>", "name of the corpus (default: from the path)")
    .addOption(
      new Option("--format <format>", "format of the files")
        .choices(["auto", "jsonl", "csv", "tsv", "parquet", "text"])
        .default("auto"),
    )
    .option("--on-worker", "the path is one of the worker's machine")
    .option("--worker <name>", "only this worker takes it")
    .option("--sha256 <hash>", "checksum that a downloaded file must have")
    .option("--licence <text>", "licence, shown beside the corpus")
    .option("--chunk-tokens <n>", "longest passage that text is cut into", number)
    .option("--chunk-overlap <n>", "tokens that neighbouring passages share", number)
    .option("--with-index", "wiki-18: also fetch the published index, and use it")
    .option("--no-index", "import only, build no index")
    .option("--watch", "follow the run until it ends")
    .option("--json", "print JSON")
    .action(async (from: string, options: ImportOptions) => {
      const say = (text: string): void => void (options.json ? undefined : print(text));
      const preset = isPreset(from) ? from : "wiki-18";
      const kind =
        isPreset(from) && !options.onWorker ? "preset" : /^https?:\/\//.test(from) ? "url" : "path";
      const name = options.name ?? suggestCorpusName({ kind, path: from, url: from, preset }, "");
      const source = await sourceFor(client, server, from, options, say);
      const retriever = getPublishedRetriever({
        kind,
        preset,
        withIndex: options.withIndex ?? false,
      });
      const config = {
        kind: "index",
        name: `Import ${name}`.slice(0, 120),
        corpus: name,
        source,
        ...(retriever && { retriever }),
        buildIndex: options.index,
        worker: options.worker ?? null,
      };
      const { id } = await client.runs.launch.mutate({ config });
      if (!options.watch) return options.json ? printJson({ id, name }) : print(id);
      print(options.json ? JSON.stringify({ kind: "launched", id, name }) : `launched ${id}`);
      await follow(id, options.json ?? false);
    });
  corpus
    .command("list")
    .description("list the corpora that workers hold")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }) => {
      const rows = await client.corpora.list.query();
      if (options.json) return printJson(rows);
      if (rows.length === 0)
        return print("No worker holds a corpus. Import one: npm run s3 -- corpus import PATH");
      print(
        table(
          ["name", "passages", "MB", "bad lines", "indexes", "on", "from"],
          rows.map((row) => [
            row.name,
            row.documents === null ? "?" : String(row.documents),
            (row.bytes / 1e6).toFixed(1),
            String(row.badLines),
            String(row.indexes),
            row.workers.map((w) => (w.online ? w.name : `${w.name} (offline)`)).join(", "),
            row.source ?? "",
          ]),
        ),
      );
    });
  corpus
    .command("show <name>")
    .description("show a corpus: size, provenance, lengths, bad lines, indexes")
    .option("--json", "print JSON")
    .action(async (name: string, options: { json?: boolean }) => {
      const detail = await client.corpora.get.query({ name });
      if (options.json) return printJson(detail);
      const { manifest } = detail;
      print(
        `${detail.name}\n${detail.documents ?? "?"} passages, ${(detail.bytes / 1e6).toFixed(1)} MB, content ${detail.hash ?? "not read yet"}\non ${detail.workers.map((w) => w.name).join(", ")}`,
      );
      if (manifest) {
        const { source, lengths, duplicates, badLines } = manifest;
        print(
          `from ${source.from} (${source.format}, ${source.files} files, sha256 ${source.sha256})\nlicence: ${manifest.licence || "not said"}\nwords a passage: ${lengths.shortest} to ${lengths.longest}, ${lengths.mean.toFixed(1)} on average\nleft out: ${badLines.total} bad lines, ${duplicates.passages} repeated passages`,
        );
        if (badLines.first.length > 0)
          print(
            `\n${table(
              ["file", "line", "why"],
              badLines.first
                .slice(0, 20)
                .map((line) => [line.file, String(line.line), line.reason]),
            )}`,
          );
      }
      if (detail.indexes.length > 0)
        print(
          `\n${table(
            ["index", "MB", "built"],
            detail.indexes.map((index) => [
              index.description,
              (index.bytes / 1e6).toFixed(1),
              new Date(index.builtAt).toISOString(),
            ]),
          )}`,
        );
    });
  corpus
    .command("remove <name>")
    .description(
      "delete an imported corpus and its indexes from a worker; refused while a run uses it",
    )
    .option("--worker <name>", "the worker, where several hold it")
    .option("--json", "print JSON")
    .action(async (name: string, options: { worker?: string; json?: boolean }) => {
      const removed = await removeFrom(client, name, options.worker);
      if (options.json) return printJson(removed);
      print(
        `deleted ${name} from ${removed.worker}: ${removed.indexes} indexes, ${(removed.freedBytes / 1e6).toFixed(1)} MB freed`,
      );
    });
  return corpus;
}
