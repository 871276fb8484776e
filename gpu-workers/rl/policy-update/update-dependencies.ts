import type { RankTimes } from "@/contracts/engine/cluster";
import type { EngineResult } from "@/contracts/engine/dialect";
import type { TrainConfig } from "@/contracts/run-config/train-config";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import type { Algorithm } from "@/gpu-workers/rl/algorithms/algorithm";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";

/** Name of the engine's snapshot that the KL penalty refers to: the policy before reinforcement learning. */
export const REFERENCE = "reference";

/** What an update asks of a model of the engine. */
export type TrainedModel = Pick<EngineModel, "forward" | "forwardBackward" | "optimStep"> & {
  info: Pick<EngineModel["info"], "maxLength">;
};

/** What an update works with. */
export interface UpdateDependencies {
  policy: TrainedModel;
  /** Null where the algorithm has none. */
  critic: TrainedModel | null;
  algorithm: Algorithm;
  config: Pick<TrainConfig, "search" | "searcher" | "rl">;
  /** Steps of the run as it is wanted now: learning rates fall until then. */
  totalSteps: number;
  /** Weight of the KL at this step. */
  klCoefficient: number;
  stopwatch: Stopwatch<StepPhase>;
  signal: AbortSignal;
  /** Resolves when nobody samples from the policy any more, so that its weights may change. */
  untilSamplingEnds: () => Promise<void>;
}

/** How often the engine repeated a micro-batch with half the tokens because memory did not suffice. */
export interface OutOfMemory {
  retries: number;
  /** Fewest tokens of a micro-batch that the engine went down to. */
  tokenBudget: number;
}

/** What an update collects for its report. */
export interface UpdateNotes {
  /** Why optimiser steps were skipped. */
  skipped: string[];
  outOfMemory: OutOfMemory | null;
  /** Of a distributed engine: what its ranks did until each optimiser step. */
  rankTimes: RankTimes[];
}

/** Notes without an entry. */
export const createUpdateNotes = (): UpdateNotes => ({
  skipped: [],
  outOfMemory: null,
  rankTimes: [],
});

/** Adds what the engine reports of one call. */
export function noteOutOfMemory(
  notes: UpdateNotes,
  {
    retriedOutOfMemory,
    tokenBudget,
  }: Pick<EngineResult<"forward">, "retriedOutOfMemory" | "tokenBudget">,
): void {
  if (retriedOutOfMemory === 0) return;
  const before = notes.outOfMemory ?? { retries: 0, tokenBudget: Infinity };
  notes.outOfMemory = {
    retries: before.retries + retriedOutOfMemory,
    tokenBudget: Math.min(before.tokenBudget, tokenBudget),
  };
}
