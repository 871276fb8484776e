import type { z } from "zod";
import {
  listEpisodesRequestSchema,
  type CommonQuestionsRequest,
  type commonQuestionsResponseSchema,
  type EpisodeDetail,
  type episodeFacetsResponseSchema,
  type EpisodeMeasure,
  type episodeNeighboursRequestSchema,
  type episodeNeighboursResponseSchema,
  type EpisodeSelection,
  type episodeStepsResponseSchema,
  type listEpisodesResponseSchema,
  type MeasureRange,
  type summarizeEpisodesRequestSchema,
  type summarizeEpisodesResponseSchema,
} from "@/contracts/api/episodes";
import { AppError } from "@/contracts/errors";
import {
  episodeRecordSchema,
  type EpisodeRecord,
  type EpisodeStep,
} from "@/contracts/records/episode";
import { selectCorpusDocuments, selectDocumentTexts } from "@/server/features/corpora/queries";
import type { Database, Queries } from "@/server/platform/db/database";
import { cutPage, formatCursor } from "@/server/platform/db/paging";
import { empty } from "@/server/platform/db/query";
import { selectCommonQuestions } from "./common-queries";
import { chooseEdges, chooseSample, countBars, describeBar, REAL_MEASURES } from "./histogram";
import { parsePlace, summarizeFacets } from "./list-parts";
import {
  countBefore,
  countEpisodes,
  countReported,
  selectBars,
  selectBeside,
  selectEpisodes,
  selectFacets,
  selectLabelFacets,
  selectPlace,
  selectSpread,
} from "./list-queries";
import {
  buildLineageJoin,
  selectEpisode,
  selectEpisodeSteps,
  selectSiblings,
  selectStepSummaries,
  type EpisodeDetailRow,
} from "./queries";
import { matchEpisodes, type MatchedEpisodes } from "./selection-queries";
import { buildDocumentRefs, parseStepRow } from "./step-rows";

/** Reads episodes along the surviving lineage of their run. They are written by store-episodes.ts. */
export class EpisodeReader {
  constructor(private readonly database: Database) {}

  /** A page of a run's episodes. @param limit of the server's own readers may be larger than what the API allows */
  async list({
    limit = 50,
    ...request
  }: z.input<typeof listEpisodesRequestSchema>): Promise<
    z.infer<typeof listEpisodesResponseSchema>
  > {
    const { cursor, limit: _default, ...selection } = listEpisodesRequestSchema.parse(request);
    const after = cursor ? parsePlace(cursor, selection.sort) : null;
    const rows = await this.readSelected(selection, async (db) =>
      selectEpisodes(db, await matchEpisodes(db, selection), selection, {
        after,
        limit: limit + 1,
      }),
    );
    const page = cutPage(rows, limit, ({ ordinal, sortKey }) =>
      selection.sort === "recorded"
        ? String(ordinal)
        : formatCursor(JSON.stringify(sortKey), String(ordinal)),
    );
    return {
      rows: page.rows.map(({ ordinal: _ordinal, sortKey: _sortKey, ...row }) => row),
      nextCursor: page.nextCursor,
    };
  }

  /** How many episodes match, and how a measure is spread over them. */
  async summarize({
    measure,
    ...selection
  }: z.output<typeof summarizeEpisodesRequestSchema>): Promise<
    z.infer<typeof summarizeEpisodesResponseSchema>
  > {
    return this.readSelected(selection, async (db) => {
      const matched = await matchEpisodes(db, selection);
      const sample = matched.slow ? chooseSample(await countReported(db, selection.runId)) : 1;
      const unbound = measure ? omitMeasure(selection, measure) : null;
      const [counted, spread] = await Promise.all([
        !measure || unbound ? countEpisodes(db, matched, sample) : null,
        measure
          ? readSpread(db, unbound ? await matchEpisodes(db, unbound) : matched, measure, sample)
          : null,
      ]);
      return {
        total: (counted ?? spread?.total ?? 0) * sample,
        isEstimate: sample > 1,
        measure: measure ?? null,
        bars: (spread?.bars ?? []).map((bar) => ({ ...bar, count: bar.count * sample })),
        withoutValue: (spread?.withoutValue ?? 0) * sample,
      };
    });
  }

  /** What lies before and after an episode in a list. @throws AppError "not-found" */
  async findNeighbours({
    episodeId,
    ...selection
  }: z.output<typeof episodeNeighboursRequestSchema>): Promise<
    z.infer<typeof episodeNeighboursResponseSchema>
  > {
    return this.readSelected(selection, async (db) => {
      const [matched, place] = await Promise.all([
        matchEpisodes(db, selection),
        selectPlace(db, selection.runId, episodeId, selection),
      ]);
      if (!place) throw new AppError("not-found", `The run has no episode ${episodeId}.`);
      const isCountable = matched.slow === null;
      const [previousId, nextId, before, total] = await Promise.all([
        selectBeside(db, matched, selection, place, "before"),
        selectBeside(db, matched, selection, place, "after"),
        isCountable ? countBefore(db, matched, selection, place) : null,
        isCountable ? countEpisodes(db, matched) : null,
      ]);
      return { previousId, nextId, position: before === null ? null : before + 1, total };
    });
  }

  /** Reads what is selected; what a text selects is found by its indexes. */
  private readSelected<T>(
    { text }: EpisodeSelection,
    work: (db: Queries) => Promise<T>,
  ): Promise<T> {
    return text?.trim() ? this.database.readByIndex(work) : work(this.database.db);
  }

  /** What a run's episodes can be filtered by. */
  async listFacets(runId: string): Promise<z.infer<typeof episodeFacetsResponseSchema>> {
    const { db } = this.database;
    const lineage = await buildLineageJoin(db, runId);
    const [rows, labels] = await Promise.all([
      selectFacets(db, runId, lineage),
      selectLabelFacets(db, runId, lineage),
    ]);
    return { ...summarizeFacets(rows), labels };
  }

  /** The questions that two runs have in common, with the newest surviving episode of each. */
  listCommonQuestions(
    request: CommonQuestionsRequest,
  ): Promise<z.infer<typeof commonQuestionsResponseSchema>> {
    return selectCommonQuestions(this.database.db, request);
  }

  /** Which steps and phases of a run have episodes, with means over them. */
  async listSteps(runId: string): Promise<z.infer<typeof episodeStepsResponseSchema>> {
    const { db } = this.database;
    return selectStepSummaries(db, await buildLineageJoin(db, runId), runId);
  }

  /** An episode with the texts that it names, its gold documents and its group. @throws AppError "not-found" */
  async get(id: string): Promise<EpisodeDetail> {
    const { db } = this.database;
    const [row, stepRows] = await Promise.all([selectEpisode(db, id), selectEpisodeSteps(db, id)]);
    if (!row) throw new AppError("not-found", `There is no episode ${id}.`);
    const record = toEpisodeRecord(row, stepRows.map(parseStepRow));
    const shown = [
      ...record.episode.context,
      ...(record.baseline?.context ?? []),
      ...record.episode.steps.flatMap((step) => (step.kind === "retrieve" ? step.documents : [])),
    ];
    const { question } = row;
    const [texts, goldDocuments, siblings] = await Promise.all([
      selectDocumentTexts(db, shown),
      selectCorpusDocuments(db, row.corpus, question.goldIds),
      readSiblings(db, row),
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
    };
  }
}

/** The group of an episode; without a second attempt of the run everything survives. */
const readSiblings = async (
  db: Queries,
  row: EpisodeDetailRow,
): Promise<EpisodeDetail["siblings"]> =>
  selectSiblings(db, row.attempts > 1 ? await buildLineageJoin(db, row.runId) : empty, row);

/** A selection without what it wants of a measure; null where it wants nothing of it. */
function omitMeasure(
  selection: EpisodeSelection,
  measure: EpisodeMeasure,
): EpisodeSelection | null {
  const { [measure]: own, ...ranges } = selection.ranges;
  const { step, ...others } = selection;
  if (measure === "step")
    return own === undefined && step === undefined ? null : { ...others, ranges };
  return own === undefined ? null : { ...selection, ranges };
}

/** How many episodes match, and bars of a measure over them. */
async function readSpread(
  db: Queries,
  matched: MatchedEpisodes,
  measure: EpisodeMeasure,
  sample: number,
): Promise<{
  total: number;
  withoutValue: number;
  bars: (MeasureRange & { count: number })[];
}> {
  const spread = await selectSpread(db, matched, measure, sample);
  const counts = { total: spread?.total ?? 0, withoutValue: spread?.without ?? 0 };
  if (!spread || spread.min === null || spread.max === null) return { ...counts, bars: [] };
  const isWhole = !REAL_MEASURES.has(measure);
  const edges = chooseEdges(spread.min, spread.max, isWhole);
  const bars =
    spread.values && spread.counts
      ? countBars(edges, spread.values, spread.counts)
      : await selectBars(db, matched, measure, edges, sample);
  return {
    ...counts,
    bars: bars.map(({ bar, count }) => ({ ...describeBar(edges, bar, isWhole), count })),
  };
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
    ...(row.searches === null && { unknownSearches: true }),
  });
}
