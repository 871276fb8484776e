import type { Answer } from "@/contracts/records/episode";
import { parseRunIds } from "@/contracts/run-config/rl";
import type { StoredBaseline } from "@/contracts/worker-protocol/stored-results";
import type { Question } from "@/contracts/worker-protocol/questions";
import type { Connection } from "./connection";
import { chunk } from "@/lib/chunk";

type Ask = Connection["request"];

/** Answers hold long contexts only by hash, so a page of this size stays well below a megabyte. */
const PAGE = 1_000;

/** Reads a whole question set, page by page, in the server's order; of a run, in the version that it is pinned to. */
export async function readQuestions(
  ask: Ask,
  set: string,
  runId: string | null = null,
): Promise<Question[]> {
  const all: Question[] = [];
  let after: string | null = null;
  do {
    const page: { questions: Question[]; next: string | null } = await ask("questions", {
      set,
      runId,
      after,
      limit: PAGE,
    });
    all.push(...page.questions);
    after = page.next;
  } while (after !== null);
  return all;
}

/** Stored answers by cache key; keys without an answer are absent from the map. */
export async function findAnswers(ask: Ask, keys: readonly string[]): Promise<Map<string, Answer>> {
  const found = new Map<string, Answer>();
  for (const page of chunk(keys, PAGE))
    for (const answer of (await ask("findAnswers", { keys: page })).answers)
      found.set(answer.key, answer);
  return found;
}

export async function saveAnswers(ask: Ask, answers: readonly Answer[]): Promise<void> {
  for (const page of chunk(answers, PAGE)) await ask("saveAnswers", { answers: page });
}

/** Question ids that a predict run has stored, with the number of documents handed over. */
export async function readAnsweredQuestions(ask: Ask, runId: string): Promise<Map<string, number>> {
  const answered = new Map<string, number>();
  let after: string | null = null;
  do {
    const page: { questions: { questionId: string; documents: number }[]; next: string | null } =
      await ask("answeredQuestions", { runId, after });
    for (const { questionId, documents } of page.questions) answered.set(questionId, documents);
    after = page.next;
  } while (after !== null);
  return answered;
}

/**
 * What runs have answered, question by question, page by page.
 * @param runs the setting that names the runs, as it stands in the configuration
 */
export async function readStoredBaselines(ask: Ask, runs: string): Promise<StoredBaseline[]> {
  const all: StoredBaseline[] = [];
  for (const runId of parseRunIds(runs)) {
    let after: string | null = null;
    do {
      const page: { entries: StoredBaseline[]; next: string | null } = await ask(
        "storedBaselines",
        { runs, runId, after },
      );
      all.push(...page.entries);
      after = page.next;
    } while (after !== null);
  }
  return all;
}

/** Question ids that an evaluate run has stored, with the ranks of the gold documents that were found. */
export async function readRankedQuestions(ask: Ask, runId: string): Promise<Map<string, number[]>> {
  const ranked = new Map<string, number[]>();
  let after: string | null = null;
  do {
    const page: { questions: { questionId: string; ranks: number[] }[]; next: string | null } =
      await ask("rankedQuestions", { runId, after });
    for (const { questionId, ranks } of page.questions) ranked.set(questionId, ranks);
    after = page.next;
  } while (after !== null);
  return ranked;
}
