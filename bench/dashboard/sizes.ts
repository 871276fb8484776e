/** How much is generated; the figures of the issue. */
export const SIZES = {
  bigRuns: 10,
  bigSteps: 100_000,
  metrics: 50,
  smallRuns: 10_000,
  sweepRows: 50,
  sweepSeeds: 4,
  sweepSteps: 2_000,
  questions: 2_000,
  documents: 20_000,
  /** Predict runs with results, and the questions that each has answered. */
  results: 300,
  resultQuestions: 200,
  /** Episodes of the first big run, and of each of the next seven. */
  episodes: [100_000, ...Array.from({ length: 7 }, () => 10_000)],
} as const;

/** Runs by what they are for; ids of the big ones in their order. */
export interface TrainedRuns {
  big: string[];
  sweep: string;
}

export interface FilledRuns extends TrainedRuns {
  /** Predict runs of different methods over the same questions. */
  predictions: string[];
  /** Of the first big run. */
  episode: string;
}
