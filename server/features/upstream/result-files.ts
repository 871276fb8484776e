import type { ResultsFile, StatsFile } from "@/contracts/formats/upstream/files";
import { formatGoldAnswers, formatQuestionText } from "@/contracts/formats/upstream/question-text";
import { scoreExactMatch } from "@/core/scoring/rule-scoring";
import type { AnsweredQuestion } from "./queries";

/** A run's answers as the files of results that upstream's scripts write. Pure. */

/**
 * The questions of a run by data source, each of which upstream has in a file of its own. A set that was joined of
 * several has the source as the type of each question and before each id; any other is one source, named by the set.
 */
export function groupBySource(
  dataset: string,
  rows: readonly AnsweredQuestion[],
): Map<string, AnsweredQuestion[]> {
  const isJoined = rows.every(
    ({ questionId, type }) => type !== null && questionId.startsWith(`${type}-`),
  );
  const sources = new Map<string, AnsweredQuestion[]>();
  for (const row of rows) {
    const source = isJoined && row.type !== null ? row.type : dataset;
    const known = sources.get(source);
    if (known) known.push(row);
    else sources.set(source, [row]);
  }
  if (sources.size === 0) sources.set(dataset, []);
  return sources;
}

/** A name of a file for each data source; sources that are alike in a file's name ("a/b" and "a_b") are numbered. */
export function nameSources(sources: Iterable<string>): Map<string, string> {
  const names = new Map<string, string>();
  const taken = new Set<string>();
  for (const source of sources) {
    const plain = source.replaceAll("/", "_");
    let name = plain;
    // Some file systems take capital and small letters for the same.
    for (let i = 2; taken.has(name.toLowerCase()); i++) name = `${plain}_${i}`;
    taken.add(name.toLowerCase());
    names.set(source, name);
  }
  return names;
}

/** A file of results: answer and scores by data source and question. */
export function buildResults(
  sources: ReadonlyMap<string, readonly AnsweredQuestion[]>,
  getAnswer: (row: AnsweredQuestion) => [string | null, number | null],
): ResultsFile {
  const results: ResultsFile = {};
  for (const [source, rows] of sources) {
    const table: ResultsFile[string] = {};
    for (const row of rows) {
      const [answer, score] = getAnswer(row);
      // A question without a score is left out: upstream would count it as wrong.
      if (answer !== null && score !== null)
        table[formatQuestionText(row)] = {
          answer,
          score,
          // Of a multiple choice upstream compares with "B: text", its gold.
          em_score: scoreExactMatch(answer, formatGoldAnswers(row)),
        };
    }
    results[source] = table;
  }
  return results;
}

/** A RAG cache of results: upstream looks questions up with a question mark at their end, whether they have one or not. */
export function buildRagCache(results: ResultsFile): ResultsFile {
  const toCacheKey = (question: string): string => `${question.trim().replace(/\?$/, "")}?`;
  return Object.fromEntries(
    Object.entries(results).map(([dataset, table]) => [
      dataset,
      Object.fromEntries(
        Object.entries(table).map(([question, result]) => [toCacheKey(question), result]),
      ),
    ]),
  );
}

export function buildStats(results: ResultsFile, total: number): StatsFile {
  const tables = Object.values(results).map((table) => Object.keys(table).length);
  const processed = tables.reduce((all, rows) => all + rows, 0);
  return {
    timestamp: new Date().toISOString(),
    total_questions: total,
    processed_questions: processed,
    data_source_stats: Object.fromEntries(
      Object.entries(results).map(([source, table]) => [source, countCorrect(table)]),
    ),
    remaining_questions: Math.max(0, total - processed),
  };
}

function countCorrect(table: ResultsFile[string]): StatsFile["data_source_stats"][string] {
  const rows = Object.values(table);
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const share = (value: number): number => (rows.length === 0 ? 0 : value / rows.length);
  const [correct, exact] = [
    sum(rows.map(({ score }) => score ?? 0)),
    sum(rows.map(({ em_score }) => em_score ?? 0)),
  ];
  return {
    total: rows.length,
    correct,
    accuracy: share(correct),
    em_correct: exact,
    em_accuracy: share(exact),
  };
}
