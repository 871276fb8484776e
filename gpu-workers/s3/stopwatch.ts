/** Adds up the seconds that each phase of a step takes; what no phase claims is `other`. */
export class Stopwatch<Phase extends string> {
  private readonly seconds = new Map<Phase, number>();
  private readonly startedAt = performance.now();

  async time<T>(phase: Phase, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.seconds.set(phase, this.of(phase) + (performance.now() - start) / 1000);
    }
  }

  of(phase: Phase): number {
    return this.seconds.get(phase) ?? 0;
  }

  /** Seconds since the stopwatch was made. */
  total(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
}

/** Phases that the episode loop, the generator and the optimiser claim. */
export type StepPhase = "pool" | "rollout" | "retrieve" | "generator" | "gradient";
