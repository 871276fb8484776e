import { spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadavg } from "node:os";
import { createInterface } from "node:readline";
import { z } from "zod";
import {
  LORA_TARGETS,
  type Capabilities,
  type Datum,
  type Sampled,
} from "@/contracts/engine/dialect";
import { computeMean, computeMedian } from "@/core/statistics/summary";
import { ATLAS_DIR, getModelDir, ROOT } from "@/lib/paths.mjs";
import type { EngineModel } from "@/gpu-workers/llm/engine/client";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { loadTokenizer, type Tokenizer } from "@/gpu-workers/llm/model-files/tokenizer";
import {
  buildBar,
  describeMachine,
  printBars,
  printTable,
  type BenchResult,
} from "@/bench/report/report";
import { ensurePeerPython } from "./peers/venv";

/**
 * One training step, ours and that of TRL's GRPOTrainer: the same model, adapter, layers, prompts, group size and bound
 * on the completion, one turn; at two lengths of the prompt and two sizes of the group. For each setting both sides
 * start afresh, so that their peaks of memory are those of the setting, and take their steps in turns, so that whatever
 * else the machine does meets both. The first step of each warms up and is not counted.
 */
const MODEL = "smollm2-135m-instruct";
/** Fewer questions where prompts are long, so that the peer's step stays within minutes. */
const SETTINGS = [
  { context: 256, samples: 4, questions: 4 },
  { context: 256, samples: 8, questions: 4 },
  { context: 1024, samples: 4, questions: 2 },
  { context: 1024, samples: 8, questions: 2 },
] as const;
type Setting = (typeof SETTINGS)[number];
const STEPS = 3;
const MAX_TOKENS = 32;
const LORA = { rank: 16, alpha: 32, firstLayer: 20, targets: [...LORA_TARGETS] };
const LEARNING_RATE = 1e-4;
const FASTER = 3;

/** One step of one side; seconds. */
interface Step {
  seconds: number;
  prefill: number;
  decode: number;
  gradient: number;
  /** Tokens a completion. */
  meanTokens: number;
}

export async function run(): Promise<BenchResult> {
  const measured: Measured[] = [];
  for (const setting of SETTINGS) measured.push(await measure(setting));
  const [{ capabilities, trl }] = measured as [Measured, ...Measured[]];
  printTable([
    [
      "context",
      "samples",
      "side",
      "s/step",
      "prefill tokens/s",
      "decode tokens/s",
      "gradient tokens/s",
      "peak MB",
    ],
    ...measured.flatMap(({ setting, ours, theirs }) => [
      [setting.context, setting.samples, "ours", ...formatFigures(ours)],
      [setting.context, setting.samples, `TRL ${trl}`, ...formatFigures(theirs)],
    ]),
  ]);
  const bars = measured.flatMap(({ setting, ours, theirs }) => {
    const where = `context ${setting.context}, group of ${setting.samples}`;
    return [
      buildBar(
        `faster than TRL's GRPOTrainer, ${where}`,
        theirs.secondsPerStep / ours.secondsPerStep,
        "times",
        ">=",
        FASTER,
      ),
      buildBar(
        `peak memory of TRL's, ${where}`,
        ours.peakBytes / theirs.peakBytes,
        "times",
        "<=",
        1,
      ),
    ];
  });
  printBars(bars);
  return {
    bench: "engine",
    at: new Date().toISOString(),
    machine: describeMachine(),
    setting: {
      model: MODEL,
      lora: LORA,
      maxTokens: MAX_TOKENS,
      countedSteps: STEPS - 1,
      dtype: capabilities.dtype,
      threads: capabilities.threads,
      trl,
      versions: capabilities.versions,
    },
    /**
     * Other work on the machine slows both sides, which take turns: compare ratios, not seconds, where this is above
     * the cores.
     */
    loadAverage15Minutes: loadavg()[2],
    settings: measured.map(({ setting, ours, theirs }) => ({ ...setting, ours, trl: theirs })),
    bars,
  };
}

interface Measured {
  setting: Setting;
  capabilities: Capabilities;
  trl: string;
  ours: Summary;
  theirs: Summary;
}

/** Both sides at one setting, in turns. */
async function measure(setting: Setting): Promise<Measured> {
  const { context, samples, questions } = setting;
  const tokenizer = await loadTokenizer(getModelDir(MODEL));
  const prompts = await makePrompts(tokenizer, questions * STEPS, context);
  const ids = prompts.map((prompt) => tokenizer.encode(prompt));
  const engine = await EngineProcess.start();
  const capabilities = await engine.client.getCapabilities();
  const peer = await Peer.start(
    prompts,
    samples,
    capabilities.threads,
    capabilities.dtype === "bfloat16",
  );
  try {
    const model = await engine.client.createModel("bench", {
      base: getModelDir(MODEL),
      lora: LORA,
      seed: 0,
    });
    const ours: Step[] = [];
    const theirs: z.infer<typeof peerStepSchema>[] = [];
    for (let step = 0; step < STEPS; step++) {
      const mine = await runOwnStep(
        model,
        ids.slice(step * questions, (step + 1) * questions),
        samples,
        step,
      );
      const trl = await peer.step();
      console.log(
        `context ${context}, group of ${samples}, step ${step}${step === 0 ? " (warm-up)" : ""}: ours ${mine.seconds.toFixed(1)} s, TRL ${trl.seconds.toFixed(1)} s`,
      );
      if (step === 0) continue;
      ours.push(mine);
      theirs.push(trl);
    }
    const promptTokens = computeMean(ids.map((prompt) => prompt.length))!;
    const { peakResidentBytes } = await engine.client.getMemory();
    return {
      setting,
      capabilities,
      trl: peer.version,
      ours: summarise(setting, promptTokens, ours, peakResidentBytes),
      theirs: summarise(
        setting,
        promptTokens,
        theirs.map((step) => ({ ...step, gradient: step.seconds - step.prefill - step.decode })),
        Math.max(...theirs.map(({ peakBytes }) => peakBytes)),
      ),
    };
  } finally {
    peer.stop();
    await engine.stop();
  }
}

type Summary = ReturnType<typeof summarise>;

/**
 * Medians of a side's counted steps. Tokens per second count the work that was asked for, whatever a side shares:
 * every sample's prompt in prefill, its completion in decode, both in the gradient.
 */
function summarise(
  { samples, questions }: Setting,
  promptTokens: number,
  steps: readonly Step[],
  peakBytes: number,
) {
  const rows = samples * questions;
  const tokens = computeMean(steps.map((step) => step.meanTokens))!;
  const seconds = (pick: (step: Step) => number): number => computeMedian(steps.map(pick));
  return {
    secondsPerStep: seconds((step) => step.seconds),
    prefillTokensPerSecond: (rows * promptTokens) / seconds((step) => step.prefill),
    decodeTokensPerSecond: (rows * tokens) / seconds((step) => step.decode),
    gradientTokensPerSecond: (rows * (promptTokens + tokens)) / seconds((step) => step.gradient),
    tokensPerCompletion: tokens,
    peakBytes,
    steps,
  };
}

const formatFigures = (side: Summary): string[] => [
  side.secondsPerStep.toFixed(2),
  side.prefillTokensPerSecond.toFixed(0),
  side.decodeTokensPerSecond.toFixed(0),
  side.gradientTokensPerSecond.toFixed(0),
  (side.peakBytes / 2 ** 20).toFixed(0),
];

/** Samples, rewards and learns as GRPO does: advantages are rewards minus the group's mean over its deviation. */
async function runOwnStep(
  model: EngineModel,
  prompts: number[][],
  samples: number,
  step: number,
): Promise<Step> {
  const started = performance.now();
  const sequences = prompts.map((ids, i) => ({
    ids,
    maxTokens: MAX_TOKENS,
    temperature: 1,
    seed: step * prompts.length + i,
    n: samples,
  }));
  const { sequences: groups, usage } = await model.sample({ adapter: true, sequences });
  const sampled = performance.now();
  const data = groups.flatMap((group, i) => groupData(prompts[i] ?? [], group, prompts.length));
  await model.forwardBackward({ loss: "ppo", data });
  await model.optimStep({ learningRate: LEARNING_RATE });
  const ended = performance.now();
  return {
    seconds: (ended - started) / 1000,
    prefill: usage.prefillSeconds,
    decode: usage.decodeSeconds,
    gradient: (ended - sampled) / 1000,
    meanTokens: computeMean(groups.flat().map((one) => one.ids.length))!,
  };
}

function groupData(prompt: number[], group: Sampled[], questions: number): Datum[] {
  const rewards = group.map((one) => one.ids.reduce((sum, id) => sum + id, 0) % 7);
  const average = computeMean(rewards)!;
  const deviation = Math.sqrt(computeMean(rewards.map((r) => (r - average) ** 2))!);
  const none = prompt.map(() => 0);
  return group.map((one, i) => {
    const advantage = ((rewards[i] ?? 0) - average) / (deviation + 1e-4);
    return {
      ids: [...prompt, ...one.ids],
      weights: [...none, ...one.ids.map(() => 1 / (one.ids.length * group.length * questions))],
      advantages: [...none, ...one.ids.map(() => advantage)],
      logprobs: [...none, ...one.logprobs],
    };
  });
}

/**
 * An instruction, a question and a window of as many documents as fit into `context` tokens, as in the method's first
 * turn.
 */
async function makePrompts(
  tokenizer: Tokenizer,
  count: number,
  context: number,
): Promise<string[]> {
  const lines = async <T extends z.ZodType>(file: string, schema: T): Promise<z.output<T>[]> =>
    (await readFile(join(ATLAS_DIR, file), "utf8"))
      .trim()
      .split("\n")
      .map((line) => schema.parse(JSON.parse(line)));
  const corpus = await lines("corpus.jsonl", z.object({ title: z.string(), text: z.string() }));
  const questions = await lines("train.jsonl", z.object({ question: z.string() }));
  return Array.from({ length: count }, (_, i) => {
    let prompt = "";
    for (let k = 0, documents = ""; ; k++) {
      const { title, text } = corpus[(i * 37 + k * 11) % corpus.length]!;
      documents += `Doc ${k + 1}: (${title}) ${text}\n`;
      const longer = `Find the documents that answer the question. Keep the useful ones, then search for what is missing.\n\nQuestion: ${questions[i]!.question}\n<information>\n${documents}</information>\n`;
      if (tokenizer.encode(longer).length > context) return prompt;
      prompt = longer;
    }
  });
}

const peerReadySchema = z.object({ ready: z.literal(true), trl: z.string() });
const peerStepSchema = z.object({
  seconds: z.number(),
  prefill: z.number(),
  decode: z.number(),
  meanTokens: z.number(),
  peakBytes: z.number(),
});

/** The TRL process: it waits before each step for a line. */
class Peer {
  version = "";
  private constructor(
    private readonly child: ReturnType<typeof spawn>,
    private readonly next: () => Promise<unknown>,
  ) {}

  static async start(
    prompts: string[],
    samples: number,
    threads: number,
    bf16: boolean,
  ): Promise<Peer> {
    const python = await ensurePeerPython("engine");
    const folder = join(ROOT, "bench", ".work", "engine");
    await mkdir(folder, { recursive: true });
    const spec = join(folder, "spec.json");
    const layers = Array.from({ length: 30 - LORA.firstLayer }, (_, i) => LORA.firstLayer + i);
    const lora = { rank: LORA.rank, alpha: LORA.alpha, targets: LORA.targets, layers };
    const setting = {
      model: getModelDir(MODEL),
      prompts,
      samples,
      steps: STEPS,
      maxTokens: MAX_TOKENS,
      temperature: 1,
      learningRate: LEARNING_RATE,
      lora,
      bf16,
      threads,
      folder,
    };
    await writeFile(spec, JSON.stringify(setting));
    const child = spawn(python, [join(ROOT, "bench", "peers", "trl_step.py"), spec], {
      env: { ...process.env, HF_HUB_OFFLINE: "1", GOMP_SPINCOUNT: "1000", PYTHONUNBUFFERED: "1" },
      stdio: ["pipe", "pipe", "pipe"],
    });
    const tail: string[] = [];
    createInterface({ input: child.stderr }).on("line", (line) => tail.push(line));
    const waiting: { accept: (message: unknown) => void; reject: (error: Error) => void }[] = [];
    const arrived: unknown[] = [];
    let dead: Error | undefined;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (!line.startsWith("{")) return;
      let message: unknown;
      try {
        message = JSON.parse(line);
      } catch {
        return;
      }
      const first = waiting.shift();
      if (first) first.accept(message);
      else arrived.push(message);
    });
    child.once("close", (code) => {
      dead = new Error(`TRL ended with code ${code}:\n${tail.slice(-20).join("\n")}`);
      waiting.forEach(({ reject }) => reject(dead as Error));
    });
    const next = (): Promise<unknown> =>
      new Promise((accept, reject) => {
        if (arrived.length > 0) accept(arrived.shift());
        else if (dead) reject(dead);
        else waiting.push({ accept, reject });
      });
    return new Peer(child, next);
  }

  async step(): Promise<z.infer<typeof peerStepSchema>> {
    this.version = peerReadySchema.parse(await this.next()).trl;
    this.child.stdin?.write("\n");
    return peerStepSchema.parse(await this.next());
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}
