import type { z } from "zod";
import type { exportUpstreamResponseSchema } from "@/contracts/api/upstream";
import { AppError } from "@/contracts/errors";
import type { outputSequencesSchema } from "@/contracts/formats/upstream/files";
import { formatGoldAnswers, formatQuestionText } from "@/contracts/formats/upstream/question-text";
import type { Episode } from "@/contracts/records/episode";
import { runConfigSchema } from "@/contracts/run-config/run-config";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import { buildS3Sequence, buildStepSequence } from "@/core/upstream/episodes";
import { readStoredEpisodes } from "@/server/features/episodes/worker-reads";
import { countAskedQuestions } from "@/server/features/question-sets/count-chosen";
import type { Database } from "@/server/platform/db/database";
import {
  selectAnsweredQuestions,
  selectRollouts,
  selectRunSet,
  type AnsweredQuestion,
} from "./queries";
import {
  buildRagCache,
  buildResults,
  buildStats,
  groupBySource,
  nameSources,
} from "./result-files";
import { chunk } from "@/lib/chunk";

const BATCH = 500;
/** Methods whose files upstream writes retrieval by retrieval. */
const STEPWISE: ReadonlySet<Episode["method"]> = new Set<Episode["method"]>(["ircot", "search-o1"]);

type ExportedSequences = z.input<typeof outputSequencesSchema>;
type ExportedFiles = z.infer<typeof exportUpstreamResponseSchema>["files"];

/** A run as the files that upstream's scripts write, so that its own tools read it. */
export class UpstreamExport {
  constructor(private readonly database: Database) {}

  /** @throws AppError "not-found", "unsupported" where upstream has no files of such runs */
  async export(runId: string): Promise<{ files: ExportedFiles }> {
    const { db } = this.database;
    const run = await db.run.findUnique({ where: { id: runId }, select: { config: true } });
    if (!run) throw new AppError("not-found", `There is no run ${runId}.`);
    const config = runConfigSchema.parse(run.config);
    if (config.kind === "train") return { files: await this.exportRollouts(runId) };
    if (config.kind === "predict") return { files: await this.exportResults(runId, config) };
    throw new AppError("unsupported", `A ${config.kind} run has no files of upstream's.`);
  }

  private async exportResults(runId: string, config: PredictConfig): Promise<ExportedFiles> {
    const { db } = this.database;
    const rows = await selectAnsweredQuestions(db, runId);
    const dataset = config.questions.replace(/^upstream\//, "").replaceAll("/", "_");
    const set = await selectRunSet(db, runId, config.questions);
    const asked =
      set === null
        ? rows.length
        : await countAskedQuestions(db, set.id, { ...config, method: "all" }, set.questions);
    const sources = groupBySource(dataset, rows);
    const names = nameSources(sources.keys());
    const sequences: ExportedFiles = [];
    for (const [source, asked] of sources)
      sequences.push({
        path: `${names.get(source)}_output_sequences.json`,
        content: formatJson(await this.readSequences(runId, asked)),
      });
    const results = buildResults(sources, (row) => [row.answer, row.score]);
    // Naive RAG has no baseline: it is the baseline.
    const isNaiveRag =
      config.method === "rag" &&
      config.matchRun === null &&
      config.documents === config.generator.ragDocuments;
    const cache = buildRagCache(
      isNaiveRag ? results : buildResults(sources, (row) => [row.ragAnswer, row.ragScore]),
    );
    const hasCache = Object.values(cache).some((table) => Object.keys(table).length > 0);
    const stats = buildStats(results, asked);
    return [
      ...sequences,
      { path: `results/${config.method}.json`, content: formatJson(results) },
      { path: `results/${config.method}_stats.json`, content: formatJson(stats) },
      ...(hasCache ? [{ path: "rag_cache.json", content: formatJson(cache) }] : []),
    ];
  }

  /** What the searcher did for each question, read in batches. */
  private async readSequences(
    runId: string,
    rows: readonly AnsweredQuestion[],
  ): Promise<ExportedSequences> {
    const sequences: ExportedSequences = {};
    for (const batch of chunk(rows, BATCH)) {
      const { episodes, documents } = await readStoredEpisodes(this.database.db, {
        runId,
        questionIds: batch.map((row) => row.questionId),
      });
      const textByHash = new Map(documents.map((document) => [document.hash, document]));
      const byQuestion = new Map(episodes.map(({ episode }) => [episode.questionId, episode]));
      for (const question of batch) {
        const episode = byQuestion.get(question.questionId);
        if (!episode) continue;
        const exported = {
          question,
          steps: episode.steps,
          context: episode.context,
          getText: (hash: string) => textByHash.get(hash) ?? { title: "", text: "" },
        };
        sequences[formatQuestionText(question)] = STEPWISE.has(episode.method)
          ? buildStepSequence(exported)
          : buildS3Sequence(exported);
      }
    }
    return sequences;
  }

  /** verl's rollouts: a file a step. */
  private async exportRollouts(runId: string): Promise<ExportedFiles> {
    const rows = await selectRollouts(this.database.db, runId);
    const linesByStep = new Map<number, string[]>();
    for (const { step, reward, prompt, text, ...asked } of rows) {
      const question = formatQuestionText(asked);
      const line = JSON.stringify({
        input: prompt ?? question,
        output: text ?? "",
        // Without a reward there is none: 0 would be one.
        score: reward,
        step,
        gts: { question, target: formatGoldAnswers(asked) },
      });
      linesByStep.set(step, [...(linesByStep.get(step) ?? []), line]);
    }
    if (linesByStep.size === 0)
      throw new AppError("not-found", "The run has stored no training episode yet.");
    return [...linesByStep].map(([step, lines]) => ({
      path: `rollouts/${step}.jsonl`,
      content: `${lines.join("\n")}\n`,
    }));
  }
}

const formatJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
