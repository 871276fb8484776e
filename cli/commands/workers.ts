import type { Command } from "commander";
import type { CommandContext } from "@/cli/lib/context";
import { formatTable, shortenId } from "@/cli/lib/format";

/** `workers`. */
export function addWorkerCommands(
  program: Command,
  { client, print, printJson }: CommandContext,
): void {
  program
    .command("workers")
    .description("list attached workers")
    .option("--json", "print JSON")
    .action(async (options: { json?: boolean }) => {
      const workers = await client.workers.list.query();
      if (options.json) return printJson(workers);
      if (workers.length === 0)
        return print("No worker has attached yet. `npm start` starts one on this machine.");
      print(
        formatTable(
          ["id", "name", "state", "cores", "memory GB", "GPUs", "doing"],
          workers.map((worker) => [
            shortenId(worker.id),
            worker.name,
            worker.state,
            worker.hardware.cores,
            (worker.hardware.memoryMb / 1024).toFixed(0),
            worker.hardware.gpus.map((gpu) => gpu.name).join(", "),
            worker.runs.map((run) => run.name).join(", "),
          ]),
        ),
      );
    });
}
