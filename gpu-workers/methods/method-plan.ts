/** What a protocol prescribes where a run's settings leave it open. */
export interface MethodPlan {
  /** Documents of each search. */
  retrieve: number;
  /** Most searches. */
  searches: number;
  temperature: number;
  topP?: number;
  /** Longest text of one call. */
  maxTokens: number;
  /** Where sampling stops. */
  stop: readonly string[];
}
