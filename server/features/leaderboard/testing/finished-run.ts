import { expect } from "vitest";
import type { EpisodeRecord } from "@/contracts/records/episode";
import type { PredictConfig } from "@/contracts/run-config/predict-config";
import { isRule } from "@/contracts/run-config/scoring";
import type { ReansweredRecord } from "@/contracts/worker-protocol/reports";
import { formatUnreadId } from "@/core/scoring/judged-scoring";
import { formatRuleId } from "@/core/scoring/rule-scoring";
import { buildDocuments, buildRecord } from "@/server/testing/samples";
import type { TestServer } from "@/server/testing/test-server";
import type { TestWorker } from "@/server/testing/test-worker";

const UNREAD = formatUnreadId(formatRuleId("span"));

export interface FinishedRunOptions {
  promptStyle?: string;
  meanwhile?: () => Promise<unknown>;
  /** When each question's search was fetched. */
  fetchedAt?: (question: number) => string;
  /** Questions that it answers. */
  asked?: readonly number[];
  /** Whether the judge's reply about a question could not be read; absent: none was asked. */
  isUnread?: (question: number) => boolean;
}

/** Runs a prediction to its end; what it reuses is answered anew, or scored by another scorer. @returns its run */
export async function finishRun(
  server: TestServer,
  worker: TestWorker,
  wanted: PredictConfig,
  options: FinishedRunOptions & { asked: readonly number[] },
): Promise<string> {
  const { id } = await server.plane.launcher.launch(wanted, { actor: "test", preset: null });
  const run = await worker.leaseAndStart();
  expect(run.runId).toBe(id);
  await options.meanwhile?.();
  const records = options.asked.map((question): EpisodeRecord => {
    const record = buildRecord({
      step: null,
      phase: "predict",
      question,
      right: question % 2 === 0,
    });
    const key = `${id} ${question}`;
    return {
      ...record,
      episode: {
        ...record.episode,
        key,
        method: wanted.method,
        steps: record.episode.steps.map((step) =>
          step.kind === "retrieve" && options.fetchedAt
            ? { ...step, fetchedAt: options.fetchedAt(question) }
            : step,
        ),
      },
      answer: { ...record.answer!, key, promptStyle: options.promptStyle ?? "few-shot/1" },
      score: {
        ...record.score!,
        scorer: isRule(wanted.scorer) ? formatRuleId(wanted.scorer) : wanted.scorer,
      },
      ...(options.isUnread && {
        otherScores: [{ scorer: UNREAD, value: options.isUnread(question) ? 1 : 0 }],
      }),
    };
  });
  const { questions, corpus, reuse } = wanted;
  const reanswered = records.map(({ episode, answer, score, attribution }): ReansweredRecord => ({
    questionId: episode.questionId,
    answer,
    score,
    attribution,
  }));
  await worker.request("report", {
    runId: id,
    attempt: run.attempt,
    sequence: 1,
    items: [
      reuse.episodesOf === null
        ? { kind: "episodes", corpus, questions, documents: buildDocuments(), records }
        : { kind: "reanswered", questions, records: reanswered },
    ],
  });
  await worker.request("transition", {
    runId: id,
    attempt: run.attempt,
    to: "succeeded",
    reason: null,
  });
  return id;
}
