import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, rename, rm } from "node:fs/promises";
import { basename, resolve } from "node:path";
import { Option, type Command } from "commander";
import { z } from "zod";
import { AppError, parseOrThrow } from "@/contracts/errors";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { modelDir } from "@/lib/paths.mjs";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { findInstalledModel } from "@/gpu-workers/llm/model-files/installed-model";
import { openPolicy } from "@/gpu-workers/rl/policy";
import { findModelFolder, readAdaptedLayers, type ModelFolder } from "./model-folder";
import { print, runInterruptibly } from "./terminal";

/** `checkpoint convert` and `checkpoint import`: between the engine's state and the folders of PEFT and Hugging Face. */
export function addCheckpointCommands(program: Command): void {
  const checkpoint = program.command("checkpoint").description("models on this machine");
  checkpoint
    .command("convert <folder>")
    .description(
      "write a checkpoint's files as a folder that PEFT or transformers load; `checkpoint export` fetches them first",
    )
    .requiredOption("--config <file>", "configuration of the run that trained it, as JSON")
    .requiredOption("--to <folder>", "folder to write, which must not exist")
    .addOption(
      new Option("--format <format>", "`peft`: the adapter; `hf`: the whole model")
        .choices(["peft", "hf"])
        .makeOptionMandatory(),
    )
    .action((folder: string, options: { config: string; to: string; format: "peft" | "hf" }) =>
      runInterruptibly((signal) =>
        convertCheckpoint(folder, options.config, resolve(options.to), options.format, signal),
      ),
    );
  checkpoint
    .command("import <folder>")
    .description(
      "install a model from a Hugging Face folder, a PEFT folder, or upstream's verl_checkpoints (its last actor/global_step_N); a run names it by searcher.model",
    )
    .requiredOption("--name <model>", "name of the model here")
    .option("--base <model>", "of a PEFT folder: the installed model that the adapter is for")
    .action(importModel);
}

/** Loads the checkpoint into the policy it was trained as, and exports that. */
async function convertCheckpoint(
  folder: string,
  configFile: string,
  target: string,
  format: "peft" | "hf",
  signal: AbortSignal,
): Promise<void> {
  const { searcher, seed } = parseOrThrow(
    trainConfigSchema,
    JSON.parse(await readFile(configFile, "utf8")) as unknown,
    configFile,
  );
  await withEngine(async (engine) => {
    const { model } = await openPolicy(engine.client, searcher, seed, signal);
    await model.loadState(folder, { signal });
    await model.export(target, { merged: format === "hf", signal });
  });
}

async function importModel(
  folder: string,
  { name, base }: { name: string; base?: string },
): Promise<void> {
  parseOrThrow(
    z.string().regex(/^[\w.-]+$/, "give letters, digits, dots and dashes"),
    name,
    "The model's name",
  );
  const target = modelDir(name);
  if (existsSync(target))
    throw new AppError("conflict", `There is a model "${name}" already. Give another name.`);
  const source = await findModelFolder(resolve(folder));
  await buildBeside(target, (building) =>
    source.kind === "hf"
      ? cp(source.path, building, {
          recursive: true,
          filter: (path) => !/optimizer|\.bin$|\.pt$/.test(basename(path)),
        })
      : mergeAdapter(source, base, building),
  );
  print(
    `model "${name}" from ${source.path}; train or answer with it by --set searcher.model=${name}`,
  );
}

/** Writes the base model with the adapter merged into its weights. */
async function mergeAdapter(
  { path, adapter }: Extract<ModelFolder, { kind: "peft" }>,
  base: string | undefined,
  target: string,
): Promise<void> {
  if (base === undefined)
    throw new AppError(
      "invalid-input",
      `${path} holds an adapter: give the installed model that it is for with --base.`,
    );
  const lora = { rank: adapter.r, alpha: adapter.lora_alpha, ...(await readAdaptedLayers(path)) };
  await withEngine(async (engine) => {
    const { signal } = new AbortController();
    const model = await engine.client.createModel(
      `import-${randomUUID()}`,
      { base: findInstalledModel(base), lora, seed: 0 },
      { signal },
    );
    await model.importWeights(path, { signal });
    await model.export(target, { merged: true, signal });
  });
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
async function buildBeside(
  target: string,
  build: (folder: string) => Promise<void>,
): Promise<void> {
  const building = `${target}.${randomUUID()}`;
  try {
    await mkdir(resolve(target, ".."), { recursive: true });
    await build(building);
    await rename(building, target);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}
