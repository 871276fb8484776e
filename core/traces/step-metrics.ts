import { countRepeatedQueries } from "@/core/metrics/episode-statistics";
import type { MetricName } from "@/core/metrics/metric-table";
import { getQuadrantMetrics } from "@/core/metrics/metrics";
import { computeQueryInformation } from "@/core/metrics/query-information";
import { computeMean } from "@/core/statistics/summary";

/** An episode of another trainer, as far as a step's metrics need it. */
export interface ObservedEpisode {
  questionId: string;
  question: string;
  reward: number | null;
  /** Whether the trainer's reward counts as right; null: it gave none. */
  isRight: boolean | null;
  /** Score of naive RAG's answer; null: not known. */
  naive: number | null;
  /** Queries after the retrieval with the question itself; null: nothing of searches was read in it, not even their end. */
  queries: readonly string[] | null;
}

/** An episode of which it is known what it searched. */
type ReadEpisode = ObservedEpisode & { queries: readonly string[] };

/**
 * Episodes with their queries. Where searches were read in some, the others had none; where they were read in no
 * episode, nothing is known of any.
 */
const listRead = (episodes: readonly ObservedEpisode[]): ReadEpisode[] =>
  episodes.every(({ queries }) => queries === null)
    ? []
    : episodes.map((one) => ({ ...one, queries: one.queries ?? [] }));

type Values = Partial<Record<MetricName, number>>;

/** Share of these that fit; undefined for none. */
const computeShare = <T>(items: readonly T[], fits: (item: T) => boolean): number | undefined =>
  computeMean(items.map((item) => (fits(item) ? 1 : 0)));

/** Metrics of one training step's rollouts; what they do not tell is left out. */
export function computeObservedTrainingMetrics(episodes: readonly ObservedEpisode[]): Values {
  const read = listRead(episodes);
  const judged = episodes.filter(({ isRight }) => isRight !== null);
  const groups = groupByQuestion(episodes).filter((group) => group.length > 1);
  return keepNumbers({
    "reward/mean": computeMean(episodes.flatMap(({ reward }) => reward ?? [])),
    "reward/generation_accuracy": computeShare(judged, ({ isRight }) => isRight === true),
    ...measureQueries(read, "search/searches", "search/redundant_queries"),
    "search/copied_question": measureCopied(read),
    "search/query_information":
      computeQueryInformation(read.map((one) => ({ ...one, id: one.questionId }))) ?? undefined,
    "groups/without_variance": computeShare(
      groups.filter((group) => group.every(({ reward }) => reward !== null)),
      ([first, ...rest]) => rest.every(({ reward }) => reward === first!.reward),
    ),
    "groups/dead_questions": computeShare(
      groups.filter((group) => group.every(({ isRight }) => isRight !== null)),
      (group) => group.every(({ isRight }) => isRight === false),
    ),
    ...measureQuadrants(judged, "reward"),
  });
}

/** The same of one evaluation on held-out questions. */
export function computeObservedHeldOutMetrics(episodes: readonly ObservedEpisode[]): Values {
  const judged = episodes.filter(({ isRight }) => isRight !== null);
  const compared = judged.filter(({ naive }) => naive !== null);
  const accuracy = computeShare(compared, ({ isRight }) => isRight === true);
  const naive = computeMean(compared.flatMap((one) => one.naive ?? []));
  return keepNumbers({
    "held-out/accuracy": computeShare(judged, ({ isRight }) => isRight === true),
    "held-out/rag_accuracy": naive,
    "held-out/gbr": accuracy === undefined || naive === undefined ? undefined : accuracy - naive,
    ...measureQueries(listRead(episodes), "held-out/searches", "held-out/redundant_queries"),
    ...measureQuadrants(judged, "held-out"),
  });
}

/** Shares of the episodes whose naive RAG is known, by who is right. */
function measureQuadrants(
  judged: readonly ObservedEpisode[],
  family: "reward" | "held-out",
): Partial<Record<MetricName, number | undefined>> {
  const names = getQuadrantMetrics(family);
  const compared = judged.filter(({ naive }) => naive !== null);
  const measure = (right: boolean, naive: boolean): number | undefined =>
    computeShare(compared, (one) => one.isRight === right && one.naive! >= 1 === naive);
  return {
    [names.gained]: measure(true, false),
    [names["both-right"]]: measure(true, true),
    [names["both-wrong"]]: measure(false, false),
    [names.lost]: measure(false, true),
  };
}

const measureQueries = (
  episodes: readonly ReadEpisode[],
  searches: MetricName,
  redundant: MetricName,
): Partial<Record<MetricName, number | undefined>> => {
  const counts = episodes.map(countQueries);
  const queries = counts.reduce((sum, one) => sum + one.queries, 0);
  const repeated = counts.reduce((sum, one) => sum + one.repeated, 0);
  return {
    [searches]: computeMean(counts.map((one) => one.queries)),
    [redundant]: queries === 0 ? undefined : repeated / queries,
  };
};

function measureCopied(episodes: readonly ReadEpisode[]): number | undefined {
  const counts = episodes.map(countQueries);
  const queries = counts.reduce((sum, one) => sum + one.queries, 0);
  return queries === 0 ? undefined : counts.reduce((sum, one) => sum + one.copied, 0) / queries;
}

/** Counts as of an episode that begins with the question's own retrieval, whose query is the question. */
const countQueries = ({ question, queries }: ReadEpisode) =>
  countRepeatedQueries({
    steps: [question, ...queries].map((query, turn) => ({
      kind: "retrieve" as const,
      turn,
      seconds: 0,
      query,
      documents: [],
    })),
  });

function groupByQuestion(episodes: readonly ObservedEpisode[]): ObservedEpisode[][] {
  const groups = new Map<string, ObservedEpisode[]>();
  for (const one of episodes)
    groups.set(one.questionId, [...(groups.get(one.questionId) ?? []), one]);
  return [...groups.values()];
}

const keepNumbers = (values: Partial<Record<MetricName, number | undefined>>): Values =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
