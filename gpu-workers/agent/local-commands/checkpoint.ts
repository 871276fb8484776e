import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { Option, type Command } from "commander";
import { parseOrThrow } from "@/contracts/errors";
import { trainConfigSchema } from "@/contracts/run-config/train-config";
import { EngineProcess } from "@/gpu-workers/llm/engine/process";
import { findInstalledModel } from "@/gpu-workers/llm/model-files/installed-model";
import { openPolicy } from "@/gpu-workers/rl/policy";
import { chooseTinkerService } from "../tinker-service";
import { checkNewModelName, installModel, printInstalled } from "./install-model";
import { runInterruptibly } from "./terminal";

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
    .action(importCheckpoint);
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
  const tinker = chooseTinkerService({ tinkerUrl: process.env.S3_TINKER_URL });
  const engine = await EngineProcess.start({ tinker });
  try {
    const { model } = await openPolicy(engine.client, searcher, seed, signal);
    await model.loadState(folder, { signal });
    await model.export(target, { merged: format === "hf", signal });
  } finally {
    await engine.stop();
  }
}

async function importCheckpoint(
  folder: string,
  { name, base }: { name: string; base?: string },
): Promise<void> {
  checkNewModelName(name);
  const baseFolder = base === undefined ? null : findInstalledModel(base);
  const { path, notes } = await runInterruptibly((signal) =>
    installModel(name, resolve(folder), baseFolder, signal),
  );
  printInstalled(name, `from ${path}`, notes);
}
