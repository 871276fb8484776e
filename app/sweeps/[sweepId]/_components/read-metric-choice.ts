/** As many metrics are compared at most. */
const MOST_METRICS = 6;

/** The metrics that an address asks for; none: the server chooses. */
export const readMetricChoice = (params: Pick<URLSearchParams, "get">): string[] =>
  (params.get("metrics") ?? "").split(",").filter(Boolean).slice(0, MOST_METRICS);
