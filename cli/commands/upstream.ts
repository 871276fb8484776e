import { mkdir, readFile, readdir, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { Option, type Command } from "commander";
import { methodNameSchema, type MethodName } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import { findRun } from "@/cli/lib/client";
import type { CommandContext } from "@/cli/lib/context";
import { formatShare, formatTable, shortenId } from "@/cli/lib/format";

interface ImportOptions {
  name?: string;
  questions?: string;
  method?: MethodName;
  corpus: string;
  generator: string;
  json?: boolean;
}

/** `upstream import` and `upstream export`: upstream's result files in and out. */
export function addUpstreamCommands(program: Command, context: CommandContext): void {
  const upstream = program.command("upstream").description("upstream's result files");
  upstream
    .command("import <folder>")
    .description(
      "make runs of a folder of upstream's files (output sequences, results, RAG cache, statistics, rollouts)",
    )
    .option("--name <name>", "what the runs are called")
    .option(
      "--questions <set>",
      "the set that the files are about; without it one is made of the files",
    )
    .addOption(
      new Option("--method <name>", "method that the results are of")
        .choices(methodNameSchema.options)
        .default(undefined, "as the files' names say, else s3"),
    )
    .option("--corpus <name>", "corpus that was searched", "wiki-18")
    .option("--generator <model>", "model that answered", "Qwen2.5-14B-Instruct-GPTQ-Int4")
    .option("--json", "print JSON")
    .action((folder: string, options: ImportOptions) => importFolder(context, folder, options));
  upstream
    .command("export <run>")
    .description("write a run as upstream's files")
    .requiredOption("--out <folder>", "where to")
    .action(async (run: string, options: { out: string }) =>
      writeUpstreamFiles(context, await findRun(context.client, run), options.out),
    );
}

async function importFolder(
  { client, print, printJson }: CommandContext,
  folder: string,
  { name, questions, method, corpus, generator, json }: ImportOptions,
): Promise<void> {
  const imported = await client.upstream.import.mutate({
    files: await readResultFiles(folder),
    name: name ?? null,
    questions: questions ?? null,
    method: method ?? null,
    corpus,
    generator,
  });
  if (json) return printJson(imported);
  print(
    formatTable(
      ["run", "data set", "episodes", "scored", "accuracy", "not in the set"],
      imported.runs.map((run) => [
        shortenId(run.id),
        run.dataset,
        run.episodes,
        run.scored,
        formatShare(run.accuracy),
        run.unmatchedCount,
      ]),
    ),
  );
  for (const note of imported.runs.flatMap((run) => run.notes)) print(note);
  for (const path of imported.skipped) print(`skipped ${path}: not one of upstream's files`);
  for (const { path, reason } of imported.problems) print(`not imported: ${path}: ${reason}`);
  if (imported.problems.length > 0) process.exitCode = 1;
}

/** Writes a run as upstream's files below a folder. */
export async function writeUpstreamFiles(
  { client, print }: CommandContext,
  runId: string,
  folder: string,
): Promise<void> {
  const { files } = await client.upstream.export.query({ runId });
  for (const { path, content } of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
    print(`wrote ${join(folder, path)}`);
  }
}

/** Reads every .json and .jsonl file below a folder (or the one file), each with its path in the folder. */
async function readResultFiles(root: string): Promise<{ path: string; content: string }[]> {
  const info = await stat(root).catch((error: Error) => {
    throw new AppError("invalid-input", `${root} cannot be read: ${error.message}`);
  });
  const paths = info.isFile()
    ? [root]
    : (await readdir(root, { recursive: true, withFileTypes: true }))
        .filter((entry) => entry.isFile() && /\.jsonl?$/.test(entry.name))
        .map((entry) => join(entry.parentPath, entry.name));
  if (paths.length === 0)
    throw new AppError("invalid-input", `${root} holds no .json or .jsonl file.`);
  return Promise.all(
    paths.sort().map(async (path) => ({
      path: info.isFile() ? basename(path) : relative(root, path),
      content: await readFile(path, "utf8"),
    })),
  );
}
