import type { EngineResult } from "@/contracts/engine/dialect";
import { EngineError } from "@/gpu-workers/llm/engine/client";
import type { UpdateDependencies } from "@/gpu-workers/rl/policy-update/update-dependencies";

type Body<K extends "forward" | "forwardBackward" | "optimStep"> = Parameters<
  UpdateDependencies["policy"][K]
>[0];

/** Records what it is asked. Log-probabilities are -1 of the policy, -1.5 of the reference. */
export class RecordingModel {
  readonly info = { maxLength: 64 };
  readonly calls: string[] = [];
  readonly gradients: Body<"forwardBackward">[] = [];
  readonly steps: Body<"optimStep">[] = [];
  /** The critic's value at a place of a sequence. */
  computeValue: (id: number, place: number) => number = () => 0.25;
  constructor(
    private readonly notFinite: (gradient: number) => boolean = () => false,
    private readonly fitting: (gradient: number) => {
      tokenBudget: number;
      retriedOutOfMemory: number;
    } = () => ({ tokenBudget: 2048, retriedOutOfMemory: 0 }),
  ) {}

  forward({ data, reference }: Body<"forward">): Promise<EngineResult<"forward">> {
    this.calls.push("forward");
    const all = (value: number) => data.map(({ ids }) => ids.map(() => value));
    return Promise.resolve({
      logprobs: all(-1),
      ...(reference === undefined ? {} : { referenceLogprobs: all(-1.5) }),
      values: data.map(({ ids }) => ids.map(this.computeValue)),
      tokenBudget: 1,
      retriedOutOfMemory: 0,
    });
  }
  forwardBackward(body: Body<"forwardBackward">): Promise<EngineResult<"forward_backward">> {
    this.calls.push("gradient");
    this.gradients.push(body);
    if (this.notFinite(this.gradients.length))
      return Promise.reject(new EngineError("not-finite", "The loss is NaN.", false));
    const per = body.data.map(({ ids }) => ids.map(() => -1));
    const tokens = body.data.reduce(
      (sum, { weights }) => sum + weights.filter((w) => w !== 0).length,
      0,
    );
    return Promise.resolve({
      loss: 0.5,
      policyLoss: 0.4,
      tokens,
      entropy: tokens,
      kl: 0,
      clipped: 1,
      ratio: { sum: tokens, min: 1, max: 1.25 },
      logprobs: per,
      values: per,
      valueClipped: 1,
      computedTokens: 1,
      seconds: 0,
      ...this.fitting(this.gradients.length),
    });
  }
  /** What the ranks of a distributed engine did; undefined: one process. */
  ranks: EngineResult<"optim_step">["ranks"];
  optimStep(body: Body<"optimStep">): Promise<EngineResult<"optim_step">> {
    this.calls.push("step");
    this.steps.push(body);
    const { ranks } = this;
    return Promise.resolve({ gradNorm: 2, step: this.steps.length, ...(ranks && { ranks }) });
  }
}
