import { randomUUID } from "node:crypto";
import { createWriteStream, existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { ReadableStream } from "node:stream/web";
import { Option, type Command } from "commander";
import { z } from "zod";
import { LORA_TARGETS } from "@/contracts/engine/dialect";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { modelDir } from "@/lib/paths";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { findInstalledModel } from "@/gpu-workers/llm/generator/open-generator";
import { openPolicy } from "@/gpu-workers/rl/policy";
import { findRun, type Client } from "@/cli/client";

const FORMATS = ["peft", "hf"] as const;
type Format = (typeof FORMATS)[number];

/** `checkpoint export` and `checkpoint import`: the folders of PEFT and Hugging Face, upstream's among them. */
export function addCheckpoint(
  program: Command,
  client: Client,
  server: string,
  print: (text: string) => void,
): void {
  const checkpoint = program
    .command("checkpoint")
    .description(
      "take checkpoints out as folders that PEFT or transformers load, and bring such folders in",
    );

  checkpoint
    .command("export <run-or-artifact>")
    .description(
      "write a run's last checkpoint, or the one with this id, as a folder; the run's model must be installed here",
    )
    .requiredOption("--to <folder>", "folder to write, which must not exist")
    .option("--step <n>", "of a run: the checkpoint after this step (default: the last)", Number)
    .addOption(
      new Option(
        "--format <format>",
        "`peft`: the adapter; `hf`: the whole model (default: what was trained)",
      ).choices(FORMATS),
    )
    .action(async (id: string, options: { to: string; step?: number; format?: Format }) => {
      const target = resolve(options.to);
      if (existsSync(target))
        throw new AppError("conflict", `${target} exists already. Give a folder that does not.`);
      const found = await findCheckpoint(client, id, options.step);
      const format = options.format ?? (found.config.searcher.tuning === "full" ? "hf" : "peft");
      if (format === "peft" && found.config.searcher.tuning === "full")
        throw new AppError(
          "unsupported",
          "The weights themselves were trained, so there is no adapter: export with --format hf.",
        );
      await inScratch(async (scratch, signal) => {
        for (const { name } of found.files)
          if (!name.startsWith("critic."))
            await fetchFile(server, found.id, name, join(scratch, name));
        await withEngine(async (engine) => {
          const { model } = await openPolicy(
            engine.client,
            found.config.searcher,
            found.config.seed,
            signal,
          );
          await model.loadState(scratch, { signal });
          await model.export(target, { merged: format === "hf", signal });
        });
      });
      print(
        `${target}: ${format === "hf" ? "the model" : "the adapter"} after step ${found.step}, from ${found.config.searcher.model}`,
      );
    });

  checkpoint
    .command("import <folder>")
    .description(
      "install a model from a Hugging Face folder, a PEFT folder, or upstream's verl_checkpoints (its last actor/global_step_N); a run names it by searcher.model",
    )
    .requiredOption("--name <model>", "name of the model here")
    .option("--base <model>", "of a PEFT folder: the installed model that the adapter is for")
    .action(async (folder: string, { name, base }: { name: string; base?: string }) => {
      parseOrThrow(
        z.string().regex(/^[\w.-]+$/, "give letters, digits, dots and dashes"),
        name,
        "The model's name",
      );
      const target = modelDir(name);
      if (existsSync(target))
        throw new AppError("conflict", `There is a model "${name}" already. Give another name.`);
      const source = await modelFolder(resolve(folder));
      await install(target, async (building) => {
        if (source.kind === "hf")
          return cp(source.path, building, {
            recursive: true,
            filter: (path) => !/optimizer|\.bin$|\.pt$/.test(basename(path)),
          });
        if (base === undefined)
          throw new AppError(
            "invalid-input",
            `${source.path} holds an adapter: give the installed model that it is for with --base.`,
          );
        const { r, lora_alpha } = source.adapter;
        await withEngine(async (engine) => {
          const signal = new AbortController().signal;
          const lora = { rank: r, alpha: lora_alpha, ...(await adaptedBy(source.path)) };
          const model = await engine.client.createModel(
            `import-${randomUUID()}`,
            { base: findInstalledModel(base), lora, seed: 0 },
            { signal },
          );
          await model.importWeights(source.path, { signal });
          await model.export(building, { merged: true, signal });
        });
      });
      print(
        `model "${name}" from ${source.path}; train or answer with it by --set searcher.model=${name}`,
      );
    });
}

/** The checkpoint with this id, or one of a run. */
async function findCheckpoint(client: Client, id: string, step: number | undefined) {
  const ofCheckpoint = z.uuid().safeParse(id).success
    ? await client.runs.ofCheckpoint.query({ checkpointId: id }).catch(() => null)
    : null;
  const runId = ofCheckpoint?.runId ?? (await findRun(client, id));
  const { config } = await client.runs.get.query({ id: runId });
  if (config.kind !== "train")
    throw new AppError("invalid-input", `A ${config.kind} run has no checkpoints.`);
  const kept = await client.runs.checkpoints.query({ id: runId });
  const chosen = kept.find((one) =>
    ofCheckpoint ? one.id === id : step === undefined || one.step === step,
  );
  if (!chosen)
    throw new AppError(
      "not-found",
      `The run keeps no ${step === undefined ? "checkpoint" : `checkpoint after step ${step}`}; it has ${kept.map((one) => one.step).join(", ") || "none"}.`,
    );
  return { id: chosen.id, step: chosen.step, files: chosen.files, config };
}

async function fetchFile(
  server: string,
  artifactId: string,
  name: string,
  path: string,
): Promise<void> {
  const response = await fetch(
    new URL(`/artifacts/${artifactId}/${encodeURIComponent(name)}`, server),
  );
  if (!response.ok || !response.body)
    throw new AppError(
      "not-found",
      `${name} could not be fetched: the server answered ${response.status}. ${(await response.text()).slice(0, 200)}`,
    );
  await pipeline(Readable.fromWeb(response.body as ReadableStream), createWriteStream(path));
}

async function inScratch(
  work: (folder: string, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const stop = new AbortController();
  process.once("SIGINT", () => stop.abort());
  const folder = await mkdtemp(join(tmpdir(), "checkpoint-"));
  try {
    await work(folder, stop.signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function withEngine(work: (engine: EngineProcess) => Promise<void>): Promise<void> {
  const engine = await EngineProcess.start();
  try {
    await work(engine);
  } finally {
    await engine.stop();
  }
}

/** Builds a model's folder beside its place and moves it there: it appears whole or not at all. */
async function install(target: string, build: (folder: string) => Promise<void>): Promise<void> {
  const building = `${target}.${randomUUID()}`;
  try {
    await mkdir(resolve(target, ".."), { recursive: true });
    await build(building);
    await rename(building, target);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

const adapterConfigSchema = z.object({
  peft_type: z.literal("LORA"),
  r: z.int().positive(),
  lora_alpha: z.number().positive(),
});
type ModelFolder =
  | { kind: "hf"; path: string }
  | { kind: "peft"; path: string; adapter: z.infer<typeof adapterConfigSchema> };

/** The folder itself, or the last global_step_N below it (verl_checkpoints/<experiment>[/actor]/global_step_N). */
export async function modelFolder(folder: string): Promise<ModelFolder> {
  const names = await readdir(folder).catch(() => null);
  if (names === null) throw new AppError("not-found", `There is no folder ${folder}.`);
  if (names.includes("adapter_config.json"))
    return {
      kind: "peft",
      path: folder,
      adapter: parseOrThrow(
        adapterConfigSchema,
        JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8")) as unknown,
        "adapter_config.json",
      ),
    };
  if (names.includes("config.json")) {
    if (!names.some((name) => name.endsWith(".safetensors")))
      throw new AppError(
        "unsupported",
        `${folder} has no *.safetensors: save the model with safe_serialization, then import it.`,
      );
    if (!names.includes("tokenizer.json"))
      throw new AppError(
        "invalid-input",
        `${folder} has no tokenizer.json: copy it from the model that was trained.`,
      );
    return { kind: "hf", path: folder };
  }
  if (names.includes("actor")) return modelFolder(join(folder, "actor"));
  const step = names
    .flatMap((name) => /^global_step_(\d+)$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => b - a)[0];
  if (step !== undefined) return modelFolder(join(folder, `global_step_${step}`));
  throw new AppError(
    "invalid-input",
    `${folder} is no model: it holds neither config.json nor adapter_config.json nor global_step_N.`,
  );
}

/** What a PEFT adapter changes, from the names in its safetensors header: the lowest layer, and which projections. */
export async function adaptedBy(
  folder: string,
): Promise<{ firstLayer: number; targets: (typeof LORA_TARGETS)[number][] }> {
  const bytes = await readFile(join(folder, "adapter_model.safetensors")).catch(() => {
    throw new AppError("invalid-input", `${folder} has no adapter_model.safetensors.`);
  });
  const header = bytes.subarray(8, 8 + Number(bytes.readBigUInt64LE(0))).toString("utf8");
  const adapted = Object.keys(JSON.parse(header) as object).flatMap((name) => {
    const [, layer, target] = /\.layers\.(\d+)\.\w+\.(\w+)\.lora_/.exec(name) ?? [];
    return layer === undefined ? [] : [{ layer: Number(layer), target }];
  });
  const targets = LORA_TARGETS.filter((name) => adapted.some(({ target }) => target === name));
  if (targets.length === 0)
    throw new AppError(
      "invalid-input",
      `The adapter in ${folder} changes no layer that is known here (${LORA_TARGETS.join(", ")}).`,
    );
  return { firstLayer: Math.min(...adapted.map(({ layer }) => layer)), targets };
}
