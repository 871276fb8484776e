import { createHash } from "node:crypto";
import type { DocumentRef, EpisodeStep } from "@/contracts/records/episode";
import { toEntries } from "@/core/metrics/columns";
import { appRouter } from "@/server/trpc/router";
import type { EpisodeDetail } from "@/contracts/api/episodes";
import type { Services } from "@/server/trpc/services";
import { chunk } from "@/lib/chunk";

type Caller = ReturnType<typeof appRouter.createCaller>;

const PAGE = 200;
const METRICS_AT_ONCE = 50;

/**
 * Reads through the API what its pages show of a loaded database: runs, curves, checkpoints,
 * episodes, question sets, evaluations, leaderboard. Token arrays, rankings' scores and
 * document texts are there as hashes. Nothing of it depends on the time of reading.
 *
 * @returns a value that survives JSON
 */
export async function readProduct(services: Services): Promise<Record<string, unknown>> {
  const caller = appRouter.createCaller({ services, actor: "test" });
  const { rows, counts } = await caller.runs.list({ sort: "oldest", limit: PAGE });
  const runs = [];
  for (const { id } of rows) runs.push(await readRun(caller, id));
  const evaluations = await caller.retrievalEvaluation.list();
  const value = {
    list: { rows, counts },
    runs,
    evaluations,
    comparisons: await Promise.all(
      evaluations.map(async ({ id }) => {
        const comparison = await caller.retrievalEvaluation.compare({ runIds: [id] });
        return { ...comparison, metrics: comparison.metrics.map(({ key }) => key) };
      }),
    ),
    leaderboard: await readLeaderboard(caller),
    corpora: await caller.catalogue.corpora(),
    questionSets: await caller.catalogue.questionSets(),
    tokens: await caller.workers.tokens(),
  };
  return JSON.parse(JSON.stringify(value)) as Record<string, unknown>;
}

async function readRun(caller: Caller, id: string): Promise<Record<string, unknown>> {
  const detail = await caller.runs.get({ id });
  const metrics = (await caller.metrics.names({ runId: id })).map(omitDescription);
  return {
    detail,
    history: await caller.runs.history({ id }),
    checkpoints: await caller.runs.checkpoints({ id }),
    metrics,
    series: await readSeries(
      caller,
      id,
      metrics.map(({ name }) => name),
    ),
    alarms: await caller.alarms.list({ runId: id }),
    statistics: detail.kind === "predict" ? await caller.leaderboard.run({ runId: id }) : [],
    steps: await caller.episodes.steps({ runId: id }),
    episodes: await readEpisodes(caller, id),
    logs: (await caller.runs.logs({ id })).lines,
  };
}

async function readLeaderboard(caller: Caller) {
  const { excluded, ...rest } = await caller.leaderboard.get({});
  return {
    ...rest,
    excluded: excluded.map(({ reasons, ...row }) => ({ ...row, reasons: reasons.length })),
  };
}

/** Help texts may be worded anew. */
const omitDescription = <T extends { description: unknown }>({
  description: _,
  ...rest
}: T): Omit<T, "description"> => rest;

async function readSeries(caller: Caller, runId: string, names: readonly string[]) {
  const found: Record<string, unknown> = {};
  for (const part of chunk(names, METRICS_AT_ONCE)) {
    const { series } = await caller.metrics.series({ runId, names: part, maxPoints: 2000 });
    for (const [name, columns] of Object.entries(series))
      found[name] = toEntries(columns).map((entry) => ({ ...entry, at: new Date(entry.at) }));
  }
  return found;
}

async function readEpisodes(caller: Caller, runId: string): Promise<unknown[]> {
  const episodes = [];
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<Caller["episodes"]["list"]>> = await caller.episodes.list({
      runId,
      sortDirection: "ascending",
      cursor,
      limit: PAGE,
    });
    for (const row of page.rows)
      episodes.push({ row, detail: shorten(await caller.episodes.get({ id: row.id })) });
    cursor = page.nextCursor;
  } while (cursor !== null);
  return episodes;
}

const hash = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 16);

/** Documents of a ranking by their ids, and a hash of their contents and scores. */
const shortenRanking = (documents: readonly DocumentRef[]): string =>
  [
    ...documents.map(({ id }) => id),
    hash(documents.map(({ id, hash: content, score }) => [id, content, score])),
  ].join(" ");

/** An episode with hashes in place of its long parts. */
function shorten({ record, documents, gold, ...rest }: EpisodeDetail): Record<string, unknown> {
  const { steps, context, ...episode } = record.episode;
  const { baseline } = record;
  return {
    ...rest,
    record: {
      ...record,
      episode: { ...episode, context: shortenRanking(context), steps: steps.map(shortenStep) },
      baseline: baseline && { ...baseline, context: shortenRanking(baseline.context) },
    },
    documents: hash(
      Object.entries(documents)
        .map(([key, { title, text }]) => [key, title, text] as const)
        .sort(([a], [b]) => (a < b ? -1 : 1)),
    ),
    gold: gold.map(({ id, document }) => `${id} ${document?.hash.slice(0, 16) ?? "not stored"}`),
  };
}

function shortenStep(step: EpisodeStep): Record<string, unknown> {
  if (step.kind === "retrieve") return { ...step, documents: shortenRanking(step.documents) };
  if (step.kind !== "generate") return step;
  const { ids, mask, logprobs, prompt, ...others } = step;
  return { ...others, prompt: hash(prompt ?? null), tokens: hash([ids, mask, logprobs]) };
}
