import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Argument, Option, type Command } from "commander";
import { FETCHED_FILES_RECORD, fetchedFilesSchema } from "@/contracts/formats/fetched-files";
import {
  questionFormatSchema,
  questionReadingSchema,
  type QuestionReading,
} from "@/contracts/formats/question-file";
import { AppError, parseOrThrow } from "@/contracts/errors";
import {
  QUESTION_PRESET_NAMES,
  QUESTION_PRESETS,
  type QuestionPreset,
  type QuestionPresetName,
} from "@/core/presets/question-presets";
import { DATA_DIR } from "@/lib/paths.mjs";
import type { Client } from "@/cli/lib/client";
import type { CommandContext } from "@/cli/lib/context";
import { formatTable } from "@/cli/lib/format";
import { runLocalProgram } from "@/cli/lib/local-program";
import { collect } from "@/cli/lib/options";
import { formatFound } from "@/core/reading/format-found";
import { readQuestionSource } from "@/cli/lib/question-file";

interface ImportOptions {
  name: string;
  format: string;
  column: string[];
  part: string[];
  goldCorpus?: string;
  skipProblems?: boolean;
  preview?: boolean;
  encoding: string;
  delimiter: string;
  quoting: string;
  booleans: string;
  cells: string;
  json?: boolean;
}

interface FetchOptions {
  name?: string;
  skipProblems?: boolean;
  json?: boolean;
}

/** `questions import` and `questions fetch`. */
export function addQuestionCommands(program: Command, context: CommandContext): void {
  const questions = program.command("questions").description("question sets");
  questions
    .command("import <file>")
    .description(
      "import questions: JSON lines, a JSON list, a table (CSV, TSV, ...) or parquet; ours, FlashRAG's, upstream's, MIRAGE's benchmark.json; gzip or not",
    )
    .requiredOption(
      "--name <set>",
      "name of the set, e.g. nq or nq/test; a file of several parts becomes NAME/PART each",
    )
    .option(
      "--format <format>",
      "where it cannot be told: jsonl, json, csv, tsv, parquet, mirage",
      "auto",
    )
    .option(
      "--column <field=column>",
      "which column holds a field, e.g. --column question=text; --column id= numbers the questions (may be repeated)",
      collect,
      [],
    )
    .option("--part <part>", "only this part (may be repeated)", collect, [])
    .option("--gold-corpus <name>", "look titles of gold passages up in this corpus")
    .option("--skip-problems", "leave out rows that cannot be used")
    .addOption(createChoice("encoding", "encoding of the text, converted where it is set"))
    .addOption(createChoice("delimiter", "what parts the fields of a table"))
    .addOption(createChoice("quoting", "how quotes stand in a table's quoted fields"))
    .addOption(createChoice("booleans", "what true and false become as answers"))
    .addOption(createChoice("cells", "whether a table's cells hold lists, or each one text"))
    .option("--preview", "only say what the file holds")
    .option("--json", "print JSON")
    .action((file: string, options: ImportOptions) => importFile(context, file, options));
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
    .action((name: QuestionPresetName, options: FetchOptions) =>
      fetchPreset(context, name, options),
    );
}

/** An option of how a file is read, with the values and the default that its schema has. */
function createChoice(name: keyof QuestionReading, description: string): Option {
  const { innerType, defaultValue } = questionReadingSchema.shape[name].def;
  return new Option(`--${name} <${name}>`, description)
    .choices(innerType.options)
    .default(defaultValue);
}

async function importFile(
  context: CommandContext,
  file: string,
  options: ImportOptions,
): Promise<void> {
  const { client, print, printJson } = context;
  const source = {
    ...(await readQuestionSource(
      file,
      parseOrThrow(questionFormatSchema, options.format, "--format"),
    )),
    reading: parseOrThrow(questionReadingSchema, options, "The options"),
    mapping: Object.fromEntries(options.column.map(parseColumn)),
    goldCorpus: options.goldCorpus ?? null,
  };
  if (options.preview) return previewFile(context, source, options.json);
  const imported = await client.catalogue.importQuestionFile.mutate({
    ...source,
    name: options.name,
    parts: options.part.length > 0 ? options.part : null,
    skipProblems: options.skipProblems ?? false,
  });
  if (options.json) return printJson(imported);
  for (const warning of imported.warnings) print(warning);
  print(
    formatTable(
      ["set", "version", "questions", "with gold", ""],
      imported.sets.map((set) => [
        set.name,
        set.version,
        String(set.questions),
        String(set.withGold),
        describeNew(set.isNew),
      ]),
    ),
  );
}

const describeNew = (isNew: boolean): string => (isNew ? "new" : "was there already");

type PreviewInput = Parameters<Client["catalogue"]["previewQuestions"]["mutate"]>[0];

/** Prints what a question file holds; nothing is imported. */
async function previewFile(
  { client, print, printJson }: CommandContext,
  source: PreviewInput,
  json = false,
): Promise<void> {
  const preview = await client.catalogue.previewQuestions.mutate(source);
  if (json) return printJson(preview);
  print(`${formatFound(preview)}, ${preview.rows} rows; columns: ${preview.columns.join(", ")}`);
  if (preview.unread.length > 0) print(`columns that are not read: ${preview.unread.join(", ")}`);
  print(
    formatTable(
      ["field", "column"],
      Object.entries(preview.mapping).map(([field, column]) => [field, column ?? "–"]),
    ),
  );
  print(
    formatTable(
      ["part", "questions", "with gold", "gold not found", "with options", "yes or no"],
      preview.parts.map((part) => [
        part.name || "(one part)",
        String(part.questions),
        String(part.withGold),
        String(part.unresolvedGold),
        String(part.withOptions),
        String(part.yesNo),
      ]),
    ),
  );
  for (const text of [...preview.undecided, ...preview.warnings]) print(text);
  for (const { where, message } of preview.problems) print(`${where} ${message}`);
  const more = preview.problemCount - preview.problems.length;
  if (more > 0) print(`and ${more} more rows that cannot be used`);
}

/** Parses `field=column`; no column: the field is not read. */
function parseColumn(text: string): [string, string | null] {
  const equals = text.indexOf("=");
  if (equals < 1)
    throw new AppError(
      "invalid-input",
      `--column takes field=column, e.g. --column answers=golden_answers, not "${text}".`,
    );
  return [text.slice(0, equals), text.slice(equals + 1) || null];
}

/** Upstream's published questions: the worker's program downloads them, the server imports them. */
async function fetchPreset(
  { client, print, printJson }: CommandContext,
  name: QuestionPresetName,
  options: FetchOptions,
): Promise<void> {
  const prefix = options.name ?? name;
  if (!/^\w[\w.-]*$/.test(prefix))
    throw new AppError(
      "invalid-input",
      `--name takes letters, digits, dots, dashes and underscores: each file becomes PREFIX/FILE, not "${prefix}/FILE".`,
    );
  // Whether the server answers is better known before so much is downloaded.
  await client.catalogue.questionSets.query();
  const preset: QuestionPreset = QUESTION_PRESETS[name];
  const words = ["questions", "download", name, ...(options.json ? ["--quiet"] : [])];
  if (!(await runLocalProgram(words))) return;
  const folder = join(DATA_DIR, "questions", name);
  const files = fetchedFilesSchema.parse(
    JSON.parse(await readFile(join(folder, FETCHED_FILES_RECORD), "utf8")),
  );
  const imported = await importFiles(
    client,
    files.map(({ path }) => join(folder, path)),
    prefix,
    preset,
    options.skipProblems ?? false,
  );
  if (imported.some(({ error }) => error !== null)) process.exitCode = 1;
  if (options.json) return printJson({ preset: name, licence: preset.licence, folder, imported });
  print(`files in ${folder}; licence: ${preset.licence}`);
  print(
    formatTable(
      ["file", "set", "version", "questions", "left out", ""],
      imported.map((part) => [
        part.file,
        part.set,
        part.version,
        String(part.questions),
        String(part.skipped),
        part.error !== null ? "not imported" : describeNew(part.isNew),
      ]),
    ),
  );
  for (const { file, warnings, error } of imported) {
    for (const warning of warnings) print(`${file}: ${warning}`);
    if (error !== null) print(`${file}: ${error}`);
  }
}

/** What became of a fetched file. */
export interface ImportedFile {
  file: string;
  set: string;
  questions: number;
  version: string;
  isNew: boolean;
  skipped: number;
  warnings: string[];
  /** Why the file was not imported; null where it was. */
  error: string | null;
}

/** Imports each file as PREFIX/FILE; where one cannot be imported, its reason is reported and the others follow. */
async function importFiles(
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
        ...(await readQuestionSource(path, "auto")),
        mapping: { ...preset.mapping },
        name: set,
        skipProblems,
      });
      for (const { name, questions, version, isNew } of sets)
        imported.push({
          file,
          set: name,
          questions,
          version,
          isNew,
          skipped,
          warnings,
          error: null,
        });
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
