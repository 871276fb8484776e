import type { Command } from "commander";
import { planIndex, formatBytes } from "@/core/memory/index-plan";
import { addLocalCommand } from "@/cli/lib/local-program";
import type { CommandContext } from "@/cli/lib/context";
import { parseInteger } from "@/cli/lib/options";

/** `index adopt` and `index plan`. */
export function addIndexCommands(program: Command, { print }: CommandContext): void {
  const index = program.command("index").description("indexes on this machine");
  addLocalCommand(
    index,
    "adopt",
    "use a FAISS index file (or its parts, or their folder) as it is: row i is document i of the corpus",
  );
  index
    .command("plan <passages>")
    .description("which index a corpus of that size gets, and what it costs")
    .option("--dim <n>", "length of a vector", parseInteger, 768)
    .option("--memory <GiB>", "memory of the worker", Number, 16)
    .option("--kind <factory>", "a FAISS factory string instead", "auto")
    .action((passages: string, options: { dim: number; memory: number; kind: string }) => {
      const plan = planIndex({
        index: options.kind,
        count: Number(passages),
        dim: options.dim,
        memoryBytes: options.memory * 1024 ** 3,
      });
      print(
        `${plan.factory}: ${plan.reason}\nfile ${formatBytes(plan.fileBytes)}, memory to build ${formatBytes(plan.buildBytes)}, to search ${formatBytes(plan.searchBytes)}, disk ${formatBytes(plan.diskBytes)}`,
      );
    });
}
