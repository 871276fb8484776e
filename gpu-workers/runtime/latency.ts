/** The latest durations, for percentiles of a service, and their sum over all time. */
export class LatencyWindow {
  private readonly values: number[] = [];
  private next = 0;
  /** Milliseconds of all durations ever recorded, and how many there were. */
  sum = 0;
  count = 0;

  constructor(private readonly capacity = 1024) {}

  record(milliseconds: number): void {
    this.values[this.next] = milliseconds;
    this.next = (this.next + 1) % this.capacity;
    this.sum += milliseconds;
    this.count += 1;
  }

  /** Smallest recorded value that at least the share `p` of them does not exceed; null before the first. */
  computePercentile(p: number): number | null {
    return computePercentile(this.values, p);
  }
}

/** Nearest-rank percentile, p in [0, 1]; null of nothing. */
export function computePercentile(values: readonly number[], p: number): number | null {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(p * sorted.length) - 1)] ?? null;
}
