import { readFile, stat, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Argument, type Command } from "commander";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { size } from "@/core/memory/index-plan";
import { DATA_DIR } from "@/lib/paths";
import {
  QUESTION_PRESET_NAMES,
  QUESTION_PRESETS,
  type QuestionPreset,
  type QuestionPresetName,
} from "@/core/presets/question-presets";
import { fetchHub } from "@/gpu-workers/corpora/import/fetch-source";
import type { Client } from "@/cli/client";
import type { CommandTools } from "./evaluation";
import { table } from "@/cli/format";
import { questionSource } from "@/cli/question-file";

export interface FetchQuestionsOptions {
  /** Files are kept here, so that an interruption goes on and a second call fetches nothing. */
  folder: string;
  signal: AbortSignal;
  onProgress: (detail: string, done: number, total: number) => void;
  /** Pauses before a broken download is taken up again; by default those of the corpora's downloads. */
  pausesMs?: readonly number[];
}

/** Written once every file is here and checked. */
const COMPLETE = "complete.json";
const completeSchema = z.array(
  z.object({ path: z.string().min(1), bytes: z.number().nonnegative() }),
);

/**
 * Downloads the files of a preset, each checked against the hub's sha256. Where all are here already nothing is asked of
 * the network.
 *
 * @returns their paths
 * @throws AppError "not-found" where the hub cannot be reached, with what to do by hand, and those of download.ts
 */
export async function fetchQuestionFiles(
  preset: QuestionPreset,
  { folder, ...options }: FetchQuestionsOptions,
): Promise<string[]> {
  const record = join(folder, COMPLETE);
  const known = completeSchema.safeParse(
    await readFile(record, "utf8")
      .then((text) => JSON.parse(text) as unknown)
      .catch(() => null),
  );
  if (
    known.success &&
    (
      await Promise.all(
        known.data.map(async ({ path, bytes }) => (await sizeOf(join(folder, path))) === bytes),
      )
    ).every(Boolean)
  )
    return known.data.map(({ path }) => join(folder, path));
  const files = await fetchHub(preset.files, folder, preset.byHand, options);
  await writeFile(
    record,
    `${JSON.stringify(
      files.map(({ path, bytes }) => ({ path, bytes })),
      null,
      2,
    )}\n`,
  );
  return files.map(({ path }) => join(folder, path));
}

export interface ImportedFile {
  file: string;
  set: string;
  questions: number;
  version: string;
  isNew: boolean;
  skipped: number;
  warnings: string[];
  /** Why the file was not imported. */
  error: string | null;
}

/** Imports each file as PREFIX/FILE; one that cannot be imported is reported, and the others go on. */
export async function importFiles(
  client: Client,
  paths: readonly string[],
  prefix: string,
  preset: QuestionPreset,
  skipProblems: boolean,
): Promise<ImportedFile[]> {
  const imported: ImportedFile[] = [];
  for (const path of paths) {
    const file = basename(path);
    const set = `${prefix}/${file.replace(/\.parquet$/, "")}`;
    try {
      const { sets, skipped, warnings } = await client.catalogue.importQuestionFile.mutate({
        ...(await questionSource(path, "auto")),
        mapping: { ...preset.mapping },
        name: set,
        skipProblems,
      });
      imported.push(
        ...sets.map(({ name, questions, version, isNew }) => ({
          file,
          set: name,
          questions,
          version,
          isNew,
          skipped,
          warnings,
          error: null,
        })),
      );
    } catch (error) {
      imported.push({
        file,
        set,
        questions: 0,
        version: "",
        isNew: false,
        skipped: 0,
        warnings: [],
        error: error instanceof Error ? error.message : String(error),
      });
    }
  }
  return imported;
}

const sizeOf = (path: string): Promise<number> =>
  stat(path).then(
    (entry) => entry.size,
    () => -1,
  );

/** `questions fetch`: upstream's published questions, from the hub into the server. */
export function addFetch(questions: Command, { client, print, printJson }: CommandTools): void {
  questions
    .command("fetch")
    .description(
      `download and import published questions: ${Object.entries<QuestionPreset>(QUESTION_PRESETS)
        .map(([name, { title, downloadGiB }]) => `${name} (${title}, ${downloadGiB} GiB)`)
        .join(", ")}`,
    )
    .addArgument(new Argument("<preset>", "what to fetch").choices(QUESTION_PRESET_NAMES))
    .option("--name <prefix>", "each file becomes the set PREFIX/FILE (default: the preset's name)")
    .option("--skip-problems", "leave out rows that cannot be used")
    .option("--json", "print JSON")
    .action(
      async (
        name: QuestionPresetName,
        options: { name?: string; skipProblems?: boolean; json?: boolean },
      ) => {
        const prefix = options.name ?? name;
        if (!/^\w[\w.-]*$/.test(prefix))
          throw new AppError(
            "invalid-input",
            `--name takes letters, digits, dots, dashes and underscores: each file becomes PREFIX/FILE, not "${prefix}/FILE".`,
          );
        // That the server answers is better known before so much is downloaded.
        await client.catalogue.questionSets.query();
        const preset: QuestionPreset = QUESTION_PRESETS[name];
        const folder = join(DATA_DIR, "questions", name);
        const stop = new AbortController();
        const interrupt = (): void =>
          stop.abort(new AppError("cancelled", "Stopped. The same command goes on where it was."));
        process.once("SIGINT", interrupt);
        let last = "";
        const onProgress = (detail: string, done: number, total: number): void => {
          const line = `${detail}: ${total > 0 ? Math.floor((10 * done) / total) * 10 : 100}% of ${size(total)}`;
          if (line !== last && !options.json) print(line);
          last = line;
        };
        const paths = await fetchQuestionFiles(preset, {
          folder,
          signal: stop.signal,
          onProgress,
        }).finally(() => process.off("SIGINT", interrupt));
        const imported = await importFiles(
          client,
          paths,
          prefix,
          preset,
          options.skipProblems ?? false,
        );
        if (imported.some(({ error }) => error !== null)) process.exitCode = 1;
        if (options.json)
          return printJson({ preset: name, licence: preset.licence, folder, imported });
        print(`files in ${folder}; licence: ${preset.licence}`);
        print(
          table(
            ["file", "set", "version", "questions", "left out", ""],
            imported.map((part) => [
              part.file,
              part.set,
              part.version,
              String(part.questions),
              String(part.skipped),
              part.error !== null ? "not imported" : part.isNew ? "new" : "was there already",
            ]),
          ),
        );
        for (const { file, warnings, error } of imported) {
          for (const warning of warnings) print(`${file}: ${warning}`);
          if (error !== null) print(`${file}: ${error}`);
        }
      },
    );
}
