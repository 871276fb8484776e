import { performance } from "node:perf_hooks";
import { buildBar, type Bar } from "@/bench/report/report";
import { episodeSortSchema } from "@/contracts/api/episodes";
import { computeQuantile } from "@/core/statistics/bootstrap";
import type { EpisodeReader } from "@/server/features/episodes/episode-reader";

const REPEATS = 20;
const LIST_LIMIT_MS = 200;
const OPEN_LIMIT_MS = 50;

/** Ways in which people ask for the list. The words are drawn by fill-episodes.ts: "baba" is in most documents. */
const LISTS: Readonly<Record<string, object>> = {
  all: {},
  "of steps": { ranges: { step: { min: 100, max: 200 } } },
  "of a phase": { phase: "train" },
  "of a reward": { ranges: { reward: { min: 1 } } },
  "of an advantage": { ranges: { advantage: { min: 0.5, below: 0.6 } } },
  "of searches": { ranges: { searches: { min: 2 } } },
  "of documents": { ranges: { documents: { max: 3 } } },
  "of tokens": { ranges: { tokens: { min: 100 } } },
  "of a type": { type: "two-hop" },
  gained: { filter: "gained" },
  "both wrong": { filter: "both-wrong" },
  "never retrieved": { filter: "never-retrieved" },
  "scorers disagree": { filter: "scorer-doubtful" },
  "of a format error": { formatError: "truncated" },
  "groups without variance": { filter: "no-variance" },
  "of a rare word": { text: "zuzuzu zyz" },
  "of a word in answers": { text: "lomu", textIn: "answer" },
  "of a word in queries": { text: "cefo", textIn: "queries" },
  "of a word in documents": { text: "kilo", textIn: "documents" },
  "of a word anywhere": { text: "kilo" },
  "of a common word": { text: "ba" },
  "of two words and a filter": { text: "ba ce", filter: "gained", sort: "reward" },
  ...Object.fromEntries(episodeSortSchema.options.map((sort) => [`by ${sort}`, { sort }])),
};

/**
 * 95th percentile of a page of 100, of its counts with a histogram, of the questions in common with another run, and of
 * opening an episode, in milliseconds.
 */
export async function measureEpisodes(
  reader: EpisodeReader,
  runId: string,
  otherId: string,
): Promise<Bar[]> {
  const bars: Bar[] = [];
  for (const [name, request] of Object.entries(LISTS)) {
    let cursor: string | null = null;
    const pages = await time(REPEATS, async () => {
      const page = await reader.list({ runId, limit: 100, cursor, ...request });
      cursor = page.nextCursor;
    });
    const counts = await time(REPEATS, () =>
      reader.summarize({ runId, filter: "all", ranges: {}, measure: "reward", ...request }),
    );
    bars.push(
      buildBar(`episodes, ${name}`, pages, "ms", "<=", LIST_LIMIT_MS),
      buildBar(`counts of episodes, ${name}`, counts, "ms", "<=", LIST_LIMIT_MS),
    );
  }
  for (const [name, request] of Object.entries({ all: {}, "of a text": { text: "ba" } })) {
    const common = await time(REPEATS, () =>
      reader.listCommonQuestions({ a: runId, b: otherId, limit: 100, ...request }),
    );
    bars.push(buildBar(`questions in common, ${name}`, common, "ms", "<=", LIST_LIMIT_MS));
  }
  const { rows } = await reader.list({ runId, limit: 100 });
  let next = 0;
  const open = await time(rows.length, () => reader.get(rows[next++]!.id));
  bars.push(buildBar("an episode opened", open, "ms", "<=", OPEN_LIMIT_MS));
  return bars;
}

async function time(repeats: number, work: () => Promise<unknown>): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return computeQuantile(
    times.sort((a, b) => a - b),
    0.95,
  );
}
