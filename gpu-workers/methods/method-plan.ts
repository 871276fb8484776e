import type { TokenSampling } from "@/contracts/run-config/sampling";

/** What a protocol prescribes where a run's settings leave it open. */
export interface MethodPlan extends TokenSampling {
  /** Documents of each search. */
  retrieve: number;
  /** Most searches. */
  searches: number;
  /** Longest text of one call. */
  maxTokens: number;
  /** Where sampling stops. */
  stop: readonly string[];
}
