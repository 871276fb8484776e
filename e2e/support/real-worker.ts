import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ATLAS_DIR, getModelDir, PYTHON } from "@/lib/paths.mjs";
import { findPreset } from "@/core/presets/run-presets";
import { runConfigSchema, type RunConfigInput } from "@/contracts/run-config/run-config";

/** Whether the set-up has installed what a real run needs (and /proc tells who is whose child). */
export const canTrain =
  process.platform === "linux" &&
  [
    PYTHON,
    join(getModelDir("smollm2-135m-instruct"), "config.json"),
    join(getModelDir("minilm"), "config.json"),
    join(ATLAS_DIR, "corpus.jsonl"),
  ].every((path) => existsSync(path));

/**
 * The default preset cut down to a cold start of two batches and two steps of PPO, each of which changes the weights of
 * searcher and critic.
 */
export function buildTwoStepConfig(): ReturnType<typeof runConfigSchema.parse> {
  const preset = findPreset("atlas-smollm2-grpo")?.config as RunConfigInput & { kind: "train" };
  return runConfigSchema.parse({
    ...preset,
    name: "two steps",
    seed: 7,
    coldStart: { demonstrations: 16, batchSize: 8, learningRate: 1e-3 },
    // The cost of length makes sure that every step has something to learn.
    reward: { weights: { gbr: 1, length: 10 }, scorer: "span" },
    rl: {
      ...preset.rl,
      algorithm: "ppo",
      steps: 2,
      questionsPerStep: 4,
      groupSize: 1,
      filterAnswered: false,
    },
    evaluation: { every: 0, questions: 0 },
    checkpointing: { every: 1, keep: 10 },
  });
}

/** The worker process as `npm run worker` starts it; with `restart`, started again when it dies, as `npm start` does. */
export class RealWorker {
  private child: ChildProcess | null = null;
  private stopping = false;
  deaths = 0;
  /** All that it wrote, for the message of a failed test. */
  output = "";

  constructor(
    private readonly options: {
      server: string;
      token: string;
      dataDir: string;
      name: string;
      restart: boolean;
      /** More of its command line. */
      flags?: readonly string[];
    },
  ) {
    this.start();
  }

  private start(): void {
    const { server, token, dataDir, name, restart, flags = [] } = this.options;
    const args = [
      "--import",
      "tsx",
      "gpu-workers/agent/main.ts",
      "--server",
      server,
      "--data",
      dataDir,
      "--name",
      name,
      ...flags,
    ];
    const child = spawn(process.execPath, args, {
      env: { ...process.env, S3_WORKER_TOKEN: token },
      stdio: ["ignore", "pipe", "pipe"],
    });
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (chunk: Buffer) => (this.output += chunk.toString()));
    child.once("exit", () => {
      if (this.stopping) return;
      this.deaths++;
      if (restart) this.start();
    });
    this.child = child;
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Process id of its engine, or null where it has none. */
  enginePid(): number | null {
    return listChildren(this.pid).find(isEngine) ?? null;
  }

  async stop(): Promise<void> {
    this.stopping = true;
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGTERM");
    await ended;
  }
}

/** True while the process lives and is an engine. */
export function isEngine(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("engine.main");
  } catch {
    return false;
  }
}

function listChildren(pid: number): number[] {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  return ids.map(Number).filter((id) => {
    try {
      return (
        Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${id}/stat`, "utf8"))?.[1]) === pid
      );
    } catch {
      return false;
    }
  });
}
