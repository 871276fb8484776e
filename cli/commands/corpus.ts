import { stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Option, type Command } from "commander";
import {
  CORPUS_PRESET_NAMES,
  type CorpusPresetName,
  corpusSourceSchema,
} from "@/contracts/run-config/corpus-source";
import {
  corpusPreviewResultSchema,
  removeCorpusResultSchema,
} from "@/contracts/worker-protocol/tasks";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { DELIMITERS, ENCODINGS, QUOTINGS } from "@/contracts/formats/reading";
import { describePreview, describeReading } from "@/core/corpora/describe-reading";
import { getPublishedRetriever, suggestCorpusName } from "@/core/corpora/corpus-import";
import { CORPUS_PRESETS } from "@/core/presets/corpus-presets";
import type { Client } from "@/cli/lib/client";
import { printLaunched, type CommandContext } from "@/cli/lib/context";
import { formatMegabytes, formatTable } from "@/cli/lib/format";
import { addLocalCommand } from "@/cli/lib/local-program";
import { parseInteger, parseSha256 } from "@/cli/lib/options";
import { uploadFile } from "@/cli/lib/upload-file";
import { followRun } from "@/cli/lib/watch-run";

interface ImportOptions {
  name?: string;
  format: string;
  onWorker?: boolean;
  sha256?: string;
  licence?: string;
  chunkTokens?: number;
  chunkOverlap?: number;
  idColumn?: string;
  titleColumn?: string;
  textColumn?: string;
  encoding?: string;
  delimiter?: string;
  quoting?: string;
  withIndex?: boolean;
  index: boolean;
  worker?: string;
  watch?: boolean;
  preview?: boolean;
  json?: boolean;
}

/** `corpus import`, `list`, `show`, `remove` and `push`. */
export function addCorpusCommands(program: Command, context: CommandContext): void {
  const corpus = program.command("corpus").description("imports and lists corpora");
  corpus
    .command("import <path...>")
    .description(
      `import a file (uploaded), a folder or path on the worker, the parts of a file there (D/part_*), an address, or one of ${CORPUS_PRESET_NAMES.join(", ")}`,
    )
    .option("--name <name>", "name of the corpus (default: from the path)")
    .addOption(
      new Option("--format <format>", "format of the files")
        .choices(["auto", "jsonl", "csv", "tsv", "parquet", "text"])
        .default("auto"),
    )
    .option("--on-worker", "the path is one of the worker's machine")
    .option("--worker <name>", "only this worker takes it")
    .option(
      "--sha256 <hash>",
      "checksum that the file, or its parts as one, must have",
      parseSha256,
    )
    .option("--licence <text>", "licence, shown beside the corpus")
    .option("--chunk-tokens <n>", "longest passage that text is cut into", parseInteger)
    .option("--chunk-overlap <n>", "tokens that neighbouring passages share", parseInteger)
    .option("--id-column <name>", "column or key of the id; #row numbers the rows")
    .option("--title-column <name>", "column or key of the title; #none: there is none")
    .option("--text-column <name>", "column or key of the text")
    .addOption(
      new Option("--encoding <name>", "encoding, where it is not UTF-8").choices(ENCODINGS),
    )
    .addOption(
      new Option("--delimiter <name>", "what parts the fields of a table").choices(DELIMITERS),
    )
    .addOption(
      new Option("--quoting <how>", "how quotes within a quoted field are written").choices(
        QUOTINGS,
      ),
    )
    .option("--with-index", "wiki-18: also fetch the published index, and use it")
    .option("--no-index", "import only, build no index")
    .option("--preview", "only say what its beginning holds and how it is read")
    .option("--watch", "follow the run until it ends")
    .option("--json", "print JSON")
    .action((paths: string[], options: ImportOptions) =>
      importCorpus(context, joinPaths(paths), options),
    );
  corpus
    .command("list")
    .description("list the corpora that workers hold")
    .option("--json", "print JSON")
    .action((options: { json?: boolean }) => listCorpora(context, options));
  corpus
    .command("show <name>")
    .description("show a corpus: size, provenance, lengths, bad lines, indexes")
    .option("--json", "print JSON")
    .action((name: string, options: { json?: boolean }) => showCorpus(context, name, options));
  corpus
    .command("remove <name>")
    .description(
      "delete an imported corpus and its indexes from a worker; refused while a run uses it",
    )
    .option("--worker <name>", "the worker, where several hold it")
    .option("--json", "print JSON")
    .action(async (name: string, options: { worker?: string; json?: boolean }) => {
      const removed = await removeCorpus(context.client, name, options.worker);
      if (options.json) return context.printJson(removed);
      context.print(
        `deleted ${name} from ${removed.worker}: ${removed.indexes} indexes, ${formatMegabytes(removed.freedBytes)} MB freed`,
      );
    });
  addLocalCommand(
    corpus,
    "push",
    "write a corpus (its name, or a JSONL file) into OpenSearch, Elasticsearch or Qdrant; the same command goes on after an interruption",
  );
}

/**
 * One path for the parts of a file, which a shell has made of D/part_*: the files of a folder whose names begin alike.
 * @throws AppError "invalid-input" for paths that are no parts of one file
 */
function joinPaths(paths: readonly string[]): string {
  const [first = ""] = paths;
  if (paths.length === 1) return first;
  const beginning = basename(first).replace(/part[._-]?\w+$/, (part) => part.slice(0, 4));
  if (
    beginning !== basename(first) &&
    paths.every((path) => dirname(path) === dirname(first) && basename(path).startsWith(beginning))
  )
    return join(resolve(dirname(first)), `${beginning}*`);
  throw new AppError(
    "invalid-input",
    `One corpus is a file, a folder or the parts of one file (part_aa, part_ab, ...) in one folder, not ${paths.join(" ")}.`,
  );
}

const isPreset = (from: string): from is CorpusPresetName => Object.hasOwn(CORPUS_PRESETS, from);
const isUrl = (from: string): boolean => /^https?:\/\//.test(from);

async function importCorpus(
  context: CommandContext,
  from: string,
  options: ImportOptions,
): Promise<void> {
  const preset = isPreset(from) ? from : "wiki-18";
  const kind = isPreset(from) && !options.onWorker ? "preset" : isUrl(from) ? "url" : "path";
  const name = options.name ?? suggestCorpusName({ kind, path: from, url: from, preset }, "");
  const source = await buildSource(context, from, options);
  if (options.preview) return previewCorpus(context, source, options);
  const retriever = getPublishedRetriever({ kind, preset, withIndex: options.withIndex ?? false });
  const { id } = await context.client.runs.launch.mutate({
    config: {
      kind: "index",
      name: `Import ${name}`.slice(0, 120),
      corpus: name,
      source,
      ...(retriever && { retriever }),
      buildIndex: options.index,
      worker: options.worker ?? null,
    },
  });
  printLaunched(context, { id, name }, { json: options.json, goesOn: options.watch });
  if (options.watch) await followRun(context, id, options.json);
}

/** Prints what the beginning of a source holds; nothing is imported. */
async function previewCorpus(
  { client, print, printJson }: CommandContext,
  source: Record<string, unknown>,
  { worker, json }: Pick<ImportOptions, "worker" | "json">,
): Promise<void> {
  const task = await runTask(client, {
    kind: "corpus-preview",
    source: parseOrThrow(corpusSourceSchema, source, "The source"),
    worker,
  });
  const preview = corpusPreviewResultSchema.parse(task);
  if (json) return printJson(preview);
  for (const text of describePreview(preview)) print(text);
  const { documents, problems, warnings } = preview;
  print(
    formatTable(
      ["id", "title", "text"],
      documents.map(({ id, title, text }) => [id, title, text.replace(/\s+/g, " ").slice(0, 80)]),
    ),
  );
  for (const { file, line, reason } of [...problems, ...warnings])
    print(`${file}, line ${line} ${reason}`);
}

/** Builds the source that PATH means: a preset's name, an address, a path on the worker, or a file that is uploaded. */
async function buildSource(
  context: CommandContext,
  from: string,
  options: ImportOptions,
): Promise<Record<string, unknown>> {
  // What is not said has its default.
  const { format, licence, chunkTokens, chunkOverlap, encoding, delimiter, quoting } = options;
  const { idColumn, titleColumn, textColumn } = options;
  const columns = { idColumn, titleColumn, textColumn };
  const reading = {
    ...{ format, licence, chunkTokens, chunkOverlap, encoding, delimiter, quoting },
    ...columns,
  };
  if (isPreset(from) && !options.onWorker) {
    if (options.sha256 !== undefined)
      throw new AppError(
        "invalid-input",
        `${from} is checked by the checksums that its hub gives: leave --sha256 out.`,
      );
    return { kind: "preset", preset: from, withIndex: options.withIndex ?? false };
  }
  if (isUrl(from)) return { kind: "url", url: from, sha256: options.sha256 ?? null, ...reading };
  const here = { kind: "path", ...(options.sha256 && { sha256: options.sha256 }), ...reading };
  if (options.onWorker) return { ...here, path: from };
  const path = resolve(from);
  // The worker of this machine can read parts where they are; they are not uploaded.
  if (path.endsWith("*")) return { ...here, path };
  const entry = await stat(path).catch(() => {
    throw new AppError(
      "not-found",
      `There is no ${path}. For a path on the worker's machine add --on-worker; presets are ${CORPUS_PRESET_NAMES.join(", ")}.`,
    );
  });
  // A folder is not uploaded; the worker of this machine can read it where it is.
  if (entry.isDirectory()) return { ...here, path };
  const { id, reused } = await uploadFile(context, path, options.sha256);
  if (!options.json) context.print(reused ? "the server has this file already" : "uploaded");
  return { kind: "upload", upload: id, fileName: basename(path), ...reading };
}

async function listCorpora(
  { client, print, printJson }: CommandContext,
  { json }: { json?: boolean },
): Promise<void> {
  const rows = await client.corpora.list.query();
  if (json) return printJson(rows);
  if (rows.length === 0)
    return print("No worker holds a corpus. Import one: npm run s3 -- corpus import PATH");
  print(
    formatTable(
      ["name", "passages", "MB", "bad lines", "indexes", "on", "from"],
      rows.map((row) => [
        row.name,
        row.documents === null ? "?" : row.documents,
        formatMegabytes(row.bytes),
        row.badLines,
        row.indexes,
        row.workers
          .map((worker) => (worker.online ? worker.name : `${worker.name} (offline)`))
          .join(", "),
        row.source ?? "",
      ]),
    ),
  );
}

async function showCorpus(
  { client, print, printJson }: CommandContext,
  name: string,
  { json }: { json?: boolean },
): Promise<void> {
  const detail = await client.corpora.get.query({ name });
  if (json) return printJson(detail);
  const { manifest } = detail;
  print(
    `${detail.name}\n${detail.documents ?? "?"} passages, ${formatMegabytes(detail.bytes)} MB, content ${detail.hash ?? "not read yet"}\non ${detail.workers.map((worker) => worker.name).join(", ")}`,
  );
  if (manifest) {
    const { source, lengths, duplicates, badLines, reading } = manifest;
    if (reading) {
      const { file, columns } = describeReading(reading);
      print(`read as ${file}${columns && `; ${columns}`}`);
    }
    print(
      `from ${source.from} (${source.format}, ${source.files} files, sha256 ${source.sha256})\nlicence: ${manifest.licence || "not said"}\nwords a passage: ${lengths.shortest} to ${lengths.longest}, ${lengths.mean.toFixed(1)} on average\nleft out: ${badLines.total} bad lines, ${duplicates.passages} repeated passages`,
    );
    const shown = [...badLines.first.slice(0, 20), ...manifest.warnings.first];
    if (shown.length > 0)
      print(
        `\n${formatTable(
          ["file", "line", "why"],
          shown.map((line) => [line.file, line.line, line.reason]),
        )}`,
      );
  }
  if (detail.indexes.length > 0)
    print(
      `\n${formatTable(
        ["index", "MB", "built"],
        detail.indexes.map((index) => [
          index.description,
          formatMegabytes(index.bytes),
          new Date(index.builtAt).toISOString(),
        ]),
      )}`,
    );
}

/** Deletes a corpus from one of the workers that hold it, and waits until it is done. */
async function removeCorpus(
  client: Client,
  name: string,
  workerName: string | undefined,
): Promise<{ worker: string; freedBytes: number; indexes: number }> {
  const { workers } = await client.corpora.get.query({ name });
  const workerNames = workers.map((worker) => worker.name).join(", ");
  const worker =
    workerName === undefined
      ? workers[0]
      : workers.find((candidate) => candidate.name === workerName || candidate.id === workerName);
  if (!worker)
    throw new AppError(
      "not-found",
      `The worker ${workerName ?? ""} does not hold ${name}; ${workerNames} do.`,
    );
  if (workerName === undefined && workers.length > 1)
    throw new AppError(
      "invalid-input",
      `${workerNames} hold ${name}: say from which with --worker.`,
    );
  const removed = await runTask(client, {
    kind: "remove-corpus",
    corpus: name,
    workerId: worker.id,
  });
  return { worker: worker.name, ...removeCorpusResultSchema.parse(removed) };
}

/** Gives a task to a worker and waits for its result. @throws AppError with the reason where it fails */
async function runTask(
  client: Client,
  request: Parameters<Client["tasks"]["create"]["mutate"]>[0],
): Promise<unknown> {
  const { taskId } = await client.tasks.create.mutate(request);
  for (;;) {
    const task = await client.tasks.get.query({ id: taskId });
    if (task.state === "succeeded") return task.result;
    if (task.state !== "running")
      throw new AppError(
        task.error?.code ?? "internal",
        task.error?.message ?? "The worker gave no reason.",
      );
    await sleep(250);
  }
}
