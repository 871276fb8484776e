import type { Question } from "@/contracts/worker-protocol/questions";
import type { Stopwatch, StepPhase } from "@/gpu-workers/runtime/stopwatch";
import type { EpisodeGrader, Outcome } from "./episode-grader";
import type { Method } from "./method";

/** Naive RAG's outcome per question, computed once: what Gain Beyond RAG (GBR) subtracts. */
export class RagBaseline {
  private readonly outcomes = new Map<string, Outcome>();

  constructor(
    private readonly rag: Method,
    private readonly grader: EpisodeGrader,
  ) {}

  /** Outcomes in the order of the questions. Those not known yet are retrieved and answered as one batch. */
  async getOutcomes(
    questions: readonly Question[],
    stopwatch: Stopwatch<StepPhase>,
    signal: AbortSignal,
  ): Promise<Outcome[]> {
    const missing = questions.filter(({ id }) => !this.outcomes.has(id));
    if (missing.length > 0) {
      await stopwatch.time("pool", async () => {
        const episodes = await this.rag.run(missing, signal);
        const outcomes = await this.grader.grade(episodes, missing, signal);
        missing.forEach(({ id }, i) => this.outcomes.set(id, outcomes[i]!));
      });
    }
    return questions.map(({ id }) => this.outcomes.get(id)!);
  }
}
