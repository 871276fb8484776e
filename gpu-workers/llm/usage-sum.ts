import type { ModelUsage } from "@/contracts/records/episode";
import type { MetricName } from "@/core/metrics/metric-table";

/** Sums the calls, tokens and cost of requests to models. */
export class UsageSum {
  private total: ModelUsage = startTotal();

  /** @param prefix first part of the names of the metrics */
  constructor(private readonly prefix: "judge" | "endpoint") {}

  readonly add = ({ calls, promptTokens, completionTokens, costUsd }: ModelUsage): void => {
    this.total.calls += calls;
    this.total.promptTokens += promptTokens;
    this.total.completionTokens += completionTokens;
    // A sum over only some of the requests would look like the cost of all.
    this.total.costUsd =
      costUsd === null || this.total.costUsd === null ? null : this.total.costUsd + costUsd;
  };

  /** Empty where nothing was asked; without a cost where the price of any request is not known. */
  toMetrics(): Partial<Record<MetricName, number>> {
    const { calls, promptTokens, completionTokens, costUsd } = this.total;
    if (calls === 0) return {};
    return {
      [`${this.prefix}/calls`]: calls,
      [`${this.prefix}/prompt_tokens`]: promptTokens,
      [`${this.prefix}/completion_tokens`]: completionTokens,
      ...(costUsd !== null && { [`${this.prefix}/cost_usd`]: costUsd }),
    };
  }

  /** The metrics of what was summed, which then begins anew. */
  takeMetrics(): Partial<Record<MetricName, number>> {
    const metrics = this.toMetrics();
    this.total = startTotal();
    return metrics;
  }
}

const startTotal = (): ModelUsage => ({
  calls: 0,
  promptTokens: 0,
  completionTokens: 0,
  costUsd: 0,
});
