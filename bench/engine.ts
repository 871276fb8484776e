import { spawn } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { loadavg } from "node:os";
import { createInterface } from "node:readline";
import { z } from "zod";
import { LORA_TARGETS, type Datum, type Sampled } from "@/contracts/engine";
import { ATLAS_DIR, modelDir, ROOT } from "@/contracts/paths";
import type { EngineModel } from "@/gpu-workers/engine/client";
import { EngineProcess } from "@/gpu-workers/engine/process";
import { loadTokenizer } from "@/gpu-workers/s3/tokenizer";
import { bar, machine, printBars, printTable, type BenchResult } from "./lib";
import { peerPython } from "./peers/venv";

/**
 * One training step, ours and that of TRL's GRPOTrainer: the same model, adapter, layers, prompts, group size and bound
 * on the completion, one turn. Both sides stay loaded and take their steps in turns, so that whatever else the machine
 * does meets both. The first step of each warms up and is not counted.
 */
const MODEL = "smollm2-135m-instruct";
const QUESTIONS = 8;
const SAMPLES = 4;
const STEPS = 3;
const MAX_TOKENS = 32;
const DOCUMENTS = 8;
const LORA = { rank: 16, alpha: 32, firstLayer: 20, targets: [...LORA_TARGETS] };
const LEARNING_RATE = 1e-4;
const FASTER = 3;

interface Step {
  seconds: number;
  sampling: number;
  gradient: number;
  meanTokens: number;
}

export async function run(): Promise<BenchResult> {
  const prompts = await makePrompts(QUESTIONS * STEPS);
  const tokenizer = await loadTokenizer(modelDir(MODEL));
  const ids = prompts.map((prompt) => tokenizer.encode(prompt));
  const engine = await EngineProcess.start();
  const capabilities = await engine.client.capabilities();
  const peer = await Peer.start(prompts, capabilities.threads, capabilities.dtype === "bfloat16");
  try {
    const model = await engine.client.createModel("bench", { base: modelDir(MODEL), lora: LORA, seed: 0 });
    const ours: Step[] = [];
    const theirs: { seconds: number; meanTokens: number }[] = [];
    for (let step = 0; step < STEPS; step++) {
      const mine = await ownStep(model, ids.slice(step * QUESTIONS, (step + 1) * QUESTIONS), step);
      const trl = await peer.step();
      console.log(`step ${step}${step === 0 ? " (warm-up)" : ""}: ours ${mine.seconds.toFixed(1)} s, TRL ${trl.seconds.toFixed(1)} s`);
      if (step === 0) continue;
      ours.push(mine);
      theirs.push(trl);
    }
    const seconds = { ours: median(ours.map((s) => s.seconds)), trl: median(theirs.map((s) => s.seconds)) };
    const ratio = seconds.trl / seconds.ours;
    const tokens = { ours: mean(ours.map((s) => s.meanTokens)), trl: mean(theirs.map((s) => s.meanTokens)) };
    printTable([
      ["", "s/step", "sampling s", "gradient s", "tokens/completion", "tokens/s"],
      ["ours", seconds.ours.toFixed(2), median(ours.map((s) => s.sampling)).toFixed(2), median(ours.map((s) => s.gradient)).toFixed(2), tokens.ours.toFixed(1), rate(tokens.ours, seconds.ours)],
      [`TRL ${peer.version}`, seconds.trl.toFixed(2), "", "", tokens.trl.toFixed(1), rate(tokens.trl, seconds.trl)],
    ]);
    const bars = [bar("faster than TRL's GRPOTrainer", ratio, "times", ">=", FASTER)];
    printBars(bars);
    return {
      bench: "engine",
      at: new Date().toISOString(),
      machine: machine(),
      setting: {
        model: MODEL, lora: LORA, questions: QUESTIONS, samples: SAMPLES, maxTokens: MAX_TOKENS, countedSteps: ours.length,
        meanPromptTokens: mean(ids.map((prompt) => prompt.length)), dtype: capabilities.dtype, threads: capabilities.threads, trl: peer.version, versions: capabilities.versions,
      },
      /** Other work on the machine slows both sides, which take turns: compare ratios, not seconds, where this is above the cores. */
      loadAverage15Minutes: loadavg()[2],
      seconds,
      ours,
      trl: theirs,
      memory: await engine.client.memory(),
      bars,
    };
  } finally {
    peer.stop();
    await engine.stop();
  }
}

/** Samples, rewards and learns as GRPO does: advantages are rewards minus the group's mean over its deviation. */
async function ownStep(model: EngineModel, prompts: number[][], step: number): Promise<Step> {
  const started = performance.now();
  const sequences = prompts.map((ids, i) => ({ ids, maxTokens: MAX_TOKENS, temperature: 1, seed: step * QUESTIONS + i, n: SAMPLES }));
  const { sequences: groups } = await model.sample({ adapter: true, sequences });
  const sampled = performance.now();
  const data = groups.flatMap((group, i) => groupData(prompts[i] ?? [], group));
  await model.forwardBackward({ loss: "ppo", data });
  await model.optimStep({ learningRate: LEARNING_RATE });
  const ended = performance.now();
  return {
    seconds: (ended - started) / 1000,
    sampling: (sampled - started) / 1000,
    gradient: (ended - sampled) / 1000,
    meanTokens: mean(groups.flat().map((one) => one.ids.length)),
  };
}

function groupData(prompt: number[], group: Sampled[]): Datum[] {
  const rewards = group.map((one) => one.ids.reduce((sum, id) => sum + id, 0) % 7);
  const average = mean(rewards);
  const deviation = Math.sqrt(mean(rewards.map((r) => (r - average) ** 2)));
  const none = prompt.map(() => 0);
  return group.map((one, i) => {
    const advantage = ((rewards[i] ?? 0) - average) / (deviation + 1e-4);
    return {
      ids: [...prompt, ...one.ids],
      weights: [...none, ...one.ids.map(() => 1 / (one.ids.length * group.length * QUESTIONS))],
      advantages: [...none, ...one.ids.map(() => advantage)],
      logprobs: [...none, ...one.logprobs],
    };
  });
}

/** An instruction, a window of documents and a question: prompts of the length that the method has in its first turn. */
async function makePrompts(count: number): Promise<string[]> {
  const lines = async <T extends z.ZodType>(file: string, schema: T): Promise<z.output<T>[]> =>
    (await readFile(join(ATLAS_DIR, file), "utf8")).trim().split("\n").map((line) => schema.parse(JSON.parse(line)));
  const corpus = await lines("corpus.jsonl", z.object({ title: z.string(), text: z.string() }));
  const questions = await lines("train.jsonl", z.object({ question: z.string() }));
  return Array.from({ length: count }, (_, i) => {
    const window = Array.from({ length: DOCUMENTS }, (_, k) => corpus[(i * 37 + k * 11) % corpus.length]);
    const documents = window.map((d, k) => `Doc ${k + 1}: (${d?.title}) ${d?.text}`).join("\n");
    return `Find the documents that answer the question. Keep the useful ones, then search for what is missing.\n\nQuestion: ${questions[i]?.question}\n<information>\n${documents}\n</information>\n`;
  });
}

const peerReady = z.object({ ready: z.literal(true), trl: z.string() });
const peerStep = z.object({ seconds: z.number(), meanTokens: z.number() });

/** The TRL process: it waits before each step for a line. */
class Peer {
  version = "";
  private constructor(
    private readonly child: ReturnType<typeof spawn>,
    private readonly next: () => Promise<unknown>,
  ) {}

  static async start(prompts: string[], threads: number, bf16: boolean): Promise<Peer> {
    const python = await peerPython("engine");
    const folder = join(ROOT, "bench", ".work", "engine");
    await mkdir(folder, { recursive: true });
    const spec = join(folder, "spec.json");
    const layers = Array.from({ length: 30 - LORA.firstLayer }, (_, i) => LORA.firstLayer + i);
    const lora = { rank: LORA.rank, alpha: LORA.alpha, targets: LORA.targets, layers };
    const setting = { model: modelDir(MODEL), prompts, samples: SAMPLES, steps: STEPS, maxTokens: MAX_TOKENS, temperature: 1, learningRate: LEARNING_RATE, lora, bf16, threads, folder };
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

  async step(): Promise<z.infer<typeof peerStep>> {
    this.version = peerReady.parse(await this.next()).trl;
    this.child.stdin?.write("\n");
    return peerStep.parse(await this.next());
  }

  stop(): void {
    this.child.kill("SIGKILL");
  }
}

const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
const rate = (tokens: number, seconds: number): string => ((tokens * QUESTIONS * SAMPLES) / seconds).toFixed(0);

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? (sorted[middle] ?? NaN) : ((sorted[middle - 1] ?? NaN) + (sorted[middle] ?? NaN)) / 2;
}
