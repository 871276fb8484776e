import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Argument, type Command } from "commander";
import {
  FETCHED_FILES_RECORD,
  fetchedFilesSchema,
  type FetchedFiles,
} from "@/contracts/formats/fetched-files";
import {
  QUESTION_PRESET_NAMES,
  QUESTION_PRESETS,
  type QuestionPreset,
  type QuestionPresetName,
} from "@/core/presets/question-presets";
import { getFileSize } from "@/lib/files";
import { parseJsonOrNull } from "@/lib/json";
import { DATA_DIR } from "@/lib/paths.mjs";
import { fetchHubFiles } from "@/gpu-workers/corpora/import/fetch-source";
import { createDownloadPrinter, runInterruptibly } from "./terminal";

/** `questions download`: the files of a preset, for `questions fetch` of the command line to import. */
export function addQuestionCommands(program: Command): void {
  program
    .command("questions")
    .description("question files on this machine")
    .command("download")
    .description("download the files of published questions into the data folder")
    .addArgument(new Argument("<preset>", "what to download").choices(QUESTION_PRESET_NAMES))
    .option("--quiet", "print no progress")
    .action(async (name: QuestionPresetName, options: { quiet?: boolean }) => {
      const print = createDownloadPrinter();
      await runInterruptibly(
        (signal) =>
          fetchQuestionFiles(QUESTION_PRESETS[name], {
            folder: join(DATA_DIR, "questions", name),
            signal,
            onProgress: (detail, done, total) => {
              if (!options.quiet) print(detail, done, total);
            },
          }),
        "Stopped. The same command goes on where it was.",
      );
    });
}

export interface FetchQuestionsOptions {
  /** Files are kept here: an interrupted download is continued, and a second call fetches nothing. */
  folder: string;
  signal: AbortSignal;
  onProgress: (detail: string, done: number, total: number) => void;
  /** Pauses before an interrupted download is continued; by default those of the corpora's downloads. */
  pausesMs?: readonly number[];
}

/**
 * Downloads the files of a preset and checks each against the hub's sha256. Where all of them are in the folder
 * already, no request is sent.
 *
 * @returns their paths
 * @throws AppError "not-found" where the hub cannot be reached, with what to do by hand, and those of download.ts
 */
export async function fetchQuestionFiles(
  preset: QuestionPreset,
  { folder, ...options }: FetchQuestionsOptions,
): Promise<string[]> {
  const record = join(folder, FETCHED_FILES_RECORD);
  const known = fetchedFilesSchema.safeParse(
    parseJsonOrNull(await readFile(record, "utf8").catch(() => "")),
  );
  if (known.success && (await areComplete(folder, known.data)))
    return known.data.map(({ path }) => join(folder, path));
  const files = (await fetchHubFiles(preset.files, folder, preset.byHand, options)).map(
    ({ path, bytes }) => ({ path, bytes }),
  );
  await writeFile(record, `${JSON.stringify(files satisfies FetchedFiles, null, 2)}\n`);
  return files.map(({ path }) => join(folder, path));
}

/** Whether each file is in the folder with the size that was recorded. */
async function areComplete(folder: string, files: FetchedFiles): Promise<boolean> {
  const sizes = await Promise.all(files.map(({ path }) => getFileSize(join(folder, path))));
  return files.every(({ bytes }, i) => sizes[i] === bytes);
}
