import type { MethodName } from "@/contracts/records/episode";
import { AppError } from "@/contracts/errors";
import {
  isStepSequence,
  type OutputSequences,
  type ResultsFile,
  type StatsFile,
  type UpstreamFile,
} from "@/contracts/formats/upstream/files";
import { parseUpstreamFile } from "./parse-file";

/** Finds the runs in the files of a folder: which files belong together, and to which method. Pure. */

type FileOfKind<K extends UpstreamFile["kind"]> = Extract<UpstreamFile, { kind: K }>;
interface ReadFile<F extends UpstreamFile> {
  path: string;
  file: F;
}

/** One table of upstream's: what a method gave for the questions of a data set. */
export interface UpstreamTable {
  dataset: string;
  /** Where it comes from, the same for all data sets of a file: the results' path without its ending, or the folder of the sequences. */
  label: string;
  /** Null where no name tells it. */
  method: MethodName | null;
  /** From the RAG cache: naive RAG's answers, to which no sequences belong. */
  cache: boolean;
  /** Paths of the files that it is made of. */
  files: string[];
  sequences: OutputSequences;
  results: ResultsFile[string];
  /** What upstream's program counted of these results. */
  stats: StatsFile[];
}

/** Rollouts of one folder: a training run. */
export interface UpstreamRollouts {
  label: string;
  files: ReadFile<FileOfKind<"rollouts">>[];
}

export interface UpstreamFolder {
  tables: UpstreamTable[];
  rollouts: UpstreamRollouts[];
  /** Paths of files that are none of upstream's. */
  skipped: string[];
  /** Files that have a name of upstream's and cannot be read, each with the reason. */
  problems: { path: string; reason: string }[];
}

/** Reads every file and joins the files that belong together; one that cannot be read is listed and the others are read. */
export function readUpstreamFolder(
  files: readonly { path: string; content: string }[],
): UpstreamFolder {
  const folder: UpstreamFolder = { tables: [], rollouts: [], skipped: [], problems: [] };
  const read: ReadFile<UpstreamFile>[] = [];
  for (const { path, content } of files) {
    try {
      const file = parseUpstreamFile(path, content);
      if (file) read.push({ path, file });
      else folder.skipped.push(path);
    } catch (error) {
      folder.problems.push({
        path,
        reason: error instanceof AppError ? error.message : String(error),
      });
    }
  }
  const listFiles = <K extends UpstreamFile["kind"]>(kind: K): ReadFile<FileOfKind<K>>[] =>
    read.flatMap(({ path, file }) =>
      file.kind === kind ? [{ path, file: file as FileOfKind<K> }] : [],
    );
  folder.tables = buildTables(listFiles("sequences"), [
    ...listFiles("results"),
    ...listFiles("rag-cache"),
  ]);
  for (const { path, file } of listFiles("stats")) {
    const tables = findTablesOfStats(path, folder.tables);
    if (tables.length === 0)
      folder.problems.push({ path, reason: "The results that it counts are not among the files." });
    for (const table of tables) {
      table.stats.push(file.stats);
      table.files.push(path);
    }
  }
  for (const { path, file } of listFiles("rollouts")) {
    const label = getFolder(path) || "rollouts";
    const known = folder.rollouts.find((rollouts) => rollouts.label === label);
    if (known) known.files.push({ path, file });
    else folder.rollouts.push({ label, files: [{ path, file }] });
  }
  return folder;
}

function buildTables(
  sequences: readonly ReadFile<FileOfKind<"sequences">>[],
  results: readonly ReadFile<FileOfKind<"results" | "rag-cache">>[],
): UpstreamTable[] {
  const tables: UpstreamTable[] = results.flatMap(({ path, file }) =>
    Object.entries(file.results).map(([dataset, rows]) => ({
      dataset,
      label: removeEnding(path),
      method: file.kind === "rag-cache" ? ("rag" as const) : findMethodInPath(path),
      cache: file.kind === "rag-cache",
      files: [path],
      sequences: {},
      results: rows,
      stats: [],
    })),
  );
  const listTablesWithoutSequences = (dataset: string): UpstreamTable[] =>
    tables.filter(
      (table) =>
        table.dataset === dataset && !table.cache && Object.keys(table.sequences).length === 0,
    );
  // Files with a telling name are placed first; of the rest, a single table and a single file of a data set belong together.
  const unplaced = sequences.filter(({ path, file }) => {
    const named = listTablesWithoutSequences(file.dataset).filter(
      (table) =>
        path.split("/").slice(0, -1).includes(getBaseName(table.label)) ||
        (table.method !== null && table.method === findMethod(path, file.sequences)),
    );
    if (named.length !== 1) return true;
    addSequences(named[0]!, path, file.sequences);
    return false;
  });
  for (const { path, file } of unplaced) {
    const left = listTablesWithoutSequences(file.dataset);
    const only =
      unplaced.filter((other) => other.file.dataset === file.dataset).length === 1 &&
      left.length === 1
        ? left[0]!
        : null;
    const method = findMethod(path, file.sequences);
    if (only && (method === null || only.method === null || only.method === method))
      addSequences(only, path, file.sequences);
    else
      tables.push({
        dataset: file.dataset,
        label: getFolder(path) || removeEnding(path),
        method,
        cache: false,
        files: [path],
        sequences: file.sequences,
        results: {},
        stats: [],
      });
  }
  // Tables with sequences come first: sequences name gold answers, from which a question set can be made.
  return tables.sort(
    (a, b) =>
      Number(Object.keys(b.sequences).length > 0) - Number(Object.keys(a.sequences).length > 0),
  );
}

function addSequences(table: UpstreamTable, path: string, sequences: OutputSequences): void {
  table.sequences = sequences;
  table.files.push(path);
  table.method ??= findMethod(path, sequences);
}

/** The tables that a file of statistics counts: NAME_stats.json belongs to NAME.json, else to every table but the RAG cache. */
function findTablesOfStats(path: string, tables: readonly UpstreamTable[]): UpstreamTable[] {
  const name = getBaseName(path).replace(/_stats\.json$/, "");
  const named = tables.filter(({ label }) => getBaseName(label) === name);
  return named.length > 0 ? named : tables.filter(({ cache }) => !cache);
}

/** Names of methods as upstream's folders and files have them; the longer ones first. */
const METHOD_PATTERNS: readonly (readonly [RegExp, MethodName])[] = [
  [/search[-_ ]?o1/, "search-o1"],
  [/search[-_ ]?r1/, "search-r1"],
  [/deep[-_ ]?retrieval/, "deepretrieval"],
  [/ir[-_ ]?cot/, "ircot"],
  [/(^|[^a-z0-9])s3($|[^a-z0-9])/, "s3"],
  [/(^|[^a-z0-9])rag($|[^a-z0-9])/, "rag"],
  [/(^|[^a-z0-9])cot($|[^a-z0-9])/, "cot"],
  [/(^|[^a-z0-9])sft($|[^a-z0-9])/, "sft"],
  [/(^|[^a-z0-9])r1($|[^a-z0-9])/, "r1"],
  [/(^|[^a-z0-9])direct($|[^a-z0-9])/, "direct"],
];

/** The method that a path names, its last part first; null: none. */
export function findMethodInPath(path: string): MethodName | null {
  for (const part of path.toLowerCase().split("/").reverse()) {
    const found = METHOD_PATTERNS.find(([name]) => name.test(part));
    if (found) return found[1];
  }
  return null;
}

/** The method by the path and, for sequences with one step a retrieval, by their form: only IRCoT and Search-o1 have those, and Search-o1 marks its queries. */
function findMethod(path: string, sequences: OutputSequences): MethodName | null {
  const named = findMethodInPath(path);
  const stepwise = Object.values(sequences).filter(isStepSequence);
  if (stepwise.length === 0 || named === "ircot" || named === "search-o1") return named;
  return stepwise.some(({ chain_of_thought: thoughts }) =>
    thoughts?.some((text) => text.includes("begin_search_query")),
  )
    ? "search-o1"
    : "ircot";
}

/** The last part of a path. */
export const getBaseName = (path: string): string => path.slice(path.lastIndexOf("/") + 1);
const getFolder = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf("/")));
const removeEnding = (path: string): string => path.replace(/\.jsonl?$/, "");
