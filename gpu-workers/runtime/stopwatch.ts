/**
 * Adds up the seconds that each phase of a step takes. Where several phases run at once, each gets its share of the
 * second, so that phases never sum to more than the step; what no phase claims is `other`.
 */
export class Stopwatch<Phase extends string> {
  private readonly seconds = new Map<Phase, number>();
  private readonly running: Phase[] = [];
  private startedAt = performance.now();
  private readAt = this.startedAt;

  async time<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    this.distributeTime();
    this.running.push(phase);
    try {
      return await work();
    } finally {
      this.distributeTime();
      this.running.splice(this.running.indexOf(phase), 1);
    }
  }

  getSeconds(phase: Phase): number {
    this.distributeTime();
    return this.seconds.get(phase) ?? 0;
  }

  /** Seconds since the stopwatch was made or last set to zero. */
  getTotalSeconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  /** Sets all to zero; phases that run go on. */
  restart(): void {
    this.seconds.clear();
    this.startedAt = this.readAt = performance.now();
  }

  /** Shares the time since the last reading among the phases that ran in it. */
  private distributeTime(): void {
    const now = performance.now();
    for (const phase of this.running)
      this.seconds.set(
        phase,
        (this.seconds.get(phase) ?? 0) + (now - this.readAt) / 1000 / this.running.length,
      );
    this.readAt = now;
  }
}

/** Phases of a step, by upstream's names where it has them: sampling, retrieval, answers, old and reference log-probabilities, values, updates. */
export const STEP_PHASES = [
  "pool",
  "gen",
  "retrieve",
  "generator",
  "ref",
  "values",
  "update_critic",
  "update_actor",
] as const;
export type StepPhase = (typeof STEP_PHASES)[number];
