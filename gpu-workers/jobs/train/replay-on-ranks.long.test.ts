import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { expect, it } from "vitest";
import type { EngineBody, EngineKind, EngineResult } from "@/contracts/engine/dialect";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { findPreset } from "@/core/presets/run-presets";
import { executors } from "@/gpu-workers/jobs/executors";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { LocalServices, MemoryContext } from "@/gpu-workers/testing/memory-context";
import { canTrainHere } from "@/gpu-workers/testing/small-training";

const STEPS = 20;
/** Operations that change a model; what was sampled between them is in the data of the gradients. */
const REPLAYED: ReadonlySet<EngineKind> = new Set<EngineKind>([
  "create_model",
  "forward_backward",
  "optim_step",
  "snapshot",
  "save_state",
  "load_state",
]);

interface Operation {
  model: string;
  kind: EngineKind;
  body: EngineBody<EngineKind>;
  result: EngineResult<EngineKind>;
}

/** The real services; keeps what the engine of one process was asked to change, and what it answered. */
class RecordingServices extends LocalServices {
  readonly operations: Operation[] = [];

  override async acquireEngine(): ReturnType<LocalServices["acquireEngine"]> {
    const handle = await super.acquireEngine();
    const client = handle.value;
    const run = client.runOperation.bind(client);
    client.runOperation = async (model, kind, body, sequence, options) => {
      const result = await run(model, kind, body, sequence, options);
      if (REPLAYED.has(kind)) this.operations.push({ model, kind, body, result });
      return result;
    };
    return handle;
  }
}

/** Losses and norms of gradients in their order, by one process and by the ranks. */
interface Compared {
  what: "loss" | "gradNorm";
  recorded: number;
  replayed: number;
}

/** Asks an engine of two ranks for the same, each model's operations in their order. */
async function replay(operations: readonly Operation[], folder: string): Promise<Compared[]> {
  const engine = await EngineProcess.start({ device: "cpu", dtype: "float32", devices: 2 });
  const compared: Compared[] = [];
  const sequences = new Map<string, number>();
  try {
    for (const { model, kind, body, result } of operations) {
      const own = "path" in body ? { ...body, path: join(folder, basename(body.path)) } : body;
      const mutates = kind !== "create_model" && kind !== "save_state";
      const sequence = mutates ? (sequences.get(model) ?? 0) + 1 : undefined;
      if (sequence !== undefined) sequences.set(model, sequence);
      const answer = await engine.client.runOperation(model, kind, own, sequence);
      for (const what of ["loss", "gradNorm"] as const) {
        const [recorded, replayed] = [result, answer].map((one) => readNumber(one, what));
        if (recorded !== undefined && replayed !== undefined)
          compared.push({ what, recorded, replayed });
      }
    }
    return compared;
  } finally {
    await engine.stop();
  }
}

const readNumber = (result: object, name: string): number | undefined => {
  const value: unknown = (result as Record<string, unknown>)[name];
  return typeof value === "number" ? value : undefined;
};

it.skipIf(!canTrainHere)(
  "the default preset's recorded steps give the same losses and gradients on two ranks",
  async () => {
    const folder = await mkdtemp(join(tmpdir(), "replay-"));
    const services = new RecordingServices();
    const preset = findPreset("atlas-smollm2")!.config;
    const config = trainConfigSchema.parse({
      ...preset,
      rl: { ...("rl" in preset ? preset.rl : {}), steps: STEPS },
      evaluation: { every: 0, questions: 0 },
      checkpointing: { every: STEPS },
    });
    try {
      await executors.train(
        new MemoryContext({ config, services, workDir: join(folder, "recorded") }),
      );
    } finally {
      await services.close();
    }
    const compared = await replay(services.operations, join(folder, "replayed")).finally(() =>
      rm(folder, { recursive: true, force: true }),
    );
    expect(compared.filter(({ what }) => what === "gradNorm").length).toBeGreaterThan(STEPS);
    // Advantages are whitened, so that a policy's loss is a small difference of large sums: it is held
    // to a thousandth of the largest loss of its kind instead of itself.
    for (const what of ["loss", "gradNorm"] as const) {
      const pairs = compared.filter((one) => one.what === what);
      const scale = Math.max(...pairs.map(({ recorded }) => Math.abs(recorded)));
      for (const { recorded, replayed } of pairs)
        expect(Math.abs(replayed - recorded)).toBeLessThanOrEqual(
          1e-3 * (what === "loss" ? scale : recorded),
        );
    }
  },
);
