import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Option, type Command } from "commander";
import { z } from "zod";
import { AppError } from "@/contracts/errors";
import { findRun, type Client } from "@/cli/lib/client";
import type { CommandContext } from "@/cli/lib/context";
import { fetchFile } from "@/cli/lib/fetch-file";
import { addLocalCommand, runLocalProgram } from "@/cli/lib/local-program";

const FORMATS = ["peft", "hf"] as const;

interface ExportOptions {
  to: string;
  step?: number;
  format?: (typeof FORMATS)[number];
}

/** `checkpoint export` and `checkpoint import`: the folders of PEFT and Hugging Face, upstream's among them. */
export function addCheckpointCommands(program: Command, context: CommandContext): void {
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
    .action((id: string, options: ExportOptions) => exportCheckpoint(context, id, options));
  addLocalCommand(
    checkpoint,
    "import",
    "install a model from a Hugging Face folder, a PEFT folder, or upstream's verl_checkpoints (its last actor/global_step_N); a run names it by searcher.model",
  );
}

/** Downloads a checkpoint's files; the worker's engine converts them. */
async function exportCheckpoint(
  context: CommandContext,
  id: string,
  options: ExportOptions,
): Promise<void> {
  const { client, print } = context;
  const target = resolve(options.to);
  if (existsSync(target))
    throw new AppError("conflict", `${target} exists already. Give a folder that does not.`);
  const checkpoint = await findCheckpoint(client, id, options.step);
  const { tuning, model } = checkpoint.config.searcher;
  const format = options.format ?? (tuning === "full" ? "hf" : "peft");
  if (format === "peft" && tuning === "full")
    throw new AppError(
      "unsupported",
      "The weights themselves were trained, so there is no adapter: export with --format hf.",
    );
  const stop = new AbortController();
  const interrupt = (): void => stop.abort(new AppError("cancelled", "Stopped."));
  process.once("SIGINT", interrupt);
  const scratch = await mkdtemp(join(tmpdir(), "checkpoint-"));
  try {
    const folder = join(scratch, "state");
    await mkdir(folder);
    for (const { name } of checkpoint.files)
      if (!name.startsWith("critic."))
        await fetchFile(
          context,
          `/artifacts/${checkpoint.id}/${encodeURIComponent(name)}`,
          join(folder, name),
          stop.signal,
        );
    const config = join(scratch, "config.json");
    await writeFile(config, JSON.stringify(checkpoint.config));
    const words = ["--config", config, "--to", target, "--format", format];
    if (!(await runLocalProgram(["checkpoint", "convert", folder, ...words]))) return;
  } finally {
    process.off("SIGINT", interrupt);
    await rm(scratch, { recursive: true, force: true });
  }
  print(
    `${target}: ${format === "hf" ? "the model" : "the adapter"} after step ${checkpoint.step}, from ${model}`,
  );
}

/** Finds the checkpoint with this id, or one of a run. */
async function findCheckpoint(client: Client, id: string, step: number | undefined) {
  const owner = z.uuid().safeParse(id).success
    ? await client.runs.ofCheckpoint.query({ checkpointId: id }).catch(() => null)
    : null;
  const runId = owner?.runId ?? (await findRun(client, id));
  const { config } = await client.runs.get.query({ id: runId });
  if (config.kind !== "train")
    throw new AppError("invalid-input", `A ${config.kind} run has no checkpoints.`);
  const kept = await client.runs.checkpoints.query({ id: runId });
  const chosen = kept.find((checkpoint) =>
    owner ? checkpoint.id === id : step === undefined || checkpoint.step === step,
  );
  if (!chosen)
    throw new AppError(
      "not-found",
      `The run keeps no ${step === undefined ? "checkpoint" : `checkpoint after step ${step}`}; it has ${kept.map((checkpoint) => checkpoint.step).join(", ") || "none"}.`,
    );
  return { id: chosen.id, step: chosen.step, files: chosen.files, config };
}
