/** What every service counts, since it began. */
export interface ServiceFigures {
  requests: number;
  errors: number;
  refused: number;
  /** Requests or queries that wait now. */
  waiting: number;
  latencyMs: { p50: number | null; p99: number | null };
  latencyCount: number;
}
