import type { ModelUsage } from "@/contracts/records/episode";
import type { MetricName } from "@/core/metrics/metric-table";

/** Sums the calls, tokens and cost of a judge. Its verdicts are stored as scores, which hold no usage. */
export class JudgeUsage {
  private readonly total: ModelUsage = {
    calls: 0,
    promptTokens: 0,
    completionTokens: 0,
    costUsd: 0,
  };

  readonly add = ({ calls, promptTokens, completionTokens, costUsd }: ModelUsage): void => {
    this.total.calls += calls;
    this.total.promptTokens += promptTokens;
    this.total.completionTokens += completionTokens;
    // A sum over only some of the requests would look like the cost of all.
    this.total.costUsd =
      costUsd === null || this.total.costUsd === null ? null : this.total.costUsd + costUsd;
  };

  /** Empty where the judge was not asked; without a cost where the price of any request is not known. */
  toMetrics(): Partial<Record<MetricName, number>> {
    const { calls, promptTokens, completionTokens, costUsd } = this.total;
    if (calls === 0) return {};
    return {
      "judge/calls": calls,
      "judge/prompt_tokens": promptTokens,
      "judge/completion_tokens": completionTokens,
      ...(costUsd !== null && { "judge/cost_usd": costUsd }),
    };
  }
}
