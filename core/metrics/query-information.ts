import { computeMean } from "@/core/statistics/summary";
import { normaliseWords } from "@/core/scoring/words";

/** An episode's queries with the question that they are about. */
export interface QuestionQueries {
  id: string;
  question: string;
  queries: readonly string[];
}

/** How sharply a query decides for the question that it has most words of. The estimate is a lower bound for any value. */
const SHARPNESS = 10;

/** Scripts that are written without spaces: each character is a word. */
const UNSPACED = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;

const listWords = (text: string): Set<string> =>
  new Set(
    normaliseWords(text).flatMap((word) => (UNSPACED.test(word) ? Array.from(word) : [word])),
  );

/** Of each word of a question's texts the episodes that wrote it; null stands for the question itself. */
type Profile = ReadonlyMap<string, ReadonlySet<number | null>>;

function buildProfiles(episodes: readonly QuestionQueries[]): Map<string, Profile> {
  const profiles = new Map<string, Map<string, Set<number | null>>>();
  const add = (id: string, text: string, source: number | null): void => {
    const profile = profiles.get(id) ?? new Map<string, Set<number | null>>();
    profiles.set(id, profile);
    for (const word of listWords(text))
      profile.set(word, (profile.get(word) ?? new Set()).add(source));
  };
  for (const [i, { id, question, queries }] of episodes.entries()) {
    add(id, question, null);
    for (const query of queries) add(id, query, i);
  }
  return profiles;
}

/**
 * What the searcher's queries tell of the questions they are about: a lower bound of the mutual information of query and
 * question over a step's questions that were searched for, as a share of its largest value, log n of n questions.
 *
 * The bound is InfoNCE (van den Oord et al. 2018, arXiv 1807.03748): log n plus the mean log-probability of a query's own
 * question under a softmax of similarities to all n. A similarity is the share of the query's words, each weighted by its
 * rarity among the questions, that stand in a question or in the queries of its other episodes. So queries that are the
 * same whatever is asked give 0, and those of a question that go beyond its words together still count.
 *
 * @returns 0 (below 0 the bound says nothing) to 1; null where fewer than two questions were searched for
 */
export function computeQueryInformation(episodes: readonly QuestionQueries[]): number | null {
  const searching = episodes.filter(({ queries }) => queries.length > 0);
  const profiles = buildProfiles(searching);
  if (profiles.size < 2) return null;
  const gains = searching.flatMap(({ id, queries }, i) =>
    queries.map((query) => scoreQuery(listWords(query), id, i, profiles)),
  );
  return Math.min(1, Math.max(0, computeMean(gains)! / Math.log(profiles.size)));
}

/** log n plus the log-probability of the query's own question. @param episode whose words do not count as its question's */
function scoreQuery(
  words: ReadonlySet<string>,
  own: string,
  episode: number,
  profiles: ReadonlyMap<string, Profile>,
): number {
  let total = 0;
  const shared = new Map<string, number>([...profiles.keys()].map((id) => [id, 0]));
  for (const word of words) {
    const holders = [...profiles].flatMap(([id, profile]) => {
      const sources = profile.get(word);
      const others = sources && (id !== own || sources.size > 1 || !sources.has(episode));
      return others ? [id] : [];
    });
    const rarity = Math.log(profiles.size / Math.max(1, holders.length));
    total += rarity;
    for (const id of holders) shared.set(id, shared.get(id)! + rarity);
  }
  const logits = [...shared].map(([id, sum]) => ({
    id,
    logit: total === 0 ? 0 : (SHARPNESS * sum) / total,
  }));
  const mass = logits.reduce((sum, { logit }) => sum + Math.exp(logit), 0);
  const chosen = logits.find(({ id }) => id === own)!.logit;
  return Math.log(profiles.size) + chosen - Math.log(mass);
}
