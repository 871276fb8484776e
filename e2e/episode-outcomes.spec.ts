import { EPISODE_FILTERS } from "@/contracts/api/episode-list-values";
import type { EpisodeRecord } from "@/contracts/records/episode";
import {
  expectEpisodes,
  expectParams,
  fetchEpisodes,
  withEpisodes,
  type EpisodeRow,
} from "./support/episode-list";
import { expect, RECORDED, test, waitLive } from "./support/product";
import { launchReportedRun } from "./support/reported-run";

/**
 * Every outcome, type of question and format error that a list of episodes is filtered by. What must be listed is computed
 * from all episodes, as the API lists them without a filter.
 */

type Outcome = (typeof EPISODE_FILTERS)[number];

/** A training group without variance: all samples of a question in a step earn the same. */
const isUniform = (row: EpisodeRow, all: readonly EpisodeRow[]): boolean => {
  const group = all.filter(
    ({ phase, step, questionId }) =>
      phase === "train" && step === row.step && questionId === row.questionId,
  );
  return (
    row.phase === "train" && group.length > 1 && new Set(group.map((e) => e.reward)).size === 1
  );
};

/** Whether an episode has an outcome, about whose score no scorers disagree. */
function hasOutcome(row: EpisodeRow, outcome: Outcome, all: readonly EpisodeRow[]): boolean {
  const { score, baselineScore: rag } = row;
  const isRight = score !== null && score >= 1;
  const isWrong = score !== null && score < 1;
  const isCompared = score !== null && rag !== null;
  switch (outcome) {
    case "all":
      return true;
    case "correct":
      return isRight;
    case "wrong":
      return isWrong;
    case "both-right":
      return isRight && rag === score;
    case "gained":
      return isCompared && score > rag;
    case "lost":
      return isCompared && score < rag;
    case "both-wrong":
      return isWrong && rag === score;
    case "format-errors":
      return row.formatErrors.length > 0;
    case "no-variance":
      return isUniform(row, all);
    case "never-retrieved":
    case "not-selected":
    case "generator-failed":
      return row.attribution === outcome;
    case "scorer-doubtful":
      return false;
  }
}

test("every outcome and every type of question filters a training's episodes", async ({
  page,
  productAddress,
}) => {
  await withEpisodes({ page, productAddress }, RECORDED.training, async (all) => {
    const outcomes = page.getByLabel("Filter", { exact: true });
    for (const outcome of EPISODE_FILTERS)
      await test.step(outcome, async () => {
        const chosen = all.filter((row) => hasOutcome(row, outcome, all));
        // The training has no format errors, and no answer that was scored twice: other runs have.
        expect(chosen.length > 0).toBe(!["format-errors", "scorer-doubtful"].includes(outcome));
        await outcomes.selectOption(outcome);
        await expectEpisodes(page, chosen);
        await expectParams(page, { filter: outcome === "all" ? null : outcome });
      });
    await outcomes.selectOption("all");

    const types = page.getByLabel("Type of question");
    const counts = new Map<string, number>();
    for (const { type } of all) if (type !== null) counts.set(type, (counts.get(type) ?? 0) + 1);
    const options = await types.locator("option").allInnerTexts();
    expect(options.toSorted()).toEqual(
      ["Every type", ...[...counts].map(([type, count]) => `${type} (${count})`)].toSorted(),
    );
    for (const type of counts.keys())
      await test.step(type, async () => {
        await types.selectOption(type);
        await expectEpisodes(
          page,
          all.filter((row) => row.type === type),
        );
        await expectParams(page, { type });
      });
  });
});

test("every format error filters a prediction's episodes, also with what else is chosen", async ({
  page,
  productAddress,
}) => {
  await withEpisodes({ page, productAddress }, "Atlas held-out, IRCoT", async (all) => {
    const errors = page.getByLabel("Format error");
    const made = [...new Set(all.flatMap(({ formatErrors }) => formatErrors))];
    expect(made.length).toBeGreaterThan(1);
    for (const error of made)
      await test.step(error, async () => {
        const chosen = all.filter(({ formatErrors }) => formatErrors.includes(error));
        await expect(errors.locator(`option[value="${error}"]`)).toContainText(
          `(${chosen.length})`,
        );
        await errors.selectOption(error);
        await expectEpisodes(page, chosen);
        await expectParams(page, { error });
      });
    await errors.selectOption("");
    const outcomes = page.getByLabel("Filter", { exact: true });
    await outcomes.selectOption("format-errors");
    const faulty = all.filter(({ formatErrors }) => formatErrors.length > 0);
    await expectEpisodes(page, faulty);
    const { type } = faulty[0]!;
    await page.getByLabel("Type of question").selectOption(type);
    await expectEpisodes(
      page,
      faulty.filter((row) => row.type === type),
    );
  });
});

test("a wrong answer about which judging scorers disagree is listed as doubtful, not as lost", async ({
  page,
  productAddress,
  productUrl,
}) => {
  const run = await launchReportedRun({ productAddress, productUrl }, "Judged twice");
  const { client, worker, attempt } = run;
  const buildRecord = (questionId: string, verdict: number): EpisodeRecord => ({
    phase: "train",
    step: 1,
    episode: {
      key: `judged twice ${questionId}`,
      method: "s3",
      protocol: "paper",
      questionId,
      sampleIndex: 0,
      steps: [{ kind: "stop", turn: 0, seconds: 0, reason: "turns" }],
      context: [],
    },
    answer: {
      key: `judged twice ${questionId}`,
      generator: "tester",
      promptStyle: "chat",
      text: "nobody knows",
      seconds: 0,
    },
    score: { scorer: "span/2", value: 0 },
    otherScores: [{ scorer: "judge/1 tester", value: verdict }],
    baseline: null,
    reward: null,
    advantage: null,
    attribution: "never-retrieved",
    formatErrors: [],
  });
  try {
    const { rows } = await client.catalogue.questions.query({ set: "atlas/train", limit: 2 });
    const [doubtful, wrong] = rows.map(({ id }) => id);
    await worker.request("report", {
      ...attempt,
      sequence: 1,
      items: [
        {
          kind: "episodes",
          corpus: "atlas",
          questions: "atlas/train",
          documents: [],
          records: [buildRecord(doubtful!, 1), buildRecord(wrong!, 0)],
        },
      ],
    });
    await page.goto(`/runs/${attempt.runId}?tab=episodes`);
    await waitLive(page);
    const all = await fetchEpisodes(client, attempt.runId);
    expect(all).toHaveLength(2);
    const outcomes = page.getByLabel("Filter", { exact: true });
    for (const [outcome, questions] of [
      ["wrong", [doubtful, wrong]],
      ["scorer-doubtful", [doubtful]],
      ["never-retrieved", [wrong]],
    ] as const) {
      await outcomes.selectOption(outcome);
      await expectEpisodes(
        page,
        all.filter(({ questionId }) => questions.includes(questionId)),
      );
    }
    await worker.request("transition", { ...attempt, to: "failed", reason: "seen" });
  } finally {
    run.stop();
  }
});
