import type { z } from "zod";
import { exactMatch } from "@/core/scoring/rule-scoring";
import { AppError } from "@/contracts/errors";
import type { Episode } from "@/contracts/records/episode";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import { s3SequenceOf, stepSequenceOf } from "@/core/upstream/episodes";
import type { OutputSequences, ResultsFile, StatsFile } from "@/contracts/formats/upstream/files";
import type { exportUpstreamResponseSchema } from "@/contracts/api/upstream";
import type { Database } from "@/server/platform/db/database";
import { storedEpisodes } from "@/server/features/episodes/stored-episodes";

const BATCH = 500;
/** Methods whose files upstream writes retrieval by retrieval. */
const STEPWISE: ReadonlySet<Episode["method"]> = new Set<Episode["method"]>(["ircot", "search-o1"]);

interface Row {
  questionId: string;
  question: string;
  answers: string[];
  answer: string | null;
  score: number | null;
  ragAnswer: string | null;
  ragScore: number | null;
}

/** A run as the files that upstream's scripts write, so that its own tools read it. */
export class UpstreamExport {
  constructor(private readonly database: Database) {}

  async export(runId: string): Promise<z.infer<typeof exportUpstreamResponseSchema>> {
    const { db } = this.database;
    const [run] = await db.$queryRaw<
      { config: unknown }[]
    >`SELECT config FROM runs WHERE id = ${runId}::uuid`;
    if (!run) throw new AppError("not-found", `There is no run ${runId}.`);
    const config = runConfigSchema.parse(run.config);
    if (config.kind === "train") return { files: await this.rollouts(runId) };
    if (config.kind !== "predict")
      throw new AppError("unsupported", `A ${config.kind} run has no files of upstream's.`);
    const rows = await db.$queryRaw<Row[]>`
      SELECT e.question_id AS "questionId", q.question, q.answers, a.text AS answer, s.value AS score, ra.text AS "ragAnswer", rs.value AS "ragScore"
      FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id LEFT JOIN answers a ON a.id = e.answer_id LEFT JOIN scores s ON s.id = e.score_id
      LEFT JOIN answers ra ON ra.id = e.baseline_answer_id LEFT JOIN scores rs ON rs.id = e.baseline_score_id
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'predict' ORDER BY q.ordinal`;
    const sequences: OutputSequences = {};
    for (let start = 0; start < rows.length; start += BATCH) {
      const batch = rows.slice(start, start + BATCH);
      const { episodes, documents } = await storedEpisodes(db, {
        runId,
        questionIds: batch.map((row) => row.questionId),
      });
      const texts = new Map(documents.map((document) => [document.hash, document]));
      const byQuestion = new Map(episodes.map(({ episode }) => [episode.questionId, episode]));
      for (const { questionId, question, answers } of batch) {
        const episode = byQuestion.get(questionId);
        if (!episode) continue;
        const exported = {
          answers,
          steps: episode.steps,
          context: episode.context,
          textOf: (hash: string) => texts.get(hash) ?? { title: "", text: "" },
        };
        sequences[question] = STEPWISE.has(episode.method)
          ? stepSequenceOf(exported)
          : s3SequenceOf(exported);
      }
    }
    const dataset = config.questions.replace(/^upstream\//, "").replaceAll("/", "_");
    const name = config.method;
    const [expected] = await db.$queryRaw<{ n: number }[]>`
      SELECT s.questions AS n FROM question_sets s WHERE s.id = coalesce((SELECT p.set_id FROM run_question_sets p WHERE p.run_id = ${runId}::uuid AND p.name = ${config.questions}),
        (SELECT id FROM question_sets WHERE name = ${config.questions} ORDER BY created_at DESC LIMIT 1))`;
    const total = Math.min(expected?.n ?? rows.length, config.limit ?? Number.POSITIVE_INFINITY);
    const results = resultsOf(dataset, rows, (row) => [row.answer, row.score]);
    // Naive RAG has no baseline: it is the baseline.
    const isNaiveRag =
      config.method === "rag" &&
      config.matchRun === null &&
      config.documents === config.generator.ragDocuments;
    const cache = cacheOf(
      isNaiveRag ? results : resultsOf(dataset, rows, (row) => [row.ragAnswer, row.ragScore]),
    );
    const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
    return {
      files: [
        { path: `${dataset}_output_sequences.json`, content: json(sequences) },
        { path: `results/${name}.json`, content: json(results) },
        { path: `results/${name}_stats.json`, content: json(statsOf(dataset, results, total)) },
        ...(Object.keys(cache[dataset]!).length > 0
          ? [{ path: "rag_cache.json", content: json(cache) }]
          : []),
      ],
    };
  }

  /** verl's rollouts: a file a step. */
  private async rollouts(runId: string): Promise<{ path: string; content: string }[]> {
    const rows = await this.database.db.$queryRaw<
      {
        step: number;
        reward: number | null;
        question: string;
        answers: string[];
        prompt: string | null;
        text: string | null;
      }[]
    >`
      SELECT e.step, e.reward, q.question, q.answers, g.prompt, g.text FROM episodes e JOIN questions q ON q.set_id = e.set_id AND q.id = e.question_id
      LEFT JOIN LATERAL (SELECT string_agg(s.prompt, E'\n' ORDER BY s.index) AS prompt, string_agg(s.text, E'\n' ORDER BY s.index) AS text FROM steps s WHERE s.episode_id = coalesce(e.steps_of, e.id) AND s.kind = 'generate') g ON true
      WHERE e.run_id = ${runId}::uuid AND e.phase = 'train' ORDER BY e.step, e.ordinal`;
    const files = new Map<number, string[]>();
    for (const { step, reward, question, answers, prompt, text } of rows) {
      const line = JSON.stringify({
        input: prompt ?? question,
        output: text ?? "",
        score: reward ?? 0,
        step,
        gts: { question, target: answers },
      });
      files.set(step, [...(files.get(step) ?? []), line]);
    }
    if (files.size === 0)
      throw new AppError("not-found", "The run has stored no training episode yet.");
    return [...files].map(([step, lines]) => ({
      path: `rollouts/${step}.jsonl`,
      content: `${lines.join("\n")}\n`,
    }));
  }
}

function resultsOf(
  dataset: string,
  rows: readonly Row[],
  pick: (row: Row) => [string | null, number | null],
): ResultsFile {
  const table: ResultsFile[string] = {};
  for (const row of rows) {
    const [answer, score] = pick(row);
    // A question without a score is left out: upstream would count it as wrong.
    if (answer !== null && score !== null)
      table[row.question] = { answer, score, em_score: exactMatch(answer, row.answers) };
  }
  return { [dataset]: table };
}

/** A RAG cache of results: upstream looks questions up with a question mark at their end, whether they have one or not. */
function cacheOf(results: ResultsFile): ResultsFile {
  const asKey = (question: string): string => `${question.trim().replace(/\?$/, "")}?`;
  return Object.fromEntries(
    Object.entries(results).map(([dataset, table]) => [
      dataset,
      Object.fromEntries(
        Object.entries(table).map(([question, result]) => [asKey(question), result]),
      ),
    ]),
  );
}

function statsOf(dataset: string, results: ResultsFile, total: number): StatsFile {
  const rows = Object.values(results[dataset] ?? {});
  const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);
  const [correct, exact] = [
    sum(rows.map(({ score }) => score)),
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
