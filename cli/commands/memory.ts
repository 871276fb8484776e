import { Option, type Command } from "commander";
import type { MemoryVerdict } from "@/core/memory/training-memory";
import { formatBytes } from "@/core/memory/index-plan";
import { PRESETS } from "@/core/presets/run-presets";
import { readBaseConfig, type BaseConfigOptions } from "@/cli/lib/base-config";
import type { Client } from "@/cli/lib/client";
import type { CommandContext } from "@/cli/lib/context";
import { formatTable } from "@/cli/lib/format";
import { collect, parseInteger } from "@/cli/lib/options";
import { applySettings } from "@/cli/lib/settings";

type Estimate = NonNullable<Awaited<ReturnType<Client["runs"]["planMemory"]["query"]>>>;

interface MemoryOptions extends BaseConfigOptions {
  gpus?: number;
  gpuMemory: number;
  json?: boolean;
}

const VERDICT: Record<MemoryVerdict, string> = {
  fits: "fits",
  tight: "may not fit: the estimate can be a quarter off",
  "too small": "does not fit",
};

/** `memory`. */
export function addMemoryCommand(program: Command, context: CommandContext): void {
  program
    .command("memory")
    .description(
      "estimate the memory of a training run, on the workers or on GPUs that need not be here",
    )
    .addOption(
      new Option("--preset <id>", "preset to start from").choices(PRESETS.map(({ id }) => id)),
    )
    .option("--config <file>", "configuration as JSON, as the page copies it")
    .option(
      "--set <path=value>",
      "change a setting, e.g. --set searcher.tuning=full (may be repeated)",
      collect,
      [],
    )
    .option(
      "--gpus <n>",
      "GPUs that share the model, instead of those of the workers",
      parseInteger,
    )
    .option("--gpu-memory <GiB>", "memory of each of them", Number, 80)
    .option("--json", "print JSON")
    .action((options: MemoryOptions) => printMemory(context, options));
}

async function printMemory(
  { client, print, printJson, warn }: CommandContext,
  options: MemoryOptions,
): Promise<void> {
  const config = applySettings(await readBaseConfig(options), options.set);
  if (options.gpus !== undefined) {
    const plan = await client.runs.planMemory.query({
      config,
      gpus: options.gpus,
      gibibytes: options.gpuMemory,
    });
    if (options.json) return printJson(plan);
    if (plan === null)
      return print(
        "Not known: no attached worker has one of the models, so its shape is not known.",
      );
    return print(formatEstimate(plan, `each of ${options.gpus} GPUs`));
  }
  const { memory, unjoined } = await client.runs.check.query({ config });
  for (const worker of unjoined) (options.json ? warn : print)(describeUnjoined(worker));
  if (options.json) return printJson(memory);
  if (memory === null && unjoined.length > 0) return;
  if (memory === null)
    return print(
      "Not known: the run trains nothing, or the shape of one of its models is not known.",
    );
  for (const estimate of memory) print(formatEstimate(estimate, describeWorker(estimate)));
}

const describeUnjoined = (worker: string): string =>
  `${worker}: not known before its engine has joined the Ray cluster, which a dry run or a first run does; s3 memory --gpus N --gpu-memory GiB plans for GPUs that you name`;
const describeWorker = ({ worker, ranks, device }: Estimate & { worker: string | null }): string =>
  worker === null
    ? "one GPU, assumed: no worker could take it"
    : ranks > 1
      ? `each of the ${ranks} ${device === "cpu" ? "ranks" : "GPUs"} of ${worker}`
      : worker;

/** The sum with its verdict, what makes it fit, and the parts; those with a star are in turn. */
function formatEstimate(estimate: Estimate, place: string): string {
  const { totalBytes, deviceBytes, verdict, advice, parts } = estimate;
  return [
    `${formatBytes(totalBytes)} of ${formatBytes(deviceBytes)} (${place}): ${VERDICT[verdict]}`,
    ...(advice === null ? [] : [advice]),
    formatTable(
      ["part", "bytes", "of what"],
      parts.map((part) => [
        `${part.name}${part.phase ? " *" : ""}`,
        formatBytes(part.bytes),
        part.detail,
      ]),
    ),
    estimate.device === "cpu"
      ? "* in turn within a step; on a CPU all count."
      : "* in turn within a step; only the largest counts.",
  ].join("\n");
}

/** One line for each place where a run that is about to be launched does not fit comfortably. */
export async function listMemoryWarnings(client: Client, config: object): Promise<string[]> {
  const { memory, unjoined } = await client.runs.check.query({ config });
  const tooLarge = (memory ?? [])
    .filter(({ verdict }) => verdict !== "fits")
    .map(
      (estimate) =>
        `memory: ${formatBytes(estimate.totalBytes)} of ${formatBytes(estimate.deviceBytes)} (${describeWorker(estimate)}): ${VERDICT[estimate.verdict]}; ${estimate.advice ?? ""}`,
    );
  return [...tooLarge, ...unjoined.map((worker) => `memory: ${describeUnjoined(worker)}`)];
}
