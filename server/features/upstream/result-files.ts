import type { ResultsFile, StatsFile } from "@/contracts/formats/upstream/files";
import { scoreExactMatch } from "@/core/scoring/rule-scoring";
import type { AnsweredQuestion } from "./queries";

/** A run's answers as the files of results that upstream's scripts write. Pure. */

/** A file of results: answer and scores by question. */
export function buildResults(
  dataset: string,
  rows: readonly AnsweredQuestion[],
  getAnswer: (row: AnsweredQuestion) => [string | null, number | null],
): ResultsFile {
  const table: ResultsFile[string] = {};
  for (const row of rows) {
    const [answer, score] = getAnswer(row);
    // A question without a score is left out: upstream would count it as wrong.
    if (answer !== null && score !== null)
      table[row.question] = { answer, score, em_score: scoreExactMatch(answer, row.answers) };
  }
  return { [dataset]: table };
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

export function buildStats(dataset: string, results: ResultsFile, total: number): StatsFile {
  const rows = Object.values(results[dataset] ?? {});
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const [correct, exact] = [
    sum(rows.map(({ score }) => score ?? 0)),
    sum(rows.map(({ em_score }) => em_score ?? 0)),
  ];
  const share = (value: number): number => (rows.length === 0 ? 0 : value / rows.length);
  return {
    timestamp: new Date().toISOString(),
    total_questions: total,
    processed_questions: rows.length,
    data_source_stats: {
      [dataset]: {
        total: rows.length,
        correct,
        accuracy: share(correct),
        em_correct: exact,
        em_accuracy: share(exact),
      },
    },
    remaining_questions: Math.max(0, total - rows.length),
  };
}
