import type { z } from "zod";
import type {
  EpisodeDetail,
  episodeStepsResponseSchema,
  listEpisodesRequestSchema,
  listEpisodesResponseSchema,
} from "@/contracts/api/episodes";
import { AppError } from "@/contracts/errors";
import {
  episodeRecordSchema,
  type EpisodeRecord,
  type EpisodeStep,
} from "@/contracts/records/episode";
import { selectCorpusDocuments, selectDocumentTexts } from "@/server/features/corpora/queries";
import type { Database } from "@/server/platform/db/database";
import { cutPage } from "@/server/platform/db/paging";
import {
  buildLineageJoin,
  countEpisodes,
  selectEpisode,
  selectEpisodes,
  selectEpisodeSteps,
  selectNeighbour,
  selectSiblings,
  selectStepSummaries,
  type EpisodeDetailRow,
} from "./queries";
import { buildDocumentRefs, parseStepRow } from "./step-rows";

/** Reads episodes along the surviving lineage of their run. They are written by store-episodes.ts. */
export class EpisodeReader {
  constructor(private readonly database: Database) {}

  /** A page of a run's episodes, and how many there are on all pages. */
  async list(
    request: z.output<typeof listEpisodesRequestSchema>,
  ): Promise<z.infer<typeof listEpisodesResponseSchema>> {
    const { db } = this.database;
    const lineage = await buildLineageJoin(db, request.runId);
    const [rows, total] = await Promise.all([
      selectEpisodes(db, lineage, request),
      countEpisodes(db, lineage, request),
    ]);
    const page = cutPage(rows, request.limit, (last) => String(last.ordinal));
    return {
      rows: page.rows.map(({ ordinal: _ordinal, ...row }) => row),
      nextCursor: page.nextCursor,
      total,
    };
  }

  /** Which steps and phases of a run have episodes, with means over them. */
  async listSteps(runId: string): Promise<z.infer<typeof episodeStepsResponseSchema>> {
    const { db } = this.database;
    return selectStepSummaries(db, await buildLineageJoin(db, runId), runId);
  }

  /** An episode with the texts that it names, its gold documents and its neighbours. @throws AppError "not-found" */
  async get(id: string): Promise<EpisodeDetail> {
    const { db } = this.database;
    const row = await selectEpisode(db, id);
    if (!row) throw new AppError("not-found", `There is no episode ${id}.`);
    const [lineage, stepRows] = await Promise.all([
      buildLineageJoin(db, row.runId),
      selectEpisodeSteps(db, row.stepsOf),
    ]);
    const record = toEpisodeRecord(row, stepRows.map(parseStepRow));
    const shown = [
      ...record.episode.context,
      ...(record.baseline?.context ?? []),
      ...record.episode.steps.flatMap((step) => (step.kind === "retrieve" ? step.documents : [])),
    ];
    const { question } = row;
    const [texts, goldDocuments, siblings, previousId, nextId] = await Promise.all([
      selectDocumentTexts(db, shown),
      selectCorpusDocuments(db, row.corpus, question.goldIds),
      selectSiblings(db, lineage, row),
      selectNeighbour(db, lineage, row, "previous"),
      selectNeighbour(db, lineage, row, "next"),
    ]);
    return {
      id: row.id,
      runId: row.runId,
      attempt: row.attempt,
      questionSet: row.questionSet,
      corpus: row.corpus,
      record,
      question,
      documents: Object.fromEntries(texts.map((text) => [text.hash, text])),
      gold: question.goldIds.map((goldId) => ({
        id: goldId,
        document: goldDocuments.find((document) => document.id === goldId) ?? null,
      })),
      siblings,
      previousId,
      nextId,
    };
  }
}

/** The record that a worker reported, from its row and its steps. @throws ZodError where they make none */
function toEpisodeRecord(row: EpisodeDetailRow, steps: readonly EpisodeStep[]): EpisodeRecord {
  return episodeRecordSchema.parse({
    phase: row.phase,
    step: row.step,
    episode: {
      key: row.key,
      method: row.method,
      protocol: row.protocol,
      questionId: row.questionId,
      sampleIndex: row.sampleIndex,
      steps,
      context: buildDocumentRefs(row.contextIds, row.contextHashes, row.contextScores),
      ...(row.usage !== null && { usage: row.usage }),
    },
    answer: row.answer,
    score: row.score,
    baseline:
      row.baselineAnswer && row.baselineScore
        ? {
            context: buildDocumentRefs(row.baselineIds, row.baselineHashes, row.baselineScores),
            answer: row.baselineAnswer,
            score: row.baselineScore,
          }
        : null,
    reward: row.reward,
    advantage: row.advantage,
    attribution: row.attribution,
    formatErrors: row.formatErrors,
  });
}
